/* Everything together, in a folder of its own; not on a fiber, so what is a job runs at once. */
#include "base/mem.h"
#include "config/text_test.h"
#include "feedback/arrival.h"
#include "feedback/feedback.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

struct house {
    char folder[64];
    struct config *config;
    struct feedback *feedback;
    struct arena *arena;
    struct event_sink sink;
    int added, complained;
};

static const struct config *lend_config(void *arg)
{
    return config_hold(((struct house *)arg)->config);
}

static void take_event(void *arg, const struct event *e)
{
    struct house *h = arg;
    h->added += e->kind == EVENT_SUPPRESSION_ADDED;
}

static void take_complaint(void *arg, const struct feedback_way *way)
{
    struct house *h = arg;
    h->complained++;
    CHECK_STR(way->egress, "out1", "its egress");
    CHECK_STR(way->site, "mx.x.example", "its site");
    CHECK_STR(way->provider, "x", "its provider");
}

static void open_house(struct house *h)
{
    static const char yaml[] =
        "hostname: mail.our.example\n"
        "bounces: { domain: bounce.our.example, complaints: [fbl@our.example] }\n";
    *h = (struct house){.folder = "/tmp/smtptool-feedback-XXXXXX"};
    h->sink = (struct event_sink){take_event, h};
    h->arena = arena_open(4 << 20);
    CHECK(mkdtemp(h->folder) != NULL, "folder");
    h->config = config_text_test(str_of(yaml));
    struct feedback_options o = {h->folder, lend_config, h, &h->sink, take_complaint, h};
    CHECK_DONE(feedback_open(&o, &h->feedback), "open");
}

static void close_house(struct house *h)
{
    static const char *const names[] = {"suppress.db", "sent.db", "verp.keys"};
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[120];
    feedback_close(h->feedback);
    for (size_t i = 0; i < ARRAY_LEN(names) * ARRAY_LEN(ends); i++) {
        snprintf(path, sizeof path, "%s/%s%s", h->folder, names[i / 3], ends[i % 3]);
        unlink(path);
    }
    CHECK(rmdir(h->folder) == 0, "nothing else was made");
    config_close(h->config);
    arena_close(h->arena);
}

static const struct envelope ours = {
    .sender = {"shop@our.example", 16           },
    .origin = ORIGIN_RELAY,
    .flow = { {"shop", 4},       {"news", 4}, {"spring", 6}}
};

static str leave(struct house *h, const char *recipient, uint32_t rcpt)
{
    struct feedback_leaving l = {
        .envelope = &ours,
        .queue_id = S("6DQDPN8000000"),
        .recipient = str_of(recipient),
        .rcpt = rcpt,
        .way = {S("out1"), S("mx.x.example"), S("x")}
    };
    str path = {0};
    CHECK_DONE(feedback_path_write(h->feedback, h->config, &l, h->arena, &path), recipient);
    return path;
}

static bool is_listed(struct house *h, const char *address, const char *tenant, const char *stream)
{
    struct envelope_flow flow = {str_of(tenant), str_of(stream), {0}};
    struct feedback_entry e;
    bool found = false;
    CHECK_DONE(
        feedback_check(h->feedback, str_of(address), &flow, h->arena, &e, &found, DEADLINE_NEVER),
        address);
    return found;
}

TEST(feedback_paths)
{
    struct house h;
    struct feedback_path path;
    open_house(&h);
    str good = leave(&h, "a@x.example", 3);
    CHECK(feedback_path_read(h.feedback, h.config, good, &path) == VERP_GOOD, "ours");
    CHECK(path.rcpt == 3 && str_eq(str_of(path.queue_id), S("6DQDPN8000000")), "whose");
    char *chars = arena_chars(h.arena, good);
    size_t refused = 0, local = str_find(good, '@');
    for (size_t i = 0; i < local; i++) { /* attack 101: one other digit anywhere */
        char before = chars[i];
        chars[i] = before == '7' ? '8' : '7';
        refused += feedback_path_read(h.feedback, h.config, str_of(chars), &path) != VERP_GOOD;
        chars[i] = before;
    }
    CHECK(refused == local, "attack 101: no change goes unseen");
    str elsewhere = arena_printf(h.arena, "%.*s@our.example", (int)local, good.ptr);
    CHECK(feedback_path_read(h.feedback, h.config, elsewhere, &path) == VERP_NONE,
          "another domain");
    str text = arena_printf(h.arena, "To: bounce+x.0.1@bounce.our.example\r\nX-A: \"%.*s\", b\r\n",
                            STR_ARG(good));
    CHECK(feedback_path_find(h.feedback, h.config, text, &path) && path.rcpt == 3, "in a text");
    CHECK(!feedback_path_find(h.feedback, h.config, S("bounce+ bounce+@ bounce+"), &path), "none");
    struct envelope none = ours, passed = ours, own = ours;
    none.sender = (str){0};
    passed.origin = ORIGIN_MX;
    own.origin = ORIGIN_DSN;
    CHECK(feedback_path_wanted(h.config, &ours), "what was handed over");
    CHECK(!feedback_path_wanted(h.config, &none), "no sender");
    CHECK(!feedback_path_wanted(h.config, &passed), "what is passed on");
    CHECK(!feedback_path_wanted(h.config, &own), "our own notifications");
    close_house(&h);
}

#define BOUNCE(rcpts)                                                                             \
    "From: MAILER-DAEMON@x.example\r\nSubject: failed\r\nMIME-Version: 1.0\r\n"                   \
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n"  \
    "no\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n" \
    "\r\n" rcpts "\r\n--b--\r\n"
#define FAILED(who, reply)          \
    "Final-Recipient: rfc822; " who \
    "\r\nAction: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; " reply "\r\n"
#define GONE(who) FAILED(who, "550 5.1.1 User unknown")
#define REPORT(type)                                                                             \
    "From: fbl@x.example\r\nSubject: FW: x\r\nMIME-Version: 1.0\r\n"                             \
    "Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n--b\r\n\r\n" \
    "a report\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: " type       \
    "\r\nVersion: 1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: "                 \
    "x\r\n\r\nx\r\n--b--\r\n"

TEST(feedback_arrivals)
{
    static const struct {
        const char *label, *content;
        bool listed, other_listed; /* whom the path names; somebody else */
    } cases[] = {
        {"gone",                                                                    BOUNCE(GONE("a@x.example")), true,                                                  false},
        {"attack 107: of another alone: it can only be about him who got the mail",
         BOUNCE(GONE("victim@x.example")),                                                                       true,                                                  false},
        {"attack 107: of others, and not of him",
         BOUNCE(GONE("v@x.example") "\r\n" GONE("w@x.example")),                                                 false,                                                 false},
        {"of him among others",
         BOUNCE(FAILED("v@x.example",                                                                            "552 5.2.2 Mailbox full") "\r\n" GONE("a@x.example")), true,
         false},
        {"others are gone, his mailbox is full",
         BOUNCE(GONE("v@x.example") "\r\n" FAILED("a@x.example",                                                               "552 5.2.2 Mailbox full")),                                                                                                        false,
         false},
        {"we are blocked",
         BOUNCE(FAILED("a@x.example",                                                                                                "550 5.7.1 blocked using zen.spamhaus.org")),                                                                                                                                      false,false},
        {"a complaint",                                                                    REPORT("abuse"),                                                                                          true,          false},
        {"not spam after all",                                                                     REPORT("not-spam"),  false,                                              false},
        {"what failed DMARC",                                                                    REPORT("auth-failure"),                                                                                         false,                                                                                                 false},
        {"a person's mail",                                                                    "From: a@x.example\r\nSubject: Re: x\r\n\r\nThanks\r\n",  false,false},
        {"nothing",                                                                    "",                                                                                         false,                                                                                                                                                                                        false                                                                                                                                                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct house h;
        struct feedback_path path;
        struct feedback_arrival a = {0};
        open_house(&h);
        str address = leave(&h, "a@x.example", 0);
        CHECK(feedback_path_read(h.feedback, h.config, address, &path) == VERP_GOOD, "ours");
        struct feedback_arriving what = {&path, {0}, str_of(cases[i].content)};
        CHECK_DONE(feedback_arrival_take(h.feedback, &what, h.arena, &a, DEADLINE_NEVER),
                   cases[i].label);
        CHECK(a.matched, cases[i].label); /* although it was told just now, and not yet written */
        CHECK_STR(a.row.recipient, "a@x.example", cases[i].label);
        CHECK(is_listed(&h, "a@x.example", "shop", "news") == cases[i].listed, cases[i].label);
        CHECK(!is_listed(&h, "a@x.example", "other", "news"), "another tenant's mail goes on");
        CHECK(!is_listed(&h, "victim@x.example", "shop", "news") &&
                  !is_listed(&h, "v@x.example", "shop", "news"),
              cases[i].label);
        CHECK(h.added == cases[i].listed, cases[i].label);
        close_house(&h);
    }
}

/* Warm-up hears of an unhappy recipient once, however often he says it (attack 101). */
TEST(feedback_complaints_are_told_once)
{
    static const char *const contents[] = {REPORT("not-spam"), REPORT("abuse"), REPORT("abuse"),
                                           REPORT("abuse")};
    static const int told[] = {0, 1, 1, 1};
    struct house h;
    struct feedback_path path;
    struct feedback_arrival a;
    open_house(&h);
    str address = leave(&h, "a@x.example", 0);
    CHECK(feedback_path_read(h.feedback, h.config, address, &path) == VERP_GOOD, "ours");
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct feedback_arriving what = {&path, {0}, str_of(contents[i])};
        CHECK_DONE(feedback_arrival_take(h.feedback, &what, h.arena, &a, DEADLINE_NEVER), "take");
        CHECK(h.complained == told[i], contents[i]);
    }
    CHECK_STR(a.row.way.egress, "out1", "for the event");
    close_house(&h);
}

TEST(feedback_learns)
{
    static const struct {
        const char *label;
        enum envelope_origin origin;
        enum outcome_advice advice;
        bool hard, temporary, answered;
        int times;
        bool listed;
    } cases[] = {
        {"gone, says a server",                     ORIGIN_RELAY,      OUTCOME_SUPPRESS,          true,  false, true,  1, true },
        {"gone, say we: it takes three",            ORIGIN_RELAY,      OUTCOME_SUPPRESS,          true,  false, false, 2,
         false                                                                                                                 },
        {"and three it is",                         ORIGIN_SUBMISSION, OUTCOME_SUPPRESS,          true,  false, false, 3, true },
        {"switched off, twice",                     ORIGIN_RELAY,      OUTCOME_SUPPRESS,          false, false, true,  2, false},
        {"refused behind the content, three times", ORIGIN_RELAY,      OUTCOME_SUPPRESS_IF_AGAIN, false,
         false,                                                                                                 true,  3, true },
        {"for now",                                 ORIGIN_RELAY,      OUTCOME_SUPPRESS,          true,  true,  true,  9, false},
        {"they block us",                           ORIGIN_RELAY,      OUTCOME_PAUSE_SITE,        false, false, true,  9, false},
        {"what we only pass on",                    ORIGIN_MX,         OUTCOME_SUPPRESS,          true,  false, true,  9, false},
        {"our own notifications",                   ORIGIN_DSN,        OUTCOME_SUPPRESS,          true,  false, true,  9, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct house h;
        struct envelope env = ours;
        open_house(&h);
        env.origin = cases[i].origin;
        struct feedback_learned l = {
            .envelope = &env,
            .queue_id = S("6DQDPN8000000"),
            .recipient = S("a@x.example"),
            .fate = FEEDBACK_FAILED,
            .answered = cases[i].answered,
            .outcome = {.advice = cases[i].advice,
                        .hard = cases[i].hard,
                        .temporary = cases[i].temporary},
            .text = S("550 5.1.1 said")
        };
        for (int n = 0; n < cases[i].times; n++)
            feedback_learn(h.feedback, &l);
        feedback_close(h.feedback); /* what was told is written */
        struct feedback_options o = {h.folder, lend_config, &h, &h.sink};
        CHECK_DONE(feedback_open(&o, &h.feedback), "again");
        CHECK(is_listed(&h, "A@X.example", "shop", "any") == cases[i].listed, cases[i].label);
        close_house(&h);
    }
}

TEST(feedback_arrived_between)
{
    struct house h;
    open_house(&h);
    struct feedback_options o = {h.folder, lend_config, &h, &h.sink};
    struct feedback_learned no = {.envelope = &ours,
                                  .recipient = S("a@x.example"),
                                  .fate = FEEDBACK_FAILED,
                                  .answered = true,
                                  .outcome = {.advice = OUTCOME_SUPPRESS_IF_AGAIN}};
    struct feedback_learned yes = {.envelope = &ours, .recipient = S("a@x.example")};
    for (int n = 0; n < 6; n++) {
        feedback_learn(h.feedback, n % 3 == 2 ? &yes : &no);
        feedback_close(h.feedback);
        CHECK_DONE(feedback_open(&o, &h.feedback), "again");
    }
    CHECK(!is_listed(&h, "a@x.example", "shop", ""), "mail arrived between the refusals");
    close_house(&h);
}
