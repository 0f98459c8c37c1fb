/* personality/msmtp_option.h -- the words of an msmtp command line */
#pragma once
#include "personality/msmtp_job.h"

/* Fills what the command line says. The err's text stands behind "msmtp: ", its exit code is set.
 */
must_use err personality_msmtp_option_read(struct msmtp *, int argc, char **argv);
