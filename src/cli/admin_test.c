/* The operator's socket over a real socket and a real queue; attack 141. */
#include "base/log.h"
#include "cli/admin.h"
#include "cli/admin_client.h"
#include "cli/admin_request.h"
#include "outbound/transcript_store.h"
#include "queue/queue_test.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- requests --------------------------------------------------------------------------- */

TEST(cli_admin_request)
{
    /* clang-format off */
    static const struct {
        const char *label, *json;
        bool refused;
        enum cli_admin_verb verb;
        size_t ids;
    } cases[] = {
        {"list",                     "{\"verb\":\"ls\"}", false, CLI_ADMIN_LS, 0},
        {"list with filters",        "{\"verb\":\"ls\",\"to\":\"x\",\"held\":true}", false, CLI_ADMIN_LS, 0},
        {"ids",                      "{\"verb\":\"hold\",\"ids\":[\"0000000000001\"]}", false, CLI_ADMIN_HOLD, 1},
        {"all",                      "{\"verb\":\"rm\",\"all\":true}", false, CLI_ADMIN_RM, 0},
        {"a filter",                 "{\"verb\":\"retry\",\"to\":\"[192.0.2.1]\"}", false, CLI_ADMIN_RETRY, 0},
        {"brackets in a text",       "{\"verb\":\"ls\",\"to\":\"[[[[[[[[\\\"[[[[\"}", false, CLI_ADMIN_LS, 0},
        {"our addresses",            "{\"verb\":\"egress\"}", false, CLI_ADMIN_EGRESS, 0},
        {"transcripts",              "{\"verb\":\"transcript\",\"ids\":[\"0000000000001\"]}", false, CLI_ADMIN_TRANSCRIPT, 1},
        {"transcripts of whom?",     "{\"verb\":\"transcript\",\"to\":\"x\"}", true, 0, 0},
        {"nothing",                  "", true, 0, 0},
        {"garbage",                  "\x01\x02\xff", true, 0, 0},
        {"no object",                "[]", true, 0, 0},
        {"no verb",                  "{}", true, 0, 0},
        {"verb of another type",     "{\"verb\":7}", true, 0, 0},
        {"unknown verb",             "{\"verb\":\"format\"}", true, 0, 0},
        {"a change without an aim",  "{\"verb\":\"rm\"}", true, 0, 0},
        {"held is no aim",           "{\"verb\":\"rm\",\"held\":true}", true, 0, 0},
        {"a misspelt filter",        "{\"verb\":\"rm\",\"all\":true,\"form\":\"a@x\"}", true, 0, 0},
        {"all and a filter",         "{\"verb\":\"rm\",\"all\":true,\"to\":\"x\"}", true, 0, 0},
        {"all is false",             "{\"verb\":\"rm\",\"all\":false}", true, 0, 0},
        {"an empty filter",          "{\"verb\":\"rm\",\"to\":\"\"}", true, 0, 0},
        {"twice",                    "{\"verb\":\"ls\",\"verb\":\"rm\"}", true, 0, 0},
        {"no ids",                   "{\"verb\":\"rm\",\"ids\":[]}", true, 0, 0},
        {"an id that is a path",     "{\"verb\":\"rm\",\"ids\":[\"../../etc/pass\"]}", true, 0, 0},
        {"a NUL in it",              "{\"verb\":\"ls\",\"to\":\"a\\u0000b\"}", true, 0, 0},
        {"warm-up",                  "{\"verb\":\"warmup\",\"egress\":\"out1\",\"site\":\"google\"}", false, CLI_ADMIN_WARMUP, 0},
        {"a day",                    "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"day\",\"value\":5}", false, CLI_ADMIN_WARMUP_SET, 0},
        {"a pause",                  "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"pause\"}", false, CLI_ADMIN_WARMUP_SET, 0},
        {"a pause of all egresses",  "{\"verb\":\"warmup_set\",\"change\":\"pause\"}", true, 0, 0},
        {"a pause with a number",    "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"pause\",\"value\":5}", true, 0, 0},
        {"a day without a number",   "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"day\"}", true, 0, 0},
        {"a day that is a text",     "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"day\",\"value\":\"5\"}", true, 0, 0},
        {"an unknown change",        "{\"verb\":\"warmup_set\",\"egress\":\"o\",\"change\":\"stop\"}", true, 0, 0},
        {"a change while looking",   "{\"verb\":\"warmup\",\"egress\":\"o\",\"change\":\"pause\"}", true, 0, 0},
        {"an egress for the queue",  "{\"verb\":\"rm\",\"all\":true,\"egress\":\"o\"}", true, 0, 0},
        {"text behind it",           "{\"verb\":\"ls\"} x", true, 0, 0},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct cli_admin_request request = {0};
        err e = cli_admin_request_parse(str_of(cases[i].json), arena, &request);
        CHECK((e != NULL) == cases[i].refused, cases[i].label);
        if (e)
            continue;
        CHECK(request.verb == cases[i].verb, cases[i].label);
        CHECK(request.id_count == cases[i].ids, cases[i].label);
    }
}

TEST(cli_admin_request_depth)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct cli_admin_request request;
    char deep[60000];
    memset(deep, '[', sizeof deep);
    err e = cli_admin_request_parse((str){deep, sizeof deep}, arena, &request);
    CHECK(e && e->kind == ERR_PROTOCOL, "attack 141: 60,000 levels would use up the stack");
}

/* ---- a server with a queue -------------------------------------------------------------- */

struct office {
    char path[100], transcripts[100];
    struct config config;
    struct cli_admin *admin;
    struct group group;
    atomic_int held, released, removed; /* events: told on the loop, read by a visitor */
    atomic_bool stop_asked;
    struct queue_test *spool;
    void (*visit)(struct office *); /* blocks: on the job pool */
};

static void count_event(void *arg, const struct event *e)
{
    struct office *o = arg;
    o->held += e->kind == EVENT_HOLD;
    o->released += e->kind == EVENT_RELEASE;
    o->removed += e->kind == EVENT_REMOVED;
    CHECK(e->queue_id.len == QUEUE_ID_CHARS, "an event names its message");
}

static err reload(void *arg, struct buf *told)
{
    (void)arg;
    TRY(buf_add(told, S("smtptool.yaml:1:1: a mistake\n")));
    return err_new(ERR_CONFIG, "the old configuration stays in force");
}

static void ask_stop(void *arg) { ((struct office *)arg)->stop_asked = true; }

static void run_visit(void *arg)
{
    struct office *o = arg;
    o->visit(o);
}

static void open_office(struct queue_test *t, struct office *o)
{
    struct event_sink sink = {count_event, o};
    struct cli_admin_actions actions = {.queue = t->queue,
                                        .events = &sink,
                                        .reload = reload,
                                        .stop = ask_stop,
                                        .arg = o,
                                        .patience_ms = 300};
    struct stat st;
    snprintf(o->transcripts, sizeof o->transcripts, "%s/transcripts", t->folder);
    actions.transcripts = o->transcripts;
    snprintf(o->path, sizeof o->path, "%s/admin.sock", t->folder);
    o->config.admin_socket = str_of(o->path);
    o->spool = t;
    CHECK_DONE(cli_admin_open(o->config.admin_socket, &actions, &o->admin), "open");
    CHECK(stat(o->path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode 0600");
    group_init(&o->group);
    fiber_spawn(&o->group, "admin", cli_admin_run, o->admin);
    CHECK_DONE(job_run(run_visit, o, NULL, deadline_after(60000)), "visit");
    group_close(&o->group);
    cli_admin_close(o->admin);
    CHECK(access(o->path, F_OK) != 0, "the socket is gone");
}

/* ---- asking as the command line does ---------------------------------------------------- */

struct heard {
    int lines;
    char id[QUEUE_ID_CHARS + 1], state[20], told[100];
};

static void hear(void *arg, const json_t *line)
{
    struct heard *h = arg;
    const char *id = json_string_value(json_object_get(line, "id"));
    const char *state = json_string_value(json_object_get(line, "state"));
    const char *told = json_string_value(json_object_get(line, "told"));
    if (told == NULL)
        told = json_string_value(json_object_get(line, "transcript"));
    h->lines++;
    snprintf(h->id, sizeof h->id, "%s", id ? id : "");
    snprintf(h->state, sizeof h->state, "%s", state ? state : "");
    snprintf(h->told, sizeof h->told, "%s", told ? told : "");
}

static int64_t ask(struct office *o, const char *request, struct heard *heard, const char *label)
{
    int64_t done = -1;
    *heard = (struct heard){0};
    CHECK_DONE(cli_admin_client_ask(&o->config, json_loads(request, 0, NULL), hear, heard, &done),
               label);
    return done;
}

static void visit_politely(struct office *o)
{
    struct heard h;
    char request[200];
    CHECK(ask(o, "{\"verb\":\"ls\"}", &h, "ls") == 3 && h.lines == 3, "three deliveries");
    CHECK(ask(o, "{\"verb\":\"ls\",\"to\":\"one.example\"}", &h, "to") == 2, "to one domain");
    CHECK_STR(str_of(h.state), "waiting", "state");
    snprintf(request, sizeof request, "{\"verb\":\"hold\",\"ids\":[\"%s\"]}", h.id);
    CHECK(ask(o, request, &h, "hold") == 1, "hold one");
    CHECK(o->held == 1, "told as an event");
    CHECK(ask(o, "{\"verb\":\"ls\",\"held\":true}", &h, "held") == 1, "one is held");
    CHECK_STR(str_of(h.state), "held", "state");
    snprintf(request, sizeof request, "{\"verb\":\"transcript\",\"ids\":[\"%s\"]}", h.id);
    CHECK(ask(o, request, &h, "transcript") == 2 && h.lines == 2, "both attempts of that one");
    CHECK_STR(str_of(h.told), "== second\n", "what was said");
    CHECK(ask(o, "{\"verb\":\"transcript\",\"ids\":[\"0000000000001\"]}", &h, "none") == 0,
          "of another there is none");
    CHECK(ask(o, "{\"verb\":\"release\",\"all\":true}", &h, "release") == 1, "release it");
    CHECK(ask(o, "{\"verb\":\"retry\",\"to\":\"two.example\"}", &h, "retry") == 1, "retry");
    CHECK(ask(o, "{\"verb\":\"rm\",\"to\":\"nobody.example\"}", &h, "rm") == 0, "none matches");
    CHECK(ask(o, "{\"verb\":\"rm\",\"from\":\"a@x.example\"}", &h, "rm") == 3,
          "all are of one sender");
    CHECK(o->removed == 3 && o->released == 1, "each is told");
    CHECK(ask(o, "{\"verb\":\"ls\"}", &h, "ls") == 0, "the queue is empty");
    CHECK(ask(o, "{\"verb\":\"stats\"}", &h, "stats") == 1, "stats");
    CHECK(ask(o, "{\"verb\":\"stop\"}", &h, "stop") == 1 && o->stop_asked, "stop");
    int64_t done;
    err e = cli_admin_client_ask(&o->config, json_loads("{\"verb\":\"reload\"}", 0, NULL), hear, &h,
                                 &done);
    CHECK(e && e->kind == ERR_CONFIG, "a refused reload");
    CHECK_STR(str_of(h.told), "smtptool.yaml:1:1: a mistake\n", "its mistakes");
}

/* Of the last message to one.example: that is the one that visit_politely() holds. */
static void keep_transcripts(struct queue_test *t, const queue_id *id)
{
    struct outbound_transcript_store *store;
    char folder[200];
    snprintf(folder, sizeof folder, "%s/transcripts", t->folder);
    CHECK_DONE(outbound_transcript_store_open(folder, 1000000, 1 << 20, &store), "open");
    for (int i = 1; i <= 2; i++) {
        struct outbound_transcript_record r = {*id, i, clock_real_ms(),
                                               i == 1 ? S("== first\n") : S("== second\n")};
        outbound_transcript_store_add(store, &r);
    }
    outbound_transcript_store_close(store);
}

static void serve_politely(struct queue_test *t)
{
    struct office o = {.visit = visit_politely};
    queue_id id;
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("one\r\n"), &id), "commit");
    CHECK_DONE(queue_test_commit(t, "u@one.example", S("one\r\n"), &id), "commit");
    keep_transcripts(t, &id);
    CHECK_DONE(queue_test_commit(t, "u@two.example", S("two\r\n"), &id), "commit");
    open_office(t, &o);
}

TEST(cli_admin_queue)
{
    struct queue_test t;
    queue_test_begin(&t);
    queue_test_run(&t, serve_politely);
    queue_test_end(&t);
}

/* ---- attack 141 ------------------------------------------------------------------------- */

static int call(const struct office *o)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval patience = {15, 0};
    memcpy(at.sun_path, o->path, sizeof o->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

/* It answers, as soon as those who only held a place have been sent away. */
static void still_up(struct office *o, const char *label)
{
    struct heard h = {0};
    int64_t done = -1;
    for (int i = 0; i < 200 && done < 0; i++) {
        if (cli_admin_client_ask(&o->config, json_loads("{\"verb\":\"ls\"}", 0, NULL), hear, &h,
                                 &done) == NULL)
            break;
        err_forget();
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    CHECK(done == 0, label);
}

/* True: the server ends the connection, whatever it says before. */
static bool is_dropped(int fd, str bytes)
{
    char answer[4096];
    ssize_t n;
    if (send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) < 0)
        return true;
    while ((n = read(fd, answer, sizeof answer)) > 0)
        continue;
    return n == 0 || errno == ECONNRESET;
}

static void visit_rudely(struct office *o)
{
    static const struct {
        const char *label;
        str bytes;
    } cases[] = {
        {"garbage",               S("GET / HTTP/1.1\r\n\r\n")           },
        {"4 GiB",                 S("\xff\xff\xff\xff{}")               },
        {"one above the maximum", S("\x00\x01\x00\x00{\"verb\":\"ls\"}")},
        {"2 GiB",                 S("\x80\x00\x00\x00")                 },
        {"half a message",        S("\x00\x00\x00\x0d{\"verb\"")        },
        {"half a length",         S("\x00\x00")                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int fd = call(o);
        CHECK(is_dropped(fd, cases[i].bytes), cases[i].label);
        close(fd);
        still_up(o, cases[i].label);
    }
    int fd = call(o);
    char answer[200] = "";
    CHECK(send(fd, "\0\0\0\2{}\0\0\0\2[]", 12, 0) == 12, "two bad requests");
    CHECK(read(fd, answer, sizeof answer - 1) > 0, "answer");
    CHECK(str_contains(str_of(answer), S("\"error\"")), "a bad request is told so");
    close(fd);
    still_up(o, "bad JSON");
}

/* A slow build still has the backlog before it, and turns further visitors away meanwhile. */
static void let_it_settle(struct office *o)
{
    for (int i = 0; i < 100; i++) {
        struct heard h = {0};
        int64_t done;
        if (cli_admin_client_ask(&o->config, json_loads("{\"verb\":\"ls\"}", 0, NULL), hear, &h,
                                 &done) == NULL)
            return;
        err_forget();
        usleep(100000);
    }
}

/* 10,000 connects, some of them left open. */
static void visit_in_crowds(struct office *o)
{
    int open[200], count = 0, connected = 0;
    for (int i = 0; i < 10000; i++) {
        int fd = call(o);
        connected += fd >= 0;
        if (fd >= 0 && i % 50 == 0 && count < 200)
            open[count++] = fd;
        else if (fd >= 0)
            close(fd);
    }
    CHECK(connected > 1000, "the backlog takes some of them");
    for (int i = 0; i < count; i++)
        close(open[i]);
    let_it_settle(o);
    still_up(o, "10,000 connects");
}

/* A peer of another user: the mode of the socket is no help here, for the test opens it. */
static void visit_as_nobody(struct office *o)
{
    CHECK(chmod(o->path, 0666) == 0 && chmod(o->spool->folder, 0755) == 0, "chmod");
    pid_t child = fork();
    if (child == 0) {
        bool dropped = setuid(65534) == 0;
        int fd = dropped ? call(o) : -1;
        _exit(fd >= 0 && is_dropped(fd, S("\0\0\0\015{\"verb\":\"ls\"}")) ? 0 : 1);
    }
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "another user is turned away");
    still_up(o, "wrong uid");
}

static void (*attacks[])(struct office *) = {visit_rudely, visit_in_crowds, visit_as_nobody};
static size_t attack;

static void ignore_log(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static void serve_rudely(struct queue_test *t)
{
    struct office o = {.visit = attacks[attack]};
    log_set_sink(ignore_log, NULL);
    open_office(t, &o);
    log_set_sink(NULL, NULL);
}

TEST(cli_admin_attack_141)
{
    for (attack = 0; attack < ARRAY_LEN(attacks); attack++) {
        struct queue_test t;
        if (attacks[attack] == visit_as_nobody && geteuid() != 0)
            continue;
        queue_test_begin(&t);
        queue_test_run(&t, serve_rudely);
        queue_test_end(&t);
    }
}
