#include "shaping/shaper_inside.h"
#include <stdio.h>

#define NEVER INT64_MAX

/* ---- what is in the way -----------------------------------------------------------------------
 */

struct obstacle {
    enum shaper_why why;
    int64_t until_ns;
    enum shaping_quota_kind quota;
    bool holds; /* no way of another rank is to be taken instead */
};

static int64_t steady_of(const struct shaper *s, int64_t real_ms)
{
    return s->now_ns + (real_ms - s->now_ms) * 1000000;
}

static bool quota_blocks(struct shaper *s, struct shaping_quota *quota, size_t rcpts,
                         struct obstacle *ret_obstacle)
{
    if (!shaping_quota_limited(quota))
        return false;
    enum shaping_quota_kind kind = SHAPING_QUOTA_DAY;
    int64_t ready_ms = shaping_quota_ready(quota, rcpts, s->now_ms, &kind);
    if (ready_ms <= s->now_ms)
        return false;
    s->quota_waits |= shaping_quota_waits(quota);
    *ret_obstacle =
        (struct obstacle){.why = SHAPER_QUOTA, .until_ns = steady_of(s, ready_ms), .quota = kind};
    return true;
}

static bool pace_blocks(struct shaper *s, const struct shaping_bucket *bucket, int64_t interval_ns,
                        const struct shaping_resolved *limits, struct obstacle *ret_obstacle)
{
    int64_t burst = limits->value[SHAPING_BURST];
    int64_t ready_ns = shaping_bucket_ready(bucket, interval_ns, burst > 0 ? burst : 1);
    if (ready_ns <= s->now_ns)
        return false;
    *ret_obstacle = (struct obstacle){.why = SHAPER_RATE, .until_ns = ready_ns, .quota = 0};
    return true;
}

static bool login_blocks(struct shaper *s, const struct shaper_meter *m,
                         struct obstacle *ret_obstacle)
{
    if (shaping_gate_ask(&m->login.gate, s->now_ns) == SHAPING_GATE_WAIT) {
        bool probing = m->login.gate.state == SHAPING_GATE_PROBING;
        *ret_obstacle = (struct obstacle){
            .why = SHAPER_LOGIN, .until_ns = probing ? NEVER : m->login.gate.until_ns, .quota = 0};
        return true;
    }
    if (m->login.most > 0 && m->in_use >= m->login.most) {
        *ret_obstacle =
            (struct obstacle){.why = SHAPER_LOGIN, .until_ns = m->login.slowed_ns, .quota = 0};
        return true;
    }
    return false;
}

static const enum shaper_why scope_whys[SHAPING_SCOPES] = {
    [SHAPING_SITE] = SHAPER_CONNECTIONS,  [SHAPING_EGRESS] = SHAPER_EGRESS,
    [SHAPING_SENDER] = SHAPER_SENDER,     [SHAPING_TENANT] = SHAPER_TENANT,
    [SHAPING_CAMPAIGN] = SHAPER_CAMPAIGN, [SHAPING_ACCOUNT] = SHAPER_QUOTA,
};

static bool meter_blocks(struct shaper *s, struct shaper_meter *m, size_t rcpts,
                         struct obstacle *ret_obstacle)
{
    if (m == NULL || !m->limited)
        return false;
    int64_t most = m->limits.value[SHAPING_CONNECTIONS];
    if (m->scope == SHAPING_ACCOUNT && login_blocks(s, m, ret_obstacle))
        return true;
    bool blocks = false;
    if (most > 0 && m->in_use >= most) {
        *ret_obstacle = (struct obstacle){
            .why = scope_whys[m->scope], .until_ns = NEVER, .quota = SHAPING_QUOTA_KINDS};
        return true;
    }
    blocks = pace_blocks(s, &m->bucket, m->interval_ns, &m->limits, ret_obstacle) ||
             quota_blocks(s, &m->quota, rcpts, ret_obstacle);
    if (blocks)
        ret_obstacle->why = scope_whys[m->scope];
    return blocks;
}

static enum shaper_why loop_why(enum shaping_loop_obstacle obstacle)
{
    switch (obstacle) {
    case SHAPING_LOOP_CONNECTIONS:
        return SHAPER_CONNECTIONS;
    case SHAPING_LOOP_BLOCKED:
    case SHAPING_LOOP_DOWN:
        return SHAPER_PAUSED;
    default:
        return SHAPER_THROTTLED;
    }
}

static bool warmup_blocks(struct shaper *s, const struct shaper_lane *l, size_t rcpts,
                          struct obstacle *ret_obstacle)
{
    int64_t ready_ms = l->warmup ? warmup_ready_ms(l->warmup, s->now_ms, rcpts) : 0;
    if (ready_ms == 0)
        return false;
    *ret_obstacle = (struct obstacle){
        .why = SHAPER_WARMUP, .until_ns = steady_of(s, ready_ms), .holds = warmup_waits(l->warmup)};
    return true;
}

/* *ret_probe: it would be one. */
static bool lane_blocks(struct shaper *s, struct shaper_lane *l, size_t rcpts,
                        struct obstacle *ret_obstacle, bool *ret_probe)
{
    int64_t most = l->limits.value[SHAPING_CONNECTIONS], until_ns;
    if (most > 0 && l->in_use >= most) {
        *ret_obstacle = (struct obstacle){.why = SHAPER_CONNECTIONS, .until_ns = NEVER, .quota = 0};
        return true;
    }
    enum shaping_loop_obstacle o =
        shaping_loop_ask(&l->loop, l->in_use, s->now_ns, &until_ns, ret_probe);
    if (o != SHAPING_LOOP_FREE) {
        *ret_obstacle = (struct obstacle){
            .why = loop_why(o), .until_ns = until_ns ? until_ns : NEVER, .quota = 0};
        return true;
    }
    return pace_blocks(s, &l->bucket, l->interval_ns, &l->limits, ret_obstacle) ||
           quota_blocks(s, &l->quota, rcpts, ret_obstacle) ||
           warmup_blocks(s, l, rcpts, ret_obstacle);
}

/* ---- an answer from obstacles -----------------------------------------------------------------
 */

static void note_spot(struct shaper_answer *a, struct shaper_spot *spot)
{
    for (size_t i = 0; i < a->spot_count; i++)
        if (a->spots[i] == spot)
            return;
    if (a->spot_count < SHAPER_BLOCKERS_MAX)
        a->spots[a->spot_count++] = spot;
}

/* What is over first is what is told. */
static void note(struct shaper_answer *a, const struct obstacle *o, struct shaper_lane *lane,
                 struct shaper_meter *meter)
{
    if (a->spot_count == 0 || o->until_ns < a->until_ns) {
        a->why = o->why;
        a->until_ns = o->until_ns;
        a->quota = o->quota;
        a->lane = lane;
        a->meter = meter;
    }
    note_spot(a, meter ? &meter->spot : &lane->spot);
}

static bool mail_blocks(struct shaper_seat *seat, size_t rcpts, struct shaper_answer *ret_answer)
{
    struct shaper_meter *meters[] = {seat->tenant, seat->campaign_meter, seat->sender};
    for (size_t i = 0; i < ARRAY_LEN(meters); i++) {
        struct obstacle o;
        if (!meter_blocks(seat->shaper, meters[i], rcpts, &o))
            continue;
        note(ret_answer, &o, NULL, meters[i]);
        ret_answer->own = true;
        ret_answer->all_turn = i == 0;
        return true;
    }
    return false;
}

static bool way_blocks(struct shaper_seat *seat, struct shaper_seat_way *way, size_t rcpts,
                       struct shaper_answer *answer, struct obstacle *ret_obstacle)
{
    bool probe;
    struct shaper *s = seat->shaper;
    struct shaper_lane *lane = way->pair->lane;
    struct shaper_meter *account = way->pair->account;
    if (meter_blocks(s, account, rcpts, ret_obstacle))
        note(answer, ret_obstacle, lane, account);
    else if (meter_blocks(s, lane->egress, rcpts, ret_obstacle))
        note(answer, ret_obstacle, lane, lane->egress);
    else if (lane_blocks(s, lane, rcpts, ret_obstacle, &probe))
        note(answer, ret_obstacle, lane, NULL);
    else
        return false;
    return true;
}

/* ---- which way --------------------------------------------------------------------------------
 */

/* Evenly by weight: the golden ratio's multiples fill the circle without gaps. */
static struct shaper_seat_way *weigh(struct shaper *s, struct shaper_seat_way **open, size_t count)
{
    uint32_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += open[i]->weight;
    if (count == 1 || total == 0)
        return open[0];
    uint64_t turn = ++s->picks * 0x9e3779b97f4a7c15u;
    uint32_t at = (uint32_t)(((turn >> 32) * total) >> 32);
    size_t i = 0;
    while (i + 1 < count && at >= open[i]->weight)
        at -= open[i++]->weight;
    return open[i];
}

static bool next_rank(const struct shaper_seat *seat, uint8_t only, int after, int *ret_rank)
{
    int rank = 256;
    for (size_t i = 0; i < seat->way_count; i++)
        if (seat->ways[i].rank > after && seat->ways[i].rank < rank &&
            (only == 0 || seat->ways[i].number == only))
            rank = seat->ways[i].rank;
    *ret_rank = rank;
    return rank < 256;
}

/* Who is down, refuses us or our login is not waited for. */
static bool is_away(const struct obstacle *o)
{
    return o->why == SHAPER_PAUSED || o->why == SHAPER_LOGIN;
}

/* No room for so long, or known to have none for so long, that the next rank may be taken. */
static bool is_over(const struct shaper *s, struct shaper_pair *pair, int64_t until_ns)
{
    if (pair->blocked_ns == 0)
        pair->blocked_ns = s->now_ns;
    return (until_ns != NEVER && until_ns - s->now_ns > s->overflow_ns) ||
           s->now_ns - pair->blocked_ns > s->overflow_ns;
}

/* The ways of one rank: one that has room, or NULL. *ret_next_ns: from when on the next rank may be
 * taken instead; now or earlier: at once. */
static struct shaper_seat_way *find_in_rank(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                                            int rank, struct shaper_answer *answer,
                                            int64_t *ret_next_ns)
{
    struct shaper *s = seat->shaper;
    struct shaper_seat_way *open[SHAPER_WAYS_MAX];
    size_t count = 0;
    *ret_next_ns = s->now_ns;
    for (size_t i = 0; i < seat->way_count; i++) {
        struct shaper_seat_way *way = &seat->ways[i];
        struct obstacle o;
        if (way->rank != rank || (only && way->number != only))
            continue;
        if (!way_blocks(seat, way, rcpts, answer, &o)) {
            way->pair->blocked_ns = 0;
            open[count++] = way;
            continue;
        }
        int64_t over_ns = is_away(&o) || is_over(s, way->pair, o.until_ns)
                              ? s->now_ns
                              : way->pair->blocked_ns + s->overflow_ns + 1;
        if (o.holds)
            over_ns = NEVER;
        *ret_next_ns = over_ns > *ret_next_ns ? over_ns : *ret_next_ns;
    }
    return count ? weigh(s, open, count) : NULL;
}

static struct shaper_seat_way *find_way(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                                        struct shaper_answer *answer)
{
    int64_t now_ns = seat->shaper->now_ns, next_ns = now_ns;
    for (int rank = -1; next_rank(seat, only, rank, &rank);) {
        if (next_ns > now_ns) { /* not yet */
            answer->until_ns = next_ns < answer->until_ns ? next_ns : answer->until_ns;
            return NULL;
        }
        struct shaper_seat_way *way = find_in_rank(seat, rcpts, only, rank, answer, &next_ns);
        if (way)
            return way;
    }
    return NULL;
}

/* ---- take and give back -----------------------------------------------------------------------
 */

/* Meters, and behind them the warm-up's track. */
enum grant_part {
    PART_ACCOUNT,
    PART_TENANT,
    PART_CAMPAIGN,
    PART_SENDER,
    PART_EGRESS,
    PARTS,
    PART_WARMUP = PARTS
};

static void take_meter(struct shaper *s, struct shaper_meter *m, size_t rcpts)
{
    if (m == NULL)
        return;
    m->uses++;
    m->in_use++;
    if (m->interval_ns > 0)
        shaping_bucket_take(&m->bucket, m->interval_ns, s->now_ns);
    if (!shaping_quota_limited(&m->quota))
        return;
    shaping_quota_take(&m->quota, rcpts, s->now_ms);
    s->changes++;
    shaper_tell_quota(s, m->scope, m->name, &m->quota);
}

static bool take_login(struct shaper *s, struct shaper_meter *m)
{
    if (m == NULL || shaping_gate_ask(&m->login.gate, s->now_ns) != SHAPING_GATE_PROBE)
        return false;
    shaping_gate_probe(&m->login.gate);
    return true;
}

static int least(int64_t a, int64_t b)
{
    int64_t least = a == 0 || (b > 0 && b < a) ? b : a;
    return (int)least;
}

static void take_way(struct shaper_seat *seat, struct shaper_seat_way *way, size_t rcpts,
                     struct shaper_grant *ret_grant)
{
    struct shaper *s = seat->shaper;
    struct shaper_lane *l = way->pair->lane;
    struct shaper_meter *account = way->pair->account;
    int64_t until_ns;
    bool probe;
    shaping_loop_ask(&l->loop, l->in_use, s->now_ns, &until_ns, &probe);
    shaping_loop_take(&l->loop, probe, s->now_ns);
    if (probe)
        shaper_tell_step(s, l, SHAPING_LOOP_PROBING, "its pause is over", NULL);
    l->uses++;
    l->in_use++;
    if (l->interval_ns > 0)
        shaping_bucket_take(&l->bucket, l->interval_ns, s->now_ns);
    if (shaping_quota_limited(&l->quota)) {
        shaping_quota_take(&l->quota, rcpts, s->now_ms);
        s->changes++;
        shaper_tell_quota(s, SHAPING_SITE, l->site, &l->quota);
    }
    bool login_probe = take_login(s, account);
    struct shaper_grant grant = {
        .shaper = s,
        .lane = l,
        .way = way->number,
        .probe = probe || login_probe,
        .lane_probe = probe,
        .login_probe = login_probe,
        .rcpts = rcpts,
        .taken_ns = s->now_ns,
        .recipients_max = least(l->limits.value[SHAPING_RECIPIENTS_PER_MESSAGE],
                                account ? account->quota.limits.recipients_per_message : 0),
        .messages_per_connection_max = (int)l->limits.value[SHAPING_MESSAGES_PER_CONNECTION],
        .parts = {[PART_ACCOUNT] = account,
                  [PART_TENANT] = seat->tenant,
                  [PART_CAMPAIGN] = seat->campaign_meter,
                  [PART_SENDER] = seat->sender,
                  [PART_EGRESS] = l->egress,
                  [PART_WARMUP] = l->warmup}
    };
    if (l->warmup)
        grant.warmup_day = warmup_count(l->warmup, s->now_ms, rcpts);
    for (int i = 0; i < PARTS; i++)
        take_meter(s, grant.parts[i], rcpts);
    *ret_grant = grant;
}

bool shaper_room_take(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                      struct shaper_grant *ret_grant, struct shaper_answer *ret_answer)
{
    *ret_answer = (struct shaper_answer){.until_ns = NEVER};
    if (mail_blocks(seat, rcpts, ret_answer))
        return false;
    struct shaper_seat_way *way = find_way(seat, rcpts, only, ret_answer);
    if (way == NULL)
        return false;
    take_way(seat, way, rcpts, ret_grant);
    return true;
}

static void give_quota(struct shaper *s, struct shaping_quota *quota, size_t messages, size_t rcpts,
                       int64_t taken_ns)
{
    if (shaping_quota_limited(quota) && messages + rcpts > 0)
        shaping_quota_give(quota, messages, rcpts, s->now_ms - (s->now_ns - taken_ns) / 1000000,
                           s->now_ms);
}

static void give_meter(struct shaper *s, struct shaper_meter *m, const struct shaper_grant *grant,
                       size_t messages, size_t rcpts, bool rate)
{
    if (m == NULL)
        return;
    ASSERT(m->in_use > 0);
    m->in_use--;
    if (rate && m->interval_ns > 0)
        shaping_bucket_give(&m->bucket, m->interval_ns);
    give_quota(s, &m->quota, messages, rcpts, grant->taken_ns);
}

void shaper_room_give(const struct shaper_grant *grant, size_t messages_back, size_t rcpts_back,
                      bool rate_back)
{
    struct shaper *s = grant->shaper;
    struct shaper_lane *l = grant->lane;
    ASSERT(l->in_use > 0);
    l->in_use--;
    if (rate_back && l->interval_ns > 0)
        shaping_bucket_give(&l->bucket, l->interval_ns);
    give_quota(s, &l->quota, messages_back, rcpts_back, grant->taken_ns);
    for (int i = 0; i < PARTS; i++)
        give_meter(s, grant->parts[i], grant, messages_back, rcpts_back, rate_back);
}

void shaper_room_give_all(const struct shaper_grant *grant)
{
    struct shaper_meter *account = grant->parts[PART_ACCOUNT];
    shaping_loop_give(&grant->lane->loop, grant->lane_probe);
    if (grant->login_probe)
        shaping_gate_unprobe(&account->login.gate);
    shaper_room_give(grant, 1, grant->rcpts, true);
    if (grant->parts[PART_WARMUP])
        warmup_return(grant->parts[PART_WARMUP], grant->warmup_day, grant->rcpts);
}

void shaper_room_warm(const struct shaper_grant *grant, const struct shaper_result *result)
{
    struct warmup_track *track = grant->parts[PART_WARMUP];
    bool tried = result->connected && !result->login_refused && !result->login_busy;
    if (track == NULL)
        return;
    if (!tried || result->class == OUTCOME_GREYLIST)
        warmup_return(track, grant->warmup_day, grant->rcpts);
    if (tried)
        warmup_told(track, grant->shaper->now_ms, result->class);
}

void shaper_room_serve(struct shaper_grant *grant)
{
    struct shaper *s = grant->shaper;
    struct shaper_grant old = *grant;
    *grant = (struct shaper_grant){0};
    if (old.lane->spot.count > 0)
        shaper_line_serve_spot(s, &old.lane->spot);
    for (int i = 0; i < PARTS; i++) {
        struct shaper_meter *m = old.parts[i];
        if (m && m->spot.count > 0)
            shaper_line_serve_spot(s, &m->spot);
    }
    for (int i = 0; i < PARTS; i++)
        shaper_place_drop_meter(s, old.parts[i]);
    shaper_place_drop_lane(s, old.lane);
}

struct shaper_meter *shaper_room_account(const struct shaper_grant *grant)
{
    return grant->parts[PART_ACCOUNT];
}

/* ---- in words ---------------------------------------------------------------------------------
 */

static const char *const whats[SHAPER_WHYS] = {
    [SHAPER_LINE] = "others came first",
    [SHAPER_CONNECTIONS] = "all connections are in use",
    [SHAPER_RATE] = "paced by its rate",
    [SHAPER_QUOTA] = "its quota is used up",
    [SHAPER_WARMUP] = "warming up",
    [SHAPER_THROTTLED] = "slowed down as the site asked",
    [SHAPER_PAUSED] = "paused",
    [SHAPER_LOGIN] = "the login was refused or slowed",
    [SHAPER_TENANT] = "the tenant's limit is reached",
    [SHAPER_CAMPAIGN] = "the campaign's limit is reached",
    [SHAPER_SENDER] = "the sending domain's limit is reached",
    [SHAPER_EGRESS] = "the egress's limit is reached",
};

static void words(const struct shaper *s, const struct shaper_answer *a, char *ret_text,
                  size_t size)
{
    const struct shaper_lane *l = a->lane;
    if (a->meter && a->why == SHAPER_LOGIN && a->meter->login.text[0])
        snprintf(ret_text, size, "account %.*s: login refused: %s", STR_ARG(a->meter->name),
                 a->meter->login.text);
    else if (a->meter)
        snprintf(ret_text, size, "%s %.*s: %s", shaping_limits_scope_names[a->meter->scope],
                 STR_ARG(a->meter->name), whats[a->why]);
    else if (l == NULL)
        snprintf(ret_text, size, "%s", whats[a->why]);
    else if (a->why == SHAPER_CONNECTIONS)
        snprintf(ret_text, size, "%.*s from %.*s: all of %d connections are in use",
                 STR_ARG(l->site), STR_ARG(l->egress_name), l->in_use);
    else if (a->why == SHAPER_QUOTA && a->quota < SHAPING_QUOTA_KINDS)
        snprintf(ret_text, size, "%.*s from %.*s: the quota %s is used up", STR_ARG(l->site),
                 STR_ARG(l->egress_name), shaping_quota_names[a->quota]);
    else if (a->why == SHAPER_WARMUP && l->warmup)
        warmup_why(l->warmup, s->now_ms, ret_text, size);
    else if ((a->why == SHAPER_PAUSED || a->why == SHAPER_THROTTLED) && l->text[0])
        snprintf(ret_text, size, "%.*s from %.*s: %s: %s", STR_ARG(l->site),
                 STR_ARG(l->egress_name), whats[a->why], l->text);
    else
        snprintf(ret_text, size, "%.*s from %.*s: %s", STR_ARG(l->site), STR_ARG(l->egress_name),
                 whats[a->why]);
}

void shaper_room_tell(struct shaper *s, const struct shaper_answer *a, struct shaper_wait *ret_wait)
{
    ret_wait->why = a->why;
    ret_wait->until_ms =
        a->until_ns == NEVER ? 0 : s->now_ms + (a->until_ns - s->now_ns + 999999) / 1000000;
    words(s, a, ret_wait->reason, sizeof ret_wait->reason);
}
