/* personality/msmtp_login.h -- where msmtp's password comes from */
#pragma once
#include "personality/msmtp_job.h"

bool personality_msmtp_login_wanted(const struct msmtp *);
/* The server is this machine, so that a password may go there in clear. */
bool personality_msmtp_login_is_local(const struct msmtp *);

/* Runs passwordeval, when a login wants it, into m->secret. ERR_CONFIG: it failed. Blocks. */
must_use err personality_msmtp_login_evaluate(struct msmtp *);

/* Fills m->secret, when it is empty: from the file, ~/.netrc, /etc/netrc, the keyring
 * (secret-tool), or by asking on the terminal. What is nowhere stays empty, and is told when the
 * server wants it. Blocks. ERR_CONFIG: the password would go out in clear. */
must_use err personality_msmtp_login_find(struct msmtp *);
