/* personality/msmtp_session.h -- msmtp's conversation: greeting, TLS, login, then what it is for */
#pragma once
#include "personality/msmtp_job.h"

/* On a loop of its own, in one attempt, with m->envelope and m->mended when a mail is sent.
 * m->exit, m->why and m->answer say what came of it. A recipient that is refused ends it for all of
 * them before the message is sent, as msmtp has it. */
void personality_msmtp_session_run(struct msmtp *);
