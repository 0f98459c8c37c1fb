#include "outbound/town_test.h"
#include "base/codec.h"
#include "config/text_test.h"
#include "outbound/route.h"
#include "runtime/tls_inside.h"
#include "shaping/shaper.h"
#include <openssl/pem.h>

static const char zone[] = "$ORIGIN .\n"
                           "example.net MX 10 mx1.example.net.\n"
                           "example.net MX 20 mx2.example.net.\n"
                           "mx1.example.net A 192.0.2.1\n"
                           "mx2.example.net A 192.0.2.2\n"
                           "one.example MX 10 mx1.example.net.\n"
                           "null.example MX 0 .\n"
                           "self.example MX 10 mail.example.com.\n"
                           "own.example MX 10 own1.example.\n"
                           "own1.example A 198.51.100.1\n"
                           "loop.example MX 10 lo.example.\n"
                           "lo.example A 127.0.0.1\n"
                           "backup.example MX 10 mx1.example.net.\n"
                           "backup.example MX 20 own1.example.\n"
                           "backup.example MX 30 mx2.example.net.\n"
                           "fail.example FAIL servfail\n"
                           "bare.example MX 10 none.bare.example.\n"
                           "none.bare.example TXT x\n"
                           "x.example MX 10 mx3.example.net.\n"
                           "mx3.example.net A 192.0.2.3\n"
                           "relay.example A 192.0.2.1\n"
                           "other.example A 192.0.2.1\n"
                           "second.example A 192.0.2.2\n";

/* ---- scripted servers -------------------------------------------------------------------- */

struct visit {
    struct town_server *server;
    struct net_conn *conn;
    const char *script;
};

static err hear_line(struct visit *v, str *ret_line)
{
    for (;;) {
        str input = net_input(v->conn);
        size_t end = str_find(input, '\n');
        if (end != STR_NONE) {
            str raw = str_slice(input, 0, end);
            if (str_ends_nocase(raw, S("\r")))
                raw.len--;
            TRY(buf_add(&v->server->heard, raw));
            TRY(buf_add_char(&v->server->heard, '\n'));
            *ret_line = arena_str(v->server->town->arena, str_trim(raw));
            net_consume(v->conn, end + 1);
            return NULL;
        }
        TRY(net_fill(v->conn, DEADLINE_NEVER));
    }
}

static err hear_data(struct visit *v)
{
    str line;
    do
        TRY(hear_line(v, &line));
    while (!str_eq(line, S(".")));
    return NULL;
}

static err expect(struct visit *v, str wanted)
{
    str line;
    TRY(hear_line(v, &line));
    if (str_eq(wanted, S("*")) || str_starts_nocase(line, wanted))
        return NULL;
    if (str_eq(line, S("QUIT")))
        return err_new(ERR_CLOSED, "it left");
    char what[200];
    snprintf(what, sizeof what, "%s: %s: \"%.*s\" came for \"%.*s\"", v->server->town->label,
             v->server->at, STR_ARG(line), STR_ARG(wanted));
    CHECK(false, what);
    return err_new(ERR_PROTOCOL, "not that");
}

static err say(struct visit *v, str text)
{
    TRY(net_write(v->conn, text, DEADLINE_NEVER));
    TRY(net_write(v->conn, S("\r\n"), DEADLINE_NEVER));
    return net_flush(v->conn, DEADLINE_NEVER);
}

static err play_line(struct visit *v, str line)
{
    if (str_skip(&line, S("S: ")))
        return say(v, line);
    if (str_skip(&line, S("C: ")))
        return expect(v, line);
    if (str_eq(line, S("data")))
        return hear_data(v);
    if (str_eq(line, S("silent")))
        return fiber_sleep(DEADLINE_NEVER);
    if (str_eq(line, S("tls")))
        return tls_accept(v->conn, v->server->town->tls_server, DEADLINE_NEVER);
    if (str_eq(line, S("nap")))
        return fiber_sleep(deadline_after(500));
    return str_eq(line, S("close")) ? err_new(ERR_CLOSED, "as the script says") : NULL;
}

static void play(void *arg)
{
    struct visit v = *(struct visit *)arg;
    str rest = str_of(v.script), line, again = {0};
    err e = NULL;
    if (++v.server->open > v.server->most_open)
        v.server->most_open = v.server->open;
    while (e == NULL && rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        if (str_eq(line, S("again")))
            again = rest;
        e = play_line(&v, line);
        if (rest.len == 0)
            rest = again;
    }
    net_close(v.conn);
    v.server->open--;
}

static void note_peer(struct town_server *s, const struct net_conn *conn)
{
    char ip[ADDRESS_CHARS];
    struct address peer = net_peer(conn);
    address_format_ip(&peer, ip);
    CHECK_DONE(buf_addf(&s->from, "%s\n", ip), s->at);
}

static void serve(void *arg)
{
    struct town_server *s = arg;
    struct net_conn *conn;
    size_t next = 0;
    while (net_accept(s->listener, &conn, DEADLINE_NEVER) == NULL) {
        const char *script = s->scripts ? s->scripts[next] : NULL;
        s->connections++;
        note_peer(s, conn);
        if (script)
            next++;
        script = script ? script : s->every;
        if (script == NULL) {
            CHECK(false, s->town->label); /* nobody was expected any more */
            net_close(conn);
            continue;
        }
        struct visit *v = ARENA_NEW(s->town->arena, struct visit);
        *v = (struct visit){s, conn, script};
        fiber_spawn(&s->town->fibers, "server", play, v);
    }
}

static void open_servers(struct town *t)
{
    for (size_t i = 0; i < TOWN_SERVERS_MAX && t->servers[i].at; i++) {
        struct town_server *s = &t->servers[i];
        struct address a;
        s->town = t;
        buf_init(&s->heard, TOWN_EVENT_BYTES_MAX);
        buf_init(&s->from, TOWN_EVENT_BYTES_MAX);
        CHECK_DONE(address_parse(str_of(s->at), 0, &a), s->at);
        CHECK_DONE(net_listen(&a, &s->listener), s->at);
        fiber_spawn(&t->fibers, "listener", serve, s);
    }
}

/* ---- everything else --------------------------------------------------------------------- */

static void note_event(void *arg, const struct event *e)
{
    struct town_worker *w = arg;
    struct town *t = w->town;
    w->delivered += e->kind == EVENT_DELIVERED;
    if (e->kind == EVENT_DELIVERED || (e->kind == EVENT_DEFERRED && e->egress.len > 0))
        CHECK_DONE(buf_addf(&t->egresses, "%.*s %.*s\n", STR_ARG(e->egress), STR_ARG(e->local_ip)),
                   t->label);
    err failed = buf_addf(&t->events, "%.*s %.*s%s%lld %.*s %.*s %.*s %.*s|%.*s%.*s%s%.*s\n",
                          STR_ARG(event_kind_name(e->kind)), STR_ARG(e->recipient),
                          e->recipient.len ? " " : "", (long long)e->code, STR_ARG(e->status),
                          STR_ARG(e->remote_host), STR_ARG(e->tls_version), STR_ARG(e->reason),
                          STR_ARG(e->text), STR_ARG(e->tls_policy), e->tls_policy.len ? " " : "",
                          STR_ARG(e->tls_result));
    CHECK_DONE(failed, t->label);
}

static const struct config *give_config(void *arg)
{
    return config_hold(((struct town *)arg)->config);
}

static void load(struct town *t)
{
    struct config *config = config_text_test(str_of(t->yaml));
    t->config = config;
}

static void open_tls(struct town *t)
{
    struct tls_certificate certificate = {S(""), S("/tls.crt"), S("/tls.key")};
    struct tls_server_options options = {TLS_OPPORTUNISTIC, &certificate, 1};
    CHECK_DONE(tls_make_certificate(S("relay.example"), "/tls.crt", "/tls.key"), t->label);
    CHECK_DONE(tls_server_open(&options, &t->tls_server), t->label);
    CHECK_DONE(tls_client_open(S("/tls.crt"), &t->tls), t->label);
}

/* The SHA-256 of the public key, in hex. */
static str certificate_digest(struct town *t)
{
    struct buf pem, hex;
    uint8_t *der = NULL, digest[32];
    buf_init(&pem, 1 << 16);
    buf_init(&hex, 100);
    CHECK_DONE(tls_certificate_read_file(S("/tls.crt"), &pem), t->label);
    BIO *bytes = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *x = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    CHECK(EVP_Digest(der, (size_t)size, digest, NULL, EVP_sha256(), NULL) == 1, t->label);
    CHECK_DONE(codec_hex_encode((str){(char *)digest, sizeof digest}, &hex), t->label);
    str kept = arena_str(t->arena, buf_str(&hex));
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bytes);
    buf_release(&pem);
    buf_release(&hex);
    return kept;
}

static str all_names(struct town *t)
{
    static const char word[] = "CERTIFICATE";
    str rest = str_of(t->names), text = S("");
    while (rest.len > 0) {
        bool is_word = str_skip(&rest, str_of(word));
        str next = is_word ? certificate_digest(t) : str_slice(rest, 0, 1);
        text = arena_printf(t->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(next));
        rest = is_word ? rest : str_from(rest, 1);
    }
    return arena_printf(t->arena, "%s%.*s", zone, STR_ARG(text));
}

static void start_worker(struct town *t, int index)
{
    static const char own[] = "198.51.100.1:25";
    static const size_t one = 1;
    struct town_worker *w = &t->each[index];
    struct address *a = ARENA_NEW(t->arena, struct address);
    CHECK_DONE(address_parse(str_of(own), 0, a), own);
    w->town = t;
    w->sink = (struct event_sink){note_event, w};
    queue_attach(t->queue, index, &w->schedule);
    struct outbound_options o = {.config = give_config,
                                 .config_arg = t,
                                 .queue = t->queue,
                                 .schedule = w->schedule,
                                 .resolver = t->resolver,
                                 .sts = t->sts,
                                 .keeper = t->keeper,
                                 .tls = t->tls,
                                 .events = &w->sink,
                                 .tls_reports = t->tls_reports,
                                 .own = a,
                                 .own_count = &one,
                                 .shaper = t->shaper,
                                 .port25 = t->port25,
                                 .egress_health = t->egress_health,
                                 .transcripts = t->transcripts,
                                 .crew = t->crew};
    outbound_start(&o, &w->outbound);
}

static void open_tls_reports(struct town *t)
{
    static const struct event_sink nobody = {0};
    struct outbound_tlsrpt_options o = {.folder = t->reports,
                                        .config = give_config,
                                        .config_arg = t,
                                        .queue = t->queue,
                                        .dns = t->resolver,
                                        .web = t->web.fetch ? &t->web : NULL,
                                        .events = t->reports ? &t->each[0].sink : &nobody};
    if (t->reports == NULL)
        return;
    group_init(&t->reporting);
    t->tls_reports = outbound_tlsrpt_open(&o);
    fiber_spawn(&t->reporting, "TLS reports", outbound_tlsrpt_run, t->tls_reports);
}

static void open_all(struct town *t)
{
    int workers = t->workers ? t->workers : 1;
    struct queue_options options = {.folder = "/spool",
                                    .workers = workers,
                                    .draft_memory_max = 64 << 20,
                                    .segment_bytes = 1 << 20};
    CHECK_DONE(queue_open(&options, &t->queue), t->label);
    CHECK_DONE(dns_zone_parse(all_names(t), "zone", &t->dns_zone), t->label);
    t->resolver = dns_resolver_open(dns_zone_transport(t->dns_zone), NULL);
    struct tlspolicy_sts_options sts = {
        {t->resolver, &t->web, true},
        "/mta-sts"
    };
    if (t->web.fetch)
        CHECK_DONE(tlspolicy_sts_open(&sts, &t->sts), t->label);
    t->crew = outbound_crew_open();
    open_tls_reports(t);
    CHECK_DONE(outbound_transcript_store_open(TOWN_TRANSCRIPTS, 7LL * 86400 * 1000, 64 << 20,
                                              &t->transcripts),
               t->label);
    shaper_open(&(struct shaper_options){.events = &t->each[0].sink}, &t->shaper);
    shaper_configure(t->shaper, t->config);
    t->port25 = outbound_port25_open(&t->each[0].sink);
    group_init(&t->shaping);
    fiber_spawn(&t->shaping, "shaper", shaper_run, t->shaper);
    for (int i = 0; i < workers; i++)
        start_worker(t, i);
}

struct stop {
    struct town_worker *worker;
    int64_t grace_ms;
};

static void stop_worker(void *arg)
{
    struct stop *s = arg;
    outbound_stop(s->worker->outbound, s->grace_ms);
    s->worker->outbound = NULL;
}

/* All at the same time, as a crew wants it. */
void town_stop(struct town *t, int64_t grace_ms)
{
    struct stop stops[TOWN_WORKERS_MAX];
    struct group stopping;
    group_init(&stopping);
    for (int i = 0; i < TOWN_WORKERS_MAX; i++) {
        stops[i] = (struct stop){&t->each[i], grace_ms};
        fiber_spawn(&stopping, "stop", stop_worker, &stops[i]);
    }
    CHECK_DONE(group_wait(&stopping, DEADLINE_NEVER), t->label);
}

static void close_all(struct town *t, int64_t grace_ms)
{
    town_stop(t, grace_ms);
    group_close(&t->reporting);
    outbound_tlsrpt_close(t->tls_reports);
    t->tls_reports = NULL;
    for (int i = 0; i < TOWN_WORKERS_MAX; i++) {
        schedule_close(t->each[i].schedule);
        t->each[i].schedule = NULL;
    }
    outbound_transcript_store_close(t->transcripts);
    outbound_crew_close(t->crew);
    group_close(&t->shaping);
    shaper_close(t->shaper);
    outbound_port25_close(t->port25);
    queue_close(t->queue);
    tlspolicy_sts_close(t->sts);
    t->sts = NULL;
    dns_resolver_close(t->resolver);
}

void town_crash(struct town *t)
{
    struct sim_fs *after = sim_fs_crash(t->fs, SIM_FS_NOTHING, 0), *before = t->fs;
    close_all(t, 0); /* what it still writes is lost */
    sim_fs_use(after);
    sim_fs_close(before);
    t->fs = after;
    open_all(t);
}

static void entry(void *arg)
{
    struct town *t = arg;
    t->fs = sim_fs_open();
    sim_fs_use(t->fs);
    t->arena = arena_open(256 << 20);
    buf_init(&t->events, TOWN_EVENT_BYTES_MAX);
    buf_init(&t->egresses, TOWN_EVENT_BYTES_MAX);
    t->egress_health = outbound_egress_health_open();
    group_init(&t->fibers);
    group_init(&t->reporting);
    load(t);
    open_servers(t);
    open_tls(t);
    open_all(t);
    t->body(t);
    close_all(t, 1000);
    group_close(&t->fibers);
    for (size_t i = 0; i < TOWN_SERVERS_MAX && t->servers[i].at; i++) {
        net_listener_close(t->servers[i].listener);
        buf_release(&t->servers[i].heard);
        buf_release(&t->servers[i].from);
    }
    CHECK(sim_net_open_count() == 0, t->label); /* no socket is left */
    tls_server_close(t->tls_server);
    tls_client_close(t->tls);
    config_close(t->config);
    buf_release(&t->events);
    buf_release(&t->egresses);
    outbound_egress_health_close(t->egress_health);
    arena_close(t->arena);
    sim_fs_close(t->fs);
}

void town_run(struct town *t) { sim_run(7, entry, t); }

static void fill_envelope(struct town *t, const struct town_mail *m, struct envelope *env)
{
    str rest = str_of(m->to), one;
    env->rcpts = ARENA_ARRAY(t->arena, struct envelope_rcpt, 2000);
    while (rest.len > 0) {
        str_split(rest, ' ', &one, &rest);
        env->rcpts[env->rcpt_count++] = (struct envelope_rcpt){
            .address = one,
            .destination = outbound_route_destination(t->config, one, env, t->arena),
            .notify = m->notify};
    }
}

void town_send(struct town *t, const struct town_mail *m)
{
    struct envelope env = {.sender = str_of(m->from),
                           .helo = S("client.example"),
                           .origin = m->origin,
                           .declared = m->declared,
                           .found = m->found,
                           .requiretls = m->requiretls,
                           .tls_optional = m->tls_optional,
                           .accepted_at_ms = clock_real_ms()};
    struct queue_draft *draft;
    queue_id id;
    deadline until = deadline_after(60000);
    fill_envelope(t, m, &env);
    CHECK_DONE(queue_draft_open(t->queue, &draft), t->label);
    str content = m->content ? str_of(m->content) : S("Subject: hello\r\n\r\nhello\r\n");
    CHECK_DONE(queue_draft_write(draft, content, until), t->label);
    str trace = m->trace ? str_of(m->trace) : S("Received: by us\r\n");
    CHECK_DONE(queue_commit(t->queue, &draft, &env, trace, &id, until), t->label);
    t->last = id;
}

void town_wait(struct town *t, int64_t ms)
{
    CHECK_DONE(fiber_sleep(deadline_after(ms)), t->label);
}

size_t town_count(struct town *t, const char *prefix)
{
    str rest = buf_str(&t->events), line;
    size_t count = 0;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        count += str_starts(line, str_of(prefix));
    }
    return count;
}

void town_check_event(struct town *t, const char *part)
{
    bool there = str_contains(buf_str(&t->events), str_of(part));
    char what[300];
    snprintf(what, sizeof what, "%s: event \"%s\"", t->label, part);
    CHECK(there, what);
    if (!there)
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&t->events)));
}

uint64_t town_messages(struct town *t)
{
    struct queue_stats stats;
    queue_stats(t->queue, &stats);
    return stats.messages;
}
