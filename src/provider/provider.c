#include "provider/provider.h"
#include "base/mem.h"
#include "provider/notes.h"
#include <stdio.h>

struct provider {
    const struct provider_rules *rules;
    struct provider_notes notes;
    struct provider_counts counts;
    uint64_t open;   /* connections */
    uint64_t random; /* the state of a small generator, for storms */
    int64_t start_ms;
    char said[PROVIDER_SAY_BYTES_MAX];
};

struct question {
    struct provider *provider;
    struct provider_session *session;
    enum provider_stage stage;
    str what;
    int64_t at_ms;          /* since the start */
    int64_t wait_ms;        /* how long it may take until another try is worth it */
    uint64_t to_be_counted; /* rules whose meters count this when nothing refuses it */
};

struct provider *provider_open(const struct provider_rules *rules, int64_t now_ms)
{
    struct provider *p = MEM_NEW(struct provider);
    p->rules = rules;
    p->random = (uint64_t)rules->seed;
    p->start_ms = now_ms;
    provider_notes_init(&p->notes, PROVIDER_NOTES_MAX);
    return p;
}

void provider_close(struct provider *p)
{
    if (p)
        provider_notes_release(&p->notes);
    mem_free(p);
}

/* ---- chance ----------------------------------------------------------------------------- */

/* SplitMix64's step: well mixed, and the same on every machine. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static bool falls_in(uint64_t random, int64_t share)
{
    return (int64_t)(random % PROVIDER_RULES_WHOLE) < share;
}

/* ---- whom a rule concerns --------------------------------------------------------------- */

static str name_of(const struct provider_name *n) { return (str){n->text, n->len}; }

static void set_name(struct provider_name *n, str text)
{
    text = str_slice(text, 0, sizeof n->text);
    n->len = (size_t)(str_put(n->text, text) - n->text);
}

static str domain_of(str address) { return str_from(address, str_find_last(address, '@') + 1); }

static str local_of(str address) { return str_slice(address, 0, str_find_last(address, '@')); }

static bool domain_fits(str pattern, str domain)
{
    if (str_skip(&pattern, S("*")))
        return domain.len > pattern.len && str_ends_nocase(domain, pattern);
    return str_eq_nocase(domain, pattern);
}

static bool local_fits(str pattern, str local)
{
    str head, tail;
    if (str_find(pattern, '*') == STR_NONE)
        return str_eq_nocase(pattern, local);
    str_split(pattern, '*', &head, &tail);
    return local.len >= head.len + tail.len && str_starts_nocase(local, head) &&
           str_ends_nocase(local, tail);
}

static bool concerns(const struct provider_rule *rule, const struct question *q)
{
    const struct provider_session *s = q->session;
    if (q->at_ms < rule->begins_ms || q->at_ms >= rule->ends_ms)
        return false;
    if (rule->from.base.family != ADDRESS_NONE && !network_holds(&rule->from, &s->source))
        return false;
    if (rule->sender.len && !domain_fits(rule->sender, domain_of(name_of(&s->sender))))
        return false;
    if (rule->login.len && !str_eq(rule->login, name_of(&s->login)))
        return false;
    return rule->per != PROVIDER_PER_LOGIN || s->login.len > 0;
}

/* Who is counted together. */
static str key_of(const struct provider_rule *rule, const struct question *q)
{
    switch (rule->per) {
    case PROVIDER_PER_SENDER:
        return domain_of(name_of(&q->session->sender));
    case PROVIDER_PER_LOGIN:
        return name_of(&q->session->login);
    case PROVIDER_PER_RECIPIENT:
        return q->what;
    case PROVIDER_PER_ALL:
        return (str){0};
    default:
        return str_of(q->session->source_text);
    }
}

static int number_of(const struct question *q, const struct provider_rule *rule)
{
    return (int)(rule - q->provider->rules->list);
}

static struct provider_note *note_of(const struct provider_rule *rule, const struct question *q,
                                     bool *ret_new)
{
    return provider_notes_get(&q->provider->notes, number_of(q, rule), key_of(rule, q), ret_new);
}

/* ---- limits ----------------------------------------------------------------------------- */

static struct provider_measure measure_at(const struct provider_rule *rule, int64_t at_ms)
{
    struct provider_measure m = rule->limit;
    m.count = provider_rules_count_at(rule, at_ms);
    return m;
}

static bool is_above_limit(const struct provider_rule *rule, struct question *q)
{
    bool made;
    if (rule->limit.window_ms == 0 || (int)q->stage != rule->stage)
        return false;
    struct provider_measure m = measure_at(rule, q->at_ms);
    struct provider_meter *meter = provider_notes_meter(note_of(rule, q, &made));
    bool room = provider_meter_has_room(meter, &m, q->at_ms);
    if (!room && rule->strict)
        provider_meter_add(meter, &m, q->at_ms);
    if (room)
        q->to_be_counted |= 1ULL << number_of(q, rule);
    return !room;
}

static bool is_too_many_at_once(const struct provider_rule *rule, struct question *q)
{
    uint64_t bit = 1ULL << number_of(q, rule);
    bool made;
    if (rule->at_once == 0 || (int)q->stage != rule->stage || q->session->held & bit)
        return false;
    struct provider_note *note = note_of(rule, q, &made);
    if (note->held >= rule->at_once)
        return true;
    note->held++;
    q->session->held |= bit;
    return false;
}

static bool is_full(const struct provider_rule *rule, const struct question *q)
{
    return rule->messages && (int)q->stage == rule->stage && q->session->messages >= rule->messages;
}

/* ---- the other kinds -------------------------------------------------------------------- */

static bool is_stormy(const struct provider_rule *rule, struct question *q)
{
    if ((int)q->stage != rule->stage)
        return false;
    if (rule->lasts_ms == 0) { /* each try has its chance */
        q->provider->random = mix(q->provider->random);
        return falls_in(q->provider->random, rule->share);
    }
    uint64_t spell = (uint64_t)((q->at_ms - rule->begins_ms) / rule->lasts_ms);
    uint64_t seed = (uint64_t)q->provider->rules->seed + (uint64_t)number_of(q, rule);
    return falls_in(mix(mix(seed) + spell), rule->share);
}

static bool is_grey(const struct provider_rule *rule, struct question *q)
{
    char triple[PROVIDER_NOTES_KEY_BYTES_MAX];
    str sender = name_of(&q->session->sender);
    bool made;
    if ((int)q->stage != rule->stage)
        return false;
    int len = snprintf(triple, sizeof triple, "%s %.*s %.*s", q->session->source_text,
                       STR_ARG(sender), STR_ARG(str_slice(q->what, 0, PROVIDER_NAME_BYTES_MAX)));
    len = len < (int)sizeof triple ? len : (int)sizeof triple - 1;
    struct provider_note *note = provider_notes_get(&q->provider->notes, number_of(q, rule),
                                                    (str){triple, (size_t)len}, &made);
    if (made || q->at_ms - note->when_ms > rule->keep_ms)
        note->when_ms = q->at_ms;
    q->wait_ms = rule->wait_ms - (q->at_ms - note->when_ms);
    return q->wait_ms > 0;
}

/* A recipient that is refused once is refused always. */
static bool is_refused_recipient(const struct provider_rule *rule, struct question *q)
{
    uint64_t bit = 1ULL << number_of(q, rule);
    if (q->stage == PROVIDER_RCPT) {
        uint64_t random = mix(hash_fixed(q->what) ^ (uint64_t)q->provider->rules->seed);
        bool met = (rule->local.len == 0 || local_fits(rule->local, local_of(q->what))) &&
                   falls_in(random, rule->share);
        if (met)
            q->session->marked |= bit;
        return met && rule->stage == PROVIDER_RCPT;
    }
    return q->stage == PROVIDER_DOT && rule->stage == PROVIDER_DOT && q->session->marked & bit;
}

static bool is_refused_login(const struct provider_rule *rule, struct question *q)
{
    if (q->stage != PROVIDER_AUTH)
        return false;
    if (rule->limit.window_ms == 0 && rule->at_once == 0)
        return true;
    return is_above_limit(rule, q) || is_too_many_at_once(rule, q);
}

/* ---- blocks ----------------------------------------------------------------------------- */

static bool is_blocked(const struct provider_rule *rule, struct question *q)
{
    const struct provider_note *note =
        provider_notes_find(&q->provider->notes, number_of(q, rule), key_of(rule, q));
    if (note == NULL || q->at_ms >= note->when_ms)
        return false;
    q->wait_ms = note->when_ms - q->at_ms;
    return true;
}

/* What may be offered before it is a reason for a block: a share of what the throttles allow. */
static int64_t most_offered(const struct provider_rule *rule, const struct question *q)
{
    int64_t from_ms = q->at_ms > rule->within_ms ? q->at_ms - rule->within_ms : 0;
    double allowed = provider_rules_allowed(q->provider->rules, from_ms, from_ms + rule->within_ms);
    double most = allowed * (double)rule->over / PROVIDER_RULES_WHOLE;
    return most < 1 ? 1 : (int64_t)most;
}

/* One more reason: too many of them are a block. */
static void count_against(const struct provider_rule *rule, struct question *q)
{
    bool made;
    struct provider_measure m = {.window_ms = rule->within_ms,
                                 .count = rule->after ? rule->after : most_offered(rule, q) + 1};
    struct provider_note *note = note_of(rule, q, &made);
    struct provider_meter *meter = provider_notes_meter(note);
    provider_meter_add(meter, &m, q->at_ms);
    if (provider_meter_has_room(meter, &m, q->at_ms) || note->when_ms > q->at_ms)
        return;
    note->when_ms = q->at_ms + rule->lasts_ms;
    *meter = (struct provider_meter){0}; /* afterwards it starts anew */
    q->provider->counts.blocks++;
}

static bool is_throttling(enum provider_kind kind)
{
    return kind == PROVIDER_THROTTLE || kind == PROVIDER_QUOTA || kind == PROVIDER_CONNECTIONS;
}

/* offered: this is a message, not the refusal of one. */
static void count_against_all(struct question *q, bool offered)
{
    for (size_t i = 0; i < q->provider->rules->count; i++) {
        const struct provider_rule *rule = &q->provider->rules->list[i];
        if (rule->kind == PROVIDER_BLOCK && concerns(rule, q) && (rule->over > 0) == offered)
            count_against(rule, q);
    }
}

/* ---- a verdict -------------------------------------------------------------------------- */

static bool refuses(const struct provider_rule *rule, struct question *q)
{
    switch (rule->kind) {
    case PROVIDER_THROTTLE:
    case PROVIDER_QUOTA:
        return is_above_limit(rule, q);
    case PROVIDER_CONNECTIONS:
        return is_too_many_at_once(rule, q) || is_full(rule, q);
    case PROVIDER_LOGIN:
        return is_refused_login(rule, q);
    case PROVIDER_STORM:
        return is_stormy(rule, q);
    case PROVIDER_GREYLIST:
        return is_grey(rule, q);
    case PROVIDER_RECIPIENTS:
        return is_refused_recipient(rule, q);
    default:
        return false;
    }
}

/* The first that refuses; a block comes before all others. */
static const struct provider_rule *find_refusal(struct question *q)
{
    const struct provider_rules *rules = q->provider->rules;
    for (size_t i = 0; i < rules->count; i++) {
        const struct provider_rule *rule = &rules->list[i];
        if (rule->kind == PROVIDER_BLOCK && concerns(rule, q) && is_blocked(rule, q))
            return rule;
    }
    for (size_t i = 0; i < rules->count; i++)
        if (concerns(&rules->list[i], q) && refuses(&rules->list[i], q))
            return &rules->list[i];
    return NULL;
}

static void count_all(struct question *q)
{
    const struct provider_rules *rules = q->provider->rules;
    bool made;
    for (size_t i = 0; i < rules->count; i++) {
        const struct provider_rule *rule = &rules->list[i];
        if (!(q->to_be_counted & 1ULL << i))
            continue;
        struct provider_measure m = measure_at(rule, q->at_ms);
        provider_meter_add(provider_notes_meter(note_of(rule, q, &made)), &m, q->at_ms);
    }
}

static void slow_down(struct question *q, struct provider_verdict *v)
{
    for (size_t i = 0; i < q->provider->rules->count; i++) {
        const struct provider_rule *rule = &q->provider->rules->list[i];
        if (rule->kind != PROVIDER_SLOW || !concerns(rule, q))
            continue;
        if (rule->stage == PROVIDER_STAGES || rule->stage == (int)q->stage)
            v->delay_ms += rule->delay_ms;
        if (rule->body_bytes && (v->body_bytes == 0 || rule->body_bytes < v->body_bytes))
            v->body_bytes = rule->body_bytes;
    }
}

/* The words of the rule, with what stands in braces filled in. */
static str words_of(const struct provider_rule *rule, const struct question *q)
{
    struct provider *p = q->provider;
    str rest = rule->say;
    char wait[24], *at = p->said;
    const char *end = p->said + sizeof p->said;
    snprintf(wait, sizeof wait, "%lld",
             (long long)(q->wait_ms > 0 ? (q->wait_ms + 999) / 1000 : 60));
    while (rest.len) {
        str put = str_slice(rest, 0, 1);
        size_t taken = 1;
        if (str_starts(rest, S("{wait}"))) {
            put = str_of(wait);
            taken = 6;
        } else if (str_starts(rest, S("{source}"))) {
            put = str_of(q->session->source_text);
            taken = 8;
        }
        at = str_put(at, str_slice(put, 0, (size_t)(end - at)));
        rest = str_from(rest, taken);
    }
    return (str){p->said, (size_t)(at - p->said)};
}

static void take_in(struct question *q)
{
    struct provider_session *s = q->session;
    struct provider_counts *counts = &q->provider->counts;
    if (q->stage == PROVIDER_CONNECT) {
        address_format_ip(&s->source, s->source_text);
        counts->connections++;
        if (++q->provider->open > counts->connections_max)
            counts->connections_max = q->provider->open;
    } else if (q->stage == PROVIDER_AUTH) {
        set_name(&s->login, q->what);
    } else if (q->stage == PROVIDER_MAIL) {
        set_name(&s->sender, q->what);
        s->marked = 0;
        counts->offered++;
        count_against_all(q, true);
    }
}

/* What these rules count of this connection is counted no more. */
static void let_go(struct provider *p, struct provider_session *s, uint64_t rules)
{
    struct question q = {p, s, PROVIDER_CONNECT, {0}, 0, 0, 0};
    for (size_t i = 0; i < p->rules->count; i++) {
        const struct provider_rule *rule = &p->rules->list[i];
        if (!(s->held & rules & 1ULL << i))
            continue;
        struct provider_note *note = provider_notes_find(&p->notes, (int)i, key_of(rule, &q));
        ASSERT(note != NULL);
        note->held--;
        s->held &= ~(1ULL << i);
    }
}

/* A login that was refused by one rule does not count for the others. */
static void forget_login(struct provider *p, struct provider_session *s)
{
    uint64_t rules = 0;
    for (size_t i = 0; i < p->rules->count; i++)
        if (p->rules->list[i].kind == PROVIDER_LOGIN)
            rules |= 1ULL << i;
    let_go(p, s, rules);
    s->login.len = 0;
}

struct provider_verdict provider_judge(struct provider *p, struct provider_session *s,
                                       enum provider_stage stage, str what, int64_t now_ms)
{
    struct question q = {p, s, stage, what, now_ms - p->start_ms, 0, 0};
    struct provider_verdict v = {0};
    ASSERT(q.at_ms >= 0);
    take_in(&q);
    slow_down(&q, &v);
    v.why = find_refusal(&q);
    if (v.why == NULL) {
        count_all(&q);
        p->counts.accepted += stage == PROVIDER_DOT;
        s->messages += stage == PROVIDER_DOT;
        return v;
    }
    p->counts.said[v.why->kind]++;
    v.say = words_of(v.why, &q);
    v.close = v.why->close || stage == PROVIDER_CONNECT;
    if (stage == PROVIDER_AUTH)
        forget_login(p, s);
    if (is_throttling(v.why->kind))
        count_against_all(&q, false);
    return v;
}

void provider_leave(struct provider *p, struct provider_session *s)
{
    let_go(p, s, ~0ULL);
    p->open--;
}

/* ---- counts ----------------------------------------------------------------------------- */

struct provider_counts provider_take_counts(struct provider *p)
{
    struct provider_counts counts = p->counts;
    p->counts = (struct provider_counts){.connections_max = p->open};
    return counts;
}

uint64_t provider_throttled(const struct provider_counts *c)
{
    return c->said[PROVIDER_THROTTLE] + c->said[PROVIDER_QUOTA] + c->said[PROVIDER_CONNECTIONS] +
           c->said[PROVIDER_LOGIN];
}

void provider_counts_add(struct provider_counts *into, const struct provider_counts *more)
{
    into->connections += more->connections;
    if (more->connections_max > into->connections_max)
        into->connections_max = more->connections_max;
    into->offered += more->offered;
    into->accepted += more->accepted;
    for (size_t i = 0; i < PROVIDER_KINDS; i++)
        into->said[i] += more->said[i];
    into->blocks += more->blocks;
}
