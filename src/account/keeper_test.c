#include "account/keeper_references.h"
#include "account/keeper_wire.h"
#include "account/store.h"
#include "secret/resolver.h"
#include "tests/test.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct serving {
    int fd;
    struct keeper_state state;
    bool ended_well;
};

static void *serve(void *arg)
{
    struct serving *s = arg;
    s->ended_well = keeper_serve(s->fd, &s->state) == NULL;
    close(s->fd);
    err_forget();
    return NULL;
}

static void send_all(int fd, str bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes = str_from(bytes, (size_t)n);
    }
}

/* Read replies until there are count of them; returns how many came. */
static int read_replies(int fd, int count, struct arena *arena, struct keeper_reply *replies)
{
    static char bytes[1 << 20];
    size_t len = 0;
    int done = 0;
    while (done < count) {
        ssize_t n = read(fd, bytes + len, sizeof bytes - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        str rest = {bytes, len}, body;
        bool whole = true;
        done = 0;
        while (done < count && keeper_wire_take(&rest, &body, &whole) == NULL && whole)
            CHECK_DONE(keeper_wire_read_reply(body, arena, &replies[done++]), "reply");
    }
    return done;
}

static void start(struct serving *s, pthread_t *thread, int *ret_fd)
{
    int ends[2] = {-1, -1};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    s->fd = ends[1];
    CHECK(pthread_create(thread, NULL, serve, s) == 0, "thread");
    *ret_fd = ends[0];
}

TEST(keeper_serve)
{
    static const str references[] = {
        {"env:SMTPTOOL_TEST_KEEPER", 24},
        {"command:echo hello",       18}
    };
    struct serving s = {
        .state = {.references = keeper_references_open(), .secrets = secret_resolver_open(NULL)}
    };
    CHECK_DONE(keeper_references_set(s.state.references, references, 2), "references");
    struct keeper_request requests[] = {
        {.id = 1, .op = KEEPER_SECRET,      .reference = S("env:SMTPTOOL_TEST_KEEPER")   },
        {.id = 2, .op = KEEPER_SECRET,      .reference = S("command:echo hello")         },
        {.id = 3, .op = KEEPER_SECRET,      .reference = S("file:/etc/passwd")           }, /* attack 145 */
        {.id = 4, .op = KEEPER_SECRET,      .reference = S("command:id")                 }, /* attack 145 */
        {.id = 5, .op = KEEPER_CHECK_LOGIN, .claim = {.user = S("u"), .password = S("p")}},
    };
    struct keeper_reply replies[8], *by_id[8] = {0};
    struct arena *arena = arena_open(1 << 20);
    struct buf out;
    pthread_t thread;
    int fd;
    setenv("SMTPTOOL_TEST_KEEPER", "s3cret", 1);
    buf_init(&out, 1 << 20);
    start(&s, &thread, &fd);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        CHECK_DONE(keeper_wire_add_request(&requests[i], &out), "request");
    send_all(fd, str_slice(buf_str(&out), 0, 7)); /* cut anywhere */
    send_all(fd, str_from(buf_str(&out), 7));
    int count = read_replies(fd, 5, arena, replies);
    CHECK(count == 5, "every request is answered");
    for (int i = 0; i < count; i++)
        by_id[replies[i].id & 7] = &replies[i];
    if (count == 5) {
        CHECK_STR(by_id[1]->secret, "s3cret", "env");
        CHECK_STR(by_id[2]->secret, "hello", "command");
        CHECK(by_id[3]->failed && by_id[3]->kind == ERR_CONFIG, "a file nobody configured");
        CHECK(by_id[4]->failed && by_id[4]->kind == ERR_CONFIG, "a command nobody configured");
        CHECK(by_id[5]->failed, "no store");
        CHECK(keeper_wire_err(by_id[5])->kind == ERR_CONFIG, "as an err");
    }
    close(fd);
    pthread_join(thread, NULL);
    keeper_references_close(s.state.references);
    secret_resolver_close(s.state.secrets);
    CHECK(s.ended_well, "the end of the main process is the end of the keeper");
    buf_release(&out);
    arena_close(arena);
}

TEST(keeper_serve_garbage) /* attack 141 */
{
    static const str garbage[] = {
        {"\xff\xff\xff\xff", 4},
        {"\0\0\0\1x",        5},
        {"\0\0\0\0",         4}
    };
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        struct serving s = {0};
        pthread_t thread;
        int fd;
        char byte;
        start(&s, &thread, &fd);
        send_all(fd, garbage[i]);
        CHECK(read(fd, &byte, 1) == 0, "closed without an answer");
        pthread_join(thread, NULL);
        CHECK(!s.ended_well, "garbage is told");
        close(fd);
    }
}

/* As many secrets as there are threads hang; a login is answered all the same. */
TEST(keeper_serve_logins_beside_slow_secrets)
{
    static const char reference[] =
        "command:sh -c 'while [ -e $SMTPTOOL_TEST_GATE ]; do sleep 0.05; done; echo x'";
    str references[] = {str_of(reference)};
    char gate[] = "/tmp/smtptool-gate-XXXXXX";
    struct serving s = {.state = {.references = keeper_references_open()}};
    struct keeper_reply replies[KEEPER_THREADS + 1];
    struct arena *arena = arena_open(1 << 20);
    struct buf out;
    pthread_t thread;
    int fd, gate_fd = mkstemp(gate);
    CHECK(gate_fd >= 0, gate);
    close(gate_fd);
    setenv("SMTPTOOL_TEST_GATE", gate, 1);
    s.state.secrets = secret_resolver_open(NULL);
    CHECK_DONE(keeper_references_set(s.state.references, references, 1), "references");
    buf_init(&out, 1 << 20);
    start(&s, &thread, &fd);
    for (uint32_t i = 0; i < KEEPER_THREADS; i++) {
        struct keeper_request slow = {
            .id = i, .op = KEEPER_SECRET_AGAIN, .reference = references[0]};
        CHECK_DONE(keeper_wire_add_request(&slow, &out), "request");
    }
    struct keeper_request login = {
        .id = 77, .op = KEEPER_CHECK_LOGIN, .claim = {.user = S("u"), .password = S("p")}
    };
    CHECK_DONE(keeper_wire_add_request(&login, &out), "request");
    send_all(fd, buf_str(&out));
    CHECK(read_replies(fd, 1, arena, replies) == 1 && replies[0].id == 77, "the login comes first");
    unlink(gate);
    CHECK(read_replies(fd, KEEPER_THREADS, arena, replies) == KEEPER_THREADS, "then the others");
    for (size_t i = 0; i < KEEPER_THREADS; i++)
        CHECK_STR(replies[i].secret, "x", "a secret");
    close(fd);
    pthread_join(thread, NULL);
    keeper_references_close(s.state.references);
    secret_resolver_close(s.state.secrets);
    unsetenv("SMTPTOOL_TEST_GATE");
    buf_release(&out);
    arena_close(arena);
}
