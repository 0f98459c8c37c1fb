/* personality/swaks.h -- smtptool as swaks: one SMTP transaction, each line of it shown
 *
 * Its options, transcript and exit codes are those of swaks; docs/swaks.md lists each with what
 * is the same, better or absent. Unlike everywhere else in this program a password may stand on
 * the command line (and is overwritten there at once), and TLS is not verified unless asked for.
 */
#pragma once

/* argv[0] is the name; there are no other options than its own. Returns what to exit with. */
int personality_swaks_run(int argc, char **argv);
extern const char personality_swaks_help[];
