/* Logins over a connection in the simulation, with a real account store behind the keeper. */
#include "account/keeper_local.h"
#include "account/password.h"
#include "account/store.h"
#include "base/codec.h"
#include "base/mem.h"
#include "config/text_test.h"
#include "inbound/login.h"
#include "runtime/sim.h"
#include "sasl/client.h"
#include "smtp/server.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

static const char yaml[] = "hostname: mail.example.com\n"
                           "listeners:\n"
                           "  - { address: \"127.0.0.1:587\", role: submission, tls: none, "
                           "plain_login_on_loopback: true }\n"
                           "  - { address: \"127.0.0.1:588\", role: submission, tls: starttls }\n";

struct town {
    char folder[32];
    struct config *config;
    struct keeper_local *local;
    struct keeper down, *keeper; /* keeper: NULL means the local one */
    struct inbound in;
    struct inbound_view view;
    struct smtp_server_options options;
    struct event_sink sink;
    enum event_login_failure failure; /* of the last event */
    enum event_kind kind;
    int events;
    char event_login[64];
    /* one conversation */
    struct net_listener *net;
    size_t listener;
    const struct exchange *exchange;
    struct smtp_answer answer;
    char challenge[400]; /* the last one heard */
    int64_t took_ms;
    str login;
};

static void on_event(void *arg, const struct event *e)
{
    struct town *t = arg;
    t->kind = e->kind;
    t->failure = e->login_failure;
    t->events++;
    str_to_chars(e->login, t->event_login, sizeof t->event_login);
}

static err nobody_home(void *state, const struct keeper_claim *claim, struct arena *arena,
                       struct keeper_verdict *ret_verdict, deadline until)
{
    (void)state, (void)claim, (void)arena, (void)ret_verdict, (void)until;
    return err_new(ERR_CLOSED, "the keeper is gone");
}

static err no_scram(void *state, str user, enum keeper_scope scope, struct arena *arena,
                    struct keeper_scram *ret_scram, deadline until)
{
    (void)state, (void)user, (void)scope, (void)arena, (void)ret_scram, (void)until;
    return err_new(ERR_CLOSED, "the keeper is gone");
}

static void town_open(struct town *t)
{
    char path[64];
    struct account_store *store = NULL;
    *t = (struct town){0};
    snprintf(t->folder, sizeof t->folder, "/tmp/inbound-login-XXXXXX");
    CHECK(mkdtemp(t->folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/accounts.db", t->folder);
    CHECK_DONE(account_store_open(str_of(path), &store), "store");
    CHECK_DONE(account_store_add(store, S("bob"), S("secret-word"), false), "bob");
    CHECK_DONE(account_store_add(store, S("off"), S("secret-word"), false), "off");
    CHECK_DONE(account_store_set_disabled(store, S("off"), true), "disabled");
    CHECK_DONE(keeper_local_open(store, NULL, 0, &t->local), "keeper");
    t->config = config_text_test(str_of(yaml));
    t->down = (struct keeper){.check_login = nobody_home, .scram_lookup = no_scram};
    t->options =
        (struct smtp_server_options){.hostname = S("mail.example.com"), .command_ms = 300000};
    t->view = (struct inbound_view){.config = t->config};
    t->sink = (struct event_sink){on_event, t};
    t->in.events = &t->sink;
    t->in.throttle = account_throttle_open(20, 1000);
    pthread_mutex_init(&t->in.throttle_lock, NULL);
}

static void town_close(struct town *t)
{
    static const char *const names[] = {"accounts.db", "accounts.db-wal", "accounts.db-shm"};
    char path[64];
    keeper_local_close(t->local);
    account_throttle_close(t->in.throttle);
    pthread_mutex_destroy(&t->in.throttle_lock);
    config_close(t->config);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", t->folder, names[i]);
        unlink(path);
    }
    rmdir(t->folder);
}

/* ---- one login -------------------------------------------------------------------------- */

struct exchange {
    const char *label, *mechanism;
    str initial;      /* decoded; ptr NULL: none */
    const char *says; /* lines after it */
    int code;
    const char *enhanced;
    enum event_login_failure failure;
    int hashes;
};

static void log_in(struct town *t, struct net_conn *conn)
{
    struct inbound_session s = {.in = &t->in, .view = &t->view};
    s.listener = &t->config->listeners[t->listener];
    s.smtp.conn = conn;
    s.smtp.options = &t->options;
    const struct exchange *x = t->exchange;
    int64_t begun_ms = clock_steady_ms();
    err e = inbound_login(&s, str_of(x->mechanism), x->initial.ptr ? &x->initial : NULL, &t->answer,
                          deadline_after(300000));
    if (e)
        t->answer.code = e->kind == ERR_TIMEOUT ? 421 : -1;
    t->took_ms = clock_steady_ms() - begun_ms;
    CHECK(s.peer.logged_in == (t->answer.code == 235), x->label);
    CHECK((s.smtp.login.len > 0) == (t->answer.code == 235), x->label);
    if (t->answer.code == 235)
        CHECK(s.sender_count == 1 && str_eq(s.senders[0], S("own")), x->label);
    arena_close(s.smtp.arena);
}

static void serve(void *arg)
{
    struct town *t = arg;
    struct net_conn *conn;
    if (net_accept(t->net, &conn, DEADLINE_NEVER))
        return;
    log_in(t, conn);
    net_close(conn);
}

static void attempt(struct town *t, const struct exchange *x, const char *from)
{
    struct address at, source;
    struct net_conn *conn;
    struct group group;
    t->exchange = x;
    t->events = 0;
    t->answer = (struct smtp_answer){0};
    t->in.keeper = t->keeper ? t->keeper : keeper_local_seam(t->local);
    group_init(&group);
    CHECK_DONE(address_parse(S("192.0.2.1:587"), 0, &at), "address");
    CHECK_DONE(address_parse(str_of(from), 1, &source), from);
    CHECK_DONE(net_listen(&at, &t->net), "listen");
    fiber_spawn(&group, "server", serve, t);
    CHECK_DONE(net_connect(&at, &source, &conn, deadline_after(1000)), "connect");
    CHECK_DONE(net_write(conn, str_of(x->says), DEADLINE_NEVER), "write");
    CHECK_DONE(net_flush(conn, DEADLINE_NEVER), "flush");
    CHECK_DONE(group_wait(&group, DEADLINE_NEVER), "the server");
    group_close(&group);
    net_close(conn);
    net_listener_close(t->net);
    err_forget();
}

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct exchange exchanges[] = {
    {"right",                                     "PLAIN",              TEXT("\0bob\0secret-word"),               "",                             235, "2.7.0", LOGIN_FAILURE_NONE,           1},
    {"asked for",
     "plain",                                                           {0},
     "AGJvYgBzZWNyZXQtd29yZA==\r\n",                                                                                                              235,
     "2.7.0",                                                                                                                                                   LOGIN_FAILURE_NONE,
     1                                                                                                                                                                                         },
    {"LOGIN",                                     "LOGIN",              {0},                                      "Ym9i\r\nc2VjcmV0LXdvcmQ=\r\n", 235, "2.7.0", LOGIN_FAILURE_NONE,           1},
    {"attack 74: wrong password",                 "PLAIN",              TEXT("\0bob\0wrong"),                     "",                             535, "5.7.8",
     LOGIN_FAILURE_WRONG_PASSWORD,                                                                                                                                                            1},
    {"attack 74: unknown user",                   "PLAIN",              TEXT("\0eve\0wrong"),                     "",                             535, "5.7.8",
     LOGIN_FAILURE_UNKNOWN_USER,                                                                                                                                                              1},
    {"disabled",                                  "PLAIN",              TEXT("\0off\0secret-word"),               "",                             535, "5.7.8", LOGIN_FAILURE_DISABLED,       1},
    {"attack 44",                                 "PLAIN",              TEXT("\0'; drop table users--\0x"),       "",                             535, "5.7.8",
     LOGIN_FAILURE_UNKNOWN_USER,                                                                                                                                                              1},
    {"attack 45",                                 "PLAIN",              TEXT("\0*)(uid=*\0x"),                    "",                             535, "5.7.8", LOGIN_FAILURE_UNKNOWN_USER,   1},
    {"attack 78: given up",                       "LOGIN",              {0},                                      "Ym9i\r\n*\r\n",                501, "5.7.0", LOGIN_FAILURE_CANCELED,       0},
    {"attack 38",                                 "LOGIN",              {0},                                      "Y m9i\r\n",                    501, "5.5.2", LOGIN_FAILURE_MALFORMED,      0},
    {"attack 79: authzid",                        "PLAIN",              TEXT("amy\0bob\0secret-word"),            "",                             535, "5.7.8",
     LOGIN_FAILURE_WRONG_PASSWORD,                                                                                                                                                            0},
    {"attack 79: one NUL",                        "PLAIN",              TEXT("bob\0secret-word"),                 "",                             501, "5.5.2",
     LOGIN_FAILURE_MALFORMED,                                                                                                                                                                 0},
    {"attack 79: not UTF-8",                      "PLAIN",              TEXT("\0bob\0\xff"),                      "",                             501, "5.5.2",
     LOGIN_FAILURE_MALFORMED,                                                                                                                                                                 0},
    {"mechanism off",                             "CRAM-MD5",           {0},                                      "",                             504, "5.5.4", LOGIN_FAILURE_MECHANISM_OFF,  0},
    {"mechanism unknown",                         "GSSAPI",             {0},                                      "",                             504, "5.5.4", LOGIN_FAILURE_MECHANISM_OFF,  0},
    {"attack 80: PLUS without TLS",               "SCRAM-SHA-256-PLUS", TEXT("p=tls-exporter,,n=bob,r=abcdefgh"),
     "",                                                                                                                                          504, "5.5.4", LOGIN_FAILURE_MECHANISM_OFF,  0},
    {"attack 80: a binding to what is not there", "SCRAM-SHA-256",
     TEXT("p=tls-unique,,n=bob,r=abcdefgh"),                                                                      "",                             535, "5.7.8", LOGIN_FAILURE_WRONG_PASSWORD, 0},
    {"attack 80: wrong nonce",                    "SCRAM-SHA-256",      TEXT("n,,n=bob,r=abcdefgh"),
     "Yz1iaXdzLHI9b3RoZXIscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n",                                                  535, "5.7.8", LOGIN_FAILURE_WRONG_PASSWORD, 0},
    {"attack 80: the same for an unknown user",   "SCRAM-SHA-256",      TEXT("n,,n=eve,r=abcdefgh"),
     "Yz1iaXdzLHI9b3RoZXIscD1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBPQ==\r\n",                                                  535, "5.7.8", LOGIN_FAILURE_UNKNOWN_USER,   0},
    {"attack 78: silence",                        "LOGIN",              {0},                                      "Ym9i\r\n",                     421, "",      LOGIN_FAILURE_NONE,           0},
};

static void check_answer(struct town *t, const struct exchange *x, const char *refusal)
{
    CHECK(t->answer.code == x->code, x->label);
    if (x->code != 421)
        CHECK_STR(str_of(t->answer.enhanced), x->enhanced, x->label);
    if (x->code == 535)
        CHECK_STR(str_of(t->answer.text), refusal, x->label);
    if (x->code == 421)
        return;
    CHECK(t->events == 1, x->label);
    CHECK(t->failure == x->failure, x->label);
    CHECK(t->kind == (x->code == 235 ? EVENT_LOGIN_OK : EVENT_LOGIN_FAILED), x->label);
}

static void all_exchanges(void *arg)
{
    struct town *t = arg;
    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        char from[20];
        snprintf(from, sizeof from, "127.0.1.%zu", i + 1); /* fresh, so that nobody is slowed */
        uint64_t work = account_password_work();
        attempt(t, &exchanges[i], from);
        check_answer(t, &exchanges[i], "Authentication credentials invalid");
        CHECK(account_password_work() - work == (uint64_t)exchanges[i].hashes, exchanges[i].label);
    }
    t->listener = 1;
    static const struct exchange clear = {
        "attack 73: not on this listener", "PLAIN", TEXT("\0bob\0secret-word"), "", 504, "5.5.4",
        LOGIN_FAILURE_MECHANISM_OFF,       0};
    attempt(t, &clear, "127.0.0.1");
    check_answer(t, &clear, "");
}

static const struct exchange guess = {"a guess", "PLAIN", TEXT("\0bob\0wrong"),         "",
                                      535,       "5.7.8", LOGIN_FAILURE_WRONG_PASSWORD, 1};
static const struct exchange too_many = {
    "attack 76: too many",   "PLAIN", TEXT("\0bob\0secret-word"), "", 454, "4.7.0",
    LOGIN_FAILURE_THROTTLED, 0};
static const struct exchange scram_too_many = {"attack 76: SCRAM, too",
                                               "SCRAM-SHA-256",
                                               TEXT("n,,n=bob,r=abcdefgh"),
                                               "",
                                               454,
                                               "4.7.0",
                                               LOGIN_FAILURE_THROTTLED,
                                               0};
static const struct exchange right = {
    "attack 76: no lock-out", "PLAIN", TEXT("\0bob\0secret-word"), "", 235, "2.7.0",
    LOGIN_FAILURE_NONE,       1};

/* As if all of them had been checked at once, over as many connections. */
static void fail_at_once(struct town *t, const char *from, int times)
{
    struct address peer;
    CHECK_DONE(address_parse_ip(str_of(from), &peer), from);
    for (int i = 0; i < times; i++) {
        (void)account_throttle_begin(t->in.throttle, &peer, S("bob"), clock_steady_ms());
        account_throttle_end(t->in.throttle, &peer, S("bob"), ACCOUNT_THROTTLE_WRONG,
                             clock_steady_ms());
    }
}

static void guesses(void *arg)
{
    struct town *t = arg;
    int64_t last_ms = 0;
    for (int i = 0; i < 6; i++) {
        attempt(t, &guess, "127.0.0.2");
        check_answer(t, &guess, "Authentication credentials invalid");
        CHECK(t->took_ms >= last_ms, "attack 76: the delay grows");
        last_ms = t->took_ms;
    }
    CHECK(last_ms > 0, "attack 76: delays come first");
    fail_at_once(t, "127.0.0.2", 20);
    uint64_t work = account_password_work();
    attempt(t, &too_many, "127.0.0.2");
    check_answer(t, &too_many, "");
    attempt(t, &scram_too_many, "127.0.0.2");
    check_answer(t, &scram_too_many, "");
    CHECK(account_password_work() == work, "nothing is computed for who is sent away");
    attempt(t, &right, "127.0.0.3");
    check_answer(t, &right, "");
    CHECK(t->took_ms == 0, "attack 76: a clean address is not delayed");
}

static void without_keeper(void *arg)
{
    static const struct exchange list[] = {
        {"attack 81: PLAIN", "PLAIN",         TEXT("\0bob\0secret-word"),  "", 454, "4.7.0",
         LOGIN_FAILURE_BACKEND_DOWN, 0},
        {"attack 81: SCRAM", "SCRAM-SHA-256", TEXT("n,,n=bob,r=abcdefgh"), "", 454, "4.7.0",
         LOGIN_FAILURE_BACKEND_DOWN, 0},
    };
    struct town *t = arg;
    t->keeper = &t->down;
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < ARRAY_LEN(list); i++) {
            attempt(t, &list[i], "127.0.0.2");
            check_answer(t, &list[i], "");
            CHECK(t->took_ms == 0, "what nobody could check is no failure");
        }
    }
}

static void simulate(void (*body)(void *))
{
    struct town t;
    town_open(&t);
    sim_run(1, body, &t);
    town_close(&t);
}

TEST(inbound_login_exchanges) { simulate(all_exchanges); }
TEST(inbound_login_guesses) { simulate(guesses); }
TEST(inbound_login_backend_down) { simulate(without_keeper); }
