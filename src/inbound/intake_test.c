/* Content on its way into a real queue, on the simulated file system. */
#include "base/mem.h"
#include "base/rand.h"
#include "dns/zone.h"
#include "inbound/intake.h"
#include "mailauth/dkim_keys_test.h"
#include "queue/schedule.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

enum { WAIT_MS = 60000, HEADER_BYTES_MAX = 2000, DRAFTS_BYTES = 128 << 10 };

struct mill {
    struct sim_fs *fs;
    struct queue *queue;
    struct schedule *schedule;
    struct arena *arena;
};

static bool own_only(void *arg, str address)
{
    (void)arg;
    return str_eq(address, S("alice@our.example"));
}

static const struct inbound_intake_rules mx = {
    .hops_max = 100, .header_bytes_max = HEADER_BYTES_MAX, .hostname = {"our.example", 11}
};
static const struct inbound_intake_rules submission = {
    .submission = true,
    .hops_max = 100,
    .header_bytes_max = HEADER_BYTES_MAX,
    .login = {"alice@our.example", 17},
    .hostname = {"our.example",       11},
    .may_use = own_only,
};

/* Write the content in pieces (0: any sizes); the refusal, if there was one. */
static struct inbound_intake *feed(struct mill *m, const struct inbound_intake_rules *rules,
                                   str content, size_t piece, struct smtp_answer *ret_refusal)
{
    struct inbound_intake *i = NULL;
    *ret_refusal = (struct smtp_answer){0};
    CHECK_DONE(inbound_intake_open(m->queue, rules, &i), "open");
    while (content.len > 0 && ret_refusal->code == 0) {
        str run = str_slice(content, 0, piece ? piece : 1 + (size_t)rand_below(5000));
        CHECK_DONE(inbound_intake_write(i, run, ret_refusal, deadline_after(WAIT_MS)), "write");
        content = str_from(content, run.len);
    }
    if (ret_refusal->code == 0)
        CHECK_DONE(inbound_intake_finish(i, ret_refusal, deadline_after(WAIT_MS)), "finish");
    return i;
}

static void commit(struct inbound_intake *i, const char *label)
{
    struct envelope_rcpt rcpt = {.address = S("bob@x.example"), .destination = S("x.example")};
    struct envelope env = {.sender = S("alice@our.example"), .rcpts = &rcpt, .rcpt_count = 1};
    struct message_received received = {.helo = S("client"), .hostname = S("our.example")};
    queue_id id;
    env.accepted_at_ms = received.now_ms = clock_real_ms();
    CHECK_DONE(inbound_intake_commit(i, &env, &received, &id, deadline_after(WAIT_MS)), label);
}

/* What stands in the queue, without our Received; settled at once. */
static str taken_out(struct mill *m, str *ret_message_id, const char *label)
{
    struct queue_delivery *d = NULL;
    struct queue_message q;
    err e = schedule_next(m->schedule, &d, deadline_after(WAIT_MS));
    CHECK_DONE(e, label);
    if (e)
        return (str){0};
    CHECK_DONE(queue_message_open(m->queue, d, m->arena, &q, deadline_after(WAIT_MS)), label);
    CHECK(str_starts(q.prefix, S("Received: ")), label);
    *ret_message_id = q.envelope->message_id;
    char *bytes = arena_alloc(m->arena, q.size + 1);
    size_t done = 0, got = 1;
    while (done < q.size && got > 0) {
        if (queue_message_read(&q, done, bytes + done, q.size - done, &got,
                               deadline_after(WAIT_MS)))
            break;
        done += got;
    }
    struct queue_outcome outcome = {q.rcpt_indexes[0], QUEUE_DONE};
    struct queue_settlement s = {.outcomes = &outcome, .outcome_count = 1, .tried = true};
    queue_message_close(&q);
    CHECK_DONE(queue_settle(m->queue, &d, &s, deadline_after(WAIT_MS)), label);
    return (str){bytes, done};
}

#define FROM "From: alice@our.example\r\n"
#define DATED "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@our.example>\r\n"

static void contents(void *arg)
{
    static const struct {
        const char *label;
        bool submission;
        const char *content;
        int code;                    /* 0: kept */
        const char *enhanced, *kept; /* NULL: as it came */
        const char *message_id;
    } cases[] = {
        {"as it came",                                  false, "Bcc: x@y\r\nSubject: a\r\n\r\nbody\r\n", 0,   "",      NULL, ""               },
        {"its Message-ID is known",                     false, "Message-ID: <1@x>\r\n\r\nbody\r\n",      0,   "",      NULL,
         "<1@x>"                                                                                                                              },
        {"a Message-ID that is none",                   false, "Message-ID: <1 2@x>\r\n\r\nbody\r\n",    0,   "",      NULL,
         ""                                                                                                                                   },
        {"only a header",                               false, "Subject: a\r\n",                         0,   "",      NULL, ""               },
        {"nothing",                                     false, "",                                       0,   "",      NULL, ""               },
        {"no header",                                   false, "\r\nbody\r\n\r\nmore\r\n",               0,   "",      NULL, ""               },
        {"attack 90: no separator",                     false, "Subject: a\r\nno field\r\n\r\nbody\r\n", 0,   "",      NULL,
         ""                                                                                                                                   },
        {"attack 90: no colon",                         false, "hello\r\n",                              0,   "",      NULL, ""               },
        {"attack 90: __proto__",                        false, "__proto__: 1\r\n\r\nx\r\n",              0,   "",      NULL, ""               },
        {"attack 90: a blank first",                    false, " Subject: a\r\n\r\nx\r\n",               554, "5.6.0", NULL, ""               },
        {"mended: nothing to do",                       true,  FROM DATED "\r\nbody\r\n",                0,   "",      NULL, "<1@our.example>"},
        {"mended: Bcc and Return-Path go",              true,
         "Bcc: x@y\r\n" FROM "Return-Path: <z>\r\n" DATED "\r\nBcc: body\r\n",                           0,   "",
         FROM DATED "\r\nBcc: body\r\n",                                                                                     "<1@our.example>"},
        {"mended: only a header",                       true,  FROM DATED,                               0,   "",      NULL, "<1@our.example>"},
        {"mended: no separator",                        true,  FROM DATED "no field\r\n",                0,   "",      NULL, "<1@our.example>"},
        {"a Message-ID with a blank goes nowhere else", true,
         FROM "Date: x\r\nMessage-ID: a b\r\n\r\nbody\r\n",                                              0,   "",      NULL, ""               },
        {"no From",                                     true,  DATED "\r\nbody\r\n",                     550, "5.6.0", NULL, ""               },
        {"attack 27: nothing, from a user",             true,  "",                                       550, "5.6.0", NULL, ""               },
        {"attack 82: From is another's",                true,  "From: eve@x\r\n" DATED "\r\nbody\r\n",   553, "5.7.1",
         NULL,                                                                                                               ""               },
        {"attack 82: one of two is another's",          true,
         "From: alice@our.example, eve@x\r\n" DATED "\r\nbody\r\n",                                      553, "5.7.1", NULL, ""               },
    };
    struct mill *m = arg;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        for (size_t piece = 0; piece <= 7; piece++) { /* the header may be cut anywhere */
            const char *label = cases[n].label;
            struct smtp_answer no;
            str content = str_of(cases[n].content), message_id = {0};
            struct inbound_intake *i =
                feed(m, cases[n].submission ? &submission : &mx, content, piece, &no);
            CHECK(no.code == cases[n].code, label);
            CHECK_STR(str_of(no.enhanced), cases[n].enhanced, label);
            if (no.code == 0) {
                commit(i, label);
                str kept = taken_out(m, &message_id, label);
                CHECK_STR(kept, cases[n].kept ? cases[n].kept : cases[n].content, label);
                CHECK_STR(message_id, cases[n].message_id, label);
            }
            inbound_intake_close(i);
            arena_reset(m->arena);
        }
    }
}

/* What is added: Date, Message-ID and, for two addresses, Sender; on top, in this order. */
static void added(void *arg)
{
    struct mill *m = arg;
    struct smtp_answer no;
    str message_id = {0};
    struct inbound_intake *i = feed(m, &submission, S(FROM "\r\nbody\r\n"), 3, &no);
    CHECK(no.code == 0, "added");
    commit(i, "added");
    str kept = taken_out(m, &message_id, "added");
    CHECK(str_starts(kept, S("Date: Thu, 01 Jan 2026 ")) || str_starts(kept, S("Date: Thu, 1 Jan")),
          "Date");
    CHECK(str_contains(kept, S("\r\nMessage-ID: <")), "Message-ID");
    CHECK(message_id.len > 2 && str_contains(kept, message_id), "the envelope knows it");
    CHECK(str_contains(kept, S(">\r\n" FROM "\r\nbody\r\n")), "the rest is as it was");
    inbound_intake_close(i);
}

/* Headers at and above the limits. */
static void limits(void *arg)
{
    static const struct {
        const char *label, *field;
        int times;
        const char *behind;
        int code;
        const char *enhanced;
    } cases[] = {
        {"100 hops",                     "Received: x\r\n", 100,  "\r\nx\r\n", 0,   ""     },
        {"attack 103: 101 hops",         "Received: x\r\n", 101,  "\r\nx\r\n", 554, "5.4.6"},
        {"a header at its limit",        "A: 34567\r\n",    200,  "\r\nx\r\n", 0,   ""     },
        {"a header above it",            "A: 34567\r\n",    201,  "\r\nx\r\n", 552, "5.6.0"},
        {"a header that never ends",     "A: 34567\r\n",    5000, "",          552, "5.6.0"},
        {"attack 90: one endless field", "1234567890",      5000, "",          552, "5.6.0"},
        {"a large body is none",         "\r\n1234567890",  5000, "",          0,   ""     },
    };
    struct mill *m = arg;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct buf content;
        struct smtp_answer no;
        buf_init(&content, 1 << 20);
        for (int t = 0; t < cases[n].times; t++)
            CHECK_DONE(buf_add(&content, str_of(cases[n].field)), "field");
        CHECK_DONE(buf_add(&content, str_of(cases[n].behind)), "behind");
        for (size_t piece = 0; piece < 3; piece++) {
            struct inbound_intake *i = feed(m, &mx, buf_str(&content), piece * 997, &no);
            CHECK(no.code == cases[n].code, cases[n].label);
            CHECK_STR(str_of(no.enhanced), cases[n].enhanced, cases[n].label);
            inbound_intake_close(i);
        }
        buf_release(&content);
    }
}

/* Attack 205: whatever the pieces, the bytes are the same. */
static void fidelity(void *arg)
{
    struct mill *m = arg;
    for (int round = 0; round < 30; round++) {
        struct smtp_answer no;
        size_t size = (size_t)rand_below(200000);
        str message_id, front = S("Subject: x\r\nX: y\r\n\r\n");
        char *bytes = arena_alloc(m->arena, front.len + size);
        memcpy(bytes, front.ptr, front.len);
        rand_bytes(bytes + front.len, size);
        str content = {bytes, front.len + size};
        struct inbound_intake *i = feed(m, &mx, content, 0, &no);
        CHECK(no.code == 0, "attack 205");
        CHECK(inbound_intake_size(i) == content.len, "attack 205: size");
        commit(i, "attack 205");
        CHECK(str_eq(taken_out(m, &message_id, "attack 205"), content), "attack 205: bytes");
        inbound_intake_close(i);
        arena_reset(m->arena);
    }
}

/* ---- the queue ---------------------------------------------------------------------------- */

/* ---- judged ---- */

static const char small_zone[] =
    "football.example.com. TXT \"v=spf1 -all\"\n"
    "_dmarc.football.example.com. TXT \"v=DMARC1; p=reject\"\n"
    "brisbane._domainkey.football.example.com. TXT \"v=DKIM1; k=ed25519; "
    "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n";

#define OURS                                                 \
    "Authentication-Results: MX.our.example; dmarc=pass\r\n" \
    "X-smtptool-quarantine:\r\n no\r\n"
#define SIGNED "Authentication-Results: other.example; dmarc=pass\r\n%s%s"

static struct mailauth_judgement judged(struct inbound_intake *i, str zone, const char *label)
{
    struct mailauth_judgement j = {0};
    struct dns_zone *names = NULL;
    struct dns_budget budget;
    struct arena *arena;
    struct mailauth_judge *judge = inbound_intake_judge(i, &arena);
    struct mailauth_judge_peer peer = {.helo = S("x.example"), .sender = S("x@x.example")};
    CHECK(judge != NULL, label);
    CHECK_DONE(dns_zone_parse(zone, "zone", &names), label);
    struct dns_resolver *dns = dns_resolver_open(dns_zone_transport(names), NULL);
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, WAIT_MS);
    inbound_intake_count(i, &budget);
    struct mailauth_ask ask = {arena, dns, &budget, budget.until, clock_real_ms()};
    if (judge)
        CHECK_DONE(mailauth_judge_finish(judge, &ask, &peer, NULL, &j), label);
    dns_resolver_close(dns);
    return j;
}

/* However the content is cut, what the judge sees is what came; what the queue has lacks only the
 * fields in our name (attack 122), which were not signed. */
static void judged_contents(struct mill *m)
{
    static const size_t pieces[] = {1, 2, 7, 100, 100000, 0};
    struct inbound_intake_rules rules = mx;
    rules.judged = true;
    rules.id = S("mx.our.example");
    str kept =
        arena_printf(m->arena, SIGNED, dkim_keys_rfc8463_signatures, dkim_keys_rfc8463_message);
    str came = arena_printf(m->arena, OURS "%.*s", STR_ARG(kept));
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        struct smtp_answer refusal;
        str message_id;
        struct inbound_intake *i = feed(m, &rules, came, pieces[p], &refusal);
        CHECK(refusal.code == 0, "judged: kept");
        struct mailauth_judgement j = judged(i, str_of(small_zone), "judged");
        CHECK(j.dkim.count == 2 && j.dkim.results[0].result == MAILAUTH_PASS, "the signature");
        CHECK(j.dmarc.result == MAILAUTH_PASS, "DMARC");
        commit(i, "judged: commit");
        CHECK_STR(taken_out(m, &message_id, "judged"), arena_chars(m->arena, kept), "judged");
        inbound_intake_close(i);
    }
}

/* More than DKIM looks at is refused, whatever the configuration lets in. */
static void judged_header_limit(struct mill *m)
{
    struct inbound_intake_rules rules = mx;
    struct smtp_answer refusal;
    struct buf content;
    rules.judged = true;
    rules.id = S("mx.our.example");
    rules.header_bytes_max = 4 * MESSAGE_HEADER_BYTES_MAX;
    buf_init(&content, 2 * MESSAGE_HEADER_BYTES_MAX);
    while (content.len <= MESSAGE_HEADER_BYTES_MAX)
        CHECK_DONE(buf_addf(&content, "X: %0900d\r\n", 1), "a header");
    struct inbound_intake *i = feed(m, &rules, buf_str(&content), 5000, &refusal);
    CHECK(refusal.code == 552, "a header above a MiB");
    inbound_intake_close(i);
    buf_release(&content);
}

/* What the DNS says of a message counts with the drafts: half of the memory is in use, and an
 * answer wants more than the other half. */
static void judged_answers(struct mill *m)
{
    enum { HALF = DRAFTS_BYTES / 2 };
    struct inbound_intake_rules rules = mx;
    struct smtp_answer refusal;
    struct queue_draft *other;
    struct buf fat;
    rules.judged = true;
    rules.id = S("mx.our.example");
    buf_init(&fat, 1 << 20);
    CHECK_DONE(buf_addf(&fat, "_dmarc.b.example. TXT \"v=DMARC1; p=reject\"\n"), "zone");
    for (int i = 0; i < 5; i++)
        CHECK_DONE(buf_addf(&fat, "_dmarc.b.example. TXT \"%0*d\"\n", HALF / 4, i), "zone");
    CHECK_DONE(queue_draft_open(m->queue, &other), "another draft");
    for (int full = 0; full < 2; full++) {
        CHECK_DONE(queue_draft_hold(other, full ? HALF : 0), "another draft");
        struct inbound_intake *i = feed(m, &rules, S("From: a@b.example\r\n\r\n"), 100, &refusal);
        CHECK(refusal.code == 0, "the header has room");
        struct mailauth_judgement j = judged(i, buf_str(&fat), "answers");
        CHECK(j.dmarc.result == (full ? MAILAUTH_TEMPERROR : MAILAUTH_FAIL), "DMARC");
        CHECK(inbound_intake_is_full(i, &refusal) == full, "what was said has room, or has none");
        CHECK(refusal.code == (full ? 452 : 0), "then it is to come again");
        inbound_intake_close(i);
    }
    CHECK_DONE(queue_draft_hold(other, DRAFTS_BYTES - 4096), "all but a little");
    struct inbound_intake *i = feed(m, &rules, S("From: a@b.example\r\n\r\n"), 100, &refusal);
    CHECK(refusal.code == 452, "what is known of a header counts, too");
    inbound_intake_close(i);
    queue_draft_abandon(&other);
    buf_release(&fat);
}

/* Run the tests on a queue of their own that holds so many bytes of drafts. */
static void run_on_queue(struct mill *m, int64_t draft_memory, void (*tests)(struct mill *))
{
    struct queue_options options = {.folder = "/spool",
                                    .workers = 1,
                                    .draft_memory_max = draft_memory,
                                    .segment_bytes = 4 << 20};
    m->fs = sim_fs_open();
    sim_fs_use(m->fs);
    err e = queue_open(&options, &m->queue);
    CHECK_DONE(e, "the queue");
    if (e == NULL) {
        queue_attach(m->queue, 0, &m->schedule);
        tests(m);
        struct queue_stats stats;
        queue_stats(m->queue, &stats);
        CHECK(stats.messages == 0, "nothing is left");
        schedule_close(m->schedule);
        queue_close(m->queue);
    }
    CHECK(sim_fs_open_files(m->fs) == 0, "no file is open");
    sim_fs_close(m->fs);
}

static void take_in(struct mill *m)
{
    contents(m);
    added(m);
    arena_reset(m->arena);
    limits(m);
    fidelity(m);
}

static void take_in_run(void *m) { run_on_queue(m, 1 << 20, take_in); }

TEST(inbound_intake)
{
    struct mill m = {.arena = arena_open(64 << 20)};
    sim_run(1, take_in_run, &m);
    arena_close(m.arena);
}

static void judge_in(struct mill *m)
{
    judged_contents(m);
    judged_header_limit(m);
}

static void judge_in_run(void *m) { run_on_queue(m, 8 << 20, judge_in); }

static void judge_full_run(void *m) { run_on_queue(m, DRAFTS_BYTES, judged_answers); }

TEST(inbound_intake_judged)
{
    struct mill m = {.arena = arena_open(64 << 20)};
    sim_run(1, judge_in_run, &m);
    sim_run(1, judge_full_run, &m);
    arena_close(m.arena);
}
