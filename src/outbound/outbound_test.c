#include "outbound/plan.h"
#include "outbound/town_test.h"

#define PLAIN "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 ENHANCEDSTATUSCODES\n"
#define HELLO TOWN_GREET PLAIN
#define ACCEPT HELLO "again\n" TOWN_TAKE
#define CONFIG "hostname: mail.example.com\nroutes: mx\n"

/* ---- one mail, what the hosts do, what becomes of it --------------------------------------- */

static const struct one_case {
    const char *label;
    const char *to;
    const char *first[3], *second[3]; /* what mx1 and mx2 do, by connection */
    const char *event[3];
    int first_visits, second_visits;
    uint64_t left; /* in the queue */
} one_cases[] = {
    {.label = "taken",
     .to = "b@example.net",
     .first = {ACCEPT},
     .event = {"delivered b@example.net 250 2.0.0 mx1.example.net"},
     .first_visits = 1},
    {.label = "greeting 554: next host",
     .to = "b@example.net",
     .first = {"S: 554 5.7.1 go away\n"},
     .second = {ACCEPT},
     .event = {"delivered b@example.net 250 2.0.0 mx2.example.net"},
     .first_visits = 1,
     .second_visits = 1},
    {.label = "greeting 421: next host",
     .to = "b@example.net",
     .first = {"S: 421 4.3.2 busy\n"},
     .second = {ACCEPT},
     .event = {"delivered b@example.net 250 2.0.0 mx2.example.net"},
     .first_visits = 1,
     .second_visits = 1},
    {.label = "MAIL 4xx: next host",
     .to = "b@example.net",
     .first =
         {HELLO
          "C: MAIL\nC: RCPT\nC: DATA\nS: 451 4.3.0 no\nS: 503 no\nS: 503 no\nC: RSET\nS: 250 ok\n"},
     .second = {ACCEPT},
     .event = {"delivered b@example.net 250 2.0.0 mx2.example.net"},
     .first_visits = 1,
     .second_visits = 1},
    {.label = "RCPT 4xx everywhere: deferred",
     .to = "b@example.net",
     .first = {HELLO TOWN_MAIL_OK
               "C: RCPT\nS: 450 4.7.1 grey\nC: DATA\nS: 503 no\nC: *\nS: 250 ok\n"},
     .second = {HELLO TOWN_MAIL_OK
                "C: RCPT\nS: 450 4.7.1 grey\nC: DATA\nS: 503 no\nC: *\nS: 250 ok\n"},
     .event = {"deferred b@example.net 450 4.7.1 mx2.example.net"},
     .first_visits = 1,
     .second_visits = 1,
     .left = 1},
    {.label = "RCPT 5xx: failed at once",
     .to = "b@example.net",
     .first = {HELLO TOWN_MAIL_OK
               "C: RCPT\nS: 550 5.1.1 unknown\nC: DATA\nS: 354 go\ndata\nS: 554 no\n"},
     .event = {"bounced b@example.net 550 5.1.1 mx1.example.net", "dsn_sent a@x.example",
               "delivered a@x.example"},
     .first_visits = 1},
    {.label = "452 with others accepted: the rest at once",
     .to = "b@example.net c@example.net",
     .first = {HELLO TOWN_MAIL_OK TOWN_RCPT_OK "C: RCPT\nS: 452 4.5.3 too many\n" TOWN_DATA_GO
                                               "data\nS: 250 2.0.0 taken\n" TOWN_TAKE},
     .event = {"delivered b@example.net 250", "delivered c@example.net 250"},
     .first_visits = 1},
    {.label = "421 between two recipients: the unanswered to the next host",
     .to = "b@example.net c@example.net",
     .first = {HELLO TOWN_MAIL_OK
               "C: RCPT\nS: 550 5.1.1 unknown\nC: RCPT\nS: 421 4.3.2 bye\nclose\n"},
     .second = {ACCEPT},
     .event = {"bounced b@example.net 550 5.1.1 mx1", "delivered c@example.net 250 2.0.0 mx2"},
     .first_visits = 1,
     .second_visits = 1},
    {.label = "attack 196: lost after the dot, no other host",
     .to = "b@example.net",
     .first = {HELLO TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO "data\nclose\n"},
     .event = {"deferred b@example.net 0 4.4.2 mx1.example.net"},
     .first_visits = 1,
     .left = 1},
    {.label = "attack 196: silent after the dot",
     .to = "b@example.net",
     .first = {HELLO TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO "data\nsilent\n"},
     .event = {"deferred b@example.net 0 4.4.2 mx1.example.net"},
     .first_visits = 1,
     .left = 1},
    {.label = "content 4xx: deferred, no other host",
     .to = "b@example.net",
     .first = {HELLO TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO "data\nS: 451 4.3.0 later\nC: *\n"},
     .event = {"deferred b@example.net 451 4.3.0 mx1.example.net"},
     .first_visits = 1,
     .left = 1},
    {.label = "attack 34: no reply but junk",
     .to = "b@example.net",
     .first = {"S: 99 what\nclose\n"},
     .second = {"S: 250x what\nclose\n"},
     .event = {"deferred b@example.net 0 4.5.0 mx2.example.net"},
     .first_visits = 1,
     .second_visits = 1,
     .left = 1},
    {.label = "attack 104: null MX",
     .to = "b@null.example",
     .event = {"bounced b@null.example 0 5.1.10", "dsn_sent a@x.example"}                         },
    {.label = "attack 104: our own name",
     .to = "b@self.example",
     .event = {"bounced b@self.example 0 5.4.6"}                                                               },
    {.label = "attack 104: our own address",
     .to = "b@own.example",
     .event = {"bounced b@own.example 0 5.4.6"}                                                                         },
    {.label = "attack 104: a loopback address",
     .to = "b@loop.example",
     .event = {"bounced b@loop.example 0 5.4.6"}                                                                   },
    {.label = "attack 104: a literal of ours",
     .to = "b@[127.0.0.1]",
     .event = {"bounced b@[127.0.0.1] 0 5.4.6"}                                                    },
    {.label = "a literal",
     .to = "b@[192.0.2.1]",
     .first = {ACCEPT},
     .event = {"delivered b@[192.0.2.1] 250"},
     .first_visits = 1},
    {.label = "no better host than ours: worse ones are not asked",
     .to = "b@backup.example",
     .first = {"S: 421 busy\n"},
     .event = {"deferred b@backup.example 421"},
     .first_visits = 1,
     .left = 1},
    {.label = "no such domain",
     .to = "b@nothing.example",
     .event = {"bounced b@nothing.example 0 5.1.2"}},
    {.label = "name servers fail",
     .to = "b@fail.example",
     .event = {"deferred b@fail.example 0 4.4.3"},
     .left = 1                    },
    {.label = "MX without address",
     .to = "b@bare.example",
     .event = {"deferred b@bare.example 0 4.4.4"},
     .left = 1                                                                      },
};

static const struct one_case *the_case;

static void one_mail(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = the_case->to});
    town_wait(t, 4 * 60 * 1000);
    if (str_contains(str_of(the_case->label), S("silent")))
        town_wait(t, 8 * 60 * 1000);
    for (size_t i = 0; i < ARRAY_LEN(the_case->event) && the_case->event[i]; i++)
        town_check_event(t, the_case->event[i]);
    CHECK(t->servers[0].connections >= the_case->first_visits, the_case->label);
    CHECK(t->servers[1].connections == the_case->second_visits, the_case->label);
    CHECK(town_messages(t) == the_case->left, the_case->label);
}

TEST(outbound_one_mail)
{
    for (size_t i = 0; i < ARRAY_LEN(one_cases); i++) {
        the_case = &one_cases[i];
        struct town t = {.label = the_case->label, .yaml = CONFIG, .body = one_mail};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = the_case->first};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .scripts = the_case->second};
        t.servers[2] = (struct town_server){.at = "192.0.2.3:25", .every = ACCEPT};
        town_run(&t);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

#define SILENT_ROUTE \
    "hostname: mail.example.com\nroutes: [{ to: \"*\", via: \"smtp://192.0.2.9?tls=none\" }]\n"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static void retry_times(struct town *t)
{
    static const int at_minutes[] = {0,   5,   15,  35, 75,
                                     155, 315, 555, 795}; /* 5m * 2^n, at most 4h */
    size_t n = 0;
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@y.example"});
    for (int minute = 0; minute < 800; minute++) {
        town_wait(t, MINUTE);
        while (n < ARRAY_LEN(at_minutes) && at_minutes[n] <= minute)
            n++;
        CHECK(town_count(t, "attempt") == n, "an attempt at each time and at no other");
    }
}

static void give_up(struct town *t)
{
    town_send(t, &(struct town_mail){
                     .from = "a@x.example", .to = "b@y.example", .origin = ORIGIN_SUBMISSION});
    town_wait(t, 4 * HOUR - MINUTE);
    CHECK(town_count(t, "dsn_sent") == 0, "not warned too early");
    town_wait(t, 8 * HOUR);
    CHECK(town_count(t, "delayed b@y.example") == 1, "warned");
    CHECK(town_count(t, "dsn_sent") == 1, "warned by mail");
    town_wait(t, 5 * 24 * HOUR - 12 * HOUR);
    CHECK(town_count(t, "expired b@y.example") == 0, "not given up too early");
    town_wait(t, HOUR);
    CHECK(town_count(t, "expired b@y.example") == 1, "given up once");
    CHECK(town_count(t, "delayed") == 1, "warned once");
    CHECK(town_count(t, "dsn_sent") == 2, "a warning and a failure");
    town_wait(t, 5 * 24 * HOUR);
    CHECK(town_count(t, "dsn_dropped") == 2, "nobody is told that notifications fail");
    CHECK(town_messages(t) == 0, "all is over");
}

static void relayed_mail_is_not_warned_of(struct town *t)
{
    town_send(
        t, &(struct town_mail){.from = "a@x.example", .to = "b@y.example", .origin = ORIGIN_RELAY});
    town_wait(t, 24 * HOUR);
    CHECK(town_count(t, "delayed") == 0, "no warning");
    CHECK(town_count(t, "dsn_sent") == 0, "no mail about it");
}

/* Attack 198: a date that jumps costs one try, not the mail. */
static void date_jumps(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, 4 * MINUTE);
    CHECK(town_count(t, "deferred") == 1, "the first host was busy");
    sim_jump_date(10LL * 365 * 24 * HOUR);
    town_wait(t, HOUR);
    CHECK(town_count(t, "expired") == 0, "it is tried before it is given up");
    CHECK(town_count(t, "delivered") == 1, "and taken");
}

TEST(outbound_times)
{
    static const char *const busy_once[] = {"S: 421 busy\n", NULL};
    struct town t = {.label = "retry times", .yaml = SILENT_ROUTE, .body = retry_times};
    town_run(&t);
    t = (struct town){.label = "give up", .yaml = SILENT_ROUTE, .body = give_up};
    town_run(&t);
    t = (struct town){
        .label = "relayed", .yaml = SILENT_ROUTE, .body = relayed_mail_is_not_warned_of};
    town_run(&t);
    t = (struct town){.label = "jump", .yaml = CONFIG, .body = date_jumps};
    t.servers[0] =
        (struct town_server){.at = "192.0.2.1:25", .scripts = busy_once, .every = ACCEPT};
    town_run(&t);
}

/* ---- notifications ------------------------------------------------------------------------- */

#define REFUSE \
    HELLO TOWN_MAIL_OK "C: RCPT\nS: 550 5.1.1 unknown\nC: DATA\nS: 354 go\ndata\nS: 554 no\n"

/* Attacks 101 and 107: mail from nobody makes no mail. */
static void null_sender(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    town_check_event(t, "bounced b@example.net 550 5.1.1");
    town_check_event(t, "dsn_dropped 0    the sender is null");
    CHECK(town_messages(t) == 0, "nothing is left");
}

/* Attack 102: NOTIFY=NEVER is silent. */
static void notify_never(struct town *t)
{
    town_send(t, &(struct town_mail){
                     .from = "a@x.example", .to = "b@example.net", .notify = NOTIFY_NEVER});
    town_wait(t, MINUTE);
    town_check_event(t, "bounced b@example.net 550 5.1.1");
    CHECK(town_count(t, "dsn") == 0, "silence");
    CHECK(town_messages(t) == 0, "nothing is left");
}

static void check_heard(const struct town_server *s, const char *part)
{
    bool there = str_contains(buf_str(&s->heard), str_of(part));
    CHECK(there, part);
    if (!there)
        fprintf(stderr, "%s heard:\n%.*s\n", s->at, STR_ARG(buf_str(&s->heard)));
}

/* Attack 102: what the notification says. */
static void notification(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
    town_wait(t, MINUTE);
    const struct town_server *home = &t->servers[1];
    check_heard(home, "MAIL FROM:<>\n");
    check_heard(home, "RCPT TO:<a@x.example>");
    check_heard(home, "Auto-Submitted: auto-replied");
    check_heard(home, "Final-Recipient: rfc822; b@example.net");
    check_heard(home, "Status: 5.1.1");
    check_heard(home, "Remote-MTA: dns; mx1.example.net");
    check_heard(home, "Diagnostic-Code: smtp; 550 5.1.1 unknown");
    check_heard(home, "Subject: hello");
    check_heard(home, "Received: by us");
    CHECK(town_count(t, "dsn_sent") == 1, "one notification");
}

/* A next hop without DSN: the sender who asked hears from us that it was handed on. */
static void notify_success(struct town *t)
{
    town_send(t, &(struct town_mail){
                     .from = "a@x.example", .to = "b@example.net", .notify = NOTIFY_SUCCESS});
    town_wait(t, MINUTE);
    check_heard(&t->servers[1], "Action: relayed");
}

TEST(outbound_notifications)
{
    static const struct {
        const char *label;
        void (*body)(struct town *);
        const char *host;
    } cases[] = {
        {"null sender",    null_sender,    REFUSE},
        {"NOTIFY=NEVER",   notify_never,   REFUSE},
        {"notification",   notification,   REFUSE},
        {"NOTIFY=SUCCESS", notify_success, ACCEPT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct town t = {.label = cases[i].label, .yaml = CONFIG, .body = cases[i].body};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = cases[i].host};
        t.servers[1] = (struct town_server){.at = "192.0.2.3:25", .every = ACCEPT};
        town_run(&t);
    }
}

/* ---- connections --------------------------------------------------------------------------- */

/* One after another over one connection, a hundred at most. */
static void reuse(struct town *t)
{
    for (int i = 0; i < 250; i++) {
        town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
        town_wait(t, 1000);
    }
    CHECK(town_count(t, "delivered") == 250, "all arrived");
    CHECK(t->servers[0].connections == 3, "100, 100 and 50");
    town_wait(t, MINUTE);
    CHECK(sim_net_open_count() <= 2, "idle connections are closed");
}

/* The other side left while the connection was idle: nothing is lost, nobody is blamed. */
static void stale(struct town *t)
{
    for (int i = 0; i < 3; i++) {
        town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
        town_wait(t, 3000);
    }
    CHECK(town_count(t, "delivered b@example.net 250 2.0.0 mx1") == 3, "all by the best host");
    CHECK(t->servers[0].connections == 3, "a new connection each time");
}

/* Twenty at a time for one destination, and no other destination waits for it. */
static void crowd(struct town *t)
{
    for (int i = 0; i < 60; i++)
        town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_send(t, &(struct town_mail){.from = "", .to = "c@x.example"});
    town_wait(t, 4 * MINUTE);
    CHECK(t->servers[0].connections <= 20, "twenty at a time, or fewer while nothing is known");
    CHECK(t->servers[0].connections > 1, "more than one");
    CHECK(town_count(t, "delivered c@x.example") == 1, "others go on");
}

static void rcpt_max(struct town *t)
{
    town_send(t,
              &(struct town_mail){.from = "", .to = "b@example.net c@example.net d@example.net"});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered") == 3, "all three");
    CHECK(t->servers[0].connections == 1, "by one connection");
}

static void mail_max(struct town *t)
{
    for (int i = 0; i < 3; i++)
        town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered") == 3, "all three");
    CHECK(t->servers[0].connections == 3, "a connection each");
}

TEST(outbound_connections)
{
    static const struct {
        const char *label;
        void (*body)(struct town *);
        const char *host;
    } cases[] = {
        {"reuse",   reuse,    ACCEPT                                                     },
        {"stale",   stale,    HELLO TOWN_TAKE "close\n"                                  },
        {"crowd",   crowd,    TOWN_GREET "silent\n"                                      },
        {"RCPTMAX", rcpt_max,
         TOWN_GREET
         "S: 250-mx\nS: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=2\n" TOWN_MAIL_OK TOWN_RCPT_OK
             TOWN_RCPT_OK TOWN_DATA_GO "data\nS: 250 2.0.0 taken\n" TOWN_TAKE            },
        {"MAILMAX", mail_max, TOWN_GREET "S: 250-mx\nS: 250 LIMITS MAILMAX=1\n" TOWN_TAKE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct town t = {.label = cases[i].label, .yaml = CONFIG, .body = cases[i].body};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = cases[i].host};
        t.servers[1] = (struct town_server){.at = "192.0.2.3:25", .every = ACCEPT};
        town_run(&t);
    }
}

/* ---- a plan that is replaced ------------------------------------------------------------------
 */

static void ask_nobody(struct dns_transport *t, struct dns_query *q)
{
    (void)t;
    q->answer.status = DNS_SERVFAIL;
    dns_transport_answered(q);
}

/* Who is under way goes by the plan that it began with. Its line may be full when the new plan,
 * made while the DNS was broken, has none to stand in. */
static void broken_dns_behind(struct town *t)
{
    struct dns_transport broken = {.ask = ask_nobody}, *real = t->resolver->transport;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, OUTBOUND_PLAN_MS + 2000); /* the host thinks about it for longer than that */
    CHECK(town_count(t, "delivered") == 0, "under way");
    t->resolver->transport = &broken;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered") == 1, "the first arrived");
    CHECK(town_count(t, "deferred") == 1, "the second goes by the new plan: there is no DNS");
    t->resolver->transport = real;
    town_wait(t, 180 * MINUTE);
    CHECK(town_count(t, "delivered") == 2, "later both are there");
}

TEST(outbound_plan_replaced)
{
    struct town t = {.label = "broken DNS",
                     .yaml = CONFIG
                     "outbound: { connections: 1 }\n"
                     "shaping: { sites: { mx1.example.net: { per_hour: 1, spread: none } } }\n",
                     .body = broken_dns_behind};
    CLEANUP(buf_release) struct buf script;
    buf_init(&script, 1 << 16);
    CHECK_DONE(buf_add(&script,
                       S(TOWN_GREET "S: 250 mx\n" TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO "data\n")),
               "script");
    for (int64_t ms = 0; ms < OUTBOUND_PLAN_MS + 5000; ms += 500)
        CHECK_DONE(buf_add(&script, S("nap\n")), "nap");
    CHECK_DONE(buf_add(&script, S("S: 250 2.0.0 taken\n")), "script");
    const char *scripts[] = {buf_chars(&script), NULL};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = scripts, .every = ACCEPT};
    t.servers[1] = (struct town_server){.at = "192.0.2.3:25", .every = ACCEPT};
    town_run(&t);
}

/* ---- content ------------------------------------------------------------------------------- */

/* More than the queue keeps in memory: it comes from a file, in pieces, byte for byte. */
static void big(struct town *t)
{
    enum { LINES = 9000 };
    CLEANUP(buf_release) struct buf content;
    buf_init(&content, 1 << 20);
    CHECK_DONE(buf_add(&content, S("Subject: big\r\n\r\n")), "header");
    for (int i = 0; i < LINES; i++)
        CHECK_DONE(buf_addf(&content, ".line %d of a message that is large\r\n", i), "line");
    town_send(
        t, &(struct town_mail){.from = "", .to = "b@example.net", .content = buf_chars(&content)});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered b@example.net 250 2.0.0 mx2") == 1, "by the second host");
    str rest = buf_str(&t->servers[1].heard), line;
    int next = 0;
    while (rest.len > 0) {
        char wanted[80];
        snprintf(wanted, sizeof wanted, "..line %d of a message that is large", next);
        str_split(rest, '\n', &line, &rest);
        next += str_eq(line, str_of(wanted));
    }
    CHECK(next == LINES, "every line, in order");
    check_heard(&t->servers[1], "Received: by us\nSubject: big\n");
}

TEST(outbound_big)
{
    struct town t = {.label = "big", .yaml = CONFIG, .body = big};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                        .every = HELLO TOWN_MAIL_OK TOWN_RCPT_OK
                                        "C: DATA\nS: 451 4.3.0 not now\nC: *\nS: 250 ok\n"};
    t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = ACCEPT};
    town_run(&t);
}
