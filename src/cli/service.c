#include "cli/service.h"
#include "account/store.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/worker.h"
#include "dns/unbound.h"
#include "http/curl.h"
#include "inbound/relay.h"
#include "runtime/file.h"
#include "runtime/sim.h"
#include "shaping/warmup_config.h"
#include "tlspolicy/fetch_curl.h"
#include <errno.h>
#include <unistd.h>

/* ---- shared by the parts ---------------------------------------------------------------- */

const struct config *service_config(void *service)
{
    struct service *s = service;
    pthread_mutex_lock(&s->lock);
    const struct config *c = config_hold(s->config);
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void emit(void *arg, const struct event *e)
{
    struct service *s = arg;
    cli_metrics_note(&s->metrics, e->kind);
    if (s->writer)
        event_emit(events_writer_sink(s->writer), e);
    if (s->options.events)
        event_emit(s->options.events, e);
}

static err ask_next_hop(void *arg, const struct config_hop *hop, str address, struct arena *arena,
                        struct smtp_reply *ret_reply, deadline until)
{
    struct service *s = arg;
    for (int i = 0; i < s->worker_count; i++)
        if (s->workers[i].loop == loop_current() && s->workers[i].asker)
            return outbound_ask_recipient(s->workers[i].asker, hop, address, arena, ret_reply,
                                          until);
    return err_new(ERR_LIMIT, "no worker runs here");
}

/* ---- opening, in order ------------------------------------------------------------------ */

/* All that a main process may no longer do once it has settled: certificates that only root may
 * read, trust anchors, folders. No thread may be running yet. */
static bool wants_web(const struct service *s)
{
    bool wanted = s->config->outbound.mta_sts || s->config->tls_reports.send == REPORTING_ON;
    return wanted && !sim_active();
}

static err open_before_threads(struct service *s)
{
    struct inbound_view *view;
    TRY(cli_state_paths(s->config, &s->state));
    TRY(cli_state_prepare(s->config, &s->state));
    TRY(inbound_view_open(s->config, str_of(s->state.certificate), str_of(s->state.key), &view));
    inbound_init(&s->inbound, view);
    s->inbound_ready = true;
    TRY(tls_client_open((str){0}, &s->tls_client));
    const struct http_curl *curl; /* a library cannot be opened later */
    if (wants_web(s))
        TRY(http_curl_open(&curl));
    return s->options.settle ? s->options.settle(s->options.settle_arg, &s->keeper) : NULL;
}

static err open_events(struct service *s)
{
    str to = s->config->events.to;
    s->events = (struct event_sink){emit, s};
    if (sim_active() || str_eq(to, S("none")))
        return NULL;
    struct events_writer_options o = {to, s->config->events.rotate_bytes, s->config->events.keep};
    return events_writer_open(&o, &s->writer);
}

static err open_keeper(struct service *s)
{
    struct account_store *store;
    const char *path = s->options.accounts_path ? s->options.accounts_path : s->state.accounts;
    if (s->keeper)
        return NULL;
    TRY(account_store_open(str_of(path), &store));
    str *references = mem_alloc((s->config->account_count + 1) * sizeof *references);
    for (size_t i = 0; i < s->config->account_count; i++)
        references[i] = s->config->accounts[i].secret;
    err e = keeper_local_open(store, references, s->config->account_count, &s->keeper_local);
    mem_free(references);
    if (e) {
        account_store_close(store);
        return e;
    }
    s->keeper = keeper_local_seam(s->keeper_local);
    TRY(keeper_local_open_logins(s->keeper_local, s->config->state));
    return keeper_local_load_keys(s->keeper_local, s->config);
}

static void dns_changed(void *arg, bool validating, const char *why)
{
    struct service *s = arg;
    if (validating)
        return;
    struct event e = {.kind = EVENT_DNS_STRIPPED, .reason = str_of(why)};
    event_emit(&s->events, &e);
}

/* The real DNS, as the configuration says. The list is copied by it. */
static err open_unbound(struct service *s, struct address *list, struct dns_transport **ret)
{
    const struct config_dns *d = &s->config->dns;
    struct dns_unbound_options o = {
        .servers = d->servers == DNS_ROOT   ? DNS_UNBOUND_ROOT
                   : d->servers == DNS_LIST ? DNS_UNBOUND_LIST
                                            : DNS_UNBOUND_SYSTEM,
        .list = list,
        .validate = d->validate == DNS_VALIDATE_YES  ? DNS_UNBOUND_YES
                    : d->validate == DNS_VALIDATE_NO ? DNS_UNBOUND_NO
                                                     : DNS_UNBOUND_AUTO,
        .changed = dns_changed,
        .arg = s,
    };
    for (; o.list_count < d->list_count && o.list_count < DNS_UNBOUND_SERVERS_MAX; o.list_count++)
        TRY(address_parse(d->list[o.list_count], 53, &list[o.list_count]));
    return dns_unbound_open(&o, ret);
}

static err open_dns(struct service *s)
{
    struct dns_transport *transport = s->options.dns;
    struct dns_hosts *hosts = NULL;
    if (transport == NULL) {
        struct address *list = mem_alloc(DNS_UNBOUND_SERVERS_MAX * sizeof *list);
        err e = open_unbound(s, list, &transport);
        mem_free(list);
        if (e)
            return e;
        hosts = dns_hosts_read("/etc/hosts");
    }
    s->resolver = dns_resolver_open(transport, hosts);
    s->options.dns = NULL; /* it is the resolver's now */
    return NULL;
}

static err open_web(struct service *s)
{
    struct tlspolicy_fetch_curl_options o = {0};
    return wants_web(s) ? tlspolicy_fetch_curl_open(&o, &s->web) : NULL;
}

/* One connection on this loop: whoever waits is the one that has asked. */
static bool serves_nobody_else(void) { return net_connections() <= 1; }

static err open_queue(struct service *s)
{
    const struct config_limits *l = &s->config->limits;
    file_keep_free((uint64_t)l->free_space_bytes);
    bool (*may_block)(void) = s->options.may_block ? s->options.may_block : serves_nobody_else;
    return queue_open(&(struct queue_options){.folder = s->state.spool,
                                              .workers = s->worker_count,
                                              .segment_bytes = s->options.segment_bytes,
                                              .free_space_floor = l->free_space_bytes,
                                              .draft_memory_max = l->draft_memory_bytes,
                                              .once_window_ms = l->once_window_ms,
                                              .once_keys_max = (uint32_t)l->once_keys,
                                              .may_block = may_block,
                                              .events = &s->events},
                      &s->queue);
}

/* The shaper is there before the first listener. */
static void note_complaint(void *arg, const struct feedback_way *way)
{
    struct service *s = arg;
    shaper_complained(s->shaper, way->egress, way->site, way->provider);
}

static err open_feedback(struct service *s)
{
    s->strangers = feedback_strangers_open();
    return feedback_open(&(struct feedback_options){.folder = s->state.feedback,
                                                    .config = service_config,
                                                    .config_arg = s,
                                                    .events = &s->events,
                                                    .complained = note_complaint,
                                                    .complained_arg = s},
                         &s->feedback);
}

static void open_inbound(struct service *s)
{
    s->recipients = inbound_recipients_open(&(struct inbound_recipients_asker){ask_next_hop, s});
    s->inbound_reports = inbound_report_open(&(struct inbound_report_options){
        .folder = s->state.reports,
        .config = service_config,
        .config_arg = s,
        .queue = s->queue,
        .dns = s->resolver,
        .events = &s->events,
    });
    s->inbound.reports = s->inbound_reports;
    s->tls_reports = outbound_tlsrpt_open(&(struct outbound_tlsrpt_options){
        .folder = s->state.reports,
        .config = service_config,
        .config_arg = s,
        .queue = s->queue,
        .dns = s->resolver,
        .web = s->web,
        .events = &s->events,
    });
    s->inbound.queue = s->queue;
    s->inbound.keeper = s->keeper;
    s->inbound.events = &s->events;
    s->inbound.dns = s->resolver;
    s->inbound.recipients = s->recipients;
    s->inbound.feedback = s->feedback;
    s->inbound.strangers = s->strangers;
}

struct warming {
    struct service *service;
    const struct config *config;
    err result;
};

static void configure_warmup(void *arg)
{
    struct warming *w = arg;
    w->result = warmup_configure(w->service->warmup, w->config);
}

/* Plans first: the shaper asks for them when its limits change. */
static err configure_shaping(struct service *s, const struct config *c)
{
    struct warming w = {.service = s, .config = c};
    shaper_with(s->shaper, configure_warmup, &w);
    shaper_configure(s->shaper, c);
    return w.result;
}

/* Who may send now. Before the first delivery; and the simulation has no SQLite. */
static err open_shaping(struct service *s)
{
    warmup_open(&s->events, &s->warmup);
    shaper_open(&(struct shaper_options){.events = &s->events, .warmup = s->warmup}, &s->shaper);
    TRY(configure_shaping(s, s->config));
    struct shaping_keep_options o = {
        .path = s->state.shaping_file, .warmup = s->warmup, .shaper = s->shaper};
    return sim_active() ? NULL : shaping_keep_open(&o, &s->keep);
}

static err open_metrics(struct service *s)
{
    str file = s->config->metrics_file;
    if (!str_to_chars(file, s->metrics_file, sizeof s->metrics_file))
        return err_new(ERR_CONFIG, "metrics.file: the path is too long");
    s->metrics.file = s->metrics_file;
    s->metrics.queue = s->queue;
    s->metrics.shaper = s->shaper;
    return NULL;
}

/* ---- workers ---------------------------------------------------------------------------- */

static err report_err(const struct service_report *r)
{
    errno = r->number;
    return err_new(r->kind, "%s", r->words);
}

/* One report from each worker; the first failure as an err. */
static err collect_reports(struct service *s, int count)
{
    err first = NULL;
    for (int i = 0; i < count; i++) {
        struct chan_item *item;
        err e = chan_receive(s->reports, &item, DEADLINE_NEVER);
        if (e)
            return e;
        struct service_report *r = CONTAINER_OF(item, struct service_report, item);
        if (r->failed && first == NULL)
            first = report_err(r);
    }
    return first;
}

static void take_order(struct loop_note *note)
{
    struct worker *w = CONTAINER_OF(note, struct worker, note);
    w->order = w->note_order;
    gate_wake_all(&w->orders);
}

static void order(struct worker *w, enum worker_order order)
{
    w->note.run = take_order;
    w->note_order = order;
    loop_post(w->loop, &w->note);
}

static void order_all(struct service *s, enum worker_order what)
{
    for (int i = 0; i < s->worker_count; i++)
        order(&s->workers[i], what);
}

static void join_workers(struct service *s)
{
    for (int i = 0; i < s->worker_count; i++)
        thread_join(s->workers[i].thread);
}

/* Each reports once when it has started; those that fail report once more when they end. */
static err start_workers(struct service *s)
{
    s->workers = mem_alloc((size_t)s->worker_count * sizeof *s->workers);
    s->crew = outbound_crew_open();
    s->egress_health = outbound_egress_health_open();
    s->egress_watch = (struct outbound_egress_watch){.config = service_config,
                                                     .config_arg = s,
                                                     .resolver = s->resolver,
                                                     .health = s->egress_health,
                                                     .events = &s->events,
                                                     .file = s->state.egress_file};
    outbound_egress_watch_load(&s->egress_watch);
    s->port25 = s->metrics.port25 = outbound_port25_open(&s->events);
    s->port25_look = (struct outbound_port25_look){.config = service_config,
                                                   .config_arg = s,
                                                   .resolver = s->resolver,
                                                   .port25 = s->port25,
                                                   .mx_port = s->options.mx_port};
    s->reports = chan_open();
    err first = NULL;
    int running = 0;
    for (int i = 0; i < s->worker_count; i++) {
        struct worker *w = &s->workers[i];
        w->service = s;
        w->index = i;
        w->thread = thread_start("worker", worker_run, w);
        err e = collect_reports(s, 1);
        running++;
        if (e && first == NULL)
            first = e;
        if (e)
            break;
    }
    if (first == NULL)
        return NULL;
    s->worker_count = running;
    for (int i = 0; i + 1 < running; i++) /* all but the one that failed */
        order(&s->workers[i], WORKER_STOP);
    err ended = collect_reports(s, running);
    (void)ended;
    join_workers(s);
    s->worker_count = 0;
    return first;
}

/* ---- the whole -------------------------------------------------------------------------- */

static void release(struct service *s)
{
    shaping_keep_close(s->keep);
    inbound_report_close(s->inbound_reports);
    feedback_close(s->feedback);
    feedback_strangers_close(s->strangers);
    outbound_tlsrpt_close(s->tls_reports);
    inbound_recipients_close(s->recipients);
    if (s->inbound_ready)
        inbound_release(&s->inbound);
    if (s->web)
        s->web->close(s->web);
    dns_resolver_close(s->resolver);
    dns_transport_close(s->options.dns);
    queue_close(s->queue);
    outbound_transcript_store_close(s->transcripts);
    keeper_local_close(s->keeper_local);
    tls_client_close(s->tls_client);
    events_writer_close(s->writer);
    chan_close(s->reports);
    config_close(s->config);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->workers);
    outbound_crew_close(s->crew);
    outbound_egress_health_close(s->egress_health);
    outbound_port25_close(s->port25);
    shaper_close(s->shaper);
    warmup_close(s->warmup);
    mem_free(s);
}

static void describe(const struct service *s)
{
    const struct config *c = s->config;
    for (size_t i = 0; i < c->listener_count; i++) {
        char text[256];
        inbound_relay_describe(c, &c->listeners[i], text, sizeof text);
        log_info("%s", text);
    }
    if (c->no_route_holds)
        log_info(
            "no routes configured: mail for elsewhere waits in the queue (routes: mx sends it)");
}

int service_worker_count(const struct config *c)
{
    int count = c->workers ? c->workers : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > SERVICE_WORKERS_MAX ? SERVICE_WORKERS_MAX : count;
}

static err open_all(struct service *s)
{
    if (s->config->listener_count > SERVICE_LISTENERS_MAX)
        return err_new(ERR_CONFIG, "more than %d listeners", SERVICE_LISTENERS_MAX);
    TRY(open_before_threads(s));
    TRY(open_events(s));
    TRY(open_keeper(s));
    TRY(open_dns(s));
    TRY(open_web(s));
    TRY(open_queue(s));
    const struct config_outbound *out = &s->config->outbound;
    TRY(outbound_transcript_store_open(s->state.transcripts, out->transcripts_ms,
                                       out->transcript_bytes, &s->transcripts));
    TRY(open_feedback(s));
    open_inbound(s);
    TRY(open_shaping(s));
    TRY(open_metrics(s));
    TRY(start_workers(s));
    describe(s);
    struct event e = {.kind = EVENT_STARTED, .count = s->worker_count};
    event_emit(&s->events, &e);
    return NULL;
}

err service_start(const struct service_options *options, struct service **ret_service)
{
    struct service *s = MEM_NEW(struct service);
    s->options = *options;
    s->config = config_hold(options->config);
    pthread_mutex_init(&s->lock, NULL);
    s->worker_count = options->workers ? options->workers : service_worker_count(options->config);
    err e = open_all(s);
    if (e) {
        release(s);
        return e;
    }
    *ret_service = s;
    return NULL;
}

void service_stop(struct service *s, int64_t grace_ms)
{
    s->grace_ms = grace_ms;
    order_all(s, WORKER_STOP);
    err e = collect_reports(s, s->worker_count);
    (void)e;
    join_workers(s);
    struct event stopped = {.kind = EVENT_STOPPED};
    event_emit(&s->events, &stopped);
    release(s);
}

/* What a running service keeps until it is started again. */
static void tell_unchanged(const struct config *before, const struct config *now)
{
    const struct {
        const char *key;
        str before, now;
    } texts[] = {
        {"state",        before->state,        now->state       },
        {"user",         before->user,         now->user        },
        {"events.to",    before->events.to,    now->events.to   },
        {"admin_socket", before->admin_socket, now->admin_socket},
        {"metrics.file", before->metrics_file, now->metrics_file},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!str_eq(texts[i].before, texts[i].now))
            log_warn("%s has changed: it takes effect at the next start", texts[i].key);
    if (before->events.rotate_bytes != now->events.rotate_bytes ||
        before->events.keep != now->events.keep)
        log_warn("events.rotate and events.keep take effect at the next start");
    if (before->workers != now->workers || before->dns.servers != now->dns.servers ||
        before->dns.validate != now->dns.validate)
        log_warn("workers and dns take effect at the next start");
    if (before->outbound.mta_sts != now->outbound.mta_sts)
        log_warn("outbound.mta_sts takes effect at the next start");
    if (now->tls_reports.send == REPORTING_ON && before->tls_reports.send != REPORTING_ON &&
        !before->outbound.mta_sts)
        log_warn("tls_reports: none is sent by HTTPS until the next start");
}

void service_config_refused(struct service *s, str reason)
{
    struct event e = {.kind = EVENT_CONFIG_REFUSED, .reason = reason};
    event_emit(&s->events, &e);
}

void service_rotation_late(struct service *s, str reason)
{
    struct event e = {.kind = EVENT_ROTATION_LATE, .reason = reason};
    event_emit(&s->events, &e);
}

/* One after the other: the first sees whether somebody else listens there already. */
static err prepare(struct service *s)
{
    err e = NULL;
    for (int i = 0; i < s->worker_count && e == NULL; i++) {
        order(&s->workers[i], WORKER_PREPARE);
        e = collect_reports(s, 1);
    }
    if (e == NULL)
        return NULL;
    order_all(s, WORKER_ABANDON);
    err abandoned = collect_reports(s, s->worker_count);
    (void)abandoned;
    return e;
}

static err try_listeners(struct service *s, const struct config *c)
{
    if (c->listener_count > SERVICE_LISTENERS_MAX)
        return err_new(ERR_CONFIG, "more than %d listeners", SERVICE_LISTENERS_MAX);
    s->next = c;
    err e = prepare(s);
    s->next = NULL;
    return e;
}

/* The configuration and its view change before a listener does: what a listener accepts until
 * then is judged by the view that it was opened with. */
static const struct config *put_in_force(struct service *s, const struct config *c,
                                         struct inbound_view *view)
{
    pthread_mutex_lock(&s->lock);
    const struct config *before = s->config;
    s->config = config_hold(c);
    pthread_mutex_unlock(&s->lock);
    inbound_view_replace(&s->inbound, view);
    shaper_configure(s->shaper, c);
    return before;
}

err service_reload(struct service *s, const struct config *c, int *listen_fds,
                   size_t listen_fd_count)
{
    struct inbound_view *view;
    if (s->keeper_local)
        TRY(keeper_local_load_keys(s->keeper_local, c));
    TRY(inbound_view_open(c, str_of(s->state.certificate), str_of(s->state.key), &view));
    s->options.listen_fds = listen_fds;
    s->options.listen_fd_count = listen_fd_count;
    err e = try_listeners(s, c);
    s->options.listen_fds = NULL;
    s->options.listen_fd_count = 0;
    if (e) {
        inbound_view_close(view);
        return e;
    }
    const struct config *before = put_in_force(s, c, view);
    err plans = configure_shaping(s, c);
    if (plans)
        log_err(plans, "warmup: the plans of before stay in force");
    outbound_transcript_store_keep(s->transcripts, c->outbound.transcripts_ms,
                                   c->outbound.transcript_bytes);
    order_all(s, WORKER_SWITCH);
    e = collect_reports(s, s->worker_count);
    tell_unchanged(before, c);
    config_close(before);
    if (s->writer)
        events_writer_reopen(s->writer);
    if (e == NULL) {
        struct event done = {.kind = EVENT_CONFIG_RELOADED};
        event_emit(&s->events, &done);
    }
    return e;
}

struct address service_listener_address(struct service *s, size_t listener)
{
    ASSERT(listener < s->workers[0].listener_count);
    return s->workers[0].addresses[listener];
}

struct queue *service_queue(struct service *s) { return s->queue; }

struct account_store *service_accounts(struct service *s)
{
    return s->keeper_local ? keeper_local_store(s->keeper_local) : NULL;
}
