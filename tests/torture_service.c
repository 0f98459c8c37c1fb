/* The whole server under every fault: clients send, a next hop takes, a named step of ours fails,
 * once or for good. Who heard 250 finds the message delivered (attacks 187 to 192, 199 in part).
 */
#include "base/mem.h"
#include "runtime/fault.h"
#include "tests/torture.h"
#include "tests/world.h"
#include <errno.h>
#include <stdlib.h>

enum {
    CLIENTS = 3,
    MAILS = 14, /* of each client */
    IDS = CLIENTS * (MAILS + 1) + 1,
    LARGE_EACH = 4,          /* mails; these need a body file */
    LARGE_LINES = 4500,      /* of 72 octets */
    HITS_A_MINUTE = 60 * 30, /* a listener pauses a fifth of a second, and there are four */
    ANSWER_MS = 60 * 1000,
    LINE_BYTES_MAX = 2048,
};

struct town { /* one run */
    const struct torture_options *options;
    const char *point;
    int number;
    bool sticky;
    struct world world;
    struct net_listener *listener;
    struct group fibers, clients;
    bool acknowledged[IDS];
    int arrived[IDS];
    uint64_t sum[IDS]; /* of the octets, as sent */
    uint64_t checks, failed, mails, refused, duplicates;
    char replay[96];
};

struct client {
    struct town *town;
    int number;
};

static void check(struct town *t, bool good, const char *what)
{
    t->checks++;
    t->failed += !good;
    if (!good)
        printf("    WRONG %s; replay: %s\n", what, t->replay);
}

/* ---- lines
 * ------------------------------------------------------------------------------------------ */

static err read_line(struct net_conn *conn, char line[LINE_BYTES_MAX], size_t *ret_len,
                     deadline until)
{
    for (;;) {
        str input = net_input(conn);
        size_t end = str_find(input, '\n');
        if (end != STR_NONE && end < LINE_BYTES_MAX) {
            memcpy(line, input.ptr, end + 1);
            line[end] = '\0';
            net_consume(conn, end + 1);
            *ret_len = end;
            return NULL;
        }
        if (input.len >= LINE_BYTES_MAX)
            return err_new(ERR_LIMIT, "a line without an end");
        TRY(net_fill(conn, until));
    }
}

static err say(struct net_conn *conn, const char *text, deadline until)
{
    TRY(net_write(conn, str_of(text), until));
    return net_flush(conn, until);
}

/* The code of a whole reply. */
static err read_reply(struct net_conn *conn, int *ret_code, deadline until)
{
    char line[LINE_BYTES_MAX];
    size_t len = 0;
    do {
        TRY(read_line(conn, line, &len, until));
    } while (len > 3 && line[3] == '-');
    *ret_code = len >= 3 ? (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0') : 0;
    return NULL;
}

static err ask(struct net_conn *conn, const char *text, int *ret_code, deadline until)
{
    TRY(say(conn, text, until));
    return read_reply(conn, ret_code, until);
}

/* ---- the next hop
 * ------------------------------------------------------------------------------------- */

struct session {
    struct town *town;
    struct net_conn *conn;
};

/* The octets of the body add up; the first line says whose it is. */
static err take_body(struct session *s, deadline until)
{
    char line[LINE_BYTES_MAX];
    size_t len = 0;
    uint64_t sum = 0;
    int id = -1;
    bool body = false;
    do {
        TRY(read_line(s->conn, line, &len, until));
        if (str_starts(str_of(line), S("X-Number: ")))
            id = (int)strtol(line + 10, NULL, 10);
        for (size_t i = 0; body && i < len; i++)
            sum += (uint8_t)line[i];
        body |= len <= 1;
    } while (strcmp(line, ".\r") != 0);
    sum -= '.' + '\r';
    bool ours = id >= 0 && id < IDS;
    check(s->town, ours && sum == s->town->sum[ours ? id : 0], "a message arrives whole");
    if (ours)
        s->town->arrived[id]++;
    return say(s->conn, "250 2.0.0 ok\r\n", until);
}

static err take_mail(struct session *s)
{
    char line[LINE_BYTES_MAX];
    size_t len;
    TRY(say(s->conn, "220 mx\r\n", deadline_after(ANSWER_MS)));
    for (;;) {
        deadline until = deadline_after(ANSWER_MS);
        TRY(read_line(s->conn, line, &len, until));
        if (str_starts(str_of(line), S("DATA"))) {
            TRY(say(s->conn, "354 go\r\n", until));
            TRY(take_body(s, until));
        } else {
            TRY(say(s->conn, "250 2.0.0 ok\r\n", until));
        }
    }
}

static void run_session(void *arg)
{
    struct session *s = arg;
    err e = take_mail(s);
    (void)e;
    err_forget();
    net_close(s->conn);
    mem_free(s);
}

static void accept_all(void *arg)
{
    struct town *t = arg;
    struct net_conn *conn;
    while (net_accept(t->listener, &conn, DEADLINE_NEVER) == NULL) {
        struct session *s = MEM_NEW(struct session);
        *s = (struct session){t, conn};
        fiber_spawn(&t->fibers, "next hop", run_session, s);
    }
}

/* ---- the clients
 * --------------------------------------------------------------------------------------- */

static err send_body(struct town *t, struct net_conn *conn, int id, int *ret_code, deadline until)
{
    char line[128];
    int lines = id % LARGE_EACH == 1 ? LARGE_LINES : 3;
    uint64_t sum = 0;
    snprintf(line, sizeof line, "From: a@example.com\r\nX-Number: %d\r\n\r\n", id);
    TRY(net_write(conn, str_of(line), until));
    for (int i = 0; i < lines; i++) {
        int n = snprintf(line, sizeof line, "%070d\r\n", id * 1000003 + i);
        for (int k = 0; k < n - 1; k++) /* as the next hop counts: without LF */
            sum += (uint8_t)line[k];
        TRY(net_write(conn, (str){line, (size_t)n}, until));
    }
    t->sum[id] = sum;
    return ask(conn, ".\r\n", ret_code, until);
}

static err send_one(struct town *t, struct net_conn *conn, int id, int *ret_code)
{
    static const char *const words[] = {"EHLO client.example\r\n", "MAIL FROM:<a@example.com>\r\n",
                                        "RCPT TO:<b@example.net>\r\n", "DATA\r\n"};
    deadline until = deadline_after(ANSWER_MS);
    TRY(read_reply(conn, ret_code, until));
    for (size_t i = 0; i < ARRAY_LEN(words) && *ret_code / 100 == 2; i++)
        TRY(ask(conn, words[i], ret_code, until));
    if (*ret_code != 354)
        return NULL;
    return send_body(t, conn, id, ret_code, until);
}

/* The last reply to a whole conversation; 0: the connection was refused or lost. */
static int mail(struct town *t, int id)
{
    struct address at = {0};
    struct net_conn *conn = NULL;
    int code = 0;
    err e = world_listener(&t->world, S("relay"), &at);
    struct address from = at; /* whom the relay trusts */
    from.port = 0;
    if (e == NULL)
        e = net_connect(&at, &from, &conn, deadline_after(ANSWER_MS));
    if (e == NULL)
        e = send_one(t, conn, id, &code);
    net_close(conn);
    err_forget();
    bool lost = e != NULL;
    t->mails++;
    t->refused += lost || code != 250;
    if (!lost && code == 250)
        t->acknowledged[id] = true;
    check(t, lost || code == 250 || code == 421 || code == 451 || code == 452,
          "for now, or taken: never for good");
    return lost ? 0 : code;
}

static void run_client(void *arg)
{
    struct client *c = arg;
    for (int i = 0; i < MAILS; i++) {
        mail(c->town, c->number * MAILS + i);
        if (fiber_sleep(deadline_after(700)))
            return;
    }
}

/* ---- a run
 * --------------------------------------------------------------------------------------------- */

static void sleep_ms(int64_t ms)
{
    err e = fiber_sleep(deadline_after(ms));
    if (e)
        err_forget();
}

static void run_clients(struct town *t)
{
    struct client clients[CLIENTS];
    group_init(&t->clients);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){t, i};
        fiber_spawn(&t->clients, "client", run_client, &clients[i]);
    }
    sleep_ms(2000);
    fault_arm(t->point, FAULT_FAIL, t->number, 1, t->sticky);
    err e = group_wait(&t->clients, deadline_after(3600 * 1000));
    check(t, e == NULL, "the clients come to their end");
    group_close(&t->clients);
    int hits = fault_hits(t->point);
    sleep_ms(60 * 1000);
    check(t, fault_hits(t->point) - hits <= HITS_A_MINUTE, "it is not tried in a hurry");
    fault_clear();
}

static void judge(struct town *t)
{
    int lost = 0;
    bool taken = false;
    for (int i = 0; i < 120 && !taken; i++) { /* two minutes: the spool looks every half at most */
        sleep_ms(1000);
        taken = mail(t, IDS - 1) == 250;
    }
    check(t, taken, "mail is taken again");
    sleep_ms(6 * 3600 * 1000);
    for (int i = 0; i < IDS; i++) {
        lost += t->acknowledged[i] && t->arrived[i] == 0;
        t->duplicates += t->arrived[i] > 1;
    }
    check(t, lost == 0, "what was acknowledged is delivered");
}

static void run(void *arg)
{
    struct town *t = arg;
    char folder[] = "/tmp/torture-XXXXXX", command[64];
    struct address at;
    struct world_options options = {.folder = mkdtemp(folder)};
    err e = options.folder ? world_open(&t->world, &options) : err_new(ERR_SYSTEM, "mkdtemp");
    if (e == NULL)
        e = world_start(&t->world);
    if (e == NULL)
        e = world_host(&t->world, S("mx.example.net"), &at);
    if (e == NULL)
        e = net_listen(&at, &t->listener);
    check(t, e == NULL, "the server starts");
    group_init(&t->fibers);
    fiber_spawn(&t->fibers, "accept", accept_all, t);
    run_clients(t);
    judge(t);
    world_stop(&t->world, 1000);
    group_close(&t->fibers);
    net_listener_close(t->listener);
    world_close(&t->world);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    check(t, system(command) == 0, "the folder is removed"); // NOLINT(cert-env33-c): our words
}

static void run_one(struct town *t)
{
    memset(t->acknowledged, 0, sizeof t->acknowledged);
    memset(t->arrived, 0, sizeof t->arrived);
    snprintf(t->replay, sizeof t->replay, "torture --seed %llu service %s (%s %s)",
             (unsigned long long)t->options->seed, t->point, strerror(t->number),
             t->sticky ? "from then" : "once");
    sim_run(t->options->seed, run, t);
    fault_clear();
}

void torture_service(const struct torture_options *o, struct torture_counts *counts)
{
    static const int numbers[] = {EMFILE, EIO, ENOSPC};
    static struct town t;
    const char *names[FAULT_POINTS_MAX];
    size_t count = fault_names(names), runs = 0;
    t = (struct town){.options = o};
    for (size_t i = 0; i < count; i++) {
        bool wanted = !o->slice || strcmp(names[i], "listener.accept") == 0 ||
                      strcmp(names[i], "spool.sync") == 0;
        if (!wanted || (o->only && strcmp(o->only, names[i]) != 0))
            continue;
        t.point = names[i];
        for (size_t k = 0; k < 2 * ARRAY_LEN(numbers); k++, runs++) {
            t.number = numbers[k / 2];
            t.sticky = k % 2;
            run_one(&t);
        }
    }
    printf("    service %zu runs: %llu mails sent, %llu of them refused or lost, %llu delivered "
           "more than once\n",
           runs, (unsigned long long)t.mails, (unsigned long long)t.refused,
           (unsigned long long)t.duplicates);
    counts->passed += t.checks - t.failed;
    counts->failed += t.failed;
}
