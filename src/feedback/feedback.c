#include "base/log.h"
#include "base/mem.h"
#include "feedback/own.h"
#include "runtime/fiber.h"
#include <stdio.h>
#include <string.h>

#define DAY_MS (24LL * 3600 * 1000)

enum { DROPS_MAX = 50 }; /* of old rows, at each cleaning */

uint32_t feedback_day(int64_t real_ms) { return real_ms > 0 ? (uint32_t)(real_ms / DAY_MS) : 0; }

static deadline work_time(void) { return deadline_after(FEEDBACK_WORK_MS); }

/* ---- the sets --------------------------------------------------------------------------- */

static void add_to_set(void *arg, str address, bool strike)
{
    struct feedback *f = arg;
    feedback_set_add(strike ? f->struck : f->listed, address);
}

static err look_for_new(struct feedback *f)
{
    return feedback_list_new(f->list, &f->place, add_to_set, f);
}

static err run_refresh(struct feedback_work *w)
{
    struct feedback *f = w->feedback;
    pthread_mutex_lock(&f->writing);
    err e = look_for_new(f);
    pthread_mutex_unlock(&f->writing);
    return e;
}

err feedback_refresh(struct feedback *f, deadline until)
{
    CLEANUP(feedback_work_cleanup)
    struct feedback_work *w = feedback_work_new(f, run_refresh);
    return feedback_work_do(&w, until);
}

/* ---- asking ----------------------------------------------------------------------------- */

static err run_check(struct feedback_work *w)
{
    return feedback_list_find(w->feedback->list, w->address, &w->flow, clock_real_ms(), w->arena,
                              &w->entry, &w->found);
}

static bool may_have(struct feedback_set *set, str address)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    return !feedback_set_is_empty(set) && feedback_list_fold(address, chars, &folded) &&
           feedback_set_may_have(set, folded);
}

err feedback_check(struct feedback *f, str address, const struct envelope_flow *flow,
                   struct arena *arena, struct feedback_entry *ret_entry, bool *ret_found,
                   deadline until)
{
    if (f == NULL || !may_have(f->listed, address)) {
        *ret_found = false;
        return NULL;
    }
    CLEANUP(feedback_work_cleanup)
    struct feedback_work *w = feedback_work_new(f, run_check);
    w->address = arena_str(w->arena, address);
    w->flow.tenant = arena_str(w->arena, flow->tenant);
    w->flow.stream = arena_str(w->arena, flow->stream);
    TRY(feedback_work_do(&w, until));
    *ret_found = w->found;
    if (!w->found)
        return NULL;
    *ret_entry = w->entry;
    ret_entry->address = arena_str(arena, w->entry.address);
    ret_entry->tenant = arena_str(arena, w->entry.tenant);
    ret_entry->stream = arena_str(arena, w->entry.stream);
    ret_entry->source = arena_str(arena, w->entry.source);
    return NULL;
}

str feedback_entry_words(const struct feedback_entry *e, struct arena *arena)
{
    char date[CLOCK_RFC3339_BYTES];
    clock_rfc3339(e->since_ms, date);
    return arena_printf(arena, "%s on %.10s", feedback_list_reason_name(e->reason), date);
}

/* ---- what was learned ------------------------------------------------------------------- */

/* Ours, and for others: what is only passed on, and what goes to a mailbox of ours, says nothing
 * about people who want no mail. */
static bool is_ours(const struct envelope *env)
{
    return env->origin == ORIGIN_SUBMISSION || env->origin == ORIGIN_RELAY ||
           env->origin == ORIGIN_LOCAL;
}

/* "Never again" needs a server that said so for good. That a domain is not in the DNS, or that a
 * mailbox is switched off, may be otherwise next week. */
static enum feedback_note_kind kind_of(const struct outcome *o, bool answered)
{
    if (o->temporary)
        return FEEDBACK_NOTE_SOFT;
    if (o->advice == OUTCOME_SUPPRESS)
        return o->hard && answered ? FEEDBACK_NOTE_HARD : FEEDBACK_NOTE_STRIKE;
    return o->advice == OUTCOME_SUPPRESS_IF_AGAIN ? FEEDBACK_NOTE_STRIKE : FEEDBACK_NOTE_SOFT;
}

enum feedback_note_kind feedback_note_of(const struct outcome *o) { return kind_of(o, true); }

void feedback_learn(struct feedback *f, const struct feedback_learned *l)
{
    if (f == NULL || !is_ours(l->envelope))
        return;
    struct feedback_note n = {
        .time_ms = clock_real_ms(),
        .rcpt = l->rcpt,
        .queue_id = l->queue_id,
        .recipient = l->recipient,
        .sender = l->envelope->sender,
        .text = str_slice(l->text, 0, FEEDBACK_LIST_SOURCE_BYTES_MAX),
        .flow = l->envelope->flow,
    };
    if (l->fate == FEEDBACK_FAILED) {
        n.kind = kind_of(&l->outcome, l->answered);
        feedback_note_add(&f->notes, &n);
        return;
    }
    n.kind = FEEDBACK_NOTE_ARRIVED;
    if (may_have(f->struck, l->recipient))
        feedback_note_add(&f->notes, &n);
}

/* ---- writing ---------------------------------------------------------------------------- */

static bool is_on(struct feedback *f, struct config_suppression *ret_settings)
{
    const struct config *c = f->options.config(f->options.config_arg);
    *ret_settings = c->suppression;
    config_close(c);
    return ret_settings->on;
}

static int64_t end_of(const struct config_suppression *s, const struct feedback_entry *e)
{
    const int64_t kept[FEEDBACK_REASONS] = {
        [FEEDBACK_HARD_BOUNCE] = s->hard_bounce_ms, [FEEDBACK_REPEATED] = s->hard_bounce_ms,
        [FEEDBACK_COMPLAINT] = s->complaint_ms,     [FEEDBACK_UNSUBSCRIBE] = s->unsubscribe_ms,
        [FEEDBACK_MANUAL] = s->manual_ms,
    };
    return kept[e->reason] > 0 ? e->since_ms + kept[e->reason] : 0;
}

static void tell_added(struct feedback *f, const struct feedback_entry *e, str queue_id,
                       str campaign)
{
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    if (feedback_list_fold(e->address, chars, &folded))
        feedback_set_add(f->listed, folded);
    event_emit(f->options.events,
               &(struct event){.kind = EVENT_SUPPRESSION_ADDED,
                               .queue_id = queue_id,
                               .recipient = e->address,
                               .tenant = e->tenant,
                               .stream = e->stream,
                               .campaign = campaign,
                               .text = e->source,
                               .reason = str_of(feedback_list_reason_name(e->reason))});
}

err feedback_suppress(struct feedback *f, struct feedback_entry *e, str queue_id, str campaign)
{
    struct config_suppression s;
    size_t added;
    if (!is_on(f, &s))
        return NULL;
    e->expires_ms = end_of(&s, e);
    TRY(feedback_list_add(f->list, e, 1, &added));
    tell_added(f, e, queue_id, campaign);
    return NULL;
}

err feedback_strike(struct feedback *f, struct feedback_entry *e, str queue_id, str campaign)
{
    struct config_suppression s;
    bool listed = false;
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    if (!is_on(f, &s))
        return NULL;
    e->reason = FEEDBACK_REPEATED;
    e->expires_ms = end_of(&s, e);
    TRY(feedback_list_strike(f->list, e, s.again, &listed));
    if (listed)
        tell_added(f, e, queue_id, campaign);
    else if (feedback_list_fold(e->address, chars, &folded))
        feedback_set_add(f->struck, folded);
    return NULL;
}

/* One that does not tell what was sent. */
static err write_note(struct feedback *f, const struct feedback_note *n)
{
    struct feedback_entry e = {.address = n->recipient,
                               .tenant = n->flow.tenant,
                               .reason = FEEDBACK_HARD_BOUNCE,
                               .since_ms = n->time_ms,
                               .source = n->text};
    if (n->kind == FEEDBACK_NOTE_ARRIVED)
        return feedback_list_arrived(f->list, n->recipient);
    TRY(feedback_list_count(
        f->list, &n->flow,
        n->kind == FEEDBACK_NOTE_HARD ? FEEDBACK_COUNT_HARD : FEEDBACK_COUNT_SOFT, n->time_ms));
    if (n->kind == FEEDBACK_NOTE_HARD)
        return feedback_suppress(f, &e, n->queue_id, n->flow.campaign);
    return n->kind == FEEDBACK_NOTE_STRIKE ? feedback_strike(f, &e, n->queue_id, n->flow.campaign)
                                           : NULL;
}

static err write_sent(struct feedback *f, const struct feedback_note *first, size_t count)
{
    struct feedback_sent_row *rows = mem_alloc(count * sizeof *rows);
    const struct feedback_sent_row **list = mem_alloc(count * sizeof(struct feedback_sent_row *));
    size_t filled = 0;
    for (const struct feedback_note *n = first; n; n = n->next) {
        if (n->kind != FEEDBACK_NOTE_SENT)
            continue;
        rows[filled] = (struct feedback_sent_row){.queue_id = n->queue_id,
                                                  .rcpt = n->rcpt,
                                                  .day = feedback_day(n->time_ms),
                                                  .recipient = n->recipient,
                                                  .sender = n->sender,
                                                  .flow = n->flow,
                                                  .way = n->way};
        list[filled] = &rows[filled];
        filled++;
    }
    err e = feedback_sent_add(f->sent, list, filled);
    mem_free(list);
    mem_free(rows);
    return e;
}

static err write_learned(struct feedback *f, const struct feedback_note *first)
{
    err worst = NULL;
    for (const struct feedback_note *n = first; n; n = n->next) {
        err e = n->kind == FEEDBACK_NOTE_SENT ? NULL : write_note(f, n);
        if (e && e->kind != ERR_CONFIG) /* an odd address is nobody's trouble */
            worst = e;
    }
    err e = feedback_list_batch_end(f->list);
    return e ? e : worst;
}

/* *ret_left: what can be tried again, for nothing of it was done: all, or all but what was sent. */
enum left { NOTHING, LEARNED, ALL };

static err write_notes(struct feedback *f, const struct feedback_note *first, enum left *ret_left)
{
    size_t sent = 0, learned = 0;
    for (const struct feedback_note *n = first; n; n = n->next) {
        sent += n->kind == FEEDBACK_NOTE_SENT;
        learned += n->kind != FEEDBACK_NOTE_SENT;
    }
    *ret_left = ALL;
    if (sent > 0)
        TRY(write_sent(f, first, sent));
    *ret_left = LEARNED;
    if (learned > 0)
        TRY(feedback_list_batch_begin(f->list));
    *ret_left = NOTHING;
    return learned > 0 ? write_learned(f, first) : NULL;
}

static void put_back(struct feedback *f, struct feedback_note *first, enum left left)
{
    struct feedback_note *next;
    for (struct feedback_note *n = first; n; n = next) {
        next = n->next;
        if (left == ALL || (left == LEARNED && n->kind != FEEDBACK_NOTE_SENT))
            feedback_note_add(&f->notes, n);
        mem_free(n);
    }
}

err feedback_write_pending(struct feedback *f)
{
    size_t lost;
    enum left left = NOTHING;
    pthread_mutex_lock(&f->writing); /* whoever comes next finds what we have taken */
    struct feedback_note *first = feedback_note_take(&f->notes, &lost);
    err e = first ? write_notes(f, first, &left) : NULL;
    put_back(f, first, e ? left : NOTHING);
    pthread_mutex_unlock(&f->writing);
    if (lost > 0)
        log_warn("feedback: %zu outcomes of deliveries were not kept: the disk is too slow", lost);
    return e;
}

static err run_pending(struct feedback_work *w) { return feedback_write_pending(w->feedback); }

/* ---- cleaning --------------------------------------------------------------------------- */

static uint32_t days_kept(struct feedback *f)
{
    const struct config *c = f->options.config(f->options.config_arg);
    int64_t kept = c->bounces.keep_ms;
    config_close(c);
    return (uint32_t)((kept + DAY_MS - 1) / DAY_MS);
}

static err turn_ring(struct feedback *f)
{
    struct feedback_ring ring = {0};
    TRY(feedback_ring_load(f->ring_path, feedback_day(clock_real_ms()), days_kept(f), &ring));
    pthread_mutex_lock(&f->ring_lock);
    f->ring = ring;
    pthread_mutex_unlock(&f->ring_lock);
    mem_wipe(&ring, sizeof ring);
    return NULL;
}

static err run_clean(struct feedback_work *w)
{
    struct feedback *f = w->feedback;
    int64_t now = clock_real_ms();
    uint32_t kept = days_kept(f), today = feedback_day(now);
    bool more = true;
    TRY(turn_ring(f));
    TRY(feedback_list_clean(f->list, now));
    for (int i = 0; more && i < DROPS_MAX && today > kept; i++)
        TRY(feedback_sent_drop(f->sent, today - kept, &more));
    return NULL;
}

/* ---- a life ----------------------------------------------------------------------------- */

static err do_work(struct feedback *f, err (*run)(struct feedback_work *))
{
    CLEANUP(feedback_work_cleanup) struct feedback_work *w = feedback_work_new(f, run);
    return feedback_work_do(&w, work_time());
}

static bool has_pending(struct feedback *f)
{
    pthread_mutex_lock(&f->notes.lock);
    bool any = f->notes.first != NULL || f->notes.lost > 0;
    pthread_mutex_unlock(&f->notes.lock);
    return any;
}

static err turn(struct feedback *f)
{
    TRY(fiber_sleep(deadline_after(FEEDBACK_GATHER_MS)));
    if (has_pending(f) && deadline_passed(f->write_again)) {
        f->write_again = deadline_after(FEEDBACK_LOOK_MS); /* when it fails */
        TRY(do_work(f, run_pending));
        f->write_again = deadline_after(0);
    }
    if (deadline_passed(f->look_again)) {
        f->look_again = deadline_after(FEEDBACK_LOOK_MS);
        TRY(do_work(f, run_refresh));
    }
    if (deadline_passed(f->clean_again)) {
        f->clean_again = deadline_after(FEEDBACK_CLEAN_MS);
        TRY(do_work(f, run_clean));
    }
    return NULL;
}

void feedback_run(void *feedback)
{
    struct feedback *f = feedback;
    f->look_again = deadline_after(FEEDBACK_LOOK_MS);
    f->clean_again = f->write_again = deadline_after(0);
    for (bool over = false; !over;) {
        err e = turn(f);
        over = e && e->kind == ERR_CANCELED;
        if (e && !over)
            log_err(e, "feedback: its databases are tried again in a minute");
        err_forget();
    }
}

/* ---- opening ---------------------------------------------------------------------------- */

static err open_all(struct feedback *f)
{
    char path[FEEDBACK_PATH_CHARS];
    const char *folder = f->options.folder;
    int n = snprintf(f->ring_path, sizeof f->ring_path, "%s/verp.keys", folder);
    if (n < 0 || (size_t)n >= sizeof f->ring_path)
        return err_new(ERR_CONFIG, "state: the path is too long");
    TRY(turn_ring(f));
    snprintf(path, sizeof path, "%s/suppress.db", folder);
    TRY(feedback_list_open(path, true, &f->list));
    snprintf(path, sizeof path, "%s/sent.db", folder);
    TRY(feedback_sent_open(path, true, &f->sent));
    return look_for_new(f);
}

static void release(struct feedback *f)
{
    feedback_list_close(f->list);
    feedback_sent_close(f->sent);
    feedback_set_close(f->listed);
    feedback_set_close(f->struck);
    feedback_note_release(&f->notes);
    mem_wipe(&f->ring, sizeof f->ring);
    pthread_mutex_destroy(&f->writing);
    pthread_mutex_destroy(&f->ring_lock);
    pthread_mutex_destroy(&f->jobs_lock);
    pthread_cond_destroy(&f->jobs_changed);
    mem_free(f);
}

err feedback_open(const struct feedback_options *options, struct feedback **ret_feedback)
{
    struct feedback *f = MEM_NEW(struct feedback);
    f->options = *options;
    f->listed = feedback_set_open();
    f->struck = feedback_set_open();
    feedback_note_init(&f->notes, FEEDBACK_PENDING_BYTES_MAX);
    pthread_mutex_init(&f->writing, NULL);
    pthread_mutex_init(&f->ring_lock, NULL);
    pthread_mutex_init(&f->jobs_lock, NULL);
    pthread_cond_init(&f->jobs_changed, NULL);
    err e = open_all(f);
    if (e)
        release(f);
    else
        *ret_feedback = f;
    return e;
}

static void await_jobs(struct feedback *f)
{
    pthread_mutex_lock(&f->jobs_lock);
    while (f->jobs > 0)
        pthread_cond_wait(&f->jobs_changed, &f->jobs_lock);
    pthread_mutex_unlock(&f->jobs_lock);
}

void feedback_close(struct feedback *f)
{
    if (f == NULL)
        return;
    await_jobs(f);
    err e = feedback_write_pending(f);
    if (e)
        log_err(e, "feedback: what became of the last mail is not kept");
    release(f);
}
