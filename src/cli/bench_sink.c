#include "cli/bench_sink.h"
#include "base/mem.h"
#include "bulk/seen.h"
#include "cli/bench_crew.h"
#include "cli/cli.h"
#include "runtime/net.h"
#include "runtime/net_epoll.h"
#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/line.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    IDLE_MS = 5 * 60 * 1000,     /* RFC 5321 section 4.5.3.2.7 */
    LINGER_MS = 2000,            /* so that the last word is heard */
    ARENA_BYTES_MAX = 64 * 1024, /* for one command */
    ACCEPT_PAUSE_MS = 100,       /* when descriptors have run out */
    SINK_RCPTS_MAX = 10 * 1000,  /* of one message */
};

#define CAPABILITIES                                     \
    "250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n" \
    "250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SIZE\r\n"

struct sink {
    const struct bench_sink_options *options;
    struct net_listener **listeners; /* each worker's in a row, one for each address */
    int addresses;
    struct bulk_seen *keys, *rcpts; /* with --once; all workers', under the lock */
    pthread_mutex_t lock;
    struct address at; /* the first */
    uint64_t told;     /* how many had been taken when that was last said */
};

struct acceptor {
    struct bench_worker *worker;
    struct net_listener *listener;
};

struct client {
    struct bench_worker *worker;
    const struct bench_sink_options *options;
    struct net_conn *conn;
    struct smtp_line_reader lines;
    struct smtp_data_reader data;
    struct bench_guest guest;
    struct arena *arena;                /* of the command under way, when there are rules */
    char head[BENCH_RECORD_HEAD_BYTES]; /* of the content, where it is recorded */
    size_t head_len;
    uint64_t key;  /* XONCE of this mail; 0: none */
    uint64_t rcpt; /* its last recipient, with --once */
    bool mail, in_data, quit, starttls;
    int rcpts;
};

/* ---- replies ---------------------------------------------------------------------------- */

static err say(struct client *c, str reply)
{
    return net_write(c->conn, reply, deadline_after(IDLE_MS));
}

/* What the rules say of it, so many times. False: nothing. */
static err judge(struct client *c, enum provider_stage stage, str what, int times,
                 bool *ret_refused)
{
    bool close;
    TRY(bench_provider_ask(&c->guest, c->conn, stage, what, times, ret_refused, &close,
                           deadline_after(IDLE_MS)));
    c->quit = c->quit || close;
    return NULL;
}

/* The reply of this stage, or the one that was asked for. */
static err answer(struct client *c, enum bench_stage stage, str reply, bool *ret_yes)
{
    const struct bench_sink_options *o = c->options;
    *ret_yes = o->reply_code == 0 || o->reply_stage != stage || o->reply_code / 100 == 2;
    if (o->reply_code == 0 || o->reply_stage != stage)
        return say(c, reply);
    char text[BENCH_SINK_REPLY_BYTES_MAX + 8];
    int len = o->reply_text.len > 0 ? snprintf(text, sizeof text, "%d %.*s\r\n", o->reply_code,
                                               STR_ARG(o->reply_text))
                                    : snprintf(text, sizeof text, "%d %d.0.0 As asked for\r\n",
                                               o->reply_code, o->reply_code / 100);
    return say(c, (str){text, (size_t)len});
}

/* ---- commands --------------------------------------------------------------------------- */

static bool may_start_tls(const struct client *c)
{
    return c->options->tls != NULL && !tls_active(c->conn);
}

static err take_hello(struct client *c, str name, bool extended)
{
    bool yes, refused;
    c->mail = false;
    TRY(judge(c, PROVIDER_HELLO, name, 1, &refused));
    if (refused)
        return NULL;
    if (!extended)
        return answer(c, BENCH_HELLO, S("250 sink.bench.test\r\n"), &yes);
    if (c->guest.provider && c->guest.provider->rules.logins)
        return answer(c, BENCH_HELLO,
                      S("250-sink.bench.test\r\n250-AUTH PLAIN LOGIN\r\n" CAPABILITIES), &yes);
    if (c->options->once)
        return answer(c, BENCH_HELLO, S("250-sink.bench.test\r\n250-XONCE\r\n" CAPABILITIES), &yes);
    if (may_start_tls(c))
        return answer(c, BENCH_HELLO, S("250-sink.bench.test\r\n250-STARTTLS\r\n" CAPABILITIES),
                      &yes);
    return answer(c, BENCH_HELLO, S("250-sink.bench.test\r\n" CAPABILITIES), &yes);
}

/* " XONCE=…" of a MAIL. */
static uint64_t read_key(str args)
{
    for (size_t i = 0; i + 7 < args.len; i++)
        if (str_starts_nocase(str_from(args, i), S(" XONCE="))) {
            str key, rest;
            str_split(str_from(args, i + 7), ' ', &key, &rest);
            return bulk_seen_key((str){0}, key);
        }
    return 0;
}

/* Notes the key. Did it come before? And if not: did its recipient? */
static bool had_before(struct client *c)
{
    struct sink *sink = c->worker->crew->job;
    if (!c->options->once || c->key == 0)
        return false;
    pthread_mutex_lock(&sink->lock);
    enum bulk_seen_state key = BULK_SEEN_NEVER, rcpt = BULK_SEEN_NEVER;
    err e = bulk_seen_get(sink->keys, c->key, &key);
    if (e == NULL)
        e = bulk_seen_get(sink->rcpts, c->rcpt, &rcpt);
    if (e == NULL)
        e = bulk_seen_set(sink->keys, c->key, BULK_SEEN_DONE);
    if (e == NULL)
        e = bulk_seen_set(sink->rcpts, c->rcpt, BULK_SEEN_DONE);
    pthread_mutex_unlock(&sink->lock);
    if (e)
        cli_fail_err(e, "the keys of --once"); /* and it counts too much */
    c->worker->tally.distinct += key == BULK_SEEN_NEVER && rcpt == BULK_SEEN_NEVER;
    return key == BULK_SEEN_DONE;
}

/* The address of MAIL or RCPT; without rules nobody wants to know. */
static err read_address(struct client *c, const struct smtp_command *command, str *ret_address,
                        bool *ret_good)
{
    struct smtp_mail mail = {0};
    struct smtp_rcpt rcpt = {0};
    *ret_good = true;
    *ret_address = (str){0};
    if (c->guest.provider == NULL)
        return NULL;
    if (c->arena == NULL)
        c->arena = arena_open(ARENA_BYTES_MAX);
    arena_reset(c->arena);
    smtp_refusal no = command->verb == SMTP_MAIL
                          ? smtp_command_parse_mail(command->args, c->arena, &mail)
                          : smtp_command_parse_rcpt(command->args, true, c->arena, &rcpt);
    *ret_good = no == NULL;
    *ret_address = command->verb == SMTP_MAIL ? mail.from.text : rcpt.to.text;
    return no ? say(c, S("501 5.5.4 That is no address\r\n")) : NULL;
}

static err take_mail(struct client *c, const struct smtp_command *command)
{
    str sender;
    bool good, refused;
    if (c->mail)
        return say(c, S("503 5.5.1 There is a transaction\r\n"));
    c->rcpts = 0;
    c->key = c->options->once ? read_key(command->args) : 0;
    TRY(read_address(c, command, &sender, &good));
    if (!good)
        return NULL;
    TRY(judge(c, PROVIDER_MAIL, sender, 1, &refused));
    return refused ? NULL : answer(c, BENCH_MAIL, S("250 2.1.0 Ok\r\n"), &c->mail);
}

static err take_rcpt(struct client *c, const struct smtp_command *command)
{
    str recipient;
    bool yes, good, refused;
    if (!c->mail)
        return say(c, S("503 5.5.1 MAIL first\r\n"));
    if (c->rcpts == SINK_RCPTS_MAX)
        return say(c, S("452 4.5.3 Too many recipients\r\n"));
    TRY(read_address(c, command, &recipient, &good));
    if (!good)
        return NULL;
    TRY(judge(c, PROVIDER_RCPT, recipient, 1, &refused));
    if (refused)
        return NULL;
    TRY(answer(c, BENCH_RCPT, S("250 2.1.5 Ok\r\n"), &yes));
    c->rcpts += yes;
    if (c->options->once)
        c->rcpt = bulk_seen_key((str){0}, command->args);
    return NULL;
}

static err take_data(struct client *c)
{
    bool refused;
    if (c->rcpts == 0)
        return say(c, S("503 5.5.1 No recipients\r\n"));
    smtp_data_reader_init(&c->data);
    c->head_len = 0;
    TRY(judge(c, PROVIDER_DATA, (str){0}, 1, &refused));
    return refused ? NULL : answer(c, BENCH_DATA, S("354 Go\r\n"), &c->in_data);
}

static err take_starttls(struct client *c)
{
    if (!may_start_tls(c))
        return say(c, S("502 5.5.1 Not here\r\n"));
    c->starttls = true;
    return say(c, S("220 2.0.0 Go\r\n"));
}

static err take_auth(struct client *c, str args)
{
    bool close;
    TRY(bench_provider_auth(&c->guest, c->conn, args, &close, deadline_after(IDLE_MS)));
    c->quit = c->quit || close;
    return NULL;
}

static err take_auth_line(struct client *c, str line)
{
    bool close;
    TRY(bench_provider_auth_line(&c->guest, c->conn, line, &close, deadline_after(IDLE_MS)));
    c->quit = c->quit || close;
    return NULL;
}

static err take_command(struct client *c, str line)
{
    struct smtp_command command = smtp_command_split(line);
    if (c->guest.login)
        return take_auth_line(c, line);
    switch (command.verb) {
    case SMTP_EHLO:
    case SMTP_LHLO:
        return take_hello(c, command.args, true);
    case SMTP_HELO:
        return take_hello(c, command.args, false);
    case SMTP_STARTTLS:
        return take_starttls(c);
    case SMTP_AUTH:
        return take_auth(c, command.args);
    case SMTP_MAIL:
        return take_mail(c, &command);
    case SMTP_RCPT:
        return take_rcpt(c, &command);
    case SMTP_DATA:
        return take_data(c);
    case SMTP_RSET:
        c->mail = false;
        return say(c, S("250 2.0.0 Ok\r\n"));
    case SMTP_NOOP:
        return say(c, S("250 2.0.0 Ok\r\n"));
    case SMTP_QUIT:
        c->quit = true;
        return say(c, S("221 2.0.0 Bye\r\n"));
    default:
        return say(c, S("502 5.5.1 Not here\r\n"));
    }
}

static err take_line(struct client *c, str *input, bool *ret_more)
{
    str line;
    *ret_more = false;
    switch (smtp_line_take(&c->lines, SMTP_LINE_BYTES_MAX, input, &line)) {
    case SMTP_LINE_READY:
        return take_command(c, line);
    case SMTP_LINE_TOO_LONG:
        return say(c, S("500 5.5.6 Line too long\r\n"));
    case SMTP_LINE_MORE:
        *ret_more = true;
        return NULL;
    default:
        c->quit = true;
        return say(c, S("500 5.5.2 CR and LF belong together\r\n"));
    }
}

/* ---- content ---------------------------------------------------------------------------- */

static void count_message(struct client *c)
{
    struct bench_tally *t = &c->worker->tally;
    struct bench_crew *crew = c->worker->crew;
    uint64_t number;
    if (c->options->record && bench_record_find((str){c->head, c->head_len}, &number))
        bench_record_put(c->options->record, number);
    t->messages++;
    t->recipients += (uint64_t)c->rcpts;
    t->bytes += c->data.scan.bytes;
    bench_tally_time(t, clock_steady_ns());
    uint64_t every = c->options->every;
    uint64_t taken = atomic_fetch_add_explicit(&crew->taken, 1, memory_order_relaxed) + 1;
    if (taken == c->options->messages || (every && taken % every == 0))
        chan_nudge(crew->news);
}

static err end_message(struct client *c)
{
    const struct smtp_scan *scan = &c->data.scan;
    bool good = c->options->discard || !(scan->bare_cr || scan->bare_lf || scan->nul), yes = good;
    c->in_data = c->mail = false;
    if (c->options->slow_ms) {
        TRY(net_flush(c->conn, deadline_after(IDLE_MS)));
        TRY(fiber_sleep(deadline_after(c->options->slow_ms)));
    }
    bool refused;
    int replies = c->options->lmtp ? c->rcpts : 1;
    TRY(judge(c, PROVIDER_DOT, (str){0}, replies, &refused));
    yes = yes && !refused;
    for (int i = 0; !refused && i < replies; i++) {
        if (!good)
            TRY(say(c, S("554 5.6.0 CR and LF belong together, and NUL nowhere\r\n")));
        else
            TRY(answer(c, BENCH_DOT, S("250 2.0.0 Ok: dropped\r\n"), &yes));
    }
    if (yes && had_before(c))
        c->worker->tally.repeated++;
    else if (yes)
        count_message(c);
    else
        c->worker->tally.refused++;
    return NULL;
}

static void keep_head(struct client *c, str run)
{
    str part = str_slice(run, 0, sizeof c->head - c->head_len);
    if (c->options->record == NULL || part.len == 0)
        return;
    memcpy(c->head + c->head_len, part.ptr, part.len);
    c->head_len += part.len;
}

static err take_content(struct client *c, str *input, bool *ret_more)
{
    str run;
    enum smtp_data_event event;
    size_t before = input->len;
    while ((event = smtp_data_read(&c->data, input, &run)) == SMTP_DATA_RUN)
        keep_head(c, run);
    *ret_more = event == SMTP_DATA_MORE;
    TRY(bench_provider_pace(&c->guest, before - input->len));
    return event == SMTP_DATA_END ? end_message(c) : NULL;
}

/* ---- one connection --------------------------------------------------------------------- */

/* The 220 has been said. What came behind the command in clear is refused with the connection. */
static err start_tls(struct client *c)
{
    deadline until = deadline_after(IDLE_MS);
    c->starttls = c->mail = false;
    TRY(net_flush(c->conn, until));
    if (net_pending(c->conn) > 0)
        return err_new(ERR_PROTOCOL, "bytes in clear behind STARTTLS");
    TRY(tls_accept(c->conn, c->options->tls, until));
    c->worker->tally.handshakes++;
    return NULL;
}

static err converse(struct client *c)
{
    bool yes, refused;
    TRY(judge(c, PROVIDER_CONNECT, (str){0}, 1, &refused));
    if (!refused)
        TRY(answer(c, BENCH_GREETING, S("220 sink.bench.test ESMTP\r\n"), &yes));
    while (!c->quit) {
        str input = net_input(c->conn), rest = input;
        bool more = false;
        TRY(c->in_data ? take_content(c, &rest, &more) : take_line(c, &rest, &more));
        net_consume(c->conn, input.len - rest.len);
        if (c->starttls)
            TRY(start_tls(c));
        if (!more)
            continue;
        deadline until = deadline_after(IDLE_MS);
        TRY(net_flush(c->conn, until)); /* the whole batch is answered at once */
        TRY(net_fill(c->conn, until));
        err_forget();
    }
    TRY(net_flush(c->conn, deadline_after(IDLE_MS)));
    if (c->guest.provider) /* who is refused may be in the middle of a batch */
        net_linger(c->conn, deadline_after(LINGER_MS));
    return NULL;
}

static void run_client(void *arg)
{
    struct client *c = arg;
    err e = converse(c);
    if (e && c->in_data)
        c->worker->tally.lost++;
    bench_provider_leave(&c->guest);
    arena_close(c->arena);
    net_close(c->conn);
    bench_worker_done(c->worker);
    mem_free(c);
}

static void run_acceptor(void *arg)
{
    struct acceptor *a = arg;
    struct bench_worker *w = a->worker;
    struct sink *sink = w->crew->job;
    err e = NULL;
    while (e == NULL || e->kind == ERR_SYSTEM) {
        struct net_conn *conn;
        e = net_accept(a->listener, &conn, DEADLINE_NEVER);
        if (e && e->kind == ERR_SYSTEM) {
            e = fiber_sleep(deadline_after(ACCEPT_PAUSE_MS));
            continue;
        }
        if (e)
            break;
        struct client *c = MEM_NEW(struct client);
        *c = (struct client){.worker = w, .options = sink->options, .conn = conn};
        c->guest.provider = sink->options->provider;
        w->tally.connections++;
        bench_worker_spawn(w, "sink", run_client, c);
    }
    bench_worker_done(w);
}

/* Tells what a provider did, now and then. */
static void run_reporter(void *arg)
{
    struct bench_worker *w = arg;
    struct bench_provider *p = ((struct sink *)w->crew->job)->options->provider;
    for (int64_t at_ms = p->start_ms + p->every_ms;; at_ms += p->every_ms) {
        err e = fiber_sleep((deadline){at_ms});
        if (e)
            break;
        bench_provider_tell(p);
    }
    bench_worker_done(w);
}

/* ---- all of it -------------------------------------------------------------------------- */

static void work(struct bench_worker *w)
{
    struct sink *sink = w->crew->job;
    struct net_listener **mine = sink->listeners + w->index * sink->addresses;
    struct acceptor acceptors[BENCH_SINK_ADDRESSES_MAX];
    for (int i = 0; i < sink->addresses; i++) {
        acceptors[i] = (struct acceptor){w, mine[i]};
        bench_worker_spawn(w, "acceptor", run_acceptor, &acceptors[i]);
    }
    const struct bench_sink_options *o = sink->options;
    if (o->provider && !o->quiet && o->provider->every_ms)
        bench_worker_spawn(w, "reporter", run_reporter, w);
    bench_worker_join(w, true);
    if (o->provider && !o->quiet)
        bench_provider_tell(o->provider); /* what is left */
    for (int i = 0; i < sink->addresses; i++)
        net_listener_close(mine[i]);
}

struct listening {
    struct address at;
    struct net_listener *listener;
    bool failed; /* an err does not outlive its fiber */
    int number;
    char why[256];
};

static void listen_fiber(void *arg)
{
    struct listening *l = arg;
    err e = net_listen(&l->at, &l->listener);
    l->failed = e != NULL;
    l->number = err_number(e);
    if (e)
        err_words(e, l->why, sizeof l->why);
    else
        l->at = net_listener_address(l->listener);
}

/* On every worker's loop: the kernel spreads connections over listeners that share an address. */
static err listen_at(struct bench_crew *crew, struct sink *sink, int which, struct address *at)
{
    TRY(net_epoll_probe(at)); /* another sink would get its share of the connections */
    for (int i = 0; i < crew->count; i++) {
        struct listening l = {.at = *at};
        loop_run(crew->workers[i].loop, "listen", listen_fiber, &l);
        errno = l.number;
        if (l.failed)
            return err_new(ERR_SYSTEM, "%s", l.why);
        sink->listeners[i * sink->addresses + which] = l.listener;
        *at = l.at; /* the kernel may have chosen the port */
    }
    return NULL;
}

static err listen_all(struct bench_crew *crew, struct sink *sink)
{
    TRY(listen_at(crew, sink, 0, &sink->at));
    for (int i = 1; i < sink->addresses; i++) {
        struct address at = sink->at;
        at.ip[3] = (uint8_t)(at.ip[3] + i);
        TRY(listen_at(crew, sink, i, &at));
    }
    return NULL;
}

static err check_addresses(const struct bench_sink_options *o)
{
    if (!address_is_loopback(&o->at) && !o->expose)
        return err_new(ERR_CONFIG,
                       "the sink listens on loopback addresses only, unless --expose says "
                       "that others may come");
    if (o->addresses > 1 && (o->at.family != ADDRESS_IP4 || o->at.ip[3] + o->addresses > 256))
        return err_new(ERR_CONFIG, "--addresses counts in the last part of an IPv4 address");
    return NULL;
}

static void tell_ready(const struct sink *sink)
{
    char at[ADDRESS_CHARS];
    if (sink->options->quiet)
        return;
    address_format(&sink->at, at);
    printf(sink->options->json ? "{\"event\":\"listening\",\"address\":\"%s\"}\n"
                               : "listening on %s\n",
           at);
    fflush(stdout);
}

static void tell_taken(struct sink *sink, uint64_t taken)
{
    taken -= taken % sink->options->every;
    if (taken == sink->told || sink->options->quiet)
        return;
    sink->told = taken;
    printf(sink->options->json ? "{\"event\":\"taken\",\"messages\":%llu}\n" : "taken %llu\n",
           (unsigned long long)taken);
    fflush(stdout);
}

static bool look(struct bench_crew *crew)
{
    struct sink *sink = crew->job;
    uint64_t taken = atomic_load(&crew->taken);
    if (sink->options->every)
        tell_taken(sink, taken);
    return sink->options->messages && taken >= sink->options->messages;
}

err bench_sink_run(const struct bench_sink_options *o, struct bench_tally *ret_tally)
{
    struct sink sink = {.options = o, .at = o->at, .addresses = o->addresses ? o->addresses : 1};
    struct bench_crew crew;
    TRY(check_addresses(o));
    int most = o->provider || o->at.family == ADDRESS_UNIX ? 1 : BENCH_WORKERS_MAX;
    bench_crew_init(&crew, o->workers, most, work, &sink);
    crew.told = look;
    sink.listeners = mem_alloc((size_t)crew.count * (size_t)sink.addresses * sizeof(void *));
    sink.keys = bulk_seen_open(NULL);
    sink.rcpts = bulk_seen_open(NULL);
    pthread_mutex_init(&sink.lock, NULL);
    err e = listen_all(&crew, &sink);
    if (e == NULL) {
        if (o->provider)
            bench_provider_start(o->provider);
        tell_ready(&sink);
        bench_crew_run(&crew, o->duration_ms ? deadline_after(o->duration_ms) : DEADLINE_NEVER);
        bench_crew_tally(&crew, ret_tally);
    }
    bench_crew_release(&crew);
    mem_free(sink.listeners);
    bulk_seen_close(sink.keys);
    bulk_seen_close(sink.rcpts);
    pthread_mutex_destroy(&sink.lock);
    return e;
}
