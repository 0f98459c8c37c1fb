#include "base/mem.h"
#include "runtime/fiber.h"
#include "shaping/shaper_inside.h"
#include <stdio.h>
#include <string.h>

#define MS_NS 1000000LL

enum { LOGIN_SLOW_S = 30 };

void shaper_enter(struct shaper *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t now_ns = clock_steady_ns();
    s->now_ns = now_ns > s->now_ns ? now_ns : s->now_ns;
    s->now_ms = clock_real_ms();
}

/* The timers' fiber sleeps until what was first when it went to sleep. */
void shaper_exit(struct shaper *s)
{
    const struct heap_node *first = heap_first(&s->timers);
    bool sooner = first && first->key < s->sleeps_until_ns;
    if (sooner)
        s->sleeps_until_ns = first->key;
    pthread_mutex_unlock(&s->lock);
    if (sooner)
        chan_nudge(s->news);
}

/* ---- open, close, run -------------------------------------------------------------------------
 */

static str lane_key(const void *object)
{
    const struct shaper_lane *l = object;
    return (str){l->key, l->key_len};
}
static str meter_key(const void *object)
{
    const struct shaper_meter *m = object;
    return (str){m->key, m->key_len};
}
static str line_key(const void *object)
{
    const struct shaper_line *line = object;
    return (str){line->key, line->key_len};
}
static str turn_key(const void *object)
{
    const struct shaper_turn *turn = object;
    return (str){turn->key, turn->key_len};
}
static str seat_key(const void *object)
{
    return ((const struct shaper_seat *)object)->destination;
}

static str campaign_key(const void *object)
{
    const struct shaper_campaign *campaign = object;
    return (str){campaign->key, campaign->key_len};
}

void shaper_open(const struct shaper_options *options, struct shaper **ret_shaper)
{
    struct shaper *s = MEM_NEW(struct shaper);
    pthread_mutex_init(&s->lock, NULL);
    s->news = chan_open();
    s->sleeps_until_ns = INT64_MIN; /* nobody sleeps yet */
    s->events = options->events;
    s->warmup = options->warmup;
    int64_t ms = options->overflow_after_ms ? options->overflow_after_ms : SHAPER_OVERFLOW_MS;
    s->overflow_ns = ms * MS_NS;
    table_init(&s->lanes, lane_key);
    table_init(&s->meters, meter_key);
    table_init(&s->lines, line_key);
    table_init(&s->turns, turn_key);
    table_init(&s->campaigns, campaign_key);
    table_init(&s->seats, seat_key);
    list_init(&s->spare_lanes);
    list_init(&s->spare_meters);
    *ret_shaper = s;
}

void shaper_close(struct shaper *s)
{
    if (s == NULL)
        return;
    shaper_place_sweep(s, true);
    ASSERT(s->lanes.len == 0 && s->meters.len == 0 && s->lines.len == 0);
    table_release(&s->lanes);
    table_release(&s->meters);
    table_release(&s->lines);
    table_release(&s->turns);
    table_release(&s->campaigns);
    table_release(&s->seats);
    heap_release(&s->timers);
    shaper_keep_forget_past(s);
    shaping_limits_close(s->limits);
    chan_close(s->news);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void shaper_with(struct shaper *s, void (*run)(void *arg), void *arg)
{
    shaper_enter(s);
    run(arg);
    shaper_exit(s);
}

void shaper_set_limits(struct shaper *s, const struct shaping_limits *limits)
{
    shaper_enter(s);
    struct shaping_limits *old = s->limits;
    s->limits = shaping_limits_hold(limits);
    shaper_place_limit_all(s);
    size_t at = 0; /* there may be more room than before */
    struct shaper_line *line;
    while ((line = table_next(&s->lines, &at)) != NULL)
        shaper_line_set_timer(s, &line->timer, s->now_ns);
    shaper_exit(s);
    shaping_limits_close(old);
}

void shaper_configure(struct shaper *s, const struct config *config)
{
    struct shaping_limits *limits;
    shaping_limits_open(config, &limits);
    shaper_set_limits(s, limits);
    shaping_limits_close(limits);
}

void shaper_run(void *shaper)
{
    struct shaper *s = shaper;
    int64_t sweep_ns = 0;
    for (;;) {
        shaper_enter(s);
        s->sleeps_until_ns = INT64_MIN;
        shaper_line_run_timers(s);
        if (s->now_ns >= sweep_ns) {
            shaper_place_sweep(s, false);
            sweep_ns = s->now_ns + SHAPER_SWEEP_MS * MS_NS;
        }
        const struct heap_node *first = heap_first(&s->timers);
        int64_t until_ns = first && first->key < sweep_ns ? first->key : sweep_ns;
        s->sleeps_until_ns = until_ns;
        pthread_mutex_unlock(&s->lock);
        struct chan_item *none;
        err e = chan_receive(s->news, &none, (deadline){(until_ns + MS_NS - 1) / MS_NS});
        if (e && e->kind == ERR_CANCELED)
            return;
        err_forget();
    }
}

/* ---- seats ------------------------------------------------------------------------------------
 */

static struct shaper_meter *named(struct shaper *s, enum shaping_scope scope, str name)
{
    return name.len > 0 ? shaper_place_meter(s, scope, name) : NULL;
}

static struct shaper_meter *campaign_meter(struct shaper *s, const struct envelope_flow *flow)
{
    char room[2 * SHAPER_NAME_BYTES_MAX + 2];
    if (flow->campaign.len == 0)
        return NULL;
    char *at = str_put(room, str_slice(flow->tenant, 0, SHAPER_NAME_BYTES_MAX));
    *at++ = '/';
    at = str_put(at, str_slice(flow->campaign, 0, SHAPER_NAME_BYTES_MAX));
    return shaper_place_meter(s, SHAPING_CAMPAIGN, (str){room, (size_t)(at - room)});
}

static str first_site(const struct shaper_seat_options *options)
{
    const struct shaper_way *first = &options->ways[0];
    for (size_t i = 1; i < options->way_count; i++)
        if (options->ways[i].rank < first->rank)
            first = &options->ways[i];
    return str_slice(first->site, 0, SHAPER_NAME_BYTES_MAX);
}

/* Mail that comes under a new plan waits in the newer seat. */
static void name_seat(struct shaper *s, struct shaper_seat *seat, str name, char *place)
{
    if (name.len == 0)
        return;
    memcpy(place, name.ptr, name.len);
    seat->destination = (str){place, name.len};
    table_remove(&s->seats, name);
    table_add(&s->seats, seat);
}

void shaper_seat_open(struct shaper *s, const struct shaper_seat_options *options,
                      struct shaper_seat **ret_seat)
{
    ASSERT(options->way_count > 0 && options->way_count <= SHAPER_WAYS_MAX);
    size_t ways_bytes = options->way_count * sizeof(struct shaper_seat_way);
    struct shaper_seat *seat =
        mem_alloc(sizeof(struct shaper_seat) + ways_bytes + options->destination.len);
    shaper_enter(s);
    name_seat(s, seat, options->destination, (char *)seat->ways + ways_bytes);
    seat->shaper = s;
    seat->called = options->called;
    seat->arg = options->arg;
    seat->timer.kind = SHAPER_TIMER_SEAT;
    seat->campaign =
        shaper_place_campaign(s, first_site(options), options->flow.tenant, options->flow.campaign);
    seat->line = seat->campaign->turn->line;
    seat->tenant = named(s, SHAPING_TENANT, options->flow.tenant);
    seat->campaign_meter = campaign_meter(s, &options->flow);
    seat->sender = named(s, SHAPING_SENDER, options->sender_domain);
    seat->way_count = options->way_count;
    for (size_t i = 0; i < options->way_count; i++) {
        const struct shaper_way *way = &options->ways[i];
        seat->ways[i] =
            (struct shaper_seat_way){way->number, way->rank, way->weight ? way->weight : 1,
                                     shaper_place_pair(s, seat->line, way)};
    }
    shaper_exit(s);
    *ret_seat = seat;
}

void shaper_seat_close(struct shaper_seat *seat)
{
    if (seat == NULL)
        return;
    struct shaper *s = seat->shaper;
    shaper_enter(s);
    shaper_line_leave(seat);
    for (size_t i = 0; i < seat->way_count; i++)
        shaper_place_drop_pair(s, seat->line, seat->ways[i].pair);
    shaper_place_drop_campaign(s, seat->campaign);
    shaper_place_drop_meter(s, seat->tenant);
    shaper_place_drop_meter(s, seat->campaign_meter);
    shaper_place_drop_meter(s, seat->sender);
    if (table_find(&s->seats, seat->destination) == seat)
        table_remove(&s->seats, seat->destination);
    shaper_exit(s);
    mem_free(seat);
}

/* ---- grants -----------------------------------------------------------------------------------
 */

/* What was kept for it, when it fits. */
static bool take_reserved(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                          struct shaper_grant *ret_grant)
{
    struct shaper *s = seat->shaper;
    if (seat->reserved.lane == NULL)
        return false;
    heap_remove(&s->timers, &seat->timer.node);
    if (seat->reserved.rcpts == rcpts && (only == 0 || only == seat->reserved.way)) {
        *ret_grant = seat->reserved;
        seat->reserved.lane = NULL;
        return true;
    }
    /* It is this one's turn all the same: take anew before anybody else can. */
    struct shaper_grant old = seat->reserved;
    struct shaper_answer answer;
    seat->reserved.lane = NULL;
    shaper_room_give_all(&old);
    bool taken = shaper_room_take(seat, rcpts, only, ret_grant, &answer);
    shaper_room_serve(&old);
    return taken;
}

static bool take(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                 struct shaper_grant *ret_grant, struct shaper_wait *ret_wait)
{
    struct shaper_answer answer;
    if (take_reserved(seat, rcpts, only, ret_grant))
        return true;
    if (seat->line->waiting > 0) /* their time may have come, and they are first */
        shaper_line_serve(seat->shaper, seat->line);
    if (shaper_room_take(seat, rcpts, only, ret_grant, &answer))
        return true;
    shaper_room_tell(seat->shaper, &answer, ret_wait);
    seat->last = *ret_wait;
    return false;
}

bool shaper_take(struct shaper_seat *seat, size_t rcpts, uint8_t only,
                 struct shaper_grant *ret_grant, struct shaper_wait *ret_wait)
{
    shaper_enter(seat->shaper);
    bool taken = take(seat, rcpts, only, ret_grant, ret_wait);
    shaper_exit(seat->shaper);
    return taken;
}

void shaper_leave(struct shaper_seat *seat)
{
    shaper_enter(seat->shaper);
    shaper_line_leave(seat);
    shaper_exit(seat->shaper);
}

static void hear_login(struct shaper *s, const struct shaper_grant *grant,
                       const struct shaper_result *result)
{
    struct shaper_meter *m = shaper_room_account(grant);
    if (m == NULL)
        return;
    if (result->login_refused) {
        bool news = m->login.gate.state != SHAPING_GATE_SHUT;
        shaping_gate_shut(&m->login.gate, &shaping_gate_login, s->now_ns, 0);
        snprintf(m->login.text, sizeof m->login.text, "%.*s",
                 STR_ARG(str_slice(result->text, 0, sizeof m->login.text - 1)));
        if (news)
            shaper_tell_login(s, m, true, result);
    } else if (result->login_busy) {
        if (grant->login_probe)
            shaping_gate_unprobe(&m->login.gate);
        m->login.most = m->in_use > 2 ? m->in_use - 1 : 1;
        m->login.slowed_ns = s->now_ns + LOGIN_SLOW_S * 1000000000LL;
    } else if (grant->login_probe && result->connected) {
        shaping_gate_open(&m->login.gate, s->now_ns);
        shaper_tell_login(s, m, false, NULL);
    } else if (grant->login_probe)
        shaping_gate_unprobe(&m->login.gate);
    else if (m->login.most > 0 && result->connected && s->now_ns >= m->login.slowed_ns) {
        m->login.most = m->login.most < 1000 ? m->login.most + 1 : 0;
        m->login.slowed_ns = s->now_ns + LOGIN_SLOW_S * 1000000000LL;
    }
}

static void hear_lane(struct shaper *s, const struct shaper_grant *grant,
                      const struct shaper_result *result)
{
    struct shaper_lane *l = grant->lane;
    const char *reason = "";
    struct shaping_loop_reply reply = {.class = result->class,
                                       .code = result->code,
                                       .connected = result->connected,
                                       .accepted = result->accepted > 0,
                                       .probe = grant->lane_probe,
                                       .wait_seconds = result->wait_seconds,
                                       .taken_ns = grant->taken_ns,
                                       .in_use = l->in_use};
    if (result->login_refused || result->login_busy) { /* says nothing of the site */
        shaping_loop_give(&l->loop, grant->lane_probe);
        return;
    }
    l->accepted += result->accepted > 0;
    l->refused += result->accepted == 0;
    enum shaping_loop_step step = shaping_loop_hear(&l->loop, &reply, s->now_ns, &reason);
    if (step != SHAPING_LOOP_NOTHING)
        shaper_tell_step(s, l, step, reason, result);
}

void shaper_end(struct shaper_grant *grant, const struct shaper_result *result)
{
    struct shaper *s = grant->shaper;
    shaper_enter(s);
    hear_lane(s, grant, result);
    hear_login(s, grant, result);
    shaper_room_warm(grant, result);
    size_t unused = grant->rcpts > result->accepted ? grant->rcpts - result->accepted : 0;
    shaper_room_give(grant, result->accepted == 0, unused, !result->connected);
    shaper_room_serve(grant);
    shaper_exit(s);
}

void shaper_return(struct shaper_grant *grant)
{
    struct shaper *s = grant->shaper;
    shaper_enter(s);
    shaper_room_give_all(grant);
    shaper_room_serve(grant);
    shaper_exit(s);
}

/* ---- around it --------------------------------------------------------------------------------
 */

void shaper_count_idle(struct shaper_lane *l, int place, int change)
{
    struct shaper *s = l->shaper;
    shaper_enter(s);
    l->idle += change;
    ASSERT(l->idle >= 0);
    if (change > 0)
        l->idle_place = place;
    if (change < 0 && l->spot.count > 0)
        shaper_line_serve_spot(s, &l->spot);
    shaper_exit(s);
}

void shaper_lane_names(const struct shaper_lane *l, str *ret_egress, str *ret_site,
                       str *ret_provider)
{
    *ret_egress = l->egress_name;
    *ret_site = l->site;
    *ret_provider = l->provider;
}

void shaper_complained(struct shaper *s, str egress, str site, str provider)
{
    shaper_enter(s);
    struct warmup_track *t = s->warmup ? warmup_track(s->warmup, egress, site, provider) : NULL;
    if (t)
        warmup_told(t, s->now_ms, OUTCOME_SPAM);
    shaper_exit(s);
}

/* With the lock held. */
static bool is_crowded(const struct shaper_lane *l)
{
    int64_t most = l->limits.value[SHAPING_CONNECTIONS];
    int learned = shaping_loop_connections_max(&l->loop);
    if (most == 0 || (learned > 0 && learned < most))
        most = learned;
    return l->idle > 0 && most > 0 && l->in_use + l->idle > most;
}

bool shaper_is_crowded(struct shaper_lane *l)
{
    struct shaper *s = l->shaper;
    shaper_enter(s);
    bool crowded = is_crowded(l);
    shaper_exit(s);
    return crowded;
}

int shaper_idle_place(struct shaper_lane *l)
{
    struct shaper *s = l->shaper;
    shaper_enter(s);
    int place = is_crowded(l) ? l->idle_place : -1;
    shaper_exit(s);
    return place;
}

/* With the lock held. */
static struct shaper_meter *find_account(struct shaper *s, str account)
{
    char key[SHAPER_KEY_BYTES_MAX];
    int len = snprintf(key, sizeof key, "%s%c%.*s", shaping_limits_scope_names[SHAPING_ACCOUNT], 0,
                       STR_ARG(str_slice(account, 0, SHAPER_NAME_BYTES_MAX)));
    return table_find(&s->meters, (str){key, (size_t)len});
}

bool shaper_login_is_shut(struct shaper *s, str account)
{
    shaper_enter(s);
    const struct shaper_meter *m = find_account(s, account);
    bool shut = m && m->login.gate.state == SHAPING_GATE_SHUT;
    shaper_exit(s);
    return shut;
}

void shaper_login_changed(struct shaper *s, str account)
{
    shaper_enter(s);
    struct shaper_meter *m = find_account(s, account);
    if (m && m->login.gate.state != SHAPING_GATE_OPEN) {
        m->login.gate = (struct shaping_gate){.state = SHAPING_GATE_SHUT, .until_ns = s->now_ns};
        shaper_line_serve_spot(s, &m->spot);
    }
    shaper_exit(s);
}

bool shaper_why(struct shaper *s, str destination, struct shaper_wait *ret_wait)
{
    shaper_enter(s);
    const struct shaper_seat *seat = table_find(&s->seats, destination);
    bool waits = seat && list_linked(&seat->node);
    if (waits)
        *ret_wait = seat->last;
    shaper_exit(s);
    return !waits;
}

bool shaper_seat_state(struct shaper_seat *seat, struct shaper_wait *ret_wait)
{
    shaper_enter(seat->shaper);
    bool waits = list_linked(&seat->node);
    if (waits)
        *ret_wait = seat->last;
    shaper_exit(seat->shaper);
    return !waits;
}
