/* personality/msmtp_account.h -- the files, and which account of them is meant */
#pragma once
#include "personality/msmtp_job.h"

/* /etc/msmtprc and the user's own, unless --host says all. A file with a password in it that others
 * may read is refused. Blocks. */
must_use err personality_msmtp_account_read(struct msmtp *);
/* By -a, by --host, by the sender's address, "default", or by $SMTPSERVER and $EMAIL; options then
 * stand above it. */
must_use err personality_msmtp_account_choose(struct msmtp *);
/* %U %H %C %M in from and domain, and auto_from. */
must_use err personality_msmtp_account_fill(struct msmtp *);
/* Is all there, and does it go together? */
must_use err personality_msmtp_account_check(struct msmtp *);
