/* Mail that leaves is signed; what the host then has is judged as any receiver would. */
#include "base/log.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_keys_test.h"
#include "mailauth/dkim_private.h"
#include "outbound/town_test.h"
#include <string.h>

enum { MINUTE_MS = 60 * 1000 };

#define HELLO \
    "S: 220 mx.example ESMTP\nC: EHLO\nS: 250-mx.example\nS: 250-PIPELINING\nS: 250 SIZE 0\n"
#define ACCEPT HELLO "again\n" TOWN_TAKE
#define FROM(address) "From: " address "\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n  \r\n\r\n"

/* A keeper with two keys of one domain. */
struct keys {
    struct arena *arena;
    const char *domain;
    struct mailauth_dkim_private *rsa, *ed25519;
    bool busy;    /* it says so in place of a signature */
    bool rotated; /* the selectors are others now */
    int asked, signatures;
};

static err list_keys(void *state, str domain, struct arena *arena,
                     struct keeper_dkim_keys *ret_keys, deadline until)
{
    struct keys *k = state;
    (void)arena, (void)until;
    *ret_keys = (struct keeper_dkim_keys){0};
    k->asked++;
    if (!str_eq(domain, str_of(k->domain)))
        return NULL;
    ret_keys->list[ret_keys->count++] =
        (struct keeper_dkim_key){k->rotated ? S("r2") : S("r"), MAILAUTH_DKIM_RSA};
    ret_keys->list[ret_keys->count++] =
        (struct keeper_dkim_key){k->rotated ? S("e2") : S("e"), MAILAUTH_DKIM_ED25519};
    return NULL;
}

static err sign(void *state, const struct keeper_digest *d, struct buf *out, deadline until)
{
    struct keys *k = state;
    struct mailauth_dkim_signer *signer =
        mailauth_dkim_private_signer(d->algorithm == MAILAUTH_DKIM_RSA ? k->rsa : k->ed25519);
    bool is_new = d->selector.len == 2;
    if (is_new != k->rotated)
        return err_new(ERR_CONFIG, "there is no key %.*s", STR_ARG(d->selector));
    k->signatures++;
    if (is_new)
        return signer->sign(signer, d->bytes, out, until);
    CHECK_STR(d->selector, d->algorithm == MAILAUTH_DKIM_RSA ? "r" : "e", "selector");
    return k->busy ? err_new(ERR_TIMEOUT, "the keeper is busy")
                   : signer->sign(signer, d->bytes, out, until);
}

/* ---- what the host has --------------------------------------------------------------------- */

/* The content of the only mail that came, dots taken off; and the size that was announced. */
static str heard_mail(const struct town_server *s, struct arena *arena, uint64_t *ret_size)
{
    str rest = buf_str(&s->heard), line, head;
    struct buf out;
    buf_init(&out, 1 << 20);
    *ret_size = 0;
    do {
        str_split(rest, '\n', &line, &rest);
        if (str_starts(line, S("MAIL FROM:")))
            for (str word = line; word.len > 0;) {
                str_split(word, ' ', &head, &word);
                if (str_skip(&head, S("SIZE=")) && !str_to_u64(head, UINT64_MAX, ret_size))
                    CHECK(false, "SIZE");
            }
    } while (rest.len > 0 && !str_eq(line, S("DATA")));
    for (str_split(rest, '\n', &line, &rest); rest.len > 0 && !str_eq(line, S("."));
         str_split(rest, '\n', &line, &rest)) {
        str_skip(&line, S("."));
        CHECK_DONE(buf_addf(&out, "%.*s\r\n", STR_ARG(line)), "a line");
    }
    str mail = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return mail;
}

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
    struct keys keys;
    str mail;
} now;

static void publish(struct dkim_bench *b, const struct mailauth_dkim_private *key, const char *name)
{
    struct buf line;
    buf_init(&line, 1 << 12);
    CHECK_DONE(mailauth_dkim_private_zone_line(key, str_of(name), str_of(now.keys.domain), &line),
               "zone");
    CHECK_DONE(buf_add(&b->zone, buf_str(&line)), "zone");
    buf_release(&line);
}

static void open_keys(const char *domain)
{
    struct arena *arena;
    dkim_bench_open(&now.bench);
    arena = now.bench.arena;
    now.keys = (struct keys){.arena = arena, .domain = domain};
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), arena, &now.keys.rsa), "RSA");
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_ed25519_pem), arena, &now.keys.ed25519),
               "Ed25519");
    publish(&now.bench, now.keys.rsa, "r");
    publish(&now.bench, now.keys.ed25519, "e");
}

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
    now.mail = heard_mail(&t->servers[0], now.bench.arena, &size);
    CHECK(size == now.mail.len, "SIZE counts the signatures");
    CHECK(str_is_ascii(now.mail), "a host without 8BITMIME has seven bits");
}

static void say_nothing(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

TEST(outbound_sign)
{
    log_set_sink(say_nothing, NULL);
    for (size_t i = 0; i < ARRAY_LEN(sign_cases); i++) {
        now = (struct signing){.which = &sign_cases[i]};
        open_keys(sign_cases[i].domain);
        struct keeper keeper = {.dkim_keys = list_keys, .dkim_sign = sign, .state = &now.keys};
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
    now.mail = heard_mail(&t->servers[1], now.bench.arena, &size);
    CHECK(str_contains(now.mail, S("MAILER-DAEMON@mail.example.com")), "from us");
}

TEST(outbound_sign_notification)
{
    now = (struct signing){0};
    open_keys("example.com");
    struct keeper keeper = {.dkim_keys = list_keys, .dkim_sign = sign, .state = &now.keys};
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
    open_keys("x.example");
    struct keeper keeper = {.dkim_keys = list_keys, .dkim_sign = sign, .state = &now.keys};
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
    now.mail = heard_mail(&t->servers[0], now.bench.arena, &size);
}

TEST(outbound_sign_rotated)
{
    now = (struct signing){0};
    open_keys("x.example");
    publish(&now.bench, now.keys.rsa, "r2");
    publish(&now.bench, now.keys.ed25519, "e2");
    struct keeper keeper = {.dkim_keys = list_keys, .dkim_sign = sign, .state = &now.keys};
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
