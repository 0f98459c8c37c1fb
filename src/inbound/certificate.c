#include "inbound/certificate.h"
#include "base/log.h"
#include "runtime/fiber.h"
#include <stdio.h>

static int64_t expires_of(struct inbound *in)
{
    struct inbound_view *v = inbound_view_hold(in);
    int64_t expires_ms = inbound_view_expires(v);
    inbound_view_close(v);
    return expires_ms;
}

static void tell(const struct inbound *in, int64_t expires_ms, int64_t now_ms)
{
    char at[CLOCK_RFC3339_BYTES], text[100];
    clock_rfc3339(expires_ms, at);
    snprintf(text, sizeof text, "a certificate of ours %s %.16s",
             expires_ms <= now_ms ? "expired on" : "expires on", at);
    struct event e = {.kind = EVENT_CERTIFICATE_LATE, .reason = str_of(text)};
    event_emit(in->events, &e);
    log_warn("%s: renew it, and reload", text);
}

void inbound_certificate_run(void *arg)
{
    struct inbound *in = arg;
    int64_t told_of_ms = 0, told_ms = 0;
    while (!fiber_canceled()) {
        int64_t now_ms = clock_real_ms(), expires_ms = expires_of(in);
        bool late = expires_ms < now_ms + INBOUND_CERTIFICATE_SOON_MS;
        if (late &&
            (expires_ms != told_of_ms || now_ms >= told_ms + INBOUND_CERTIFICATE_AGAIN_MS)) {
            tell(in, expires_ms, now_ms);
            told_of_ms = expires_ms;
            told_ms = now_ms;
        }
        if (fiber_sleep(deadline_after(INBOUND_CERTIFICATE_LOOK_MS)))
            err_forget(); /* the end */
    }
}
