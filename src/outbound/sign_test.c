/* Mail that leaves is signed; what the host then has is judged as any receiver would. */
#include "outbound/sign_test.h"
#include "base/log.h"
#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

#define HELLO \
    "S: 220 mx.example ESMTP\nC: EHLO\nS: 250-mx.example\nS: 250-PIPELINING\nS: 250 SIZE 0\n"
#define ACCEPT HELLO "again\n" TOWN_TAKE
#define FROM(address) "From: " address "\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n  \r\n\r\n"

static struct sign_case {
    const char *label, *domain, *from, *content;
    enum envelope_origin origin;
    const char *verdict; /* of the signatures */
    bool busy;           /* the keeper is */
    const char *event;
    uint8_t found;
} sign_cases[] = {
    {"submitted",         "x.example",   "a@x.example",     FROM("a@x.example"),                         ORIGIN_SUBMISSION, "pass pass",
     false,                                                                                                                                                            "delivered b@example.net"},
    {"relayed",           "x.example",   "a@x.example",     FROM("a@x.example"),                         ORIGIN_RELAY,      "pass pass",         false,
     "delivered b@example.net"                                                                                                                                                                  },
    {"by MX",             "x.example",   "a@x.example",     FROM("a@x.example"),                         ORIGIN_MX,         "",                  false,
     "delivered b@example.net"                                                                                                                                                                  },
    {"no key for it",     "x.example",   "a@y.example",     FROM("a@y.example"),                         ORIGIN_SUBMISSION, "",                  false,
     "delivered b@example.net"                                                                                                                                                                  },
    {"a domain above",    "example",     "a@x.example",     FROM("a@x.example"),                         ORIGIN_SUBMISSION, "",                  false,
     "delivered b@example.net"                                                                                                                                                                  },
    {"the envelope's",    "x.example",   "a@x.example",     FROM("a@y.example"),                         ORIGIN_SUBMISSION,
     "pass pass",                                                                                                                                false,                "delivered b@example.net"},
    {"two From",          "x.example",   "a@x.example",     "From: a@x.example\r\n" FROM("b@x.example"),
     ORIGIN_RELAY,                                                                                                          "",                  false,                "delivered b@example.net"},
    {"a header alone",    "x.example",   "a@x.example",     "From: a@x.example\r\nSubject: x\r\n",
     ORIGIN_RELAY,                                                                                                          "pass pass",         false,                "delivered b@example.net"},
    {"ours",              "example.com", "a@x.example",     FROM("MAILER-DAEMON@mail.example.com"),      ORIGIN_DSN,
     "pass pass",                                                                                                                                false,                "delivered b@example.net"},
    {"8 bits made seven", "x.example",   "a@x.example",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
     "Content-Transfer-Encoding: 8bit\r\n" FROM("a@x.example") "gr\xc3\xbc\xc3\x9f\r\n",
     ORIGIN_SUBMISSION,                                                                                                     "pass pass",         false,                "delivered b@one.example", FOUND_8BIT},
    {"the keeper is busy",                   "x.example",             "a@x.example", FROM("a@x.example"),                   ORIGIN_SUBMISSION,                 NULL,
     true, "it cannot be signed now: the keeper is busy"                                                                                                                                                                                       },
};

static struct signing {
    const struct sign_case *which;
    struct dkim_bench bench;
    struct sign_test_keys keys;
    str mail;
} now;

static const char *verify(str mail)
{
    struct mailauth_dkim_verdict v = dkim_bench_verify(&now.bench, mail);
    return arena_chars(now.bench.arena, dkim_bench_names(&now.bench, &v));
}

static void deliver(struct town *t)
{
    const struct sign_case *c = now.which;
    uint64_t size;
    now.keys.busy = c->busy;
    town_send(t, &(struct town_mail){.from = c->from,
                                     .to = c->found ? "b@one.example" : "b@example.net",
                                     .content = c->content,
                                     .origin = c->origin,
                                     .declared = c->found ? BODY_8BITMIME : BODY_7BIT,
                                     .found = c->found});
    town_wait(t, MINUTE_MS);
    town_check_event(t, c->event);
    now.bench.now_s = clock_real_ms() / 1000;
    if (c->verdict == NULL) {
        CHECK(!str_contains(buf_str(&t->servers[0].heard), S("MAIL")), "it never left unsigned");
        CHECK(town_messages(t) == 1, "it waits");
        return;
    }
    now.mail = sign_test_heard(&t->servers[0], now.bench.arena, &size);
    CHECK(size == now.mail.len, "SIZE counts the signatures");
    CHECK(str_is_ascii(now.mail), "a host without 8BITMIME has seven bits");
}

TEST(outbound_sign)
{
    sign_test_be_quiet();
    for (size_t i = 0; i < ARRAY_LEN(sign_cases); i++) {
        now = (struct signing){.which = &sign_cases[i]};
        sign_test_open(&now.keys, &now.bench, sign_cases[i].domain);
        struct keeper keeper = sign_test_keeper(&now.keys);
        struct town t = {.label = sign_cases[i].label,
                         .yaml = "hostname: mail.example.com\nroutes: mx\n",
                         .keeper = &keeper,
                         .body = deliver};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = ACCEPT};
        town_run(&t);
        if (sign_cases[i].verdict)
            CHECK_STR(str_of(verify(now.mail)), sign_cases[i].verdict, sign_cases[i].label);
        dkim_bench_close(&now.bench);
    }
    log_set_sink(NULL, NULL);
}

/* ---- a notification, and many recipients ----------------------------------------------------- */

static void refuse(struct town *t)
{
    uint64_t size;
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, MINUTE_MS);
    CHECK(town_count(t, "dsn_sent") == 1, "a notification");
    now.bench.now_s = clock_real_ms() / 1000;
    now.mail = sign_test_heard(&t->servers[1], now.bench.arena, &size);
    CHECK(str_contains(now.mail, S("MAILER-DAEMON@mail.example.com")), "from us");
}

TEST(outbound_sign_notification)
{
    now = (struct signing){0};
    sign_test_open(&now.keys, &now.bench, "example.com");
    struct keeper keeper = sign_test_keeper(&now.keys);
    struct town t = {.label = "notification",
                     .yaml = "hostname: mail.example.com\nroutes: mx\n",
                     .keeper = &keeper,
                     .body = refuse};
    t.servers[0] = (struct town_server){
        .at = "192.0.2.1:25",
        .every = HELLO TOWN_MAIL_OK
        "C: RCPT\nS: 550 5.1.1 unknown\nC: DATA\nS: 354 go\ndata\nS: 554 no\n"};
    t.servers[1] = (struct town_server){.at = "192.0.2.3:25", .every = ACCEPT};
    town_run(&t);
    CHECK_STR(str_of(verify(now.mail)), "pass pass", "its signatures");
    dkim_bench_close(&now.bench);
}

static void send_twice(struct town *t)
{
    for (int i = 0; i < 2; i++) {
        town_send(t, &(struct town_mail){.from = "a@x.example",
                                         .to = "b@example.net c@example.net d@example.net",
                                         .content = FROM("a@x.example"),
                                         .origin = ORIGIN_SUBMISSION});
        town_wait(t, 1000);
    }
    CHECK(town_count(t, "delivered") == 6, "all arrived");
    CHECK(now.keys.signatures == 4, "each mail was signed once, for both keys");
    CHECK(now.keys.asked == 1, "and its keys were asked for once");
}

/* A host that takes one recipient in a transaction gets the same signatures each time. */
TEST(outbound_sign_once)
{
    now = (struct signing){0};
    sign_test_open(&now.keys, &now.bench, "x.example");
    struct keeper keeper = sign_test_keeper(&now.keys);
    struct town t = {.label = "once",
                     .yaml = "hostname: mail.example.com\nroutes: mx\n",
                     .keeper = &keeper,
                     .body = send_twice};
    t.servers[0] = (struct town_server){
        .at = "192.0.2.1:25",
        .every = TOWN_GREET "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1\n"
                            "again\n" TOWN_TAKE};
    town_run(&t);
    dkim_bench_close(&now.bench);
}

/* ---- keys that change while they are remembered ---------------------------------------------- */

static void send_across_rotation(struct town *t)
{
    uint64_t size;
    struct town_mail mail = {.from = "a@x.example",
                             .to = "b@example.net",
                             .content = FROM("a@x.example"),
                             .origin = ORIGIN_SUBMISSION};
    town_send(t, &mail);
    town_wait(t, 1000);
    buf_clear(&t->servers[0].heard);
    now.keys.rotated = true;
    town_send(t, &mail);
    town_wait(t, 1000);
    CHECK(town_count(t, "delivered") == 2, "it does not wait for what is remembered to pass");
    CHECK(town_count(t, "deferred") == 0, "nor for a second attempt");
    CHECK(now.keys.asked == 2, "the keys were asked for anew");
    now.bench.now_s = clock_real_ms() / 1000;
    now.mail = sign_test_heard(&t->servers[0], now.bench.arena, &size);
}

TEST(outbound_sign_rotated)
{
    now = (struct signing){0};
    sign_test_open(&now.keys, &now.bench, "x.example");
    sign_test_publish(&now.bench, now.keys.rsa, "r2", "x.example");
    sign_test_publish(&now.bench, now.keys.ed25519, "e2", "x.example");
    struct keeper keeper = sign_test_keeper(&now.keys);
    struct town t = {.label = "rotated",
                     .yaml = "hostname: mail.example.com\nroutes: mx\n",
                     .keeper = &keeper,
                     .body = send_across_rotation};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = ACCEPT};
    town_run(&t);
    CHECK_STR(str_of(verify(now.mail)), "pass pass", "by the new keys");
    CHECK(str_contains(now.mail, S("s=r2")), "and by no other");
    dkim_bench_close(&now.bench);
}
