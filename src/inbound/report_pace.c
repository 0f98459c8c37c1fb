#include "inbound/report_own.h"

static bool is_of(const struct inbound_report_pace *p, str provider)
{
    return str_eq(str_of(p->name), provider);
}

/* The one that has this name, or a place for it: where the pause is over first. */
static struct inbound_report_pace *find(struct inbound_report *r, str provider)
{
    struct inbound_report_pace *soonest = &r->paces[0];
    for (size_t i = 0; i < r->pace_count; i++) {
        if (is_of(&r->paces[i], provider))
            return &r->paces[i];
        if (r->paces[i].until_ms < soonest->until_ms)
            soonest = &r->paces[i];
    }
    if (r->pace_count < INBOUND_REPORT_PROVIDERS_MAX)
        soonest = &r->paces[r->pace_count++];
    *soonest = (struct inbound_report_pace){0};
    if (!str_to_chars(provider, soonest->name, sizeof soonest->name))
        soonest->name[0] = '\0';
    return soonest;
}

int64_t inbound_report_pace(struct inbound_report *r, str provider, int64_t now_ms)
{
    struct inbound_report_pace *p = find(r, provider);
    bool over = now_ms >= p->until_ms || p->until_ms > now_ms + INBOUND_REPORT_PAUSE_MS;
    if (over) { /* or the date was set back */
        p->until_ms = now_ms + INBOUND_REPORT_PAUSE_MS;
        p->sent = 0;
        p->waiting = p->waiting > INBOUND_REPORT_BUNDLE ? p->waiting - INBOUND_REPORT_BUNDLE : 0;
    }
    if (p->sent < INBOUND_REPORT_BUNDLE) {
        p->sent++;
        return 0;
    }
    return p->until_ms + p->waiting++ / INBOUND_REPORT_BUNDLE * INBOUND_REPORT_PAUSE_MS;
}
