/* personality/sendmail.h -- smtptool as sendmail, mailq and newaliases, with Postfix's options
 *
 * docs/sendmail.md lists each option with what is the same, better or absent. Mail goes to the
 * relay listener of the server on this machine, or, when it does not answer, by the account named
 * "default" if the configuration has one.
 */
#pragma once
#include "personality/personality.h"

int personality_sendmail_run(int argc, char **argv); /* argv[0] tells which of the three */
extern const char personality_sendmail_help[], personality_sendmail_mailq_help[],
    personality_sendmail_newaliases_help[];
bool personality_sendmail_option_at(size_t index, struct personality_option *ret_option);
