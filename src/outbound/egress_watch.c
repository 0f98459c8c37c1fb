#include "outbound/egress_watch.h"
#include "base/log.h"
#include "base/table.h"
#include "runtime/fiber.h"
#include "runtime/file.h"
#include "runtime/file_job.h"

/* What a state was said about: an egress of the same name with another address is another one. */
static uint64_t identity_of(const struct config_egress *e)
{
    char ip[ADDRESS_CHARS];
    uint64_t sum = hash_fixed(e->hello);
    for (size_t i = 0; i < e->address_count; i++) {
        address_format_ip(&e->addresses[i], ip);
        sum = sum * 31 + hash_fixed(str_of(ip));
    }
    return sum;
}

static int64_t pause_after(const struct config *c, const struct outbound_egress_state *s)
{
    int64_t normal =
        c->egress_watch.dnsbl_count ? c->egress_watch.every_ms : OUTBOUND_EGRESS_WATCH_DAILY_MS;
    normal = normal < OUTBOUND_EGRESS_WATCH_DAILY_MS ? normal : OUTBOUND_EGRESS_WATCH_DAILY_MS;
    bool soon = s->out || s->standing == EGRESS_UNCERTAIN;
    return soon && normal > OUTBOUND_EGRESS_WATCH_HOURLY_MS ? OUTBOUND_EGRESS_WATCH_HOURLY_MS
                                                            : normal;
}

static bool is_due(const struct config *c, const struct outbound_egress_state *s)
{
    int64_t passed = clock_real_ms() - s->checked_ms;
    return s->checked_ms == 0 || passed < 0 || passed >= pause_after(c, s);
}

static void tell(const struct outbound_egress_watch *w, const struct config_egress *e,
                 const struct outbound_egress_state *was, const struct outbound_egress_state *now)
{
    bool news =
        now->standing == EGRESS_TAINTED &&
        (was->standing != EGRESS_TAINTED || !str_eq(str_of(was->reason), str_of(now->reason)));
    struct event event = {.egress = e->name, .reason = str_of(now->reason)};
    if (now->out && !was->out) {
        event.kind = EVENT_EGRESS_OUT;
        log_warn("egress %.*s is out: %s", STR_ARG(e->name), now->reason);
    } else if (was->out && !now->out) {
        event.kind = EVENT_EGRESS_IN;
        log_info("egress %.*s is in again", STR_ARG(e->name));
    } else if (news) {
        event.kind = EVENT_EGRESS_ALERT;
        log_warn("egress %.*s: %s", STR_ARG(e->name), now->reason);
    } else {
        return;
    }
    event_emit(w->events, &event);
}

static err look(const struct outbound_egress_watch *w, const struct config *c,
                const struct config_egress *e, struct outbound_egress_finding *ret_finding)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * OUTBOUND_EGRESS_LOOK_BYTES_MAX);
    struct outbound_egress_finding finding = {0};
    struct dns_budget budget;
    dns_budget_init(&budget, OUTBOUND_EGRESS_LOOK_QUESTIONS, OUTBOUND_EGRESS_WATCH_LOOK_MS);
    for (size_t i = 0; i < e->address_count; i++) {
        struct outbound_egress_look seen;
        TRY(outbound_egress_look(w->resolver, &budget, &c->egress_watch, &e->addresses[i], e->hello,
                                 arena, &seen, deadline_after(OUTBOUND_EGRESS_WATCH_LOOK_MS)));
        outbound_egress_look_note(&seen, e->hello, &finding);
    }
    *ret_finding = finding;
    return NULL;
}

/* ---- over a restart ---------------------------------------------------------------------- */

void outbound_egress_watch_load(const struct outbound_egress_watch *w)
{
    struct file *f;
    struct buf text;
    size_t got = 0;
    char *room;
    if (w->file == NULL || !file_exists(w->file))
        return;
    buf_init(&text, OUTBOUND_EGRESS_HEALTH_BYTES_MAX);
    err e = file_open(w->file, 0, &f);
    if (e == NULL) {
        e = buf_reserve(&text, OUTBOUND_EGRESS_HEALTH_BYTES_MAX, &room);
        if (e == NULL)
            e = file_read_at(f, room, OUTBOUND_EGRESS_HEALTH_BYTES_MAX, 0, &got);
        file_close(f);
    }
    if (e)
        log_err(e, "what was known of our addresses");
    else
        outbound_egress_health_read(w->health, (str){room, got});
    buf_release(&text);
    err_forget();
}

static err save(const struct outbound_egress_watch *w)
{
    struct buf text;
    buf_init(&text, OUTBOUND_EGRESS_HEALTH_BYTES_MAX);
    err e = outbound_egress_health_write(w->health, &text);
    if (e == NULL)
        return file_job_replace(w->file, 0, &text, deadline_after(OUTBOUND_EGRESS_WATCH_SAVE_MS));
    buf_release(&text);
    return e;
}

/* ---- looking ----------------------------------------------------------------------------- */

/* *ret_looked is set when the table says something else now. */
static err look_after(const struct outbound_egress_watch *w, const struct config *c,
                      const struct config_egress *e, bool *ret_looked)
{
    struct outbound_egress_state was = outbound_egress_health_get(w->health, e->name);
    struct outbound_egress_finding finding;
    uint64_t identity = identity_of(e);
    if (was.of != identity)
        was = (struct outbound_egress_state){.of = identity};
    if (!is_due(c, &was))
        return NULL;
    TRY(look(w, c, e, &finding));
    struct outbound_egress_state now =
        outbound_egress_health_after(&was, &finding, e->on_listed, clock_real_ms());
    outbound_egress_health_set(w->health, e->name, &now);
    tell(w, e, &was, &now);
    *ret_looked = true;
    return NULL;
}

static err look_after_all(const struct outbound_egress_watch *w)
{
    const struct config *c = w->config(w->config_arg);
    err e = NULL;
    bool looked = false;
    outbound_egress_health_keep(w->health, c);
    for (size_t i = 0; i < c->egress_count && e == NULL; i++)
        if (c->egress[i].address_count > 0)
            e = look_after(w, c, &c->egress[i], &looked);
    config_close(c);
    if (looked && w->file && (e == NULL || e->kind != ERR_CANCELED))
        TRY(save(w));
    return e;
}

void outbound_egress_watch_run(void *arg)
{
    const struct outbound_egress_watch *w = arg;
    for (;;) {
        err e = look_after_all(w);
        if (e && e->kind != ERR_CANCELED)
            log_err(e, "look after our addresses");
        if (fiber_sleep(deadline_after(OUTBOUND_EGRESS_WATCH_TICK_MS)))
            return;
        err_forget();
    }
}
