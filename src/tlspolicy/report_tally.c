#include "tlspolicy/report_tally.h"
#include "base/mem.h"
#include "base/table.h"
#include <stdio.h>
#include <string.h>

enum {
    DAY_S = 86400,
    DOMAIN_BYTES_MAX = 255,
    KEY_CHARS = DOMAIN_BYTES_MAX + 32,
    DETAILS_FIRST = 4,
    DETAILS_MAX = TLSPOLICY_REPORT_TALLY_DETAILS_MAX + TLSPOLICY_RESULTS,
    DETAIL_BYTES_MAX = sizeof(struct tlspolicy_report_detail) + 7 * TLSPOLICY_REPORT_TEXT_BYTES_MAX,
    POLICY_BYTES_MAX = 2 * DETAILS_MAX * DETAIL_BYTES_MAX +
                       2 * TLSPOLICY_REPORT_TALLY_STRINGS_MAX *
                           (TLSPOLICY_REPORT_TEXT_BYTES_MAX + (int)sizeof(str)) +
                       4096,
    DAY_BYTES_MAX = TLSPOLICY_REPORT_TALLY_POLICIES_MAX * POLICY_BYTES_MAX + (1 << 20),
};

/* One domain's day. */
struct day {
    str key; /* "20000 example.com" */
    struct tlspolicy_report_day day;
    struct arena *arena;
    struct tlspolicy_report_policy policies[TLSPOLICY_REPORT_TALLY_POLICIES_MAX];
    struct tlspolicy_report_detail *details[TLSPOLICY_REPORT_TALLY_POLICIES_MAX];
    size_t rooms[TLSPOLICY_REPORT_TALLY_POLICIES_MAX]; /* for details; doubled when they are full */
    size_t policy_count;
};

struct tlspolicy_report_tally {
    struct table days;
};

static str key_of(const void *object) { return ((const struct day *)object)->key; }

static str write_key(str domain, int64_t begin_s, char room[KEY_CHARS])
{
    int n = snprintf(room, KEY_CHARS, "%lld %.*s", (long long)(begin_s / DAY_S),
                     STR_ARG(str_slice(domain, 0, DOMAIN_BYTES_MAX)));
    return (str){room, (size_t)n};
}

struct tlspolicy_report_tally *tlspolicy_report_tally_open(void)
{
    struct tlspolicy_report_tally *t = MEM_NEW(struct tlspolicy_report_tally);
    table_init(&t->days, key_of);
    return t;
}

static void day_release(struct day *d)
{
    arena_close(d->arena);
    mem_free(d);
}

void tlspolicy_report_tally_close(struct tlspolicy_report_tally *t)
{
    size_t position = 0;
    struct day *d;
    if (t == NULL)
        return;
    while ((d = table_next(&t->days, &position)) != NULL)
        day_release(d);
    table_release(&t->days);
    mem_free(t);
}

/* ---- days ------------------------------------------------------------------------------- */

static struct day *find_day(const struct tlspolicy_report_tally *t, str domain, int64_t begin_s)
{
    char key[KEY_CHARS];
    return table_find(&t->days, write_key(domain, begin_s, key));
}

static struct day *new_day(struct tlspolicy_report_tally *t, str domain, int64_t begin_s)
{
    char key[KEY_CHARS];
    struct day *d = MEM_NEW(struct day);
    d->arena = arena_open(DAY_BYTES_MAX);
    d->key = arena_str(d->arena, write_key(domain, begin_s, key));
    d->day.domain = arena_str(d->arena, str_slice(domain, 0, DOMAIN_BYTES_MAX));
    d->day.begin_s = begin_s;
    table_add(&t->days, d);
    return d;
}

/* ---- policies --------------------------------------------------------------------------- */

static str cut(str text) { return str_slice(text, 0, TLSPOLICY_REPORT_TEXT_BYTES_MAX); }

static size_t fewer(size_t count)
{
    return count < TLSPOLICY_REPORT_TALLY_STRINGS_MAX ? count : TLSPOLICY_REPORT_TALLY_STRINGS_MAX;
}

static bool same_list(const str *a, size_t a_count, const str *b, size_t b_count)
{
    bool same = fewer(a_count) == fewer(b_count);
    for (size_t i = 0; same && i < fewer(a_count); i++)
        same = str_eq(cut(a[i]), cut(b[i]));
    return same;
}

static bool same_policy(const struct tlspolicy_report_policy *a,
                        const struct tlspolicy_report_policy *b)
{
    return a->type == b->type && str_eq(cut(a->domain), cut(b->domain)) &&
           same_list(a->strings, a->string_count, b->strings, b->string_count) &&
           same_list(a->mx, a->mx_count, b->mx, b->mx_count);
}

static const str *copy_list(struct arena *arena, const str *texts, size_t count)
{
    str *copy = ARENA_ARRAY(arena, str, fewer(count) + 1);
    for (size_t i = 0; i < fewer(count); i++)
        copy[i] = arena_str(arena, cut(texts[i]));
    return copy;
}

static struct tlspolicy_report_policy *find_policy(struct day *d,
                                                   const struct tlspolicy_report_policy *p)
{
    for (size_t i = 0; i < d->policy_count; i++)
        if (same_policy(&d->policies[i], p))
            return &d->policies[i];
    return NULL;
}

static struct tlspolicy_report_policy *new_policy(struct day *d,
                                                  const struct tlspolicy_report_policy *p)
{
    struct tlspolicy_report_policy *kept = &d->policies[d->policy_count++];
    *kept = (struct tlspolicy_report_policy){
        .type = p->type,
        .domain = arena_str(d->arena, cut(p->domain)),
        .strings = copy_list(d->arena, p->strings, p->string_count),
        .string_count = fewer(p->string_count),
        .mx = copy_list(d->arena, p->mx, p->mx_count),
        .mx_count = fewer(p->mx_count),
    };
    return kept;
}

/* ---- kinds of failure ------------------------------------------------------------------- */

static bool same_detail(const struct tlspolicy_report_detail *a,
                        const struct tlspolicy_report_detail *b)
{
    return a->result == b->result && str_eq(a->sending_ip, cut(b->sending_ip)) &&
           str_eq(a->receiving_ip, cut(b->receiving_ip)) && str_eq(a->mx_host, cut(b->mx_host)) &&
           str_eq(a->mx_helo, cut(b->mx_helo)) && str_eq(a->info, cut(b->info)) &&
           str_eq(a->reason_code, cut(b->reason_code));
}

static struct tlspolicy_report_detail *find_detail(const struct day *day, size_t policy,
                                                   const struct tlspolicy_report_detail *d)
{
    for (size_t i = 0; i < day->policies[policy].detail_count; i++)
        if (same_detail(&day->details[policy][i], d))
            return &day->details[policy][i];
    return NULL;
}

static void make_room(struct day *day, size_t policy)
{
    size_t *room = &day->rooms[policy], count = day->policies[policy].detail_count;
    if (count < *room)
        return;
    *room = *room ? 2 * *room : DETAILS_FIRST;
    struct tlspolicy_report_detail *all =
        ARENA_ARRAY(day->arena, struct tlspolicy_report_detail, *room);
    if (count > 0)
        memcpy(all, day->details[policy], count * sizeof *all);
    day->policies[policy].details = day->details[policy] = all;
}

static struct tlspolicy_report_detail *new_detail(struct day *day, size_t policy,
                                                  const struct tlspolicy_report_detail *d)
{
    ASSERT(day->policies[policy].detail_count < DETAILS_MAX);
    make_room(day, policy);
    struct tlspolicy_report_detail *kept =
        &day->details[policy][day->policies[policy].detail_count++];
    *kept = (struct tlspolicy_report_detail){
        .result = d->result,
        .sending_ip = arena_str(day->arena, cut(d->sending_ip)),
        .receiving_ip = arena_str(day->arena, cut(d->receiving_ip)),
        .mx_host = arena_str(day->arena, cut(d->mx_host)),
        .mx_helo = arena_str(day->arena, cut(d->mx_helo)),
        .info = arena_str(day->arena, cut(d->info)),
        .reason_code = arena_str(day->arena, cut(d->reason_code)),
    };
    return kept;
}

static uint64_t sessions(const struct tlspolicy_report_session *s)
{
    return s->count ? s->count : 1;
}

/* The last places are for kinds without particulars: there is one for each result. */
static void count_failure(struct day *day, struct tlspolicy_report_policy *p,
                          const struct tlspolicy_report_session *s)
{
    size_t policy = (size_t)(p - day->policies);
    struct tlspolicy_report_detail wanted = s->detail;
    wanted.result = s->result;
    struct tlspolicy_report_detail *kind = find_detail(day, policy, &wanted);
    if (kind == NULL && p->detail_count >= TLSPOLICY_REPORT_TALLY_DETAILS_MAX) {
        wanted = (struct tlspolicy_report_detail){.result = s->result};
        kind = find_detail(day, policy, &wanted);
    }
    if (kind == NULL)
        kind = new_detail(day, policy, &wanted);
    kind->count += sessions(s);
    p->failures += sessions(s);
}

/* ---- counting and telling --------------------------------------------------------------- */

err tlspolicy_report_tally_add(struct tlspolicy_report_tally *t,
                               const struct tlspolicy_report_session *s)
{
    int64_t seconds = s->ended_ms / 1000, begin_s = seconds - seconds % DAY_S;
    struct day *d = find_day(t, s->domain, begin_s);
    if (d == NULL && t->days.len >= TLSPOLICY_REPORT_TALLY_DAYS_MAX)
        return err_new(ERR_LIMIT, "more than %d domains to report to",
                       TLSPOLICY_REPORT_TALLY_DAYS_MAX);
    struct tlspolicy_report_policy *p = d ? find_policy(d, &s->policy) : NULL;
    if (p == NULL && d && d->policy_count == TLSPOLICY_REPORT_TALLY_POLICIES_MAX)
        return err_new(ERR_LIMIT, "more than %d policies of one domain on one day",
                       TLSPOLICY_REPORT_TALLY_POLICIES_MAX);
    if (d == NULL)
        d = new_day(t, s->domain, begin_s);
    if (p == NULL)
        p = new_policy(d, &s->policy);
    if (s->result == TLSPOLICY_SUCCESS)
        p->successes += sessions(s);
    else
        count_failure(d, p, s);
    return NULL;
}

bool tlspolicy_report_tally_next(const struct tlspolicy_report_tally *t, size_t *position,
                                 struct tlspolicy_report_day *ret_day)
{
    const struct day *d = table_next(&t->days, position);
    if (d)
        *ret_day = d->day;
    return d != NULL;
}

bool tlspolicy_report_tally_report(const struct tlspolicy_report_tally *t, str domain,
                                   int64_t begin_s, struct tlspolicy_report *ret_report)
{
    const struct day *d = find_day(t, domain, begin_s);
    if (d == NULL)
        return false;
    *ret_report = (struct tlspolicy_report){
        .begin_s = begin_s,
        .end_s = begin_s + DAY_S - 1,
        .policies = d->policies,
        .policy_count = d->policy_count,
    };
    return true;
}

void tlspolicy_report_tally_drop(struct tlspolicy_report_tally *t, str domain, int64_t begin_s)
{
    char key[KEY_CHARS];
    struct day *d = table_remove(&t->days, write_key(domain, begin_s, key));
    if (d)
        day_release(d);
}
