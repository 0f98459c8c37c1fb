#include "shaping/warmup.h"
#include "base/mem.h"
#include "base/table.h"
#include <stdio.h>
#include <string.h>

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    SLOTS = DAY_MS / WARMUP_SLOT_MS,
    SLOTS_AN_HOUR = SLOTS / 24,
    WHOLE = 10000, /* hundredths of a percent */
    WHY_BYTES = 300,
};
#define ALL_HOURS 0xffffffu

struct warmup_track {
    struct warmup *warmup;
    struct warmup_record r; /* as it is now; its names are behind */
    struct warmup_rules rules;
    int *caps;
    int days;
    bool planned;        /* the plan is in force */
    int32_t vouched_day; /* what the saved record has taken: so many, of that day */
    int64_t vouched;
    size_t wanted;                   /* mail for so many recipients waits for that */
    uint32_t version, offered, safe; /* counts changes; given out to be saved; saved */
    size_t key_len;
    char key[]; /* egress and site, a newline between */
};

struct warmup {
    const struct event_sink *events;
    struct warmup_track **tracks;
    size_t count, cap;
    struct table by_key;
    bool keeps;
};

static str key_of(const void *object)
{
    const struct warmup_track *t = object;
    return (str){t->key, t->key_len};
}

static void touch(struct warmup_track *t) { t->version++; }

/* ---- plans -------------------------------------------------------------------------------- */

void warmup_open(const struct event_sink *events, struct warmup **ret_warmup)
{
    struct warmup *w = MEM_NEW(struct warmup);
    w->events = events;
    table_init(&w->by_key, key_of);
    *ret_warmup = w;
}

void warmup_close(struct warmup *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->count; i++) {
        mem_free(w->tracks[i]->caps);
        mem_free(w->tracks[i]);
    }
    table_release(&w->by_key);
    mem_free(w->tracks);
    mem_free(w);
}

static struct warmup_track *find(const struct warmup *w, str egress, str site)
{
    char key[2 * WARMUP_NAME_BYTES_MAX + 1];
    if (egress.len > WARMUP_NAME_BYTES_MAX || site.len > WARMUP_NAME_BYTES_MAX)
        return NULL;
    char *end = str_put(str_put(str_put(key, egress), S("\n")), site);
    return table_find(&w->by_key, (str){key, (size_t)(end - key)});
}

static struct warmup_track *add(struct warmup *w, str egress, str site)
{
    struct warmup_track *t = mem_alloc(sizeof *t + egress.len + 1 + site.len);
    char *behind = str_put(str_put(t->key, egress), S("\n"));
    str_put(behind, site);
    t->key_len = egress.len + 1 + site.len;
    t->warmup = w;
    t->r.egress = (str){t->key, egress.len};
    t->r.site = (str){behind, site.len};
    if (w->count == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 16;
        w->tracks = mem_resize(w->tracks, w->cap * sizeof(struct warmup_track *));
    }
    w->tracks[w->count++] = t;
    table_add(&w->by_key, t);
    return t;
}

static void put_plan(struct warmup_track *t, const struct warmup_plan *p)
{
    ASSERT(p->days >= 0 && p->days <= WARMUP_DAYS_MAX);
    mem_free(t->caps);
    t->caps = mem_alloc(((size_t)p->days + 1) * sizeof *t->caps);
    for (int i = 0; i < p->days; i++)
        t->caps[i] = p->caps[i];
    t->days = p->days;
    t->rules = p->rules;
    t->rules.hours &= ALL_HOURS;
    if (t->rules.hours == 0)
        t->rules.hours = ALL_HOURS;
    if (t->r.step >= p->days)
        t->r.step = p->days ? p->days - 1 : 0;
    t->planned = true;
}

err warmup_set_plans(struct warmup *w, const struct warmup_plan *plans, size_t count)
{
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++)
        fresh += find(w, plans[i].egress, plans[i].site) == NULL;
    if (w->count + fresh > WARMUP_TRACKS_MAX)
        return err_new(ERR_LIMIT, "more than %d egresses and sites to warm up", WARMUP_TRACKS_MAX);
    for (size_t i = 0; i < w->count; i++)
        w->tracks[i]->planned = false;
    for (size_t i = 0; i < count; i++) {
        struct warmup_track *t = find(w, plans[i].egress, plans[i].site);
        put_plan(t ? t : add(w, plans[i].egress, plans[i].site), &plans[i]);
    }
    return NULL;
}

static bool is_planned(const struct warmup_track *t) { return t && t->planned; }
static bool is_capped(const struct warmup_track *t) { return t->planned && t->days > 0; }

struct warmup_track *warmup_track(struct warmup *w, str egress, str site, str provider)
{
    if (str_starts(site, S("via ")))
        return NULL;
    struct warmup_track *t = find(w, egress, site);
    if (!is_planned(t) && provider.len > 0)
        t = find(w, egress, provider);
    if (!is_planned(t))
        t = find(w, egress, WARMUP_OTHERS);
    return is_planned(t) && is_capped(t) ? t : NULL;
}

/* ---- what happened ------------------------------------------------------------------------ */

static int64_t cap_of(const struct warmup_track *t)
{
    if (t->r.mode == WARMUP_DONE || !is_capped(t))
        return WARMUP_CAP_MAX;
    return t->r.own_cap ? t->r.own_cap : t->caps[t->r.step];
}

static void tell(struct warmup_track *t, enum event_kind kind, const char *why)
{
    char text[WHY_BYTES];
    if (kind == EVENT_WARMUP_DONE)
        snprintf(text, sizeof text, "%.*s to %.*s: after %d days there is no cap",
                 STR_ARG(t->r.egress), STR_ARG(t->r.site), t->days);
    else
        snprintf(text, sizeof text, "%.*s to %.*s: day %d of %d, at most %lld%s%s",
                 STR_ARG(t->r.egress), STR_ARG(t->r.site), t->r.step + 1, t->days,
                 (long long)cap_of(t), *why ? ": " : "", why);
    struct event e = {
        .kind = kind, .site = t->r.site, .egress = t->r.egress, .reason = str_of(text)};
    e.count = kind == EVENT_WARMUP_DONE ? 0 : cap_of(t);
    event_emit(t->warmup->events, &e);
}

/* ---- a day is judged ---------------------------------------------------------------------- */

static bool above(int64_t part, int64_t whole, int bound)
{
    return part > 0 && part * WHOLE > whole * bound;
}

static bool is_bad(const struct warmup_track *t)
{
    const struct warmup_record *r = &t->r;
    return above(r->blocks, r->told, t->rules.blocks) || above(r->spam, r->told, t->rules.spam);
}

/* Why a day that is not bad does not lead to the next one; NULL: it does. */
static const char *reason_to_stay(const struct warmup_track *t)
{
    const struct warmup_record *r = &t->r;
    if (r->stepped_back)
        return "stepped back";
    if (above(r->deferrals, r->told, t->rules.deferrals))
        return "too many were deferred";
    if (r->sent * WHOLE < cap_of(t) * t->rules.fill || r->sent == 0)
        return "too little was sent";
    return NULL;
}

static void step_back(struct warmup_track *t)
{
    char why[WHY_BYTES];
    snprintf(why, sizeof why, "of %lld replies %lld said blocked and %lld spam",
             (long long)t->r.told, (long long)t->r.blocks, (long long)t->r.spam);
    t->r.step = t->r.step > t->rules.back ? t->r.step - t->rules.back : 0;
    t->r.stepped_back = true;
    touch(t);
    tell(t, EVENT_WARMUP_BACK, why);
}

/* The day that the counts are of is over. */
static void judge(struct warmup_track *t)
{
    if (t->r.mode != WARMUP_ON || t->r.day == 0 || !is_capped(t))
        return;
    if (!t->r.stepped_back && is_bad(t)) {
        step_back(t);
        return;
    }
    const char *stays = reason_to_stay(t);
    if (stays == NULL && t->r.step + 1 == t->days) {
        t->r.mode = WARMUP_DONE;
        tell(t, EVENT_WARMUP_DONE, "");
        return;
    }
    t->r.step += stays == NULL;
    tell(t, EVENT_WARMUP_DAY, stays ? stays : "");
}

/* ---- time --------------------------------------------------------------------------------- */

static int64_t local_ms(const struct warmup_track *t, int64_t now_ms)
{
    int64_t local = now_ms + (int64_t)t->rules.zone_minutes * 60 * 1000;
    return local > 0 ? local : 0;
}

static int32_t day_of(const struct warmup_track *t, int64_t now_ms)
{
    return (int32_t)(local_ms(t, now_ms) / DAY_MS);
}

static int slot_of(const struct warmup_track *t, int64_t now_ms)
{
    return (int)(local_ms(t, now_ms) % DAY_MS / WARMUP_SLOT_MS);
}

static int64_t start_of(const struct warmup_track *t, int32_t day, int slot)
{
    return (int64_t)day * DAY_MS + (int64_t)slot * WARMUP_SLOT_MS -
           (int64_t)t->rules.zone_minutes * 60 * 1000;
}

/* A new day begins, or a clock that was far ahead is right again: then what was sent stays. */
static void begin_day(struct warmup_track *t, int32_t day)
{
    bool forward = day > t->r.day;
    if (forward) {
        judge(t);
        t->r.sent = 0;
    }
    t->r.day = day;
    t->r.slot = 0;
    t->r.slot_sent = t->r.told = t->r.blocks = t->r.spam = t->r.deferrals = 0;
    t->r.stepped_back = false;
    touch(t);
}

/* Bring the track to now. A clock that went back a little stays in the day and the quarter hour
 * that it had come to. */
static void advance(struct warmup_track *t, int64_t now_ms)
{
    int32_t day = day_of(t, now_ms);
    if (day > t->r.day || day < t->r.day - WARMUP_CLOCK_BACK_DAYS)
        begin_day(t, day);
    int slot = slot_of(t, now_ms);
    if (day == t->r.day && slot > t->r.slot) {
        t->r.slot = slot;
        t->r.slot_sent = 0;
    }
}

/* ---- room --------------------------------------------------------------------------------- */

static bool is_open(const struct warmup_track *t, int slot)
{
    return t->rules.hours >> (slot / SLOTS_AN_HOUR) & 1;
}

/* Of the quarter hours in which it sends: how many until the end of that one? */
static int slots_until(const struct warmup_track *t, int slot)
{
    int hour = slot / SLOTS_AN_HOUR;
    int whole = __builtin_popcount(t->rules.hours & ((1u << hour) - 1)) * SLOTS_AN_HOUR;
    return whole + (is_open(t, slot) ? slot % SLOTS_AN_HOUR + 1 : 0);
}

/* What may have been sent until that quarter hour ends, and in it. */
static int64_t released(const struct warmup_track *t, int slot)
{
    int whole = slots_until(t, SLOTS - 1);
    return (cap_of(t) * slots_until(t, slot) + whole - 1) / whole;
}

static int64_t slot_most(const struct warmup_track *t)
{
    int whole = slots_until(t, SLOTS - 1);
    return (cap_of(t) * WARMUP_CATCH_UP + whole - 1) / whole;
}

static bool day_has_room(const struct warmup_track *t, size_t rcpts)
{
    return t->r.sent == 0 || t->r.sent + (int64_t)rcpts <= cap_of(t);
}

/* Would a message go in that quarter hour, after what was sent before it? */
static bool slot_has_room(const struct warmup_track *t, int slot)
{
    int64_t in_it = slot == t->r.slot ? t->r.slot_sent : 0;
    return is_open(t, slot) && t->r.sent < released(t, slot) && in_it < slot_most(t);
}

static int first_slot(const struct warmup_track *t)
{
    int slot = 0;
    while (slot < SLOTS - 1 && !is_open(t, slot))
        slot++;
    return slot;
}

static bool is_vouched(const struct warmup_track *t, size_t rcpts)
{
    if (!t->warmup->keeps)
        return true;
    return t->vouched_day == t->r.day && t->r.sent + (int64_t)rcpts <= t->vouched;
}

/* When there may be room by the plan: at or before the start of the present slot for "now". */
static int64_t room_at(const struct warmup_track *t, size_t rcpts)
{
    int slot = t->r.slot;
    if (t->r.day < t->rules.start_day)
        return start_of(t, t->rules.start_day, first_slot(t));
    if (day_has_room(t, rcpts))
        for (; slot < SLOTS; slot++)
            if (slot_has_room(t, slot))
                return start_of(t, t->r.day, slot);
    return start_of(t, t->r.day + 1, first_slot(t));
}

/* As the plan has it; the track was brought to now. */
static int64_t plan_ready_ms(const struct warmup_track *t, int64_t now_ms, size_t rcpts)
{
    if (t->r.mode == WARMUP_DONE)
        return 0;
    if (t->r.mode == WARMUP_PAUSED)
        return now_ms + WARMUP_PAUSED_MS;
    int64_t at = room_at(t, rcpts);
    if (at > start_of(t, t->r.day, t->r.slot))
        return at > now_ms ? at : now_ms + WARMUP_SLOT_MS; /* the clock went back */
    return 0;
}

int64_t warmup_ready_ms(struct warmup_track *t, int64_t now_ms, size_t rcpts)
{
    if (!is_capped(t))
        return 0;
    advance(t, now_ms);
    int64_t at = plan_ready_ms(t, now_ms, rcpts);
    if (at > 0 || t->r.mode == WARMUP_DONE || is_vouched(t, rcpts))
        return at;
    t->wanted = rcpts > t->wanted ? rcpts : t->wanted;
    touch(t);
    return now_ms + WARMUP_UNSAVED_MS;
}

void warmup_why(struct warmup_track *t, int64_t now_ms, char *ret_text, size_t size)
{
    const char *why = ": its hours are over, or have not begun";
    advance(t, now_ms);
    if (t->r.mode == WARMUP_PAUSED)
        why = ": paused by the operator";
    else if (t->r.day < t->rules.start_day)
        why = ": it has not begun yet";
    else if (t->r.sent >= cap_of(t))
        why = " today";
    else if (is_open(t, t->r.slot))
        why = " today, and all that may go by this hour";
    snprintf(ret_text, size, "warming up %.*s to %.*s: day %d of %d, %lld of %lld sent%s",
             STR_ARG(t->r.egress), STR_ARG(t->r.site), t->r.step + 1, t->days, (long long)t->r.sent,
             (long long)cap_of(t), why);
}

bool warmup_waits(const struct warmup_track *t) { return is_capped(t) && t->rules.waits; }

int32_t warmup_count(struct warmup_track *t, int64_t now_ms, size_t rcpts)
{
    advance(t, now_ms);
    t->r.sent += (int64_t)rcpts;
    t->r.slot_sent += (int64_t)rcpts;
    touch(t);
    return t->r.day;
}

void warmup_return(struct warmup_track *t, int32_t day, size_t rcpts)
{
    int64_t count = (int64_t)rcpts;
    if (day != t->r.day)
        return;
    t->r.sent -= count < t->r.sent ? count : t->r.sent;
    t->r.slot_sent -= count < t->r.slot_sent ? count : t->r.slot_sent;
    touch(t);
}

void warmup_told(struct warmup_track *t, int64_t now_ms, enum outcome_class class)
{
    if (!is_capped(t) || t->r.mode == WARMUP_DONE)
        return;
    advance(t, now_ms);
    t->r.told++;
    t->r.blocks += class == OUTCOME_BLOCKED_IP || class == OUTCOME_REVERSE_DNS;
    t->r.spam += class == OUTCOME_SPAM;
    t->r.deferrals += class == OUTCOME_RATE;
    touch(t);
    if (t->r.mode == WARMUP_ON && !t->r.stepped_back && t->r.told >= WARMUP_JUDGED_LEAST &&
        is_bad(t))
        step_back(t);
}

/* ---- records ------------------------------------------------------------------------------ */

void warmup_keep(struct warmup *w) { w->keeps = true; }

bool warmup_load(struct warmup *w, const struct warmup_record *r)
{
    struct warmup_track *t = find(w, r->egress, r->site);
    if (!is_planned(t) || !is_capped(t))
        return false;
    str egress = t->r.egress, site = t->r.site;
    t->r = *r;
    t->r.egress = egress;
    t->r.site = site;
    if (t->r.step < 0 || t->r.step >= t->days)
        t->r.step = t->days - 1;
    t->vouched_day = r->day;
    t->vouched = r->sent;
    return true;
}

/* What may go until the end of the next quarter hour. */
static int64_t taken_ahead(const struct warmup_track *t)
{
    int next = t->r.slot + 1 < SLOTS ? t->r.slot + 1 : t->r.slot;
    int64_t most = t->r.sent + 2 * slot_most(t), free = released(t, next);
    int64_t ahead = most < free ? most : free, wanted = t->r.sent + (int64_t)t->wanted;
    if (t->wanted > 0 && day_has_room(t, t->wanted) && wanted > ahead)
        return wanted;
    return ahead > t->r.sent ? ahead : t->r.sent;
}

bool warmup_next(struct warmup *w, int64_t now_ms, bool ahead, size_t *position,
                 struct warmup_record *ret_record)
{
    if (*position >= w->count)
        return false;
    struct warmup_track *t = w->tracks[(*position)++];
    if (is_capped(t))
        advance(t, now_ms);
    *ret_record = t->r;
    if (ahead && is_capped(t) && t->r.mode != WARMUP_DONE)
        ret_record->sent = taken_ahead(t);
    t->wanted = 0;
    t->offered = t->version;
    return true;
}

bool warmup_is_changed(const struct warmup *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->tracks[i]->version != w->tracks[i]->safe)
            return true;
    return false;
}

bool warmup_is_waiting(const struct warmup *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->tracks[i]->wanted > 0)
            return true;
    return false;
}

void warmup_saved(struct warmup *w, const struct warmup_record *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct warmup_track *t = find(w, list[i].egress, list[i].site);
        if (t == NULL)
            continue;
        t->vouched_day = list[i].day;
        t->vouched = list[i].sent;
        t->safe = t->offered;
    }
}

/* ---- for the operator --------------------------------------------------------------------- */

static err check_change(const struct warmup_track *t, enum warmup_change what, int64_t value)
{
    if (what == WARMUP_SET_DAY && (value < 1 || value > t->days))
        return err_new(ERR_CONFIG, "the plan for %.*s has %d days", STR_ARG(t->r.site), t->days);
    if (what == WARMUP_SET_CAP && (value < 0 || value > WARMUP_CAP_MAX))
        return err_new(ERR_CONFIG, "a cap is at most %d", WARMUP_CAP_MAX);
    return NULL;
}

static void change(struct warmup_track *t, enum warmup_change what, int64_t value)
{
    switch (what) {
    case WARMUP_SET_DAY:
        t->r.step = (int)value - 1;
        t->r.mode = t->r.mode == WARMUP_DONE ? WARMUP_ON : t->r.mode;
        t->r.told = t->r.blocks = t->r.spam = t->r.deferrals = 0;
        t->r.stepped_back = false;
        break;
    case WARMUP_SET_CAP:
        t->r.own_cap = value;
        break;
    case WARMUP_PAUSE:
    case WARMUP_RESUME:
        if (t->r.mode != WARMUP_DONE)
            t->r.mode = what == WARMUP_PAUSE ? WARMUP_PAUSED : WARMUP_ON;
        break;
    case WARMUP_FINISH:
        t->r.mode = WARMUP_DONE;
        break;
    }
    touch(t);
}

static bool is_meant(const struct warmup_track *t, str egress, str site)
{
    return is_capped(t) && str_eq(t->r.egress, egress) &&
           (site.len == 0 || str_eq(t->r.site, site));
}

err warmup_set(struct warmup *w, int64_t now_ms, str egress, str site, enum warmup_change what,
               int64_t value, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < w->count; i++)
        if (is_meant(w->tracks[i], egress, site))
            TRY(check_change(w->tracks[i], what, value));
    for (size_t i = 0; i < w->count; i++) {
        if (!is_meant(w->tracks[i], egress, site))
            continue;
        advance(w->tracks[i], now_ms);
        change(w->tracks[i], what, value);
        count++;
    }
    *ret_count = count;
    return NULL;
}

static const char *state_name(const struct warmup_track *t)
{
    if (t->r.mode == WARMUP_PAUSED)
        return "paused";
    if (t->r.mode == WARMUP_DONE)
        return "done";
    return t->r.day < t->rules.start_day ? "waiting" : "on";
}

static const char *outlook(const struct warmup_track *t)
{
    if (t->r.stepped_back || is_bad(t))
        return "back";
    return reason_to_stay(t) ? "stay" : "on";
}

bool warmup_look(struct warmup *w, int64_t now_ms, size_t *position, struct warmup_facts *ret_facts)
{
    while (*position < w->count && !is_capped(w->tracks[*position]))
        (*position)++;
    if (*position >= w->count)
        return false;
    struct warmup_track *t = w->tracks[(*position)++];
    advance(t, now_ms);
    int64_t cap = cap_of(t);
    *ret_facts = (struct warmup_facts){
        .egress = t->r.egress,
        .site = t->r.site,
        .state = state_name(t),
        .day = t->r.step + 1,
        .days = t->days,
        .cap = cap,
        .sent = t->r.sent,
        .left = t->r.sent < cap ? cap - t->r.sent : 0,
        .told = t->r.told,
        .blocks = t->r.blocks,
        .spam = t->r.spam,
        .deferrals = t->r.deferrals,
        .stepped_back = t->r.stepped_back,
        .waits = t->rules.waits,
        .outlook = outlook(t),
        .next_ms = plan_ready_ms(t, now_ms, 1),
    };
    return true;
}
