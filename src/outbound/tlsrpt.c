#include "base/log.h"
#include "base/mem.h"
#include "outbound/tlsrpt_own.h"

enum { DUE_MOST = 50 };

static deadline work_time(void) { return deadline_after(OUTBOUND_TLSRPT_WORK_MS); }

/* ---- what workers do ---- */

void outbound_tlsrpt_count(struct outbound_tlsrpt *r, const struct config *c,
                           const struct tlspolicy_report_session *s)
{
    if (c->tls_reports.send == REPORTING_OFF ||
        outbound_tlsrpt_sample_excluded(&c->tls_reports, s->domain))
        return;
    struct outbound_tlsrpt_sample *sample = outbound_tlsrpt_sample_make(c, s);
    report_inbox_put(&r->inbox, &sample->inbox);
}

/* ---- what is told ---- */

static void tell_lost(struct outbound_tlsrpt *r)
{
    size_t lost = report_inbox_lost(&r->inbox);
    if (lost > 0)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, (int64_t)lost,
                    "TLS sessions are in no report");
}

/* ---- the store ---- */

/* It may write on its way out. */
static void close_store(struct outbound_tlsrpt *r)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(r->store, outbound_tlsrpt_job_close);
    outbound_tlsrpt_store_close(r->store); /* the job's is the last */
    r->store = NULL;
    err e = outbound_tlsrpt_job_do(&j, work_time());
    (void)e;
}

static void give_up_store(struct outbound_tlsrpt *r, err why)
{
    log_err(why, "TLS reports: %s/tls.db cannot be used now", r->options.folder);
    report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, 0,
                "the TLS reports' database cannot be used: %.*s", STR_ARG(why->text));
    close_store(r);
    r->open_again = deadline_after(OUTBOUND_TLSRPT_REOPEN_MS);
}

/* ERR_CANCELED only; without a store r->store is NULL. */
static err open_store(struct outbound_tlsrpt *r)
{
    if (r->store || !deadline_passed(r->open_again))
        return NULL;
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(NULL, outbound_tlsrpt_job_open);
    j->path = arena_printf(j->arena, "%s/tls.db", r->options.folder);
    err e = outbound_tlsrpt_job_do(&j, work_time());
    if (j == NULL)
        return e;
    if (e)
        give_up_store(r, e);
    else
        r->store = outbound_tlsrpt_store_hold(j->store);
    return NULL;
}

/* ---- batches ---- */

static void take_batch(struct outbound_tlsrpt *r, struct outbound_tlsrpt_job *j)
{
    size_t count;
    struct report_inbox_item *i = report_inbox_take(&r->inbox, &count);
    j->samples = mem_alloc(count * sizeof(struct outbound_tlsrpt_sample *));
    for (; i; i = report_inbox_next(i))
        j->samples[j->sample_count++] = CONTAINER_OF(i, struct outbound_tlsrpt_sample, inbox);
}

static err write_batch(struct outbound_tlsrpt *r, struct outbound_tlsrpt_job **job)
{
    struct outbound_tlsrpt_job *j = *job;
    size_t count = j->sample_count;
    if (count == 0)
        return NULL;
    TRY(open_store(r));
    if (r->store == NULL) {
        report_inbox_lose(&r->inbox, count);
        return NULL;
    }
    j->store = outbound_tlsrpt_store_hold(r->store);
    err e = outbound_tlsrpt_job_do(job, work_time());
    if (e == NULL)
        report_inbox_lose(&r->inbox, j->left_out);
    if (e == NULL || *job == NULL)
        return e; /* with an err it is written yet */
    report_inbox_lose(&r->inbox, count);
    outbound_tlsrpt_store_close(j->store);
    j->store = NULL;
    if (e->kind == ERR_TIMEOUT) /* another program has it: it will not for ever */
        log_err(e, "TLS reports: some counts are lost");
    else
        give_up_store(r, e);
    return NULL;
}

static err take_samples(struct outbound_tlsrpt *r)
{
    if (!report_inbox_is_empty(&r->inbox)) {
        CLEANUP(outbound_tlsrpt_job_cleanup)
        struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(NULL, outbound_tlsrpt_job_add);
        take_batch(r, j);
        TRY(write_batch(r, &j));
    }
    tell_lost(r);
    return NULL;
}

/* ---- what is due ---- */

static err clean(struct outbound_tlsrpt *r, int64_t now_ms)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(r->store, outbound_tlsrpt_job_clean);
    j->number = now_ms;
    TRY(outbound_tlsrpt_job_do(&j, work_time()));
    if (j->number > 0)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, j->number,
                    "TLS reports could not be sent within two days");
    return NULL;
}

static err is_full(struct outbound_tlsrpt *r, const struct config *c, int64_t now_ms,
                   bool *ret_full)
{
    bool news = false;
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(r->store, outbound_tlsrpt_job_sent);
    j->number = report_day_midnight_ms(now_ms);
    TRY(outbound_tlsrpt_job_do(&j, work_time()));
    *ret_full = report_day_is_full(&r->quota, j->number, c->tls_reports.per_day, now_ms, &news);
    if (news)
        report_tell(r->options.events, EVENT_REPORT_DROPPED, (str){0}, (str){0}, j->number,
                    "tls_reports.per_day is used up: the rest waits for tomorrow");
    return NULL;
}

static err postpone(struct outbound_tlsrpt *r, int64_t report, int64_t until_ms)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(r->store, outbound_tlsrpt_job_settle);
    j->head.id = report;
    j->state = REPORT_DAY_OPEN;
    j->number = until_ms;
    return outbound_tlsrpt_job_do(&j, work_time());
}

static err send_one(struct outbound_tlsrpt *r, const struct config *c,
                    const struct outbound_tlsrpt_head *head)
{
    bool full = false;
    int64_t now = clock_real_ms();
    TRY(is_full(r, c, now, &full));
    if (full)
        return postpone(r, head->id, r->quota.full_until_ms + OUTBOUND_TLSRPT_FIRST_MS);
    err e = outbound_tlsrpt_send(r, c, head, work_time());
    if (e == NULL || e->kind == ERR_CANCELED || e->kind == ERR_DAMAGED)
        return e;
    log_err(e, "the TLS report of %.*s waits", STR_ARG(head->domain));
    return postpone(r, head->id, now + OUTBOUND_TLSRPT_AGAIN_MS);
}

/* *ret_more: there were as many as we look at together. */
static err send_due(struct outbound_tlsrpt *r, const struct config *c, bool *ret_more)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(r->store, outbound_tlsrpt_job_list);
    j->query =
        (struct outbound_tlsrpt_query){.due = true, .now_ms = clock_real_ms(), .most = DUE_MOST};
    TRY(outbound_tlsrpt_job_do(&j, work_time()));
    for (size_t i = 0; i < j->head_count; i++)
        TRY(send_one(r, c, &j->heads[i]));
    *ret_more = j->head_count == DUE_MOST;
    return NULL;
}

static err look_with(struct outbound_tlsrpt *r, const struct config *c)
{
    bool more = false;
    if (c->tls_reports.send == REPORTING_OFF)
        return NULL;
    TRY(open_store(r));
    if (r->store == NULL)
        return NULL;
    err e = clean(r, clock_real_ms());
    if (e == NULL)
        e = send_due(r, c, &more);
    if (more)
        r->look_again = deadline_after(0);
    if (e && e->kind == ERR_DAMAGED)
        give_up_store(r, e);
    else if (e && e->kind != ERR_CANCELED)
        log_err(e, "TLS reports: tried again in a minute");
    return e && e->kind == ERR_CANCELED ? e : NULL;
}

static err look(struct outbound_tlsrpt *r)
{
    const struct config *c = r->options.config(r->options.config_arg);
    r->look_again = deadline_after(OUTBOUND_TLSRPT_LOOK_MS);
    err e = look_with(r, c);
    config_close(c);
    return e;
}

/* ---- a life ---- */

static int64_t pause_ms(struct outbound_tlsrpt *r)
{
    const struct config *c = r->options.config(r->options.config_arg);
    bool wanted = c->tls_reports.send != REPORTING_OFF;
    config_close(c);
    return wanted ? OUTBOUND_TLSRPT_GATHER_MS : OUTBOUND_TLSRPT_LOOK_MS;
}

/* Nobody wakes us: deliveries of other loops may outlive this one. */
static err turn(struct outbound_tlsrpt *r)
{
    TRY(fiber_sleep(deadline_sooner(deadline_after(pause_ms(r)), r->look_again)));
    TRY(take_samples(r));
    return deadline_passed(r->look_again) ? look(r) : NULL;
}

void outbound_tlsrpt_run(void *reports)
{
    struct outbound_tlsrpt *r = reports;
    for (bool over = false; !over;) {
        err e = turn(r);
        over = e && e->kind == ERR_CANCELED;
        if (e && !over)
            log_err(e, "TLS reports");
        err_forget();
    }
}

struct outbound_tlsrpt *outbound_tlsrpt_open(const struct outbound_tlsrpt_options *options)
{
    struct outbound_tlsrpt *r = MEM_NEW(struct outbound_tlsrpt);
    r->options = *options;
    report_inbox_init(&r->inbox);
    r->open_again = r->look_again = deadline_after(0);
    return r;
}

static void write_rest(struct outbound_tlsrpt *r)
{
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(NULL, outbound_tlsrpt_job_add);
    take_batch(r, j);
    err e = write_batch(r, &j);
    if (e)
        log_err(e, "TLS reports: the last counts are lost");
}

void outbound_tlsrpt_close(struct outbound_tlsrpt *r)
{
    if (r == NULL)
        return;
    write_rest(r);
    tell_lost(r);
    close_store(r);
    report_inbox_release(&r->inbox);
    mem_free(r);
}

/* ---- what others send us ---- */

void outbound_tlsrpt_keep(struct outbound_tlsrpt *r, str name, str content, deadline until)
{
    if (r == NULL)
        return;
    CLEANUP(outbound_tlsrpt_job_cleanup)
    struct outbound_tlsrpt_job *j = outbound_tlsrpt_job_new(NULL, outbound_tlsrpt_job_save);
    j->path = arena_printf(j->arena, "%s/tls/%.*s.eml", r->options.folder, STR_ARG(name));
    err e = buf_add(&j->json, content);
    if (e == NULL)
        e = outbound_tlsrpt_job_do(&j, until);
    if (e)
        log_err(e, "a TLS report of others was not kept");
}
