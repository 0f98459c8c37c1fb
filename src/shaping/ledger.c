#include "shaping/ledger.h"
#include "base/clock.h"
#include "base/mem.h"
#include "shaping/limits.h"
#include "shaping/state.h"
#include <assert.h>
#include <stdio.h>

enum {
    LEDGER_ARENA_BYTES_MAX = SHAPING_STATE_ARENA_BYTES_MAX + (1 << 20),
    HELD_PART = 1000, /* of a limit */
    PROGRAMS = 4,     /* that hold turns at once: so much smaller a quota is taken to be */
    ENTRIES_MAX = SHAPING_QUOTA_KINDS * SHAPING_QUOTA_RING + 1,
    FINISH_STEPS_MAX = 2000 * 1000,
};
static_assert((int)SHAPING_LEDGER_HELD_MAX < (int)HELD_PART, "what is held is a small part");

struct shaping_ledger {
    struct shaping_ledger_options options;
    struct arena *arena;
    struct shaping_state *state;
    struct config_quota limits; /* the quota, less what may be held */
    struct shaping_quota quota;
    struct warmup *warmup;
    size_t held, batch;
    int64_t held_ms; /* when they were counted */
    uint64_t told[OUTCOME_CLASSES];
    bool has_told;
    struct shaping_ledger_wait wait; /* the last that was said, for … */
    int64_t asked_ms;
};

/* ---- opening ------------------------------------------------------------------------------ */

static int least(int a, int b) { return a == 0 || (b > 0 && b < a) ? b : a; }

static int smaller(int limit, size_t batch)
{
    return limit > 0 && batch > 1 ? limit - PROGRAMS * (int)batch : limit;
}

static void set_limits(struct shaping_ledger *l)
{
    const struct config_quota *q = &l->options.quota;
    int most = least(least(q->per_minute, q->per_hour), least(q->per_day, q->recipients_per_day));
    size_t batch = most > 0 ? (size_t)most / HELD_PART : SHAPING_LEDGER_HELD_MAX;
    l->batch = batch < 1 ? 1 : batch < SHAPING_LEDGER_HELD_MAX ? batch : SHAPING_LEDGER_HELD_MAX;
    l->limits = *q;
    l->limits.per_minute = smaller(q->per_minute, l->batch);
    l->limits.per_hour = smaller(q->per_hour, l->batch);
    l->limits.per_day = smaller(q->per_day, l->batch);
    l->limits.recipients_per_day = smaller(q->recipients_per_day, l->batch);
}

static err set_plan(struct shaping_ledger *l)
{
    const struct shaping_ledger_options *o = &l->options;
    struct warmup_plan plan = {.egress = o->account,
                               .site = WARMUP_OTHERS,
                               .rules = o->rules,
                               .caps = o->caps,
                               .days = o->days};
    warmup_open(NULL, &l->warmup);
    return o->days > 0 ? warmup_set_plans(l->warmup, &plan, 1) : NULL;
}

err shaping_ledger_open(const struct shaping_ledger_options *options,
                        struct shaping_ledger **ret_ledger)
{
    bool set_aside; /* nobody is told: what was counted is counted anew */
    struct shaping_ledger *l = MEM_NEW(struct shaping_ledger);
    *l = (struct shaping_ledger){.options = *options, .arena = arena_open(64 << 10)};
    l->options.account = arena_str(l->arena, str_slice(options->account, 0, WARMUP_NAME_BYTES_MAX));
    set_limits(l);
    err e = set_plan(l);
    if (e == NULL)
        e = shaping_state_open(options->path, true, &l->state, &set_aside);
    if (e)
        shaping_ledger_close(l);
    else
        *ret_ledger = l;
    return e;
}

static bool is_limited(const struct shaping_ledger *l)
{
    const struct config_quota *q = &l->limits;
    return l->options.days > 0 || q->per_minute > 0 || q->per_hour > 0 || q->per_day > 0 ||
           q->recipients_per_day > 0;
}

static struct warmup_track *track(const struct shaping_ledger *l)
{
    return warmup_track(l->warmup, l->options.account, WARMUP_OTHERS, (str){0});
}

/* ---- a transaction ------------------------------------------------------------------------- */

struct change {
    struct shaping_ledger *ledger;
    int64_t now_ms;
    size_t wanted;          /* turns */
    size_t messages, rcpts; /* that went, whatever is allowed */
    size_t got;
    struct shaping_ledger_wait wait;
};

static bool is_ours(const struct shaping_ledger *l, const struct shaping_state_quota *q)
{
    return q->scope == SHAPING_ACCOUNT && str_eq(q->name, l->options.account) && q->kind >= 0 &&
           q->kind < SHAPING_QUOTA_KINDS;
}

static void load(struct shaping_ledger *l, const struct shaping_state_rows *rows, int64_t now_ms)
{
    shaping_quota_release(&l->quota);
    shaping_quota_set(&l->quota, &l->limits);
    for (size_t i = 0; i < rows->quota_count; i++) {
        const struct shaping_state_quota *q = &rows->quotas[i];
        struct shaping_quota_entry entry = {(enum shaping_quota_kind)q->kind, q->at_ms,
                                            (uint32_t)q->count};
        if (is_ours(l, q) && q->count > 0)
            shaping_quota_import(&l->quota, &entry, now_ms);
    }
    struct warmup_record fresh = {.egress = l->options.account, .site = WARMUP_OTHERS};
    (void)warmup_load(l->warmup, &fresh);
    for (size_t i = 0; i < rows->warmup_count; i++)
        (void)warmup_load(l->warmup, &rows->warmup[i]);
}

struct export
{
    str name;
    struct shaping_state_quota *rows;
    size_t count;
};

static void add_entry(void *arg, const struct shaping_quota_entry *entry)
{
    struct export *x = arg;
    ASSERT(x->count < ENTRIES_MAX);
    x->rows[x->count++] = (struct shaping_state_quota){SHAPING_ACCOUNT, (int)entry->kind, x->name,
                                                       entry->at_ms, entry->count};
}

/* What we have no limit of another may have: it stays. */
static void store(struct shaping_ledger *l, struct arena *arena, struct shaping_state_rows *rows,
                  int64_t now_ms)
{
    struct export x = {.name = l->options.account};
    struct warmup_record *record = ARENA_NEW(arena, struct warmup_record);
    size_t position = 0;
    x.rows = ARENA_ARRAY(arena, struct shaping_state_quota, ENTRIES_MAX + rows->quota_count);
    shaping_quota_export(&l->quota, now_ms, add_entry, &x);
    for (size_t i = 0; i < rows->quota_count; i++)
        if (is_ours(l, &rows->quotas[i]) && l->quota.windows[rows->quotas[i].kind] == NULL)
            x.rows[x.count++] = rows->quotas[i];
    if (x.count == 0) /* or what was given back would stay */
        x.rows[x.count++] =
            (struct shaping_state_quota){SHAPING_ACCOUNT, SHAPING_QUOTA_DAY, x.name, now_ms, 0};
    bool warms = warmup_next(l->warmup, now_ms, false, &position, record);
    *rows = (struct shaping_state_rows){
        .quotas = x.rows, .quota_count = x.count, .warmup = record, .warmup_count = warms ? 1 : 0};
}

static void give_back(struct shaping_ledger *l, int64_t now_ms)
{
    struct warmup_track *t = track(l);
    shaping_quota_give(&l->quota, l->held, l->held, l->held_ms, now_ms);
    if (t && l->held > 0)
        warmup_return(t, (int32_t)(l->held_ms / (86400 * 1000)), l->held);
    l->held = 0;
}

static void tell_warmup(struct shaping_ledger *l, int64_t now_ms)
{
    struct warmup_track *t = track(l);
    for (size_t class = 0; class < OUTCOME_CLASSES; class ++) {
        for (uint64_t i = 0; t && i < l->told[class]; i++)
            warmup_told(t, now_ms, (enum outcome_class) class);
        l->told[class] = 0;
    }
    l->has_told = false;
}

static const char *const spans[SHAPING_QUOTA_KINDS][2] = {
    {"a minute",         "in 15 seconds"        },
    {"an hour",          "in 15 minutes"        },
    {"a day",            "in 6 hours"           },
    {"recipients a day", "recipients in 6 hours"},
};

static void explain(struct change *c, enum shaping_quota_kind kind)
{
    struct shaping_quota_use use;
    if (!shaping_quota_look(&c->ledger->quota, kind, c->now_ms, &use))
        return;
    bool whole = use.used >= use.limit;
    snprintf(c->wait.words, sizeof c->wait.words, "%llu of %llu %s are used",
             (unsigned long long)(whole ? use.used : use.quarter_used),
             (unsigned long long)(whole ? use.limit : use.quarter_limit), spans[kind][!whole]);
}

/* One turn. False: there is no room, and the wait says why. */
static bool take_one(struct change *c)
{
    struct shaping_ledger *l = c->ledger;
    struct warmup_track *t = track(l);
    enum shaping_quota_kind kind = SHAPING_QUOTA_DAY;
    int64_t ready_ms = shaping_quota_ready(&l->quota, 1, c->now_ms, &kind);
    int64_t warm_ms = t ? warmup_ready_ms(t, c->now_ms, 1) : 0;
    if (ready_ms <= c->now_ms && warm_ms <= c->now_ms) {
        shaping_quota_take(&l->quota, 1, c->now_ms);
        if (t)
            (void)warmup_count(t, c->now_ms, 1);
        return true;
    }
    c->wait.warmup = warm_ms > ready_ms;
    c->wait.until_ms = c->wait.warmup ? warm_ms : ready_ms;
    if (c->wait.warmup)
        warmup_why(t, c->now_ms, c->wait.words, sizeof c->wait.words);
    else
        explain(c, kind);
    return false;
}

static size_t most_of(const struct shaping_ledger *l, size_t wanted)
{
    struct warmup_facts facts;
    size_t position = 0, most = wanted;
    if (warmup_look(l->warmup, clock_real_ms(), &position, &facts)) {
        size_t part = (size_t)(facts.cap / HELD_PART);
        most = part < 1 ? 1 : part < most ? part : most;
    }
    return most;
}

static err change(void *arg, struct arena *arena, struct shaping_state_rows *rows)
{
    struct change *c = arg;
    struct shaping_ledger *l = c->ledger;
    load(l, rows, c->now_ms);
    tell_warmup(l, c->now_ms);
    give_back(l, c->now_ms);
    for (size_t i = 0; i < c->messages; i++)
        shaping_quota_take(&l->quota, i == 0 ? c->rcpts : 0, c->now_ms);
    if (c->messages > 0 && track(l))
        (void)warmup_count(track(l), c->now_ms, c->rcpts);
    for (size_t most = c->wanted ? most_of(l, c->wanted) : 0; c->got < most && take_one(c);)
        c->got++;
    store(l, arena, rows, c->now_ms);
    return NULL;
}

static err run(struct change *c)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(LEDGER_ARENA_BYTES_MAX);
    return shaping_state_change(c->ledger->state, arena, c->now_ms, change, c);
}

/* ---- turns -------------------------------------------------------------------------------- */

err shaping_ledger_take(struct shaping_ledger *l, struct shaping_ledger_wait *ret_wait)
{
    struct change c = {.ledger = l, .now_ms = clock_real_ms(), .wanted = l->batch};
    bool fresh = c.now_ms >= l->held_ms && c.now_ms - l->held_ms < SHAPING_LEDGER_HELD_MS;
    *ret_wait = (struct shaping_ledger_wait){0};
    if (!is_limited(l))
        return NULL;
    if (l->held > 0 && fresh) {
        l->held--;
        return NULL;
    }
    if (c.now_ms < l->wait.until_ms && c.now_ms >= l->asked_ms &&
        c.now_ms - l->asked_ms < SHAPING_LEDGER_ASK_MS) {
        *ret_wait = l->wait;
        return NULL;
    }
    TRY(run(&c));
    l->asked_ms = c.now_ms;
    l->wait = c.got > 0 ? (struct shaping_ledger_wait){0} : c.wait;
    l->held_ms = c.now_ms;
    l->held = c.got > 0 ? c.got - 1 : 0;
    *ret_wait = l->wait;
    return NULL;
}

void shaping_ledger_return(struct shaping_ledger *l)
{
    if (is_limited(l))
        l->held++;
}

err shaping_ledger_count(struct shaping_ledger *l, size_t messages, size_t rcpts)
{
    struct change c = {
        .ledger = l, .now_ms = clock_real_ms(), .messages = messages, .rcpts = rcpts};
    return is_limited(l) ? run(&c) : NULL;
}

void shaping_ledger_told(struct shaping_ledger *l, enum outcome_class class)
{
    l->told[class]++;
    l->has_told = true;
}

void shaping_ledger_close(struct shaping_ledger *l)
{
    if (l == NULL)
        return;
    if (l->state && is_limited(l) && (l->held > 0 || (l->has_told && l->options.days > 0))) {
        struct change c = {.ledger = l, .now_ms = clock_real_ms()};
        if (run(&c) != NULL)
            err_forget(); /* then they stay counted: that much less may go */
    }
    shaping_state_close(l->state);
    shaping_quota_release(&l->quota);
    warmup_close(l->warmup);
    arena_close(l->arena);
    mem_free(l);
}

/* ---- looking ------------------------------------------------------------------------------ */

static err read_all(struct shaping_ledger *l, int64_t now_ms)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(LEDGER_ARENA_BYTES_MAX);
    struct shaping_state_rows rows;
    TRY(shaping_state_read(l->state, arena, &rows));
    load(l, &rows, now_ms);
    return NULL;
}

bool shaping_ledger_look(struct shaping_ledger *l, enum shaping_quota_kind kind,
                         struct shaping_quota_use *ret_use)
{
    int64_t now_ms = clock_real_ms();
    const int limits[SHAPING_QUOTA_KINDS] = {l->options.quota.per_minute, l->options.quota.per_hour,
                                             l->options.quota.per_day,
                                             l->options.quota.recipients_per_day};
    if (limits[kind] <= 0 || read_all(l, now_ms) != NULL)
        return false;
    bool known = shaping_quota_look(&l->quota, kind, now_ms, ret_use);
    ret_use->limit = (uint64_t)limits[kind];
    return known;
}

bool shaping_ledger_warmup(struct shaping_ledger *l, struct warmup_facts *ret_facts)
{
    size_t position = 0;
    int64_t now_ms = clock_real_ms();
    if (l->options.days == 0 || read_all(l, now_ms) != NULL)
        return false;
    return warmup_look(l->warmup, now_ms, &position, ret_facts);
}

int64_t shaping_ledger_finish_ms(struct shaping_ledger *l, uint64_t count)
{
    struct change c = {.ledger = l, .now_ms = clock_real_ms()};
    int64_t start_ms = c.now_ms;
    uint64_t done = 0;
    if (!is_limited(l) || read_all(l, c.now_ms) != NULL)
        return 0;
    for (int steps = 0; done < count && steps < FINISH_STEPS_MAX; steps++) {
        if (take_one(&c))
            done++;
        else
            c.now_ms = c.wait.until_ms;
    }
    double part = done > 0 ? (double)count / (double)done : 1;
    return start_ms + (int64_t)((double)(c.now_ms - start_ms) * part);
}
