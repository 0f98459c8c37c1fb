#include "client/client.h"
#include "base/mem.h"
#include "client/offer.h"
#include "client/session.h"
#include <stdio.h>
#include <string.h>

struct run {
    const struct client_options *options;
    const struct client_source *source;
    const struct worker *workers;
    size_t worker_count;
    bool over;                 /* the source has no more */
    enum client_outcome worst; /* of all mails that were handed back */
};

/* One connection at a time; several of them work side by side. */
struct worker {
    struct run *run;
    const struct client_options *options;
    struct client_mail *mail;  /* the one in work */
    struct client_mail *ahead; /* the one behind it, when its envelope may go along; or NULL */
    int sent;                  /* before it, by the open connection */
    struct client_session session;
};

/* ---- one mail --------------------------------------------------------------------------- */

static void note_session(struct worker *w)
{
    struct client_mail *mail = w->mail;
    const struct client_session *s = &w->session;
    int64_t total = mail->times.total;
    mail->times = s->times;
    mail->times.total = total;
    mail->tls_active = false;
    if (s->reached)
        memcpy(mail->address, s->address, sizeof mail->address);
    str_to_chars(str_slice(s->door.host, 0, sizeof mail->host - 1), mail->host, sizeof mail->host);
    if (!s->open)
        return;
    mail->tls_active = tls_get_facts(s->smtp.conn, &mail->tls);
    str greeting = str_slice(s->smtp.capabilities.greeting, 0, CLIENT_TEXT_BYTES_MAX);
    if (mail->greeting.len == 0)
        mail->greeting = arena_str(mail->arena, greeting);
}

/* One attempt. NULL: every open recipient has a verdict, maybe a 4xx. */
static err attempt(struct worker *w)
{
    struct client_session *s = &w->session;
    err e = NULL;
    s->outcome = CLIENT_SENT;
    s->refused_code = 0;
    s->refused_enhanced[0] = '\0';
    w->mail->attempts++;
    if (!s->open)
        e = client_session_open(s);
    else /* a connection in use: only the transaction is this mail's */
        client_session_forget_times(s);
    if (e == NULL)
        e = client_offer(s, w->mail);
    note_session(w);
    if (e && s->outcome == CLIENT_SENT)
        s->outcome = client_outcome_of(e);
    if (e)
        client_session_close(s, e->kind == ERR_PROTOCOL && s->open && !net_broken(s->smtp.conn));
    return e;
}

static void tell_retry(const struct worker *w, int retry, int64_t wait_ms)
{
    const struct smtp_reply *r = client_offer_first_passing(w->mail);
    char reply[200] = "no verdict";
    if (r)
        snprintf(reply, sizeof reply, "%d %.*s", r->code, STR_ARG(str_slice(r->text, 0, 150)));
    client_session_tell(&w->session, "!!", "%s; retry %d of %d in %lld.%lld s",
                        w->mail->why[0] ? w->mail->why : reply, retry + 1,
                        w->options->policy.retries, (long long)wait_ms / 1000,
                        (long long)wait_ms % 1000 / 100);
}

/* Another attempt may do better; otherwise the mail's outcome is set. */
static bool is_worth_another(struct worker *w, err e)
{
    struct client_mail *mail = w->mail;
    mail->why[0] = '\0';
    mail->refused_code = e ? w->session.refused_code : 0;
    memcpy(mail->refused_enhanced, w->session.refused_enhanced, sizeof mail->refused_enhanced);
    if (e)
        client_session_explain(&w->session, e, mail->why, sizeof mail->why);
    mail->outcome = client_offer_outcome(mail);
    if (mail->outcome != CLIENT_LATER)
        return false; /* whatever came behind the last verdict */
    if (e && w->session.outcome != CLIENT_LATER) {
        mail->outcome = w->session.outcome;
        return false;
    }
    if (mail->in_doubt && mail->once.len)
        return false; /* whoever gave it a name knows whether it may be offered again */
    return !(w->options->passes && (e == NULL || mail->refused_code > 0));
}

static void send_mail(struct worker *w)
{
    struct client_mail *mail = w->mail;
    const struct config_client_policy *policy = &w->options->policy;
    int64_t start_ms = clock_steady_ms();
    for (int retry = 0; is_worth_another(w, attempt(w)); retry++) {
        client_session_close(&w->session, true);
        mail->outcome = client_offer_outcome_at_last(mail);
        if (retry == policy->retries)
            break;
        int64_t wait_ms = config_client_policy_wait_ms(policy, retry);
        tell_retry(w, retry, wait_ms);
        err_forget();
        if (fiber_sleep(deadline_after(wait_ms)) != NULL)
            break;
    }
    mail->times.total = clock_steady_ms() - start_ms;
    err_forget();
}

/* ---- all mails -------------------------------------------------------------------------- */

static struct client_mail *take_next(struct run *run, bool connected)
{
    struct client_mail *mail = run->over ? NULL : run->source->next(run->source->arg, connected);
    if (mail == NULL)
        run->over = true;
    return mail;
}

/* Called while the mail in work goes out: may the connection take another one, and is there one? A
 * mail that was asked for before, and whose connection was lost, comes first. */
static struct client_mail *take_ahead(struct client_session *session)
{
    struct worker *w = CONTAINER_OF(session, struct worker, session);
    uint64_t most = (uint64_t)w->options->policy.messages_per_connection;
    uint64_t offered = session->smtp.capabilities.mail_max;
    bool last = (most && (uint64_t)w->sent + 1 >= most) ||
                (offered && (uint64_t)session->smtp.mails >= offered);
    if (!last && w->ahead == NULL && !w->run->over)
        w->ahead = w->run->source->next_now(w->run->source->arg);
    return last ? NULL : w->ahead;
}

static struct client_mail *take_own(struct worker *w)
{
    struct client_mail *mail = w->ahead;
    w->ahead = NULL;
    return mail ? mail : take_next(w->run, w->session.open);
}

static void hand_back(struct run *run, struct client_mail *mail)
{
    run->worst = client_outcome_worse(run->worst, mail->outcome);
    run->source->done(run->source->arg, mail);
}

/* A server that cannot be used for one mail cannot be used for the next; unless it said "not now"
 * to somebody who knows when to come again. */
static bool is_hopeless(const struct run *run, const struct client_mail *mail)
{
    bool not_now = run->options->passes && mail->outcome == CLIENT_LATER && mail->refused_code > 0;
    return mail->why[0] && mail->outcome != CLIENT_SENT && mail->times.transaction < 0 && !not_now;
}

static void hand_back_untried(struct run *run, struct client_mail *mail,
                              enum client_outcome outcome, const char *why)
{
    mail->outcome = outcome;
    mail->times.transaction = -1;
    snprintf(mail->why, sizeof mail->why, "%s", why);
    hand_back(run, mail);
}

static void give_up(struct run *run, enum client_outcome outcome, const char *why)
{
    struct client_mail *mail;
    while ((mail = take_next(run, false)) != NULL)
        hand_back_untried(run, mail, outcome, why);
}

/* A server may allow fewer connections than we would like. */
static bool others_work(const struct worker *w)
{
    for (size_t i = 0; i < w->run->worker_count; i++)
        if (&w->run->workers[i] != w && w->run->workers[i].session.open)
            return true;
    return false;
}

/* False: this worker is of no more use. */
static bool finish_mail(struct worker *w)
{
    enum client_outcome outcome = w->mail->outcome;
    char why[CLIENT_WHY_BYTES];
    bool hopeless = is_hopeless(w->run, w->mail);
    bool others = hopeless && outcome == CLIENT_LATER && others_work(w);
    snprintf(why, sizeof why, "not tried: %.*s", CLIENT_WHY_BYTES - 20, w->mail->why);
    hand_back(w->run, w->mail);
    if (hopeless && w->ahead)
        hand_back_untried(w->run, take_own(w), outcome, why);
    if (hopeless && !others && w->options->passes)
        w->run->over = true;
    else if (hopeless && !others)
        give_up(w->run, outcome, why);
    return !hopeless;
}

static void run_worker(void *arg)
{
    struct worker *w = arg;
    if (w->run->source->next_now)
        w->session.next_now = take_ahead;
    while ((w->mail = take_own(w)) != NULL) {
        if (w->sent == w->options->policy.messages_per_connection) {
            client_session_close(&w->session, true);
            w->sent = 0;
        }
        bool was_open = w->session.open;
        send_mail(w);
        w->sent = w->session.open ? (was_open ? w->sent + 1 : 1) : 0;
        if (!finish_mail(w))
            break;
    }
    client_session_release(&w->session);
}

static enum client_outcome run_workers(const struct client_options *options,
                                       const struct client_source *source, size_t worker_count)
{
    struct run run = {.options = options, .source = source};
    struct worker *workers = mem_alloc(worker_count * sizeof *workers + 1);
    struct group group;
    run.workers = workers;
    run.worker_count = worker_count;
    group_init(&group);
    for (size_t i = 0; i < worker_count; i++) {
        workers[i] =
            (struct worker){.run = &run, .options = options, .session = {.options = options}};
        fiber_spawn(&group, "send", run_worker, &workers[i]);
    }
    err e = group_wait(&group, DEADLINE_NEVER);
    group_close(&group);
    mem_free(workers);
    return e ? CLIENT_LATER : run.worst;
}

enum client_outcome client_run_source(const struct client_options *options,
                                      const struct client_source *source)
{
    return run_workers(options, source, (size_t)options->policy.connections);
}

struct mails {
    struct client_mail *mails;
    size_t count, next;
};

static struct client_mail *next_of_list(void *arg, bool connected)
{
    (void)connected;
    struct mails *list = arg;
    return list->next < list->count ? &list->mails[list->next++] : NULL;
}

static void done_of_list(void *list, struct client_mail *mail)
{
    (void)list;
    (void)mail;
}

enum client_outcome client_run(const struct client_options *options, struct client_mail *mails,
                               size_t count)
{
    struct mails list = {mails, count, 0};
    struct client_source source = {next_of_list, NULL, done_of_list, &list};
    size_t most = (size_t)options->policy.connections;
    enum client_outcome worst = run_workers(options, &source, count < most ? count : most);
    if (list.next < count)
        return worst; /* canceled */
    worst = CLIENT_SENT;
    for (size_t i = 0; i < count; i++) /* in their order, whichever was done first */
        worst = client_outcome_worse(worst, mails[i].outcome);
    return worst;
}
