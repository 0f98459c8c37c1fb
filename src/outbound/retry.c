#include "outbound/retry.h"

int64_t outbound_retry_born_ms(const struct envelope *e)
{
    return e->not_before_ms > e->accepted_at_ms ? e->not_before_ms : e->accepted_at_ms;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t outbound_retry_end_ms(const struct config_retry *r, const struct envelope *e)
{
    int64_t end = outbound_retry_born_ms(e) + r->give_up_ms;
    return envelope_end_ms(e) ? sooner(end, envelope_end_ms(e)) : end;
}

enum outbound_retry_late outbound_retry_late(const struct envelope *e, int64_t now_ms)
{
    if (e->by_ms && e->by_mode == BY_RETURN && now_ms >= e->by_ms)
        return OUTBOUND_RETRY_BY;
    return e->expires_ms && now_ms >= e->expires_ms ? OUTBOUND_RETRY_EXPIRED
                                                    : OUTBOUND_RETRY_IN_TIME;
}

/* The schedule of that class; an empty one: none of its own. */
static struct config_waits waits_of(const struct config_retry *r, const struct outcome *o)
{
    static const struct {
        enum outcome_class class;
        enum config_retry_class schedule;
    } rows[] = {
        {OUTCOME_GREYLIST,             RETRY_GREYLIST    },
        {OUTCOME_RATE,                 RETRY_RATE        },
        {OUTCOME_TOO_MANY_CONNECTIONS, RETRY_RATE        },
        {OUTCOME_MAILBOX_FULL,         RETRY_MAILBOX_FULL},
        {OUTCOME_NETWORK,              RETRY_NETWORK     },
        {OUTCOME_DNS,                  RETRY_NETWORK     },
        {OUTCOME_BLOCKED_IP,           RETRY_BLOCKED     },
        {OUTCOME_BLOCKED_SENDER,       RETRY_BLOCKED     },
        {OUTCOME_REVERSE_DNS,          RETRY_BLOCKED     },
        {OUTCOME_SPAM,                 RETRY_BLOCKED     },
    };
    for (size_t i = 0; o && i < ARRAY_LEN(rows); i++)
        if (rows[i].class == o->class)
            return r->classes[rows[i].schedule];
    return (struct config_waits){0};
}

static int64_t named_wait(const struct config_retry *r, uint32_t seconds)
{
    int64_t wait = (int64_t)seconds * 1000 + OUTBOUND_RETRY_NAMED_MORE_MS;
    if (wait < OUTBOUND_RETRY_NAMED_MS_MIN)
        return OUTBOUND_RETRY_NAMED_MS_MIN;
    return sooner(wait, r->longest_ms);
}

int64_t outbound_retry_wait_ms(const struct config_retry *r, const struct outcome *o,
                               uint32_t attempts)
{
    if (o && o->wait_seconds > 0)
        return named_wait(r, o->wait_seconds);
    struct config_waits waits = waits_of(r, o);
    if (waits.count > 0)
        return waits.ms[attempts < waits.count ? attempts : waits.count - 1];
    int64_t wait = r->first_ms;
    for (uint32_t i = 0; i < attempts && wait < r->longest_ms; i++)
        wait *= r->factor > 1 ? r->factor : 2;
    return sooner(wait, r->longest_ms);
}

int64_t outbound_retry_due_ms(const struct config_retry *r, const struct envelope *e,
                              int64_t wait_ms, int64_t now_ms)
{
    int64_t due = now_ms + wait_ms, end = outbound_retry_end_ms(r, e);
    if (now_ms < end)
        due = sooner(due, end);
    if (e->by_ms > now_ms)
        due = sooner(due, e->by_ms);
    return due;
}
