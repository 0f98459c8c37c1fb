#include "base/mem.h"
#include "shaping/shaper_inside.h"

/* ---- interests: which lines wait for a spot ---------------------------------------------------
 */

void shaper_line_init_spot(struct shaper_spot *spot)
{
    list_init(&spot->interests);
    spot->timer.kind = SHAPER_TIMER_SPOT;
}

static void forget_interest(struct shaper_interest *interest)
{
    list_remove(&interest->in_spot);
    list_remove(&interest->in_line);
    interest->spot->count--;
    if (interest->spot->left > interest->spot->count)
        interest->spot->left = interest->spot->count;
    mem_free(interest);
}

static void forget_interests(struct shaper_line *line)
{
    LIST_EACH(&line->interests, node)
    forget_interest(LIST_OF(node, struct shaper_interest, in_line));
}

static void note_interest(struct shaper_line *line, struct shaper_spot *spot)
{
    LIST_EACH(&line->interests, node)
    if (LIST_OF(node, struct shaper_interest, in_line)->spot == spot)
        return;
    struct shaper_interest *interest = MEM_NEW(struct shaper_interest);
    interest->spot = spot;
    interest->line = line;
    list_add_last(&spot->interests, &interest->in_spot);
    list_add_last(&line->interests, &interest->in_line);
    spot->count++;
}

/* ---- timers -----------------------------------------------------------------------------------
 */

void shaper_line_set_timer(struct shaper *s, struct shaper_timer *timer, int64_t at_ns)
{
    if (at_ns == INT64_MAX)
        heap_remove(&s->timers, &timer->node);
    else if (heap_linked(&timer->node))
        heap_move(&s->timers, &timer->node, at_ns);
    else
        heap_add(&s->timers, &timer->node, at_ns);
}

/* ---- serving ----------------------------------------------------------------------------------
 */

struct serving {
    struct shaper *shaper;
    struct shaper_line *line;
    int tries; /* left in this portion */
};

static void unlink_seat(struct shaper_seat *seat)
{
    struct shaper_campaign *campaign = seat->campaign;
    list_remove(&seat->node);
    seat->line->waiting--;
    if (!list_empty(&campaign->seats))
        return;
    list_remove(&campaign->node);
    if (list_empty(&campaign->turn->campaigns))
        list_remove(&campaign->turn->node);
}

static void move_last(struct list *head, struct list *node)
{
    if (!list_linked(node))
        return;
    list_remove(node);
    list_add_last(head, node);
}

/* Rounds: in each one everybody is served once. Who is away for a moment, its one destination being
 * served, does not lose its place in a round; who was away for longer begins with the present one.
 */

static uint64_t turn_round(const struct list *node)
{
    return LIST_OF(node, struct shaper_turn, node)->round;
}

static uint64_t campaign_round(const struct list *node)
{
    return LIST_OF(node, struct shaper_campaign, node)->round;
}

static void join_round(struct list *head, struct list *node, uint64_t *round,
                       uint64_t (*round_of)(const struct list *))
{
    if (list_empty(head)) {
        list_add_first(head, node);
        return;
    }
    uint64_t present = round_of(head->next);
    if (*round + SHAPER_CREDIT_MAX < present)
        *round = present;
    struct list *at = head; /* the new one goes before it */
    if (*round <= present)
        at = head->next;
    while (at->prev != head && round_of(at->prev) > *round)
        at = at->prev;
    list_insert_before(at, node);
}

static void join_line(struct shaper_campaign *campaign)
{
    struct shaper_turn *turn = campaign->turn;
    if (!list_linked(&turn->node))
        join_round(&turn->line->turns, &turn->node, &turn->round, turn_round);
    if (!list_linked(&campaign->node))
        join_round(&turn->campaigns, &campaign->node, &campaign->round, campaign_round);
}

/* It has got a grant: it leaves the line, and its campaign and tenant go behind the others. */
static void call(struct serving *v, struct shaper_seat *seat)
{
    struct shaper_campaign *campaign = seat->campaign;
    unlink_seat(seat);
    campaign->round++;
    campaign->turn->round++;
    list_remove(&campaign->node);
    list_remove(&campaign->turn->node);
    if (!list_empty(&campaign->seats))
        join_line(campaign);
    else if (!list_empty(&campaign->turn->campaigns))
        join_round(&v->line->turns, &campaign->turn->node, &campaign->turn->round, turn_round);
    shaper_line_set_timer(v->shaper, &seat->timer,
                          v->shaper->now_ns + SHAPER_RESERVED_MS * 1000000LL);
    seat->called(seat->arg);
}

/* Whoever has these pairs and no others will be refused as well. */
static void mark_pairs(struct shaper_line *line, const struct shaper_seat *seat)
{
    for (size_t i = 0; i < seat->way_count; i++)
        if (seat->ways[i].pair->refused_pass != line->pass) {
            seat->ways[i].pair->refused_pass = line->pass;
            line->refused_pairs++;
        }
}

static bool has_chance(const struct shaper_line *line, const struct shaper_seat *seat)
{
    for (size_t i = 0; i < seat->way_count; i++)
        if (seat->ways[i].pair->refused_pass != line->pass)
            return true;
    return false;
}

enum outcome_of_try { TRY_GRANTED, TRY_REFUSED, TRY_REFUSED_TURN };

static enum outcome_of_try refused(struct shaper_line *line, struct shaper_seat *seat,
                                   const struct shaper_answer *answer)
{
    for (size_t i = 0; i < answer->spot_count; i++)
        note_interest(line, answer->spots[i]);
    if (answer->until_ns < line->until_ns)
        line->until_ns = answer->until_ns;
    bool large = answer->quota == SHAPING_QUOTA_RECIPIENTS && seat->rcpts > 1;
    if (answer->all_turn)
        return TRY_REFUSED_TURN;
    if (answer->own || large || seat->only) {
        /* What holds up this one alone must not hold up those behind it. */
        move_last(&seat->campaign->seats, &seat->node);
        move_last(&seat->campaign->turn->campaigns, &seat->campaign->node);
    } else
        mark_pairs(line, seat);
    return TRY_REFUSED;
}

static enum outcome_of_try try_seat(struct serving *v, struct shaper_seat *seat)
{
    struct shaper_answer answer;
    v->tries--;
    v->line->left -= v->line->left > 0;
    if (!has_chance(v->line, seat))
        return TRY_REFUSED;
    if (!shaper_room_take(seat, seat->rcpts, seat->only, &seat->reserved, &answer))
        return refused(v->line, seat, &answer);
    call(v, seat);
    return TRY_GRANTED;
}

static bool is_hopeless(const struct serving *v)
{
    return v->tries <= 0 || v->line->refused_pairs == v->line->pair_count;
}

static bool serve_turn(struct serving *v, struct shaper_turn *turn)
{
    int tries = SHAPER_TURN_TRIES_MAX;
    struct list *node = turn->campaigns.next, *next;
    for (; node != &turn->campaigns && tries-- > 0 && !is_hopeless(v); node = next) {
        next = node->next;
        struct shaper_campaign *campaign = LIST_OF(node, struct shaper_campaign, node);
        struct shaper_seat *seat = LIST_OF(campaign->seats.next, struct shaper_seat, node);
        enum outcome_of_try came = try_seat(v, seat);
        if (came != TRY_REFUSED)
            return came == TRY_GRANTED;
    }
    return false;
}

/* Give one grant to whoever is next; false: nobody can go, or so many were tried that others
 * should get the lock. Then those who were not tried come first. */
static bool serve_one(struct serving *v)
{
    struct list *turns = &v->line->turns, *node = turns->next;
    for (; node != turns && !is_hopeless(v); node = node->next)
        if (serve_turn(v, LIST_OF(node, struct shaper_turn, node)))
            return true;
    if (v->tries <= 0 && node != turns)
        while (turns->next != node)
            move_last(turns, turns->next);
    return false;
}

static void serve_portion(struct shaper *s, struct shaper_line *line)
{
    struct serving v = {s, line, SHAPER_TRIES_MAX};
    while (line->waiting > 0 && serve_one(&v))
        ;
    if (v.tries > 0 || line->waiting == 0)
        line->left = 0;
    shaper_line_set_timer(s, &line->timer,
                          line->left > 0 ? s->now_ns + SHAPER_PORTION_NS : line->until_ns);
}

void shaper_line_serve(struct shaper *s, struct shaper_line *line)
{
    forget_interests(line);
    line->pass = ++s->passes;
    line->refused_pairs = 0;
    line->left = line->waiting;
    line->until_ns = INT64_MAX;
    serve_portion(s, line);
}

static void serve_interested(struct shaper *s, struct shaper_spot *spot)
{
    for (int i = 0; i < SHAPER_SERVED_MAX && spot->left > 0; i++) {
        struct shaper_interest *first =
            LIST_OF(spot->interests.next, struct shaper_interest, in_spot);
        struct shaper_line *line = first->line;
        spot->left--;
        shaper_line_serve(s, line); /* takes the interest away, perhaps notes a new one */
    }
    if (spot->left > 0)
        shaper_line_set_timer(s, &spot->timer, s->now_ns);
}

void shaper_line_serve_spot(struct shaper *s, struct shaper_spot *spot)
{
    spot->left = spot->count;
    serve_interested(s, spot);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static void join(struct shaper_seat *seat)
{
    list_add_last(&seat->campaign->seats, &seat->node);
    join_line(seat->campaign);
    seat->line->waiting++;
}

void shaper_wait(struct shaper_seat *seat, size_t rcpts, uint8_t only)
{
    struct shaper *s = seat->shaper;
    shaper_enter(s);
    if (!list_linked(&seat->node) && seat->reserved.lane == NULL) {
        seat->rcpts = rcpts;
        seat->only = only;
        join(seat);
        shaper_line_serve(s, seat->line); /* room may have been made since it was refused */
    }
    shaper_exit(s);
}

void shaper_line_leave(struct shaper_seat *seat)
{
    if (list_linked(&seat->node))
        unlink_seat(seat);
    heap_remove(&seat->shaper->timers, &seat->timer.node);
    if (seat->reserved.lane) {
        shaper_room_give_all(&seat->reserved);
        shaper_room_serve(&seat->reserved);
    }
    if (seat->line->waiting == 0)
        forget_interests(seat->line);
}

static void run_line_timer(struct shaper *s, struct shaper_line *line)
{
    if (line->left > 0)
        serve_portion(s, line);
    else
        shaper_line_serve(s, line);
}

void shaper_line_run_timers(struct shaper *s)
{
    struct heap_node *first;
    while ((first = heap_first(&s->timers)) != NULL && first->key <= s->now_ns) {
        struct shaper_timer *timer = CONTAINER_OF(first, struct shaper_timer, node);
        heap_remove(&s->timers, first);
        if (timer->kind == SHAPER_TIMER_LINE)
            run_line_timer(s, CONTAINER_OF(timer, struct shaper_line, timer));
        else if (timer->kind == SHAPER_TIMER_SPOT)
            serve_interested(s, CONTAINER_OF(timer, struct shaper_spot, timer));
        else
            shaper_line_leave(CONTAINER_OF(timer, struct shaper_seat, timer));
    }
}
