#include "base/log.h"
#include "base/mem.h"
#include "inbound/report_own.h"

enum { DUE_MOST = 50, CLEAN_MS = 10 * 60 * 1000, PATH_CHARS = INBOUND_REPORT_STORE_PATH_CHARS };

static deadline work_time(void) { return deadline_after(INBOUND_REPORT_WORK_MS); }

/* ---- what sessions do ---- */

static bool is_wanted(const struct config_reports *c)
{
    return c->aggregate != REPORTING_OFF || c->failure != REPORTING_OFF;
}

void inbound_report_count(struct inbound_report *r, const struct inbound_report_seen *seen)
{
    if (r == NULL || !is_wanted(&seen->config->mailauth.reports))
        return;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(1 << 20);
    struct inbound_report_sample *s = inbound_report_sample_make(seen, scratch);
    if (s == NULL)
        return;
    report_inbox_put(&r->inbox, &s->inbox);
}

/* ---- what is told ---- */

static void tell_lost(struct inbound_report *r)
{
    size_t lost = report_inbox_lost(&r->inbox);
    if (lost > 0)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, (int64_t)lost,
                    "messages that were judged are in no report");
}

/* ---- the store ---- */

/* It may write on its way out. */
static void close_store(struct inbound_report *r)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_close);
    inbound_report_store_close(r->store); /* the work's is the last */
    r->store = NULL;
    err e = inbound_report_work_do(&w, work_time());
    (void)e;
}

static void give_up_store(struct inbound_report *r, err why)
{
    log_err(why, "DMARC reports: %s/reports.db cannot be used now", r->options.folder);
    report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, 0,
                "the reports' database cannot be used: %.*s", STR_ARG(why->text));
    close_store(r);
    r->open_again = deadline_after(INBOUND_REPORT_REOPEN_MS);
}

/* ERR_CANCELED only; without a store r->store is NULL. */
static err open_store(struct inbound_report *r)
{
    if (r->store || !deadline_passed(r->open_again))
        return NULL;
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(NULL, inbound_report_work_open);
    w->path = arena_printf(w->arena, "%s/reports.db", r->options.folder);
    w->number = r->options.store_bytes_max;
    err e = inbound_report_work_do(&w, work_time());
    if (w == NULL)
        return e;
    if (e)
        give_up_store(r, e);
    else
        r->store = inbound_report_store_hold(w->store);
    return NULL;
}

/* ---- batches ---- */

/* All that is pending. What does not count is only looked at for a failure report. */
static void take_batch(struct inbound_report *r, struct inbound_report_work *w)
{
    size_t count;
    struct report_inbox_item *i = report_inbox_take(&r->inbox, &count);
    w->samples = mem_alloc(count * sizeof(struct inbound_report_sample *));
    for (; i; i = report_inbox_next(i))
        w->samples[w->sample_count++] = CONTAINER_OF(i, struct inbound_report_sample, inbox);
}

static size_t counting(const struct inbound_report_work *w)
{
    size_t count = 0;
    for (size_t i = 0; i < w->sample_count; i++)
        count += w->samples[i]->counts;
    return count;
}

static err write_batch(struct inbound_report *r, struct inbound_report_work **work)
{
    struct inbound_report_work *w = *work;
    size_t count = counting(w);
    if (count == 0)
        return NULL;
    TRY(open_store(r));
    if (r->store == NULL) {
        report_inbox_lose(&r->inbox, count);
        return NULL;
    }
    w->store = inbound_report_store_hold(r->store);
    err e = inbound_report_work_do(work, work_time());
    if (e == NULL) {
        report_inbox_lose(&r->inbox, w->added.left_out);
        if (w->added.dropped > 0)
            report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0},
                        (int64_t)w->added.dropped,
                        "the reports' database was full: the oldest reports have gone");
        return NULL;
    }
    if (*work == NULL)
        return e; /* it is written yet */
    report_inbox_lose(&r->inbox, count);
    inbound_report_store_close(w->store);
    w->store = NULL;
    if (e->kind == ERR_TIMEOUT) /* another program has it: it will not for ever */
        log_err(e, "DMARC reports: some counts are lost");
    else
        give_up_store(r, e);
    return NULL;
}

/* Each is tried once: a failure report is a courtesy. */
static err tell_failures(struct inbound_report *r, const struct inbound_report_work *w)
{
    const struct config *c = r->options.config(r->options.config_arg);
    int tried = 0;
    err e = NULL;
    for (size_t i = 0; i < w->sample_count && tried < INBOUND_REPORT_FAILURES_BATCH_MAX; i++) {
        if (!w->samples[i]->fails)
            continue;
        tried++;
        e = inbound_report_failure_send(r, c, w->samples[i], work_time());
        if (e && e->kind == ERR_CANCELED)
            break;
        if (e)
            log_err(e, "a DMARC failure report was not sent");
        e = NULL;
    }
    config_close(c);
    return e;
}

static err take_samples(struct inbound_report *r)
{
    if (report_inbox_is_empty(&r->inbox))
        return NULL;
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(NULL, inbound_report_work_add);
    take_batch(r, w);
    TRY(write_batch(r, &w));
    TRY(tell_failures(r, w));
    tell_lost(r);
    return NULL;
}

/* ---- what is due ---- */

static err clean(struct inbound_report *r, int64_t now_ms)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_clean);
    w->number = now_ms;
    TRY(inbound_report_work_do(&w, work_time()));
    r->clean_again = deadline_after(CLEAN_MS);
    if (w->late > 0)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, (int64_t)w->late,
                    "reports could not be sent within two days");
    return NULL;
}

/* True: no more today. */
static err is_full(struct inbound_report *r, const struct config *c, int64_t now_ms, bool *ret_full)
{
    bool news = false;
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_sent);
    w->number = report_day_midnight_ms(now_ms);
    TRY(inbound_report_work_do(&w, work_time()));
    *ret_full =
        report_day_is_full(&r->quota, w->number, c->mailauth.reports.per_day, now_ms, &news);
    if (news)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, w->number,
                    "mailauth.reports.per_day is used up: the rest waits for tomorrow");
    return NULL;
}

static err postpone(struct inbound_report *r, int64_t report, int64_t until_ms)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_postpone);
    w->report = report;
    w->number = until_ms;
    return inbound_report_work_do(&w, work_time());
}

static err send_one(struct inbound_report *r, const struct config *c,
                    const struct inbound_report_head *head)
{
    bool full = false;
    int64_t now = clock_real_ms();
    TRY(is_full(r, c, now, &full));
    int64_t later = full ? r->quota.full_until_ms + INBOUND_REPORT_FIRST_MS
                         : inbound_report_pace(r, head->provider, now);
    if (later)
        return postpone(r, head->id, later);
    err e = inbound_report_send(r, c, head, work_time());
    if (e == NULL || e->kind == ERR_CANCELED || e->kind == ERR_DAMAGED)
        return e;
    /* Whatever is wrong with this one, the others have their turn. */
    log_err(e, "the DMARC report of %.*s waits", STR_ARG(head->domain));
    return postpone(r, head->id, now + INBOUND_REPORT_ASK_AGAIN_MS);
}

/* *ret_more: there were as many as we look at together. */
static err send_due(struct inbound_report *r, const struct config *c, bool *ret_more)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(r->store, inbound_report_work_list);
    w->query =
        (struct inbound_report_query){.due = true, .now_ms = clock_real_ms(), .most = DUE_MOST};
    TRY(inbound_report_work_do(&w, work_time()));
    for (size_t i = 0; i < w->head_count; i++)
        TRY(send_one(r, c, &w->heads[i]));
    *ret_more = w->head_count == DUE_MOST;
    return NULL;
}

static err look_with(struct inbound_report *r, const struct config *c)
{
    bool more = false;
    if (c->mailauth.reports.aggregate == REPORTING_OFF)
        return NULL;
    TRY(open_store(r));
    if (r->store == NULL)
        return NULL;
    err e = deadline_passed(r->clean_again) ? clean(r, clock_real_ms()) : NULL;
    if (e == NULL)
        e = send_due(r, c, &more);
    if (more)
        r->look_again = deadline_after(0);
    if (e && e->kind == ERR_DAMAGED)
        give_up_store(r, e);
    else if (e && e->kind != ERR_CANCELED)
        log_err(e, "DMARC reports: tried again in a minute");
    return e && e->kind == ERR_CANCELED ? e : NULL;
}

static err look(struct inbound_report *r)
{
    const struct config *c = r->options.config(r->options.config_arg);
    r->look_again = deadline_after(INBOUND_REPORT_LOOK_MS);
    err e = look_with(r, c);
    config_close(c);
    tell_lost(r);
    return e;
}

/* ---- a life ---- */

static int64_t pause_ms(struct inbound_report *r)
{
    const struct config *c = r->options.config(r->options.config_arg);
    bool wanted = is_wanted(&c->mailauth.reports);
    config_close(c);
    return wanted ? INBOUND_REPORT_GATHER_MS : INBOUND_REPORT_LOOK_MS;
}

/* Nobody wakes us: sessions of other loops may outlive this one. */
static err turn(struct inbound_report *r)
{
    TRY(fiber_sleep(deadline_sooner(deadline_after(pause_ms(r)), r->look_again)));
    TRY(take_samples(r));
    return deadline_passed(r->look_again) ? look(r) : NULL;
}

void inbound_report_recover(struct inbound_report *r, deadline until)
{
    const struct config *c = r->options.config(r->options.config_arg);
    bool sends = c->mailauth.reports.aggregate == REPORTING_ON;
    config_close(c);
    err e = sends ? open_store(r) : NULL;
    if (e == NULL && r->store)
        e = inbound_report_claim_settle(r, until);
    if (e)
        log_err(e, "DMARC reports: one may be sent twice");
    err_forget();
}

void inbound_report_run(void *report)
{
    struct inbound_report *r = report;
    for (bool over = false; !over;) {
        err e = turn(r);
        over = e && e->kind == ERR_CANCELED;
        if (e && !over)
            log_err(e, "DMARC reports");
        err_forget();
    }
}

struct inbound_report *inbound_report_open(const struct inbound_report_options *options)
{
    struct inbound_report *r = MEM_NEW(struct inbound_report);
    r->options = *options;
    report_inbox_init(&r->inbox);
    r->paces = mem_alloc(INBOUND_REPORT_PROVIDERS_MAX * sizeof *r->paces);
    r->hours = mem_alloc(INBOUND_REPORT_HOURS_MAX * sizeof *r->hours);
    r->open_again = r->clean_again = deadline_after(0);
    r->look_again = deadline_after(0);
    return r;
}

/* Counts that came since; nobody is left who could wait for a failure report. */
static void write_rest(struct inbound_report *r)
{
    CLEANUP(inbound_report_work_cleanup)
    struct inbound_report_work *w = inbound_report_work_new(NULL, inbound_report_work_add);
    take_batch(r, w);
    err e = write_batch(r, &w);
    if (e)
        log_err(e, "DMARC reports: the last counts are lost");
}

void inbound_report_close(struct inbound_report *r)
{
    if (r == NULL)
        return;
    write_rest(r);
    close_store(r);
    report_inbox_release(&r->inbox);
    mem_free(r->paces);
    mem_free(r->hours);
    mem_free(r);
}
