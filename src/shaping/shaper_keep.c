#include "shaping/shaper_keep.h"
#include "base/mem.h"
#include "shaping/shaper_inside.h"
#include <stdlib.h>

#define MS_NS 1000000LL
#define MICRO 1000000.0 /* paces are stored as messages in a million seconds */

enum { NAME_BYTES = 2 * SHAPER_NAME_BYTES_MAX + 1 };

/* What there was before, in order of names: taken up when somebody asks for it. */
struct shaper_past {
    struct arena *arena;
    struct shaping_state_rows rows;
};

/* ---- what was stored ---------------------------------------------------------------------- */

static int by_quota(const void *left, const void *right)
{
    const struct shaping_state_quota *a = left, *b = right;
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    return str_compare(a->name, b->name);
}

static int by_login(const void *left, const void *right)
{
    return str_compare(((const struct shaping_state_login *)left)->account,
                       ((const struct shaping_state_login *)right)->account);
}

static int by_lane(const void *left, const void *right)
{
    const struct shaping_state_lane *a = left, *b = right;
    int order = str_compare(a->site, b->site);
    return order ? order : str_compare(a->egress, b->egress);
}

/* An empty list may have no memory, which the library's functions do not take. */
static void sort(void *list, size_t count, size_t size, int (*order)(const void *, const void *))
{
    if (count > 0)
        qsort(list, count, size, order);
}

static const void *find(const void *wanted, const void *list, size_t count, size_t size,
                        int (*order)(const void *, const void *))
{
    return count > 0 ? bsearch(wanted, list, count, size, order) : NULL;
}

void shaper_keep_restore(struct shaper *s, struct arena *arena,
                         const struct shaping_state_rows *rows)
{
    ASSERT(s->past == NULL);
    s->past = MEM_NEW(struct shaper_past);
    *s->past = (struct shaper_past){arena, *rows};
    struct shaping_state_rows *r = &s->past->rows;
    sort(r->quotas, r->quota_count, sizeof *r->quotas, by_quota);
    sort(r->logins, r->login_count, sizeof *r->logins, by_login);
    sort(r->lanes, r->lane_count, sizeof *r->lanes, by_lane);
    s->keeps = true;
}

void shaper_keep_forget_past(struct shaper *s)
{
    if (s->past)
        arena_close(s->past->arena);
    mem_free(s->past);
    s->past = NULL;
}

static void recall_quota(struct shaper *s, struct shaping_quota *quota, enum shaping_scope scope,
                         str name)
{
    const struct shaping_state_rows *r = &s->past->rows;
    struct shaping_state_quota wanted = {.scope = (int)scope, .name = name};
    if (!shaping_quota_limited(quota) || quota->keeps)
        return;
    shaping_quota_keep(quota);
    const struct shaping_state_quota *found =
        find(&wanted, r->quotas, r->quota_count, sizeof wanted, by_quota);
    if (found == NULL)
        return;
    while (found > r->quotas && by_quota(found - 1, &wanted) == 0)
        found--;
    for (; found < r->quotas + r->quota_count && by_quota(found, &wanted) == 0; found++) {
        struct shaping_quota_entry e = {(enum shaping_quota_kind)found->kind, found->at_ms,
                                        (uint32_t)found->count};
        if (found->kind >= 0 && found->kind < SHAPING_QUOTA_KINDS && found->count > 0)
            shaping_quota_import(quota, &e, s->now_ms);
    }
}

/* Shut until then, or open with pauses that are not forgotten yet. */
static struct shaping_gate gate_of(const struct shaper *s, int level, int64_t until_ms)
{
    struct shaping_gate gate = {.level = (uint8_t)(level > 0 && level < 100 ? level : 0),
                                .since_ns = s->now_ns};
    if (until_ms == 0 || gate.level == 0)
        return gate;
    gate.state = SHAPING_GATE_SHUT;
    gate.until_ns = s->now_ns + (until_ms > s->now_ms ? until_ms - s->now_ms : 0) * MS_NS;
    return gate;
}

static void clip_level(struct shaping_gate *gate, const struct shaping_gate_plan *plan)
{
    if (gate->level >= plan->count)
        gate->level = (uint8_t)(plan->count - 1);
}

static void copy_text(char *ret_text, size_t size, str text)
{
    str_to_chars(str_slice(text, 0, size - 1), ret_text, size);
}

static void recall_login(struct shaper *s, struct shaper_meter *m)
{
    const struct shaping_state_rows *r = &s->past->rows;
    struct shaping_state_login wanted = {.account = m->name};
    const struct shaping_state_login *found =
        find(&wanted, r->logins, r->login_count, sizeof wanted, by_login);
    if (found == NULL)
        return;
    int64_t soon_ms = s->now_ms + SHAPER_KEEP_LOGIN_MS, until_ms = found->until_ms;
    m->login.gate = gate_of(s, found->level, until_ms < soon_ms ? until_ms : soon_ms);
    clip_level(&m->login.gate, &shaping_gate_login);
    copy_text(m->login.text, sizeof m->login.text, found->text);
    m->kept = true;
}

void shaper_keep_recall_meter(struct shaper *s, struct shaper_meter *m, bool fresh)
{
    if (s->past == NULL)
        return;
    recall_quota(s, &m->quota, m->scope, m->name);
    if (fresh && m->scope == SHAPING_ACCOUNT)
        recall_login(s, m);
}

/* "google out1": a lane's quota goes by both names. */
static str lane_name(const struct shaper_lane *l, char room[NAME_BYTES])
{
    char *end = str_put(str_put(str_put(room, l->site), S(" ")), l->egress_name);
    return (str){room, (size_t)(end - room)};
}

void shaper_keep_recall_lane(struct shaper *s, struct shaper_lane *l, bool fresh)
{
    char room[NAME_BYTES];
    if (s->past == NULL)
        return;
    recall_quota(s, &l->quota, SHAPING_SITE, lane_name(l, room));
    struct shaping_state_lane wanted = {.site = l->site, .egress = l->egress_name};
    const struct shaping_state_rows *r = &s->past->rows;
    const struct shaping_state_lane *found =
        fresh ? find(&wanted, r->lanes, r->lane_count, sizeof wanted, by_lane) : NULL;
    if (found == NULL)
        return;
    l->loop.rate = l->loop.base = (double)found->rate / MICRO;
    l->loop.connections = found->connections > 0 ? found->connections : 0;
    l->loop.connections_refused = found->connections_refused;
    l->loop.connections_ns = l->loop.step_ns = s->now_ns;
    l->loop.blocked = gate_of(s, found->blocked_level, found->blocked_until_ms);
    l->loop.down = gate_of(s, found->down_level, found->down_until_ms);
    clip_level(&l->loop.blocked, &shaping_gate_blocked);
    clip_level(&l->loop.down, &shaping_gate_down);
    copy_text(l->text, sizeof l->text, found->text);
    l->kept = true;
}

/* ---- what is to be stored ----------------------------------------------------------------- */

bool shaper_keep_is_changed(const struct shaper *s) { return s->changes != s->safe_changes; }
bool shaper_keep_is_waiting(const struct shaper *s) { return s->quota_waits; }

struct collecting {
    struct shaper *shaper;
    struct arena *arena;
    struct shaping_state_rows *rows;
    int scope;
    str name;
};

static void add_entry(void *arg, const struct shaping_quota_entry *e)
{
    struct collecting *c = arg;
    if (e->kind == SHAPING_QUOTA_MINUTE || c->rows->quota_count == SHAPING_STATE_QUOTAS_MAX)
        return;
    c->rows->quotas[c->rows->quota_count++] = (struct shaping_state_quota){.scope = c->scope,
                                                                           .kind = (int)e->kind,
                                                                           .name = c->name,
                                                                           .at_ms = e->at_ms,
                                                                           .count = e->count};
}

static void collect_quota(struct collecting *c, struct shaping_quota *quota,
                          enum shaping_scope scope, str name, bool ahead)
{
    if (!shaping_quota_limited(quota) || !quota->keeps)
        return;
    c->scope = (int)scope;
    c->name = arena_str(c->arena, name);
    shaping_quota_export(quota, c->shaper->now_ms, add_entry, c);
    for (int kind = SHAPING_QUOTA_HOUR; kind < SHAPING_QUOTA_KINDS && ahead; kind++) {
        struct shaping_quota_entry e = {.kind = (enum shaping_quota_kind)kind};
        if (shaping_quota_ahead(quota, e.kind, c->shaper->now_ms, &e))
            add_entry(c, &e);
    }
}

static int64_t until_ms(const struct shaper *s, const struct shaping_gate *gate)
{
    if (gate->state == SHAPING_GATE_OPEN)
        return 0;
    int64_t left_ms = gate->until_ns > s->now_ns ? (gate->until_ns - s->now_ns) / MS_NS : 0;
    return s->now_ms + left_ms;
}

static void collect_meter(struct collecting *c, struct shaper_meter *m, bool ahead)
{
    struct shaper *s = c->shaper;
    collect_quota(c, &m->quota, m->scope, m->name, ahead);
    bool plain = shaping_gate_plain(&m->login.gate, &shaping_gate_login, s->now_ns);
    if (m->scope != SHAPING_ACCOUNT || (plain && !m->kept) ||
        c->rows->login_count == SHAPING_STATE_LOGINS_MAX)
        return;
    m->kept = !plain;
    c->rows->logins[c->rows->login_count++] =
        (struct shaping_state_login){.account = arena_str(c->arena, m->name),
                                     .level = plain ? 0 : m->login.gate.level,
                                     .until_ms = until_ms(s, &m->login.gate),
                                     .text = arena_str(c->arena, str_of(m->login.text))};
}

static void collect_lane(struct collecting *c, struct shaper_lane *l, bool ahead)
{
    char room[NAME_BYTES];
    struct shaper *s = c->shaper;
    collect_quota(c, &l->quota, SHAPING_SITE, lane_name(l, room), ahead);
    bool plain = shaping_loop_plain(&l->loop, s->now_ns);
    if ((plain && !l->kept) || c->rows->lane_count == SHAPING_STATE_LANES_MAX)
        return;
    l->kept = !plain;
    c->rows->lanes[c->rows->lane_count++] =
        (struct shaping_state_lane){.site = arena_str(c->arena, l->site),
                                    .egress = arena_str(c->arena, l->egress_name),
                                    .rate = (int64_t)(l->loop.rate * MICRO),
                                    .connections = l->loop.connections,
                                    .connections_refused = l->loop.connections_refused,
                                    .blocked_level = l->loop.blocked.level,
                                    .blocked_until_ms = until_ms(s, &l->loop.blocked),
                                    .down_level = l->loop.down.level,
                                    .down_until_ms = until_ms(s, &l->loop.down),
                                    .text = arena_str(c->arena, str_of(l->text)),
                                    .seen_ms = s->now_ms};
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

void shaper_keep_collect(struct shaper *s, bool ahead, struct arena *arena,
                         struct shaping_state_rows *rows)
{
    struct collecting c = {.shaper = s, .arena = arena, .rows = rows};
    size_t things = s->lanes.len + s->meters.len, at = 0;
    size_t entries = things * SHAPING_QUOTA_KINDS * (SHAPING_QUOTA_RING + 1);
    rows->lanes = ARENA_ARRAY(arena, struct shaping_state_lane,
                              least(s->lanes.len, SHAPING_STATE_LANES_MAX) + 1);
    rows->logins = ARENA_ARRAY(arena, struct shaping_state_login,
                               least(s->meters.len, SHAPING_STATE_LOGINS_MAX) + 1);
    rows->quotas = ARENA_ARRAY(arena, struct shaping_state_quota,
                               least(entries, SHAPING_STATE_QUOTAS_MAX) + 1);
    struct shaper_meter *m;
    while ((m = table_next(&s->meters, &at)) != NULL)
        collect_meter(&c, m, ahead);
    at = 0;
    struct shaper_lane *l;
    while ((l = table_next(&s->lanes, &at)) != NULL)
        collect_lane(&c, l, ahead);
    s->offered_changes = s->changes;
    s->quota_waits = false;
}

void shaper_keep_saved(struct shaper *s)
{
    size_t at = 0;
    struct shaper_meter *m;
    while ((m = table_next(&s->meters, &at)) != NULL)
        shaping_quota_saved(&m->quota);
    at = 0;
    struct shaper_lane *l;
    while ((l = table_next(&s->lanes, &at)) != NULL)
        shaping_quota_saved(&l->quota);
    s->safe_changes = s->offered_changes;
}
