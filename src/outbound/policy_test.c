#include "base/mem.h"
#include "config/text_test.h"
#include "outbound/town_test.h"

#define PLAIN "S: 250-mx.example\nS: 250 ENHANCEDSTATUSCODES\n"
#define WITH_TLS "S: 250-mx.example\nS: 250 STARTTLS\n"
#define WITH_AUTH "S: 250-mx.example\nS: 250 AUTH PLAIN\n"
#define ACCEPT TOWN_GREET PLAIN "again\n" TOWN_TAKE
#define START "C: STARTTLS\nS: 220 go\ntls\n"

#define BY_MX "hostname: mail.example.com\nroutes: mx\n"
#define BY_RELAY \
    "hostname: mail.example.com\nroutes: [{ to: \"*\", via: \"smtp://relay.example:25\" }]\n"
#define BY_OTHER \
    "hostname: mail.example.com\nroutes: [{ to: \"*\", via: \"smtp://other.example:25\" }]\n"
#define BY_BOTH                                                                             \
    "hostname: mail.example.com\nroutes: [{ to: \"*\", via: [\"smtp://relay.example:25\", " \
    "\"smtp://second.example:25?tls=none\"] }]\n"

/* ---- how private the way is ---------------------------------------------------------------- */

static const struct tls_case {
    const char *label, *yaml;
    const char *hosts[3];
    const char *event;
    bool heard_mail;
    int connections;
} tls_cases[] = {
    {.label = "opportunistic: TLS when offered",
     .yaml = BY_MX,
     .hosts = {TOWN_GREET WITH_TLS START "C: EHLO\n" PLAIN TOWN_TAKE},
     .event = "delivered b@example.net 250 2.0.0 mx1.example.net TLSv1.3",
     .heard_mail = true,
     .connections = 1},
    {.label = "attack 20, opportunistic: STARTTLS is cut out",
     .yaml = BY_MX,
     .hosts = {ACCEPT},
     .event = "delivered b@example.net 250 2.0.0 mx1.example.net  |",
     .heard_mail = true,
     .connections = 1},
    {.label = "opportunistic: the handshake fails, once more in clear",
     .yaml = BY_MX,
     .hosts = {TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\nclose\n",
               TOWN_GREET WITH_TLS TOWN_TAKE},
     .event = "delivered b@example.net 250 2.0.0 mx1.example.net  |",
     .heard_mail = true,
     .connections = 2},
    {.label = "opportunistic: STARTTLS refused, once more in clear",
     .yaml = BY_MX,
     .hosts = {TOWN_GREET WITH_TLS "C: STARTTLS\nS: 454 4.7.0 not now\n",
               TOWN_GREET WITH_TLS TOWN_TAKE},
     .event = "delivered b@example.net 250 2.0.0 mx1.example.net  |",
     .heard_mail = true,
     .connections = 2},
    {.label = "required and verified",
     .yaml = BY_RELAY,
     .hosts = {TOWN_GREET WITH_TLS START "C: EHLO\n" PLAIN TOWN_TAKE},
     .event = "delivered b@example.net 250 2.0.0 relay.example TLSv1.3",
     .heard_mail = true,
     .connections = 1},
    {.label = "attack 20, required: STARTTLS is cut out",
     .yaml = BY_RELAY,
     .hosts = {TOWN_GREET PLAIN "C: *\n"},
     .event = "deferred b@example.net 0 4.7.5 relay.example",
     .connections = 1                                             },
    {.label = "attack 20, required: STARTTLS refused",
     .yaml = BY_RELAY,
     .hosts = {TOWN_GREET WITH_TLS "C: STARTTLS\nS: 502 5.5.1 what\nC: *\n"},
     .event = "deferred b@example.net 502 4.7.5 relay.example",
     .connections = 1},
    {.label = "required: another name in the certificate",
     .yaml = BY_OTHER,
     .hosts = {TOWN_GREET WITH_TLS START},
     .event = "deferred b@example.net 0 4.7.5 other.example",
     .connections = 1                                             },
    {.label = "required and stripped: the next hop of the route",
     .yaml = BY_BOTH,
     .hosts = {TOWN_GREET PLAIN "C: *\n"},
     .event = "delivered b@example.net 250 2.0.0 second.example",
     .connections = 1},
};

static const struct tls_case *the_tls;

static void tls_mail(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, the_tls->event);
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("MAIL")) == the_tls->heard_mail, t->label);
    CHECK(t->servers[0].connections == the_tls->connections, t->label);
}

TEST(outbound_privacy)
{
    for (size_t i = 0; i < ARRAY_LEN(tls_cases); i++) {
        the_tls = &tls_cases[i];
        struct town t = {.label = the_tls->label, .yaml = the_tls->yaml, .body = tls_mail};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = the_tls->hosts};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = ACCEPT};
        town_run(&t);
    }
}

/* Attack 19: what was said in clear behind the 220 must not pass as said inside TLS. */
static void injection(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@one.example"});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, "deferred b@one.example 0 4.7.5");
    CHECK(!str_contains(buf_str(&t->servers[0].heard), S("MAIL")), "nothing was sent");
}

TEST(outbound_injection)
{
    static const char *const yaml[] = {BY_MX, BY_RELAY};
    for (size_t i = 0; i < ARRAY_LEN(yaml); i++) {
        struct town t = {.label = "attack 19", .yaml = yaml[i], .body = injection};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                            .every = TOWN_GREET WITH_TLS
                                            "C: STARTTLS\n"
                                            "S: 220 go\r\n250-AUTH PLAIN\r\n250 ok\nC: *\n"};
        town_run(&t);
    }
}

/* ---- our login ----------------------------------------------------------------------------- */

static int secrets_asked;

static err give_secret(void *state, str reference, struct buf *ret_secret, deadline until)
{
    (void)until;
    secrets_asked++;
    if (!str_eq(reference, S("env:RELAY")) || state == NULL)
        return err_new(ERR_CONFIG, "RELAY is not set");
    return buf_add(ret_secret, str_of(state));
}

/* A store that was rotated a moment ago. */
static err give_newer(void *state, str reference, struct buf *ret_secret, deadline until)
{
    (void)state, (void)reference, (void)until;
    return buf_add(ret_secret, S("pass"));
}

#define BY_LOGIN                                                                             \
    "hostname: mail.example.com\n"                                                           \
    "routes: [{ name: out, to: \"*\", via: \"smtp://relay.example:25\", account: relay }]\n" \
    "accounts: { relay: { user: me, secret: \"env:RELAY\" } }\n"

#define OVER_TLS TOWN_GREET WITH_TLS START "C: EHLO\n" WITH_AUTH

/* me, "pass" */
#define LOGIN_LINE "C: AUTH PLAIN AG1lAHBhc3M=\n"
#define OLD_LOGIN_LINE "C: AUTH PLAIN AG1lAG9sZA==\n"

static void login(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, 60 * 1000);
    town_check_event(t, "delivered b@example.net 250 2.0.0 relay.example");
}

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

/* One refused login, however much mail waits; nothing of it is returned; then it works again. */
static void refused(struct town *t)
{
    for (int i = 0; i < 30; i++)
        town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 4 * MINUTE);
    CHECK(town_count(t, "login_paused") == 1, "paused");
    town_check_event(t, "Check the login that is configured for that server.");
    int before = t->servers[0].connections;
    CHECK(before <= 20, "not more than were under way");
    town_wait(t, 12 * MINUTE);
    CHECK(t->servers[0].connections == before + 1, "one looks whether it works again");
    CHECK(town_messages(t) == 30, "all of it waits");
    town_wait(t, 10 * 24 * HOUR);
    CHECK(town_messages(t) == 30, "for ever");
    CHECK(town_count(t, "bounced") + town_count(t, "expired") == 0, "none is given up");
    t->servers[0].every = OVER_TLS LOGIN_LINE "S: 235 2.7.0 in\nagain\n" TOWN_TAKE;
    town_wait(t, 5 * HOUR);
    CHECK(town_count(t, "delivered") == 30, "all arrives");
    CHECK(town_messages(t) == 0, "nothing is left");
}

static void no_secret(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 4 * MINUTE);
    CHECK(town_count(t, "login_paused") == 1, "paused");
    CHECK(town_messages(t) == 1, "it waits");
}

/* Without TLS the password is not even asked for. */
static void stripped(struct town *t)
{
    secrets_asked = 0;
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 4 * MINUTE);
    town_check_event(t, "deferred b@example.net 0 4.7.5");
    CHECK(secrets_asked == 0, "no password was fetched");
    CHECK(!str_contains(buf_str(&t->servers[0].heard), S("AUTH")), "nor said");
}

TEST(outbound_login)
{
    static char pass[] = "pass", old[] = "old";
    static const struct {
        const char *label;
        void (*body)(struct town *);
        char *secret;
        const char *host;
    } cases[] = {
        {"login",     login,     pass, OVER_TLS LOGIN_LINE "S: 235 2.7.0 in\n" TOWN_TAKE     },
        {"535",       refused,   pass, OVER_TLS LOGIN_LINE "S: 535 5.7.8 no\nC: *\n"         },
        {"rotated",   login,     old,
         OVER_TLS OLD_LOGIN_LINE "S: 535 5.7.8 no\n" LOGIN_LINE "S: 235 2.7.0 in\n" TOWN_TAKE},
        {"no secret", no_secret, NULL, OVER_TLS "C: *\n"                                     },
        {"stripped",  stripped,  pass, TOWN_GREET WITH_AUTH "C: *\n"                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct keeper keeper = {.secret = give_secret, .state = cases[i].secret};
        if (cases[i].secret == old)
            keeper.secret_again = give_newer;
        struct town t = {
            .label = cases[i].label, .yaml = BY_LOGIN, .keeper = &keeper, .body = cases[i].body};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = cases[i].host};
        town_run(&t);
    }
}

/* ---- what a message needs ------------------------------------------------------------------ */

static const struct need_case {
    const char *label, *to, *offer, *event;
    enum envelope_body declared;
    uint8_t found;
    bool second;
} need_cases[] = {
    {"8-bit, declared",       "b@example.net",         "",          "delivered b@example.net",                  BODY_8BITMIME,   FOUND_8BIT,
     false                                                                                                                                        },
    {"8-bit, never declared", "b@example.net",         "",          "delivered b@example.net",                  BODY_7BIT,       FOUND_8BIT,
     false                                                                                                                                        },
    {"8-bit, offered",        "b@example.net",         "8BITMIME",  "delivered b@example.net",                  BODY_8BITMIME,
     FOUND_8BIT,                                                                                                                             false},
    {"8-bit, another host",   "b@example.net",         "",          "delivered b@example.net 250 2.0.0 second",
     BODY_8BITMIME,                                                                                                              FOUND_8BIT, true },
    {"binary",                "b@example.net",         "8BITMIME",  "bounced b@example.net 0 5.6.3",            BODY_BINARYMIME,
     FOUND_BINARY,                                                                                                                           false},
    {"UTF-8 address",         "b\xc3\xbc@example.net", "8BITMIME",  "bounced b\xc3\xbc@example.net 0 5.6.7",
     BODY_7BIT,                                                                                                                  0,          false},
    {"UTF-8, offered",        "b\xc3\xbc@example.net", "SMTPUTF8",  "delivered b\xc3\xbc@example.net",
     BODY_7BIT,                                                                                                                  0,          false},
    {"too big",               "b@example.net",         "SIZE 20",   "bounced b@example.net 0 5.3.4",            BODY_7BIT,       0,          true },
    {"not too big",           "b@example.net",         "SIZE 2000", "delivered b@example.net",                  BODY_7BIT,       0,          false},
};

static const struct need_case *the_need;

static void need(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "",
                                     .to = the_need->to,
                                     .declared = the_need->declared,
                                     .found = the_need->found});
    town_wait(t, 4 * MINUTE);
    town_check_event(t, the_need->event);
}

TEST(outbound_needs)
{
    static const char one[] = "hostname: m.example.com\nroutes: [{ to: \"*\", via: "
                              "\"smtp://relay.example:25?tls=none\" }]\n";
    static const char two[] = "hostname: m.example.com\nroutes: [{ to: \"*\", via: "
                              "[\"smtp://relay.example:25?tls=none\", "
                              "\"smtp://second.example:25?tls=none\"] }]\n";
    for (size_t i = 0; i < ARRAY_LEN(need_cases); i++) {
        char host[600];
        the_need = &need_cases[i];
        snprintf(host, sizeof host, "%sS: 250-mx\nS: 250 %s\n%s", TOWN_GREET,
                 the_need->offer[0] ? the_need->offer : "HELP", TOWN_TAKE);
        struct town t = {
            .label = the_need->label, .yaml = the_need->second ? two : one, .body = need};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = host};
        t.servers[1] = (struct town_server){
            .at = "192.0.2.2:25", .every = TOWN_GREET "S: 250-mx\nS: 250 8BITMIME\n" TOWN_TAKE};
        town_run(&t);
    }
}

/* ---- LMTP, questions, no route, the end ---------------------------------------------------- */

#define BY_LMTP \
    "hostname: m.example.com\ndomains: { example.org: { deliver: \"lmtp://127.0.0.1:24\" } }\n"
#define LMTP_GREET "S: 220 hi\nC: LHLO\nS: 250-hi\nS: 250 PIPELINING\n"

/* Attack 197: a reply for each recipient. */
static void lmtp(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@example.org",
                                     .to = "b@example.org c@example.org d@example.org",
                                     .notify = NOTIFY_SUCCESS | NOTIFY_FAILURE});
    town_wait(t, MINUTE);
    town_check_event(t, "delivered b@example.org 250 2.0.0 127.0.0.1");
    town_check_event(t, "deferred c@example.org 452 4.2.2 127.0.0.1");
    town_check_event(t, "bounced d@example.org 554 5.6.0 127.0.0.1");
    CHECK(town_count(t, "dsn_sent a@example.org") == 1, "one notification for both");
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("Action: delivered")), "of success");
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("Action: failed")), "and of failure");
    town_wait(t, 61 * MINUTE); /* a full mailbox: retry.classes */
    town_check_event(t, "delivered c@example.org 250");
    CHECK(town_messages(t) == 0, "nothing is left");
}

/* Those without a reply are tried again; the one that had its 250 is not. */
static void lmtp_cut(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.org c@example.org"});
    town_wait(t, MINUTE);
    town_check_event(t, "delivered b@example.org 250");
    town_check_event(t, "deferred c@example.org 0 4.4.2");
    town_wait(t, 5 * MINUTE);
    CHECK(town_count(t, "delivered b@example.org") == 1, "once");
    CHECK(town_count(t, "delivered c@example.org") == 1, "once");
}

/* Attacks 195 and 197: the same when the power goes in between. */
static void lmtp_crash(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.org c@example.org"});
    town_wait(t, MINUTE);
    town_crash(t);
    town_wait(t, 5 * MINUTE);
    CHECK(town_count(t, "delivered b@example.org") == 1, "once");
    CHECK(town_count(t, "delivered c@example.org") == 1, "once");
    CHECK(town_messages(t) == 0, "nothing is left");
}

/* Attack 194: the power goes between the 250 and our record of it: one repetition, not more. */
static void crash_after_taken(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.org"});
    town_wait(t, MINUTE);
    town_crash(t);
    town_wait(t, 30 * MINUTE);
    str rest = buf_str(&t->servers[0].heard), line;
    size_t mails = 0;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        mails += str_eq(line, S("."));
    }
    CHECK(mails == 2, "once more");
    CHECK(town_messages(t) == 0, "nothing is left");
}

TEST(outbound_lmtp)
{
#define THREE                                                                                      \
    "C: MAIL\nC: RCPT\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: " \
    "354 go\ndata\n"
#define TWO "C: MAIL\nC: RCPT\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\ndata\n"
    static const char *const three[] = {
        LMTP_GREET THREE "S: 250 2.0.0 in\nS: 452 4.2.2 full\nS: 554 5.6.0 no\n" TOWN_TAKE, NULL};
    static const char *const cut[] = {LMTP_GREET TWO "S: 250 2.0.0 in\nclose\n", NULL};
    struct town t = {.label = "LMTP", .yaml = BY_LMTP, .body = lmtp};
    t.servers[0] = (struct town_server){
        .at = "127.0.0.1:24", .scripts = three, .every = LMTP_GREET "again\n" TOWN_TAKE};
    town_run(&t);
    t = (struct town){.label = "LMTP crash", .yaml = BY_LMTP, .body = lmtp_crash};
    t.servers[0] = (struct town_server){
        .at = "127.0.0.1:24", .scripts = cut, .every = LMTP_GREET "again\n" TOWN_TAKE};
    town_run(&t);
    t = (struct town){.label = "crash in the reply", .yaml = BY_LMTP, .body = crash_after_taken};
    t.servers[0] = (struct town_server){
        .at = "127.0.0.1:24",
        .scripts = (const char *const[]){LMTP_GREET "C: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 250 "
                                                    "ok\nS: 354 go\ndata\nsilent\n", NULL},
        .every = LMTP_GREET "again\n" TOWN_TAKE
    };
    town_run(&t);
    t = (struct town){.label = "LMTP cut", .yaml = BY_LMTP, .body = lmtp_cut};
    t.servers[0] = (struct town_server){
        .at = "127.0.0.1:24", .scripts = cut, .every = LMTP_GREET "again\n" TOWN_TAKE};
    town_run(&t);
}

static void ask(struct town *t)
{
    static const struct {
        const char *address;
        int code;
    } cases[] = {
        {"b@example.org", 250},
        {"c@example.org", 550},
        {"d@example.org", 250},
    };
    struct outbound_connect_options options = {
        .hello = S("m.example.com"), .timeouts = &t->config->timeouts, .tls = t->tls};
    struct outbound_asker *asker;
    const struct config_hop *hop = t->config->domains[0].deliver;
    outbound_ask_open(&options, t->resolver, &asker);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_reply reply = {0};
        CHECK_DONE(outbound_ask_recipient(asker, hop, str_of(cases[i].address), t->arena, &reply,
                                          deadline_after(MINUTE)),
                   cases[i].address);
        CHECK(reply.code == cases[i].code, cases[i].address);
    }
    CHECK(t->servers[0].connections == 2, "one connection, and one more when that had gone");
    t->servers[0].every = "S: 421 busy\n";
    town_wait(t, MINUTE);
    struct smtp_reply reply = {0};
    err e = outbound_ask_recipient(asker, hop, S("e@example.org"), t->arena, &reply,
                                   deadline_after(MINUTE));
    CHECK(e != NULL, "nobody there: an err, no answer");
    outbound_ask_close(asker);
}

TEST(outbound_ask)
{
    static const char *const visits[] = {
        LMTP_GREET
        "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<b@example.org>\nS: 250 ok\nC: RSET\nS: 250 ok\n"
        "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<c@example.org>\nS: 550 5.1.1 no\nC: RSET\nS: 250 "
        "ok\n"
        "close\n",
        LMTP_GREET "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<d@example.org>\nS: 250 ok\nC: RSET\nS: "
                   "250 ok\nC: *\n",
        NULL};
    struct town t = {.label = "ask", .yaml = BY_LMTP, .body = ask};
    t.servers[0] = (struct town_server){.at = "127.0.0.1:24", .scripts = visits};
    town_run(&t);
}

/* Mail without a route waits as long as it takes, and goes when there is one. */
static void no_route(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 10 * 24 * HOUR);
    CHECK(town_messages(t) == 1, "it waits");
    CHECK(town_count(t, "attempt") == 0, "nothing is tried");
    CHECK(town_count(t, "dsn_sent") == 0, "nothing to tell the sender");
    const struct config *held = t->config;
    struct config *config = config_text_test(S(BY_MX));
    t->config = config;
    town_wait(t, 6 * MINUTE);
    config_close(held);
    CHECK(town_count(t, "delivered b@example.net") == 1, "then it goes");
}

/* What is under way may end; what does not end in time is cut off and waits. */
static void stop(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 1000);
    int64_t before = clock_steady_ms();
    town_stop(t, 20 * 1000);
    CHECK(clock_steady_ms() - before <= 21 * 1000, "no longer than was said");
    CHECK(town_count(t, "bounced") + town_count(t, "delivered") == 0, "nothing was decided");
    CHECK(town_messages(t) == 1, "it waits");
}

TEST(outbound_no_route)
{
    struct town t = {.label = "no route", .yaml = "hostname: m.example.com\n", .body = no_route};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = ACCEPT};
    town_run(&t);
}

TEST(outbound_stop)
{
    static const char *const hosts[] = {TOWN_GREET "silent\n", TOWN_GREET PLAIN "C: MAIL\nsilent\n",
                                        TOWN_GREET PLAIN
                                        "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: "
                                        "DATA\nS: 354 go\ndata\nsilent\n"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct town t = {.label = "stop", .yaml = BY_MX, .body = stop};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = hosts[i]};
        town_run(&t);
    }
}
