#include "feedback/strangers.h"
#include "base/mem.h"
#include "base/table.h"
#include <pthread.h>
#include <string.h>

#define HOUR_MS (3600LL * 1000)

struct login {
    int64_t hour;                                 /* of hours[0] */
    uint32_t hours[FEEDBACK_STRANGERS_HOURS + 1]; /* this one first */
    str name;                                     /* behind the struct */
};

struct domain {
    int64_t hour, count;
    bool told;
    str name; /* likewise */
};

struct feedback_strangers {
    pthread_mutex_t lock;
    struct table logins, domains;
};

static str login_key(const void *login) { return ((const struct login *)login)->name; }
static str domain_key(const void *domain) { return ((const struct domain *)domain)->name; }

struct feedback_strangers *feedback_strangers_open(void)
{
    struct feedback_strangers *s = MEM_NEW(struct feedback_strangers);
    pthread_mutex_init(&s->lock, NULL);
    table_init(&s->logins, login_key);
    table_init(&s->domains, domain_key);
    return s;
}

static void free_table(struct table *t)
{
    size_t at = 0;
    for (void *item = table_next(t, &at); item; item = table_next(t, &at))
        mem_free(item);
    table_release(t);
}

void feedback_strangers_close(struct feedback_strangers *s)
{
    if (s == NULL)
        return;
    free_table(&s->logins);
    free_table(&s->domains);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

/* ---- logins ----------------------------------------------------------------------------- */

static void move_to(struct login *l, int64_t hour)
{
    int64_t passed = hour - l->hour;
    if (passed == 0)
        return;
    if (passed < 0 || passed > FEEDBACK_STRANGERS_HOURS)
        passed = FEEDBACK_STRANGERS_HOURS + 1;
    size_t kept = (size_t)(FEEDBACK_STRANGERS_HOURS + 1 - passed);
    memmove(l->hours + passed, l->hours, kept * sizeof l->hours[0]);
    memset(l->hours, 0, (size_t)passed * sizeof l->hours[0]);
    l->hour = hour;
}

/* Who has sent nothing for a day makes room. */
static void drop_idle(struct feedback_strangers *s, int64_t hour)
{
    size_t at = 0;
    for (struct login *l = table_next(&s->logins, &at); l; l = table_next(&s->logins, &at)) {
        if (hour - l->hour <= FEEDBACK_STRANGERS_HOURS)
            continue;
        table_remove(&s->logins, l->name);
        mem_free(l);
    }
}

static struct login *login_of(struct feedback_strangers *s, str name, int64_t hour)
{
    struct login *l = table_find(&s->logins, name);
    if (l)
        return l;
    if (s->logins.len >= FEEDBACK_STRANGERS_LOGINS_MAX)
        drop_idle(s, hour);
    if (s->logins.len >= FEEDBACK_STRANGERS_LOGINS_MAX)
        return NULL;
    l = mem_alloc(sizeof *l + name.len);
    char *chars = (char *)(l + 1);
    str_put(chars, name);
    l->name = (str){chars, name.len};
    l->hour = hour;
    table_add(&s->logins, l);
    return l;
}

void feedback_strangers_sent(struct feedback_strangers *s, str login, uint32_t recipients,
                             int64_t now_ms)
{
    if (s == NULL || login.len == 0)
        return;
    pthread_mutex_lock(&s->lock);
    struct login *l = login_of(s, login, now_ms / HOUR_MS);
    if (l) {
        move_to(l, now_ms / HOUR_MS);
        l->hours[0] += recipients;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Its busiest of this hour and the last against the busiest before them. */
static bool is_unusual(struct login *l, int64_t hour, uint32_t *ret_now)
{
    uint32_t before = 0;
    move_to(l, hour);
    *ret_now = l->hours[0] > l->hours[1] ? l->hours[0] : l->hours[1];
    for (size_t i = 2; i <= FEEDBACK_STRANGERS_HOURS; i++)
        if (l->hours[i] > before)
            before = l->hours[i];
    return *ret_now >= FEEDBACK_STRANGERS_UNUSUAL_MIN &&
           *ret_now >= (uint64_t)before * FEEDBACK_STRANGERS_UNUSUAL;
}

/* ---- bounces ---------------------------------------------------------------------------- */

static struct domain *domain_of(struct feedback_strangers *s, str name)
{
    struct domain *d = table_find(&s->domains, name);
    if (d || s->domains.len >= FEEDBACK_STRANGERS_DOMAINS_MAX)
        return d;
    d = mem_alloc(sizeof *d + name.len);
    char *chars = (char *)(d + 1);
    str_put(chars, name);
    d->name = (str){chars, name.len};
    table_add(&s->domains, d);
    return d;
}

bool feedback_strangers_bounce(struct feedback_strangers *s, str domain, int64_t alert,
                               int64_t now_ms, int64_t *ret_count)
{
    if (s == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    struct domain *d = domain_of(s, domain);
    bool tell = false;
    if (d) {
        if (d->hour != now_ms / HOUR_MS)
            *d = (struct domain){.hour = now_ms / HOUR_MS, .name = d->name};
        d->count++;
        tell = d->count >= alert && !d->told;
        d->told |= tell;
        *ret_count = d->count;
    }
    pthread_mutex_unlock(&s->lock);
    return tell;
}

str feedback_strangers_words(struct feedback_strangers *s, str domain, int64_t now_ms,
                             struct arena *arena)
{
    str names = {0};
    size_t at = 0;
    int named = 0;
    pthread_mutex_lock(&s->lock);
    for (struct login *l = table_next(&s->logins, &at); l; l = table_next(&s->logins, &at)) {
        uint32_t now = 0;
        if (named == FEEDBACK_STRANGERS_NAMED_MAX || !is_unusual(l, now_ms / HOUR_MS, &now))
            continue;
        names = arena_printf(arena, "%.*s%s%.*s (%u recipients in an hour)", STR_ARG(names),
                             named++ ? ", " : "", STR_ARG(l->name), now);
    }
    pthread_mutex_unlock(&s->lock);
    if (named > 0)
        return arena_printf(arena,
                            "bounces of mail that did not leave here as it should: a login sends "
                            "unusually much, and may be in a stranger's hands: %.*s",
                            STR_ARG(names));
    return arena_printf(arena,
                        "bounces of mail that we never sent: somebody forges %.*s. Publish SPF "
                        "ending in -all and DMARC with p=reject, so that others refuse it "
                        "(smtptool domain check, smtptool dmarc)",
                        STR_ARG(domain));
}
