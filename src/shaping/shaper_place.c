#include "base/mem.h"
#include "shaping/shaper_inside.h"
#include <string.h>

/* Parts of a key, a NUL behind each but the last. */
static str join(char *room, str a, str b, str c, int parts)
{
    char *at = str_put(room, str_slice(a, 0, SHAPER_NAME_BYTES_MAX));
    if (parts > 1) {
        *at++ = '\0';
        at = str_put(at, str_slice(b, 0, SHAPER_NAME_BYTES_MAX));
    }
    if (parts > 2) {
        *at++ = '\0';
        at = str_put(at, str_slice(c, 0, SHAPER_NAME_BYTES_MAX));
    }
    return (str){room, (size_t)(at - room)};
}

static char *copy(str s)
{
    char *chars = mem_alloc(s.len + 1);
    str_put(chars, s);
    return chars;
}

/* ---- meters -----------------------------------------------------------------------------------
 */

static bool is_limited(const struct shaper_meter *m)
{
    return m->scope == SHAPING_ACCOUNT || m->limits.value[SHAPING_CONNECTIONS] > 0 ||
           m->interval_ns > 0 || shaping_quota_limited(&m->quota);
}

static void limit_meter(struct shaper *s, struct shaper_meter *m)
{
    if (m->scope == SHAPING_ACCOUNT) {
        m->limited = true;
        return;
    }
    str name = m->name;
    if (m->scope == SHAPING_CAMPAIGN) /* "tenant/campaign": limits go by the campaign's name */
        name = str_from(name, str_find(name, '/') + 1);
    shaping_limits_of(s->limits, m->scope, name, &m->limits);
    m->interval_ns = shaping_limits_interval_ns(&m->limits);
    struct config_quota quota = shaping_limits_quota(&m->limits);
    shaping_quota_set(&m->quota, &quota);
    m->limited = is_limited(m);
}

struct shaper_meter *shaper_place_meter(struct shaper *s, enum shaping_scope scope, str name)
{
    char room[SHAPER_KEY_BYTES_MAX];
    str key = join(room, str_of(shaping_limits_scope_names[scope]), name, S(""), 2);
    struct shaper_meter *m = table_find(&s->meters, key);
    if (m == NULL) {
        m = MEM_NEW(struct shaper_meter);
        m->key = copy(key);
        m->key_len = key.len;
        m->scope = scope;
        m->name = str_from((str){m->key, key.len}, strlen(m->key) + 1);
        shaper_line_init_spot(&m->spot);
        limit_meter(s, m);
        shaper_keep_recall_meter(s, m, true);
        table_add(&s->meters, m);
    } else if (m->uses == 0) {
        list_remove(&m->spare);
        s->spare_count--;
    }
    m->uses++;
    return m;
}

static bool meter_plain(struct shaper *s, struct shaper_meter *m)
{
    return !shaping_quota_is_used(&m->quota, s->now_ms) && m->bucket.paid_ns <= s->now_ns &&
           m->login.most == 0 && shaping_gate_plain(&m->login.gate, &shaping_gate_login, s->now_ns);
}

static void forget_meter(struct shaper *s, struct shaper_meter *m)
{
    ASSERT(list_empty(&m->spot.interests) && m->in_use == 0);
    if (list_linked(&m->spare)) {
        list_remove(&m->spare);
        s->spare_count--;
    }
    heap_remove(&s->timers, &m->spot.timer.node);
    table_remove(&s->meters, (str){m->key, m->key_len});
    shaping_quota_release(&m->quota);
    mem_free(m->key);
    mem_free(m);
}

void shaper_place_drop_meter(struct shaper *s, struct shaper_meter *m)
{
    if (m == NULL || --m->uses > 0)
        return;
    if (meter_plain(s, m)) {
        forget_meter(s, m);
        return;
    }
    list_add_last(&s->spare_meters, &m->spare);
    if (++s->spare_count > SHAPER_SPARE_MAX)
        shaper_place_sweep(s, false);
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

static void limit_lane(struct shaper *s, struct shaper_lane *l)
{
    shaping_limits_site(s->limits, l->site, l->provider, &l->limits);
    l->interval_ns = shaping_limits_interval_ns(&l->limits);
    struct config_quota quota = shaping_limits_quota(&l->limits);
    shaping_quota_set(&l->quota, &quota);
    l->warmup = s->warmup ? warmup_track(s->warmup, l->egress_name, l->site, l->provider) : NULL;
}

struct shaper_lane *shaper_place_lane(struct shaper *s, const struct shaper_way *way)
{
    char room[SHAPER_KEY_BYTES_MAX];
    str key = join(room, way->site, way->egress, S(""), 2);
    struct shaper_lane *l = table_find(&s->lanes, key);
    if (l == NULL) {
        l = MEM_NEW(struct shaper_lane);
        l->shaper = s;
        key = join(room, way->site, way->egress, way->provider, 3);
        l->key = copy(key);
        l->site = str_of(l->key);
        l->egress_name = str_of(l->key + l->site.len + 1);
        l->key_len = l->site.len + 1 + l->egress_name.len;
        l->provider = str_from((str){l->key, key.len}, l->key_len + 1);
        shaper_line_init_spot(&l->spot);
        l->egress = shaper_place_meter(s, SHAPING_EGRESS, way->egress);
        shaping_loop_init(&l->loop, l->provider.len > 0);
        limit_lane(s, l);
        shaper_keep_recall_lane(s, l, true);
        table_add(&s->lanes, l);
    } else if (l->uses == 0) {
        list_remove(&l->spare);
        s->spare_count--;
    }
    l->uses++;
    return l;
}

static bool lane_plain(struct shaper *s, struct shaper_lane *l)
{
    return !shaping_quota_is_used(&l->quota, s->now_ms) && l->idle == 0 &&
           l->bucket.paid_ns <= s->now_ns && shaping_loop_plain(&l->loop, s->now_ns);
}

static void forget_lane(struct shaper *s, struct shaper_lane *l)
{
    ASSERT(list_empty(&l->spot.interests) && l->in_use == 0);
    if (list_linked(&l->spare)) {
        list_remove(&l->spare);
        s->spare_count--;
    }
    heap_remove(&s->timers, &l->spot.timer.node);
    table_remove(&s->lanes, (str){l->key, l->key_len});
    shaper_place_drop_meter(s, l->egress);
    shaping_quota_release(&l->quota);
    mem_free(l->key);
    mem_free(l);
}

void shaper_place_drop_lane(struct shaper *s, struct shaper_lane *l)
{
    if (l == NULL || --l->uses > 0)
        return;
    if (lane_plain(s, l)) {
        forget_lane(s, l);
        return;
    }
    list_add_last(&s->spare_lanes, &l->spare);
    if (++s->spare_count > SHAPER_SPARE_MAX)
        shaper_place_sweep(s, false);
}

void shaper_place_limit_all(struct shaper *s)
{
    size_t at = 0;
    struct shaper_lane *l;
    while ((l = table_next(&s->lanes, &at)) != NULL) {
        limit_lane(s, l);
        shaper_keep_recall_lane(s, l, false);
    }
    at = 0;
    struct shaper_meter *m;
    while ((m = table_next(&s->meters, &at)) != NULL) {
        limit_meter(s, m);
        shaper_keep_recall_meter(s, m, false);
    }
}

/* Above the maximum the one unused for longest goes, whatever it knows. */
void shaper_place_sweep(struct shaper *s, bool all)
{
    LIST_EACH(&s->spare_lanes, node)
    {
        struct shaper_lane *l = LIST_OF(node, struct shaper_lane, spare);
        bool must = (all || s->spare_count > SHAPER_SPARE_MAX) && l->idle == 0;
        if (must || lane_plain(s, l))
            forget_lane(s, l);
    }
    LIST_EACH(&s->spare_meters, node)
    {
        struct shaper_meter *m = LIST_OF(node, struct shaper_meter, spare);
        if (all || s->spare_count > SHAPER_SPARE_MAX || meter_plain(s, m))
            forget_meter(s, m);
    }
}

/* ---- places in line ---------------------------------------------------------------------------
 */

static struct shaper_line *line_of(struct shaper *s, str site)
{
    struct shaper_line *line = table_find(&s->lines, site);
    if (line == NULL) {
        line = MEM_NEW(struct shaper_line);
        line->key = copy(site);
        line->key_len = site.len;
        line->timer.kind = SHAPER_TIMER_LINE;
        list_init(&line->turns);
        list_init(&line->interests);
        list_init(&line->pairs);
        table_add(&s->lines, line);
    }
    line->uses++;
    return line;
}

static struct shaper_turn *turn_of(struct shaper *s, str site, str tenant)
{
    char room[SHAPER_KEY_BYTES_MAX];
    str key = join(room, site, tenant, S(""), 2);
    struct shaper_turn *turn = table_find(&s->turns, key);
    if (turn == NULL) {
        turn = MEM_NEW(struct shaper_turn);
        turn->key = copy(key);
        turn->key_len = key.len;
        turn->line = line_of(s, site);
        list_init(&turn->campaigns);
        table_add(&s->turns, turn);
    }
    turn->uses++;
    return turn;
}

struct shaper_campaign *shaper_place_campaign(struct shaper *s, str site, str tenant, str campaign)
{
    char room[SHAPER_KEY_BYTES_MAX];
    str key = join(room, site, tenant, campaign, 3);
    struct shaper_campaign *c = table_find(&s->campaigns, key);
    if (c == NULL) {
        c = MEM_NEW(struct shaper_campaign);
        c->key = copy(key);
        c->key_len = key.len;
        c->turn = turn_of(s, str_slice(site, 0, SHAPER_NAME_BYTES_MAX), tenant);
        list_init(&c->seats);
        table_add(&s->campaigns, c);
    }
    c->uses++;
    return c;
}

static void drop_line(struct shaper *s, struct shaper_line *line)
{
    if (--line->uses > 0)
        return;
    ASSERT(line->waiting == 0 && list_empty(&line->interests) && line->pair_count == 0);
    heap_remove(&s->timers, &line->timer.node);
    table_remove(&s->lines, (str){line->key, line->key_len});
    mem_free(line->key);
    mem_free(line);
}

static void drop_turn(struct shaper *s, struct shaper_turn *turn)
{
    if (--turn->uses > 0)
        return;
    table_remove(&s->turns, (str){turn->key, turn->key_len});
    drop_line(s, turn->line);
    mem_free(turn->key);
    mem_free(turn);
}

void shaper_place_drop_campaign(struct shaper *s, struct shaper_campaign *c)
{
    if (--c->uses > 0)
        return;
    table_remove(&s->campaigns, (str){c->key, c->key_len});
    drop_turn(s, c->turn);
    mem_free(c->key);
    mem_free(c);
}

static void limit_account(struct shaper *s, struct shaper_meter *account,
                          const struct config_quota *quota)
{
    shaping_quota_set(&account->quota, quota);
    shaper_keep_recall_meter(s, account, false);
}

struct shaper_pair *shaper_place_pair(struct shaper *s, struct shaper_line *line,
                                      const struct shaper_way *way)
{
    struct shaper_lane *lane = shaper_place_lane(s, way);
    struct shaper_meter *account =
        way->account.len > 0 ? shaper_place_meter(s, SHAPING_ACCOUNT, way->account) : NULL;
    if (account && way->quota)
        limit_account(s, account, way->quota);
    LIST_EACH(&line->pairs, node)
    {
        struct shaper_pair *pair = LIST_OF(node, struct shaper_pair, node);
        if (pair->lane != lane || pair->account != account)
            continue;
        shaper_place_drop_lane(s, lane);
        shaper_place_drop_meter(s, account);
        pair->uses++;
        return pair;
    }
    struct shaper_pair *pair = MEM_NEW(struct shaper_pair);
    pair->lane = lane;
    pair->account = account;
    pair->uses = 1;
    list_add_last(&line->pairs, &pair->node);
    line->pair_count++;
    return pair;
}

void shaper_place_drop_pair(struct shaper *s, struct shaper_line *line, struct shaper_pair *pair)
{
    if (--pair->uses > 0)
        return;
    list_remove(&pair->node);
    line->pair_count--;
    shaper_place_drop_lane(s, pair->lane);
    shaper_place_drop_meter(s, pair->account);
    mem_free(pair);
}
