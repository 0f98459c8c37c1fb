/* The generator and the sink, talking to each other over real sockets. */
#include "base/mem.h"
#include "cli/bench_idle.h"
#include "cli/bench_send.h"
#include "cli/bench_sink.h"
#include "runtime/file.h"
#include "runtime/thread.h"
#include "tests/test.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RUN_MS = 30 * 1000 }; /* no sink lives longer */

struct sink_run {
    struct bench_sink_options options;
    struct bench_tally *tally;
};

static void run_sink(void *arg)
{
    struct sink_run *s = arg;
    CHECK_DONE(bench_sink_run(&s->options, s->tally), "sink");
}

struct send_case {
    const char *label;
    struct bench_sink_options sink;
    struct bench_send_options send;
    struct bench_plan_options plan;
    uint64_t messages, refused, recipients, connections;
    enum bench_stage stage; /* of the only fault, if there is one */
    int code;
};

static void check_send(const struct send_case *c, struct bench_tally *sent,
                       struct bench_tally *took)
{
    CHECK(sent->messages == c->messages, c->label);
    CHECK(sent->refused == c->refused, c->label);
    CHECK(sent->lost == 0, c->label);
    CHECK(sent->recipients == c->recipients, c->label);
    CHECK(c->connections == 0 || sent->connections == c->connections, c->label);
    CHECK(sent->latency.count >= sent->messages, c->label);
    CHECK(took->messages == c->messages, c->label);
    CHECK(took->recipients == c->recipients, c->label);
    CHECK(sent->fault_count == (c->code != 0), c->label);
    if (c->code && sent->fault_count == 1) {
        CHECK(sent->faults[0].stage == c->stage, c->label);
        CHECK(sent->faults[0].code == c->code, c->label);
    }
}

struct running {
    char path[64], url[96];
    struct sink_run sink;
    struct thread *thread;
};

/* A name that is there may not be listened on yet. */
static bool answers(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return connected;
}

/* On a Unix socket: tests that run side by side cannot want the same one. */
static void start_sink(const struct send_case *c, struct running *r)
{
    snprintf(r->path, sizeof r->path, "/tmp/smtptool-bench-test-%d", (int)getpid());
    snprintf(r->url, sizeof r->url, "lmtp+unix://%s", r->path);
    r->sink = (struct sink_run){c->sink, MEM_NEW(struct bench_tally)};
    struct bench_sink_options *o = &r->sink.options;
    o->at.family = ADDRESS_UNIX;
    snprintf(o->at.path, sizeof o->at.path, "%s", r->path);
    o->lmtp = o->quiet = true;
    o->duration_ms = RUN_MS;
    o->messages = c->messages;
    unlink(r->path);
    r->thread = thread_start("sink", run_sink, &r->sink);
    for (int i = 0; i < 500 && !answers(r->path); i++)
        usleep(10000);
}

/* When its thread has been joined. */
static void release_sink(struct running *r)
{
    unlink(r->path);
    mem_free(r->sink.tally);
}

static void run_case(const struct send_case *c)
{
    struct running r;
    struct bench_tally *sent = MEM_NEW(struct bench_tally);
    struct bench_plan_options options = c->plan;
    struct bench_plan plan;
    start_sink(c, &r);
    options.server = r.url;
    CHECK_DONE(bench_plan_open(&options, &plan), c->label);
    bench_send_run(&plan, &c->send, sent);
    if (c->messages == 0) /* nothing else will end it */
        raise(SIGTERM);
    thread_join(r.thread);
    check_send(c, sent, r.sink.tally);
    bench_plan_release(&plan);
    release_sink(&r);
    mem_free(sent);
}

TEST(bench_send_to_sink)
{
    static const struct send_case cases[] = {
        {"one after another",
         {.slow_ms = 0},
         {.connections = 1, .messages = 10},
         {0},
         10,                                                                                              0,
         10,                                                                                                    1,
         0,                                                                                                           0},
        {"several at a time",
         {.slow_ms = 0},
         {.connections = 5, .messages = 100},
         {0},
         100,                                                                                             0,
         100,                                                                                                   0,
         0,                                                                                                           0},
        {"one a connection",
         {.slow_ms = 0},
         {.connections = 2, .messages = 9, .per_connection = 1},
         {0},
         9,                                                                                               0,
         9,                                                                                                     9,
         0,                                                                                                           0},
        {"one command at a time",
         {.slow_ms = 0},
         {.connections = 2, .messages = 9, .per_connection = 3, .no_pipelining = true},
         {.rcpts = 3},
         9,                                                                                               0,
         27,                                                                                                    0,
         0,                                                                                                           0},
        {"more recipients than a batch holds",
         {.slow_ms = 0},
         {.connections = 1, .messages = 3},
         {.rcpts = 250},
         3,                                                                                               0,
         750,                                                                                                   1,
         0,                                                                                                           0},
        {"large messages",
         {.slow_ms = 0},
         {.connections = 2, .messages = 4},
         {.message_bytes = 1000000},
         4,                                                                                               0,
         4,                                                                                                     0,
         0,                                                                                                           0},
        {"a rate",
         {.slow_ms = 0},
         {.connections = 2, .messages = 20, .rate = 500},
         {0},
         20,                                                                                              0,
         20,                                                                                                    2,
         0,                                                                                                           0},
        {"one after the other begins",
         {.slow_ms = 0},
         {.connections = 3, .messages = 30, .stagger_ms = 2},
         {0},
         30,                                                                                              0,
         30,                                                                                                    0,
         0,                                                                                                           0},
        {"a slow server",                      {.slow_ms = 5}, {.connections = 2, .messages = 4}, {0}, 4, 0, 4, 2, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

TEST(bench_send_refused)
{
    static const struct send_case cases[] = {
        {"the dot",
         {.reply_code = 451, .reply_stage = BENCH_DOT},
         {.connections = 1, .messages = 3},
         {0},
         0, 3,
         0, 1,
         BENCH_DOT,  451},
        {"DATA",
         {.reply_code = 554, .reply_stage = BENCH_DATA},
         {.connections = 1, .messages = 3},
         {0},
         0, 3,
         0, 1,
         BENCH_DATA, 554},
        {"RCPT",
         {.reply_code = 550, .reply_stage = BENCH_RCPT},
         {.connections = 1, .messages = 3},
         {0},
         0, 3,
         0, 1,
         BENCH_RCPT, 550},
        {"MAIL",
         {.reply_code = 452, .reply_stage = BENCH_MAIL},
         {.connections = 1, .messages = 3},
         {0},
         0, 3,
         0, 1,
         BENCH_MAIL, 452},
        {"MAIL, one command at a time",
         {.reply_code = 452, .reply_stage = BENCH_MAIL},
         {.connections = 1, .messages = 3, .no_pipelining = true},
         {0},
         0, 3,
         0, 1,
         BENCH_MAIL, 452},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

struct rules_case {
    const char *rules;
    struct send_case send;
};

static void run_rules_case(const struct rules_case *c)
{
    char path[64];
    struct bench_provider provider = {0};
    struct send_case send = c->send;
    snprintf(path, sizeof path, "/tmp/smtptool-rules-test-%d", (int)getpid());
    FILE *file = fopen(path, "w");
    fputs(c->rules, file);
    fclose(file);
    CHECK_DONE(bench_provider_read(path, &provider), send.label);
    unlink(path);
    send.sink.provider = &provider;
    run_case(&send);
    bench_provider_release(&provider);
}

/* Where the rules refuse is where the client hears it; what they let pass is taken. */
TEST(bench_sink_with_rules)
{
    static const struct rules_case cases[] = {
        {"rules: [{rule: throttle, limit: 0/h, close: false}]",
         {"MAIL",
          {.slow_ms = 0},
          {.connections = 1, .messages = 3},
          {0},
          0,
          3,
          0,
          1,
          BENCH_MAIL,
          451}},
        {"rules: [{rule: recipients, reply: unknown}]",
         {"RCPT",
          {.slow_ms = 0},
          {.connections = 1, .messages = 3, .no_pipelining = true},
          {0},
          0,
          3,
          0,
          1,
          BENCH_RCPT,
          550}},
        {"rules: [{rule: recipients, local: \"rc*\", reply: spam, stage: dot}]",
         {"the dot",
          {.slow_ms = 0},
          {.connections = 1, .messages = 3},
          {0},
          0,
          3,
          0,
          1,
          BENCH_DOT,
          550}},
        {"rules: [{rule: slow, delay: 1ms, body: 100MB}, {rule: throttle, limit: 10/h}]",
         {"nothing is refused",
          {.slow_ms = 0},
          {.connections = 2, .messages = 10},
          {0},
          10,
          0,
          10,
          0,
          0,
          0}  },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_rules_case(&cases[i]);
}

/* One handshake for each connection, on both ends, and each message is written down by both. */
TEST(bench_sink_with_tls)
{
    enum { MESSAGES = 6 };
    char paths[4][64];
    static const char *const names[] = {"crt", "key", "sent", "came"};
    struct bench_record *sent_at, *came_at;
    struct tls_server *server;
    struct bench_tally *sent = MEM_NEW(struct bench_tally);
    struct bench_plan plan;
    struct running r;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        snprintf(paths[i], sizeof paths[i], "/tmp/smtptool-bench-%d.%s", (int)getpid(), names[i]);
        unlink(paths[i]);
    }
    CHECK_DONE(tls_make_certificate(S("sink.bench.test"), paths[0], paths[1]), "certificate");
    struct tls_certificate mine = {.certificate = str_of(paths[0]), .key = str_of(paths[1])};
    struct tls_server_options with = {
        .profile = TLS_INTERMEDIATE, .certificates = &mine, .certificate_count = 1};
    CHECK_DONE(tls_server_open(&with, &server), "server");
    CHECK_DONE(bench_record_open(paths[2], &sent_at), "sent");
    CHECK_DONE(bench_record_open(paths[3], &came_at), "came");
    start_sink(
        &(struct send_case){
            .sink = {.tls = server, .record = came_at},
              .messages = MESSAGES
    },
        &r);
    CHECK_DONE(bench_plan_open(&(struct bench_plan_options){.server = r.url, .tls = true}, &plan),
               "plan");
    bench_send_run(
        &plan,
        &(struct bench_send_options){
            .connections = 2, .messages = MESSAGES, .per_connection = 2, .record = sent_at},
        sent);
    thread_join(r.thread);
    CHECK(sent->messages == MESSAGES && r.sink.tally->messages == MESSAGES, "all");
    CHECK(sent->handshakes == sent->connections && sent->handshakes >= 3,
          "each connection is private");
    CHECK(r.sink.tally->handshakes == sent->handshakes, "both say so");
    bench_record_close(sent_at);
    bench_record_close(came_at);
    for (size_t i = 2; i < ARRAY_LEN(paths); i++) {
        struct file_facts facts;
        CHECK_DONE(file_look(paths[i], &facts), paths[i]);
        CHECK(facts.size == MESSAGES * sizeof(int64_t), paths[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        unlink(paths[i]);
    bench_plan_release(&plan);
    release_sink(&r);
    tls_server_close(server);
    mem_free(sent);
}

TEST(bench_idle_holds)
{
    static const struct send_case none = {.label = "idle"};
    struct bench_tally *held = MEM_NEW(struct bench_tally);
    struct bench_plan plan;
    struct running r;
    start_sink(&none, &r);
    CHECK_DONE(bench_plan_open(&(struct bench_plan_options){.server = r.url}, &plan), "plan");
    bench_idle_run(&plan,
                   &(struct bench_idle_options){
                       .connections = 50, .opening = 1, .duration_ms = 50, .quiet = true},
                   held);
    CHECK(held->messages == 50, "all are held to the end");
    CHECK(held->lost == 0, "none is lost");
    raise(SIGTERM);
    thread_join(r.thread);
    release_sink(&r);
    bench_plan_release(&plan);
    mem_free(held);
}

struct places {
    struct bench_sink_options options;
    struct bench_tally *tally;
};

static void run_places(void *arg)
{
    struct places *p = arg;
    CHECK_DONE(bench_sink_run(&p->options, p->tally), "sink at several addresses");
}

/* One message to each of three addresses in a row. */
TEST(bench_sink_at_several_addresses)
{
    struct places p = {.tally = MEM_NEW(struct bench_tally)};
    struct bench_tally *sent = MEM_NEW(struct bench_tally);
    int port = 20000 + (int)getpid() % 10000; /* tests run side by side */
    char url[64];
    snprintf(url, sizeof url, "127.0.0.11:%d", port);
    CHECK_DONE(address_parse(str_of(url), 0, &p.options.at), "address");
    p.options.addresses = 3;
    p.options.quiet = true;
    p.options.duration_ms = RUN_MS;
    p.options.messages = 3;
    struct thread *thread = thread_start("sink", run_places, &p);
    for (int i = 0; i < 3; i++) {
        struct bench_plan plan;
        snprintf(url, sizeof url, "smtp://127.0.0.%d:%d", 11 + i, port);
        CHECK_DONE(bench_plan_open(&(struct bench_plan_options){.server = url}, &plan), url);
        /* Until the sink listens there is nobody: tried again by the generator. */
        for (int tries = 0; tries < 100 && sent->messages <= (unsigned)i; tries++) {
            bench_send_run(&plan, &(struct bench_send_options){.connections = 1, .messages = 1},
                           sent);
            usleep(10000);
        }
        bench_plan_release(&plan);
    }
    thread_join(thread);
    CHECK(sent->messages == 3, "one for each");
    CHECK(p.tally->messages == 3, "all came");
    mem_free(p.tally);
    mem_free(sent);
}

/* What is written to standard output meanwhile. */
static void catch_stdout(struct sink_run *s, const char *url, char *ret_said, size_t size)
{
    int pipes[2], before = dup(STDOUT_FILENO);
    struct bench_tally *sent = MEM_NEW(struct bench_tally);
    struct bench_plan plan;
    CHECK(pipe(pipes) == 0, "pipe");
    fflush(stdout);
    dup2(pipes[1], STDOUT_FILENO);
    close(pipes[1]);
    struct thread *thread = thread_start("sink", run_sink, s);
    for (int i = 0; i < 500 && access(s->options.at.path, F_OK) != 0; i++)
        usleep(10000);
    CHECK_DONE(bench_plan_open(&(struct bench_plan_options){.server = url}, &plan), "plan");
    bench_send_run(&plan, &(struct bench_send_options){.connections = 1, .messages = 25}, sent);
    thread_join(thread);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len + 1 < size; len += (size_t)(got > 0 ? got : 0))
        got = read(pipes[0], ret_said + len, size - 1 - len);
    ret_said[len] = '\0';
    close(pipes[0]);
    bench_plan_release(&plan);
    mem_free(sent);
}

TEST(bench_sink_tells_how_many)
{
    struct sink_run s = {.tally = MEM_NEW(struct bench_tally)};
    char url[160], said[1024];
    s.options = (struct bench_sink_options){
        .lmtp = true, .every = 10, .messages = 25, .duration_ms = RUN_MS, .workers = 1};
    s.options.at.family = ADDRESS_UNIX;
    snprintf(s.options.at.path, sizeof s.options.at.path, "/tmp/smtptool-bench-tells-%d",
             (int)getpid());
    snprintf(url, sizeof url, "lmtp+unix://%s", s.options.at.path);
    unlink(s.options.at.path);
    catch_stdout(&s, url, said, sizeof said);
    CHECK(strstr(said, "taken 20\n") != NULL, said);
    CHECK(strstr(said, "taken 25") == NULL, said);
    unlink(s.options.at.path);
    mem_free(s.tally);
}

TEST(bench_sink_stays_at_home)
{
    struct bench_tally *t = MEM_NEW(struct bench_tally);
    struct bench_sink_options o = {.quiet = true, .duration_ms = 1};
    CHECK_DONE(address_parse(S("0.0.0.0:2600"), 0, &o.at), "address");
    err e = bench_sink_run(&o, t);
    CHECK(e && e->kind == ERR_CONFIG, "no other address than loopback");
    err_forget();
    CHECK_DONE(address_parse(S("127.0.0.250:2600"), 0, &o.at), "address");
    o.addresses = 10;
    e = bench_sink_run(&o, t);
    CHECK(e && e->kind == ERR_CONFIG, "no more than the last part of an address can count");
    err_forget();
    mem_free(t);
}
