/* personality/msmtp_log.h -- one line about each mail: a file, stdout, syslog */
#pragma once
#include "personality/msmtp_job.h"

/* As the account has it. What cannot be written is told on stderr. */
void personality_msmtp_log_write(const struct msmtp *);
