/* outbound/tlsrpt_own.h -- what the files of TLS reports share; nobody else's business */
#pragma once
#include "outbound/tlsrpt.h"
#include "outbound/tlsrpt_job.h"
#include "report/day.h"
#include "report/tell.h"

enum {
    OUTBOUND_TLSRPT_DNS_MS = 20 * 1000,
    OUTBOUND_TLSRPT_WORK_MS = 5 * 60 * 1000, /* for one report, or one batch */
};

struct outbound_tlsrpt {
    struct outbound_tlsrpt_options options;
    struct report_inbox inbox;
    struct outbound_tlsrpt_store *store; /* NULL: not open */
    deadline open_again, look_again;
    struct report_day_quota quota;
};

/* tlsrpt_send.c: one report, to all that it goes to. An err: not now. */
must_use err outbound_tlsrpt_send(struct outbound_tlsrpt *, const struct config *,
                                  const struct outbound_tlsrpt_head *, deadline until);
