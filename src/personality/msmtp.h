/* personality/msmtp.h -- smtptool as msmtp: a message from stdin to the server of an account
 *
 * docs/msmtp.md lists each option and command with what is the same, better or absent.
 */
#pragma once
#include "personality/personality.h"

int personality_msmtp_run(int argc, char **argv);
extern const char personality_msmtp_help[];
bool personality_msmtp_option_at(size_t index, struct personality_option *ret_option);
