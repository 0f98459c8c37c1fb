/* personality/sendmail_queue.h -- mailq, and sendmail -q: the running server's queue */
#pragma once
#include "config/config.h"

/* ERR_CLOSED: no server runs. */
must_use err personality_sendmail_queue_list(const struct config *);
/* What is due later is due now; id and site NULL: all of it. */
must_use err personality_sendmail_queue_flush(const struct config *, const char *id,
                                              const char *site);
