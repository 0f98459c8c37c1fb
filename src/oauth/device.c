#include "oauth/device.h"

enum {
    SLOWER_MS = 5000, /* RFC 8628 section 3.5: slow_down adds 5 seconds, from then on */
    INTERVAL_MS_MAX = OAUTH_DEVICE_INTERVAL_S_MAX * 1000,
};

static void wait_on(struct oauth_device *d, int64_t now_ms)
{
    d->next_ms = now_ms + d->interval_ms;
    if (d->next_ms >= d->ends_ms)
        d->state = OAUTH_DEVICE_EXPIRED; /* the answer could only be expired_token */
}

static void slower(struct oauth_device *d, int64_t interval_ms)
{
    d->interval_ms = interval_ms < INTERVAL_MS_MAX ? interval_ms : INTERVAL_MS_MAX;
}

void oauth_device_begin(struct oauth_device *d, const struct oauth_device_answer *a, int64_t now_ms)
{
    int64_t interval_s = a->interval_s > 0 ? a->interval_s : 1;
    *d = (struct oauth_device){.state = OAUTH_DEVICE_WAITING,
                               .interval_ms = interval_s * 1000,
                               .ends_ms = now_ms + a->life_s * 1000};
    wait_on(d, now_ms);
}

void oauth_device_heard(struct oauth_device *d, const struct oauth_refusal *r, int64_t now_ms)
{
    switch (r->kind) {
    case OAUTH_NOT_REFUSED:
        d->state = OAUTH_DEVICE_DONE;
        return;
    case OAUTH_SLOW_DOWN:
        slower(d, d->interval_ms + SLOWER_MS);
        wait_on(d, now_ms);
        return;
    case OAUTH_PENDING:
        wait_on(d, now_ms);
        return;
    case OAUTH_TEMPORARY:
        oauth_device_unheard(d, now_ms);
        return;
    case OAUTH_EXPIRED:
        d->state = OAUTH_DEVICE_EXPIRED;
        return;
    case OAUTH_DENIED:
        d->state = OAUTH_DEVICE_DENIED;
        return;
    default:
        d->state = OAUTH_DEVICE_FAILED;
    }
}

void oauth_device_unheard(struct oauth_device *d, int64_t now_ms)
{
    slower(d, 2 * d->interval_ms);
    wait_on(d, now_ms);
}
