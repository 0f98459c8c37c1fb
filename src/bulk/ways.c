#include "bulk/ways.h"
#include "base/clock.h"
#include "base/mem.h"
#include "outcome/reply.h"
#include "shaping/shaper_keep.h"
#include "shaping/state.h"
#include <stdio.h>

enum { SOON_MS = 250, TOLD_MS = 2000, MINUTE_MS = 60 * 1000 };

struct way {
    const struct bulk_way_options *options;
    struct shaping_ledger *ledger; /* NULL: nothing is counted */
    struct shaper_seat *seat;
    bool shut;
    int refused;              /* "not now" to connections and logins, in a row */
    int64_t blocked_since_ms; /* steady; 0: there was room when it was asked last */
    int64_t until_ms;         /* real time, as far as it is known */
};

struct bulk_ways {
    const struct bulk_ways_options *options;
    struct shaper *shaper;
    struct way list[BULK_WAYS_MAX];
    size_t count;
    struct arena *arena;
};

/* ---- what is remembered ------------------------------------------------------------------- */

static err restore(struct bulk_ways *w)
{
    struct shaping_state *state;
    struct shaping_state_rows rows;
    bool set_aside;
    TRY(shaping_state_open(w->options->use, true, &state, &set_aside));
    struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    err e = shaping_state_read(state, arena, &rows);
    shaping_state_close(state);
    if (e) {
        arena_close(arena);
        return e;
    }
    rows.quota_count = rows.warmup_count = 0; /* these are the ledgers' */
    rows.login_count = 0; /* whoever starts it again may have mended what was wrong */
    for (size_t i = 0; i < rows.lane_count; i++) {
        rows.lanes[i].blocked_level = rows.lanes[i].down_level = 0;
        rows.lanes[i].blocked_until_ms = rows.lanes[i].down_until_ms = 0;
    }
    shaper_keep_restore(w->shaper, arena, &rows);
    return NULL;
}

struct collecting {
    struct shaper *shaper;
    struct arena *arena;
    struct shaping_state_rows rows;
};

static void collect(void *arg)
{
    struct collecting *c = arg;
    shaper_keep_collect(c->shaper, false, c->arena, &c->rows);
}

static err keep(struct bulk_ways *w)
{
    struct shaping_state *state;
    bool set_aside;
    TRY(shaping_state_open(w->options->use, true, &state, &set_aside));
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX);
    struct collecting c = {w->shaper, arena, {0}};
    shaper_with(w->shaper, collect, &c);
    c.rows.quota_count = 0;
    err e = shaping_state_write(state, &c.rows, clock_real_ms());
    shaping_state_close(state);
    return e;
}

/* ---- opening ------------------------------------------------------------------------------ */

static void nobody(void *arg) { (void)arg; } /* nobody stands in line: all ask again */

static err open_way(struct bulk_ways *w, size_t i)
{
    const struct bulk_ways_options *o = w->options;
    const struct bulk_way_options *way = &o->list[i];
    struct shaper_way at = {.number = 1,
                            .weight = 1,
                            .site = arena_printf(w->arena, "via %.*s:%d",
                                                 STR_ARG(str_slice(way->client.hop.host, 0, 200)),
                                                 way->client.hop.port),
                            .egress = S("default"),
                            .account = str_slice(way->counted, 0, SHAPER_NAME_BYTES_MAX)};
    struct shaper_seat_options seat = {.ways = &at, .way_count = 1, .called = nobody};
    struct shaping_ledger_options ledger = {.path = o->use,
                                            .account = way->counted,
                                            .quota = way->quota,
                                            .rules = o->rules,
                                            .caps = i == 0 ? o->caps : NULL,
                                            .days = i == 0 ? o->days : 0};
    w->list[i].options = way;
    shaper_seat_open(w->shaper, &seat, &w->list[i].seat);
    w->count++;
    return o->use ? shaping_ledger_open(&ledger, &w->list[i].ledger) : NULL;
}

err bulk_ways_open(const struct bulk_ways_options *options, struct bulk_ways **ret_ways)
{
    struct bulk_ways *w = MEM_NEW(struct bulk_ways);
    *w = (struct bulk_ways){.options = options, .arena = arena_open(64 << 10)};
    shaper_open(&(struct shaper_options){0}, &w->shaper);
    err e = options->use ? restore(w) : NULL;
    for (size_t i = 0; i < options->count && e == NULL; i++)
        e = open_way(w, i);
    if (e)
        bulk_ways_close(w);
    else
        *ret_ways = w;
    return e;
}

void bulk_ways_close(struct bulk_ways *w)
{
    if (w == NULL)
        return;
    if (w->options->use && w->count == w->options->count && keep(w) != NULL)
        err_forget(); /* it is learned anew */
    for (size_t i = 0; i < w->count; i++) {
        shaper_seat_close(w->list[i].seat);
        shaping_ledger_close(w->list[i].ledger);
    }
    shaper_close(w->shaper);
    arena_close(w->arena);
    mem_free(w);
}

void bulk_ways_shut(struct bulk_ways *w, size_t way) { w->list[way].shut = true; }

void bulk_ways_open_all(struct bulk_ways *w)
{
    for (size_t i = 0; i < w->count; i++)
        w->list[i].shut = false;
}

bool bulk_ways_is_shut(const struct bulk_ways *w, size_t way) { return w->list[way].shut; }

/* ---- room --------------------------------------------------------------------------------- */

static bool is_closed(const struct way *way)
{
    int64_t now_ms = clock_real_ms(), steady_ms = clock_steady_ms();
    if (way->shut)
        return true;
    return way->blocked_since_ms > 0 && (way->until_ms - now_ms > BULK_WAYS_OVERFLOW_MS ||
                                         steady_ms - way->blocked_since_ms > BULK_WAYS_OVERFLOW_MS);
}

static bool is_its_turn(const struct bulk_ways *w, size_t way)
{
    for (size_t i = 0; i < way; i++)
        if (!is_closed(&w->list[i]))
            return false;
    return true;
}

static int64_t block(struct way *way, int64_t until_ms, const char *why,
                     char ret_words[BULK_WAYS_WORDS])
{
    char date[CLOCK_RFC3339_BYTES] = "";
    str name = way->options->name.len ? way->options->name : way->options->client.hop.host;
    int64_t now_ms = clock_real_ms(), wait_ms = until_ms > now_ms ? until_ms - now_ms : SOON_MS;
    if (way->blocked_since_ms == 0)
        way->blocked_since_ms = clock_steady_ms();
    way->until_ms = until_ms;
    clock_rfc3339(until_ms, date);
    if (wait_ms > MINUTE_MS)
        snprintf(ret_words, BULK_WAYS_WORDS, "%.*s: %s; goes on at %.10s %.5s UTC", STR_ARG(name),
                 why, date, date + 11);
    else if (wait_ms > TOLD_MS)
        snprintf(ret_words, BULK_WAYS_WORDS, "%.*s: %s; goes on in %lld s", STR_ARG(name), why,
                 (long long)(wait_ms + 999) / 1000);
    return wait_ms;
}

static err ask_ledger(struct way *way, int64_t *ret_wait_ms, char ret_words[BULK_WAYS_WORDS])
{
    struct shaping_ledger_wait wait = {0};
    if (way->ledger)
        TRY(shaping_ledger_take(way->ledger, &wait));
    *ret_wait_ms = wait.until_ms ? block(way, wait.until_ms, wait.words, ret_words) : 0;
    return NULL;
}

err bulk_ways_take(struct bulk_ways *w, size_t number, struct shaper_grant *ret_grant,
                   int64_t *ret_wait_ms, char ret_words[BULK_WAYS_WORDS])
{
    struct way *way = &w->list[number];
    struct shaper_wait wait;
    struct shaper_grant grant;
    int64_t wait_ms = SOON_MS;
    ret_words[0] = '\0';
    if (is_its_turn(w, number)) {
        bool granted = shaper_take(way->seat, 1, 0, &grant, &wait);
        if (!granted) {
            wait_ms = block(way, wait.until_ms, wait.reason, ret_words);
        } else {
            err e = ask_ledger(way, &wait_ms, ret_words);
            if (e || wait_ms > 0)
                shaper_return(&grant);
            if (e)
                return e;
        }
    }
    *ret_wait_ms = wait_ms;
    if (wait_ms == 0) {
        way->blocked_since_ms = 0;
        *ret_grant = grant;
    }
    return NULL;
}

/* ---- what became of it -------------------------------------------------------------------- */

static struct outcome judge(const struct client_mail *mail, const struct smtp_verdict *v)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_REPLY_ARENA_BYTES);
    struct outcome_reply reply = {.host = str_of(mail->host)};
    if (v->decided) {
        reply.code = v->reply.code;
        reply.enhanced = v->reply.enhanced;
        reply.text = v->reply.text;
        reply.stage_known = true;
        reply.stage = v->stage;
    } else {
        reply.code = mail->refused_code;
        reply.enhanced = str_of(mail->refused_enhanced);
        reply.text = str_of(mail->why);
    }
    return outcome_reply_judge(&reply, arena);
}

static struct shaper_result result_of(const struct client_mail *mail)
{
    const struct smtp_verdict *v = &mail->verdicts[0];
    int code = v->decided ? v->reply.code : mail->refused_code;
    bool at_login = !v->decided && mail->times.login >= 0 && code > 0;
    struct shaper_result r = {.connected = code > 0,
                              .login_refused = at_login && code / 100 == 5,
                              .login_busy = at_login && code / 100 == 4,
                              .accepted = code / 100 == 2,
                              .code = code,
                              .class = OUTCOME_DELIVERED};
    if (r.accepted || mail->held_back)
        return r;
    if (code == 0) {
        r.class = OUTCOME_NETWORK;
        return r;
    }
    struct outcome o = judge(mail, v);
    r.class = o.class;
    r.wait_seconds = o.wait_seconds;
    r.text = v->decided ? v->reply.text : str_of(mail->why);
    return r;
}

bool bulk_ways_end(struct bulk_ways *w, size_t number, struct shaper_grant *grant,
                   const struct client_mail *mail)
{
    struct way *way = &w->list[number];
    struct shaper_result r = result_of(mail);
    bool tried = mail->verdicts[0].decided || mail->in_doubt || mail->times.transaction >= 0;
    if (mail->held_back) /* the server was fine, and was asked for nothing */
        shaper_return(grant);
    else
        shaper_end(grant, &r);
    if (way->ledger && (mail->held_back || !tried))
        shaping_ledger_return(way->ledger);
    else if (way->ledger)
        shaping_ledger_told(way->ledger, r.class);
    way->refused = tried || mail->held_back ? 0 : way->refused + 1;
    if (way->refused > BULK_WAYS_REFUSED_MAX)
        way->shut = true;
    return !tried && !mail->held_back;
}

/* ---- telling ------------------------------------------------------------------------------ */

static err add_quota(struct way *way, struct buf *out)
{
    static const char *const spans[SHAPING_QUOTA_KINDS] = {"a minute", "an hour", "a day",
                                                           "recipients a day"};
    struct shaping_quota_use use;
    const char *between = "";
    for (int kind = 0; kind < SHAPING_QUOTA_KINDS; kind++) {
        if (!shaping_ledger_look(way->ledger, (enum shaping_quota_kind)kind, &use))
            continue;
        TRY(buf_addf(out, "%s%llu %s", between, (unsigned long long)use.limit, spans[kind]));
        if (use.used > 0)
            TRY(buf_addf(out, " (%llu used)", (unsigned long long)use.used));
        if (use.quarter_limit > 0)
            TRY(buf_addf(out, ", spread: %llu in a quarter of it",
                         (unsigned long long)use.quarter_limit));
        between = "; ";
    }
    return NULL;
}

static err add_warmup(struct way *way, struct buf *out)
{
    struct warmup_facts facts;
    if (!shaping_ledger_warmup(way->ledger, &facts))
        return NULL;
    return buf_addf(out, "%swarming up: day %d of %d, %lld of %lld sent today",
                    out->len ? "; " : "", facts.day, facts.days, (long long)facts.sent,
                    (long long)facts.cap);
}

err bulk_ways_describe(struct bulk_ways *w, struct buf *out)
{
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, 4096);
    for (size_t i = 0; i < w->count; i++) {
        struct way *way = &w->list[i];
        str name = way->options->name.len ? way->options->name : way->options->client.hop.host;
        buf_clear(&line);
        if (way->ledger) {
            TRY(add_quota(way, &line));
            TRY(add_warmup(way, &line));
        }
        if (line.len > 0)
            TRY(buf_addf(out, "%s%.*s: %.*s", out->len ? "\n" : "", STR_ARG(name),
                         STR_ARG(buf_str(&line))));
    }
    return NULL;
}

/* One without limits has none; else they share the mails as if each had as many as it may. */
int64_t bulk_ways_finish_ms(struct bulk_ways *w, uint64_t count)
{
    int64_t now_ms = clock_real_ms(), together_ms = 0;
    double speed = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct way *way = &w->list[i];
        int64_t end_ms = way->ledger ? shaping_ledger_finish_ms(way->ledger, count) : 0;
        if (end_ms == 0)
            return 0;
        if (w->count == 1 || end_ms <= now_ms)
            return end_ms;
        speed += (double)count / (double)(end_ms - now_ms);
    }
    if (speed > 0)
        together_ms = now_ms + (int64_t)((double)count / speed);
    return together_ms;
}
