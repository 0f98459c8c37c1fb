/* personality/msmtp_configure.h -- msmtp --configure: a configuration for a mail address */
#pragma once
#include "personality/msmtp_job.h"
#include "personality/server.h"

/* Asks who lends it (personality/server.h), and prints. Blocks. */
must_use err personality_msmtp_configure_run(struct msmtp *);
/* What is printed; file: where it belongs. */
must_use err personality_msmtp_configure_write(const struct personality_way *, str address,
                                               const char *file, struct buf *out);
