/* What came by MX and is passed on leaves with a seal; what the host then has is judged as any
 * receiver would. */
#include "base/log.h"
#include "outbound/seal.h"
#include "outbound/sign_test.h"
#include <string.h>

enum { MINUTE_MS = 60 * 1000, SETS_BYTES_MAX = 1 << 20 };

#define ACCEPT                                                                                \
    "S: 220 mx.example ESMTP\nC: EHLO\nS: 250-mx.example\nS: 250-PIPELINING\nS: 250 SIZE 0\n" \
    "again\n" TOWN_TAKE
#define STORE                                                                            \
    "S: 220 store LMTP\nC: LHLO\nS: 250 SIZE 0\n" TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO \
    "data\nS: 250 2.0.0 taken\n"
#define SEALING "hostname: mail.example.com\nmailauth: { seal: x.example }\n"
#define SMTP_ON "domains: { example.net: { deliver: \"smtp://192.0.2.1:25?tls=none\" } }\n"
#define LMTP_ON "domains: { example.net: { deliver: \"lmtp://192.0.2.1:24?tls=none\" } }\n"
#define RECEIVED "Received: from a by mail.example.com; Sat, 21 Nov 2026 08:48:16 +0000\r\n"
#define FOUND(arc)                                                                           \
    "Authentication-Results: mail.example.com;\r\n\tspf=pass\r\n\tsmtp.mailfrom=a; arc=" arc \
    "\r\n" RECEIVED
#define EIGHT                                                                         \
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"                \
    "Content-Transfer-Encoding: 8bit\r\nFrom: a@y.example\r\n\r\ngr\xc3\xbc\xc3\x9f " \
    "hello\r\n.dot\r\n"
#define MAIL "From: a@y.example\r\nSubject: hello\r\n\r\nhello\r\n.dot\r\n  \r\n\r\n"

/* ---- reading what the way in has written ----------------------------------------------------- */

TEST(outbound_seal_read)
{
    static const struct {
        const char *label, *header, *results, *why; /* results NULL: nothing is added */
        enum mailauth_result chain;
    } cases[] = {
        {.label = "judged",
         .header = FOUND("none"),
         .results = "mail.example.com;\r\n\tspf=pass\r\n\tsmtp.mailfrom=a; arc=none",
         .why = "",
         .chain = MAILAUTH_NONE},
        {.label = "a chain that fails",
         .header = FOUND("fail"),
         .results = "mail.example.com;\r\n\tspf=pass\r\n\tsmtp.mailfrom=a; arc=fail",
         .why = "",
         .chain = MAILAUTH_FAIL},
        {.label = "not judged", .header = RECEIVED,                                                                              .why = ""                                                                                                           },
        {.label = "attack 122: one from outside, below ours",
         .header = RECEIVED "Authentication-Results: mail.example.com; arc=pass\r\n",
         .why = ""},
        {.label = "nothing of ARC in it",
         .header = "Authentication-Results: mail.example.com; none\r\n" RECEIVED,
         .why = ""                                                                                                                        },
        {.label = "nothing at all",                                             .header = "",                .why = ""                                                                                                                        },
        {.label = "attack 113: no answer when it came",
         .header = FOUND("temperror"),
         .why = "a key of its chain could not be had when it came"                    },
        {.label = "a CR alone",
         .header = FOUND("none") "X: a\rb\r\n",
         .why = "a header with CR, LF or NUL alone is not sealed"                                                                        },
        {.label = "attack 122: cv=fail is the end of a chain",
         .header =
             FOUND("fail") "ARC-Seal: i=1; cv=fail; a=rsa-sha256; d=e.example; s=s; b=AA==\r\n",
         .why = ""                                                                         },
        {.label = "attack 122: the fiftieth set",
         .header =
             FOUND("fail") "ARC-Seal: i=50; cv=pass; a=rsa-sha256; d=e.example; s=s; b=AA==\r\n",
         .why = ""                                                                                                                        },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(16 << 20);
        struct outbound_seal s = {0};
        str why;
        bool is = outbound_seal_read(str_of(cases[i].header), arena, &s, &why);
        CHECK(is == (cases[i].results != NULL), cases[i].label);
        CHECK_STR(why, cases[i].why, cases[i].label);
        if (is) {
            CHECK_STR(s.results, cases[i].results, cases[i].label);
            CHECK(s.chain.result == cases[i].chain, cases[i].label);
        }
        arena_close(arena);
    }
}

TEST(outbound_seal_key)
{
    struct keeper_dkim_keys keys = {
        .list = {{S("e9"), MAILAUTH_DKIM_ED25519},
                 {S("r20260101"), MAILAUTH_DKIM_RSA},
                 {S("r20261121"), MAILAUTH_DKIM_RSA},
                 {S("r2025"), MAILAUTH_DKIM_RSA}},
        .count = 4
    };
    const struct keeper_dkim_key *key = outbound_seal_key(&keys);
    CHECK(key != NULL, "there is one");
    CHECK_STR(key->selector, "r20261121", "the last by name");
    keys.count = 1;
    CHECK(outbound_seal_key(&keys) == NULL, "no RSA key");
}

/* ---- in a town ------------------------------------------------------------------------------- */

static struct seal_case {
    const char *label, *config, *found; /* found: what the way in wrote; NULL: a chain of one set */
    enum envelope_origin origin;
    unsigned sets;                           /* that the host has */
    enum mailauth_result result;             /* of its chain */
    const char *cv;                          /* of the newest */
    bool lmtp, busy, no_rsa, changed, eight; /* eight: 8-bit content, and a host that takes none */
} seal_cases[] = {
    {.label = "passed on",
     .config = SEALING SMTP_ON,
     .found = FOUND("none"),
     .sets = 1,
     .result = MAILAUTH_PASS,
     .cv = "cv=none"},
    {.label = "a chain goes on",
     .config = SEALING SMTP_ON,
     .sets = 2,
     .result = MAILAUTH_PASS,
     .cv = "cv=pass"},
    {.label = "a broken chain ends",
     .config = SEALING SMTP_ON,
     .changed = true,
     .sets = 2,
     .result = MAILAUTH_FAIL,
     .cv = "cv=fail"},
    {.label = "8 bits made seven",
     .config = SEALING SMTP_ON,
     .found = FOUND("none"),
     .eight = true,
     .sets = 1,
     .result = MAILAUTH_PASS,
     .cv = "cv=none"},
    {.label = "to a store next door",
     .config = SEALING LMTP_ON,
     .found = FOUND("none"),
     .lmtp = true                                                                                                           },
    {.label = "not asked for",
     .config = "hostname: mail.example.com\n" SMTP_ON,
     .found = FOUND("none")                                         },
    {.label = "not judged",       .config = SEALING SMTP_ON,                            .found = RECEIVED                                            },
    {.label = "only Ed25519",       .config = SEALING SMTP_ON,                .found = FOUND("none"),.no_rsa = true                                                                       },
    {.label = "submitted, so it is signed",
     .config = SEALING SMTP_ON,
     .found = FOUND("none"),
     .origin = ORIGIN_SUBMISSION},
    {.label = "the keeper is busy",
     .config = SEALING SMTP_ON,
     .found = FOUND("none"),
     .busy = true},
};

static struct sealing {
    const struct seal_case *which;
    struct dkim_bench bench;
    struct sign_test_keys keys;
    str mail; /* that the host has */
} now;

/* With a set of z.example, which has the same key. */
static str chain_of_one(bool changed)
{
    struct dkim_bench *b = &now.bench;
    struct mailauth_arc_plan plan = {.domain = S("z.example"),
                                     .selector = S("r"),
                                     .signer = mailauth_dkim_private_signer(now.keys.rsa)};
    struct buf fields, record;
    buf_init(&fields, SETS_BYTES_MAX);
    buf_init(&record, SETS_BYTES_MAX);
    CHECK_DONE(mailauth_dkim_private_record(now.keys.rsa, &record), "record");
    dkim_bench_txt(b, S("r._domainkey.z.example"), buf_str(&record));
    dkim_bench_arc(b, S(MAIL), &plan, S("z.example; arc=none"), &fields);
    str all = arena_printf(b->arena, "%.*s%s%s", STR_ARG(buf_str(&fields)),
                           changed ? "Subject: other\r\n" : "", MAIL);
    buf_release(&fields);
    buf_release(&record);
    return all;
}

static void deliver(struct town *t)
{
    const struct seal_case *c = now.which;
    struct arena *arena = now.bench.arena;
    uint64_t size;
    const char *found = c->found ? c->found : c->changed ? FOUND("fail") : FOUND("pass");
    str content = c->eight ? S(EIGHT) : c->found ? S(MAIL) : chain_of_one(c->changed);
    now.keys.busy = c->busy;
    now.keys.no_rsa = c->no_rsa;
    town_send(t, &(struct town_mail){.from = "a@y.example",
                                     .to = "b@example.net",
                                     .trace = found,
                                     .content = arena_chars(arena, content),
                                     .origin = c->origin,
                                     .declared = c->eight ? BODY_8BITMIME : BODY_7BIT,
                                     .found = c->eight ? FOUND_8BIT : 0});
    town_wait(t, MINUTE_MS);
    now.bench.now_s = clock_real_ms() / 1000;
    if (c->busy) {
        town_check_event(t, "it cannot be signed now: the keeper is busy");
        CHECK(town_messages(t) == 1, "it waits");
        return;
    }
    town_check_event(t, "delivered b@example.net");
    now.mail = sign_test_heard(&t->servers[0], arena, &size);
    CHECK(str_contains(now.mail, S("hello\r\n.dot")), c->label);
    CHECK(c->lmtp || size == now.mail.len, "SIZE counts the seal");
    CHECK(str_is_ascii(now.mail), "a host without 8BITMIME has seven bits");
}

static void check_chain(void)
{
    const struct seal_case *c = now.which;
    struct mailauth_arc_result r = dkim_bench_arc(&now.bench, now.mail, NULL, S(""), NULL);
    CHECK(r.count == c->sets, c->label);
    CHECK(r.result == c->result, c->label);
    if (c->sets == 0 || r.count != c->sets)
        return;
    const struct mailauth_arc_set *newest = &r.sets.items[r.count - 1];
    CHECK_STR(newest->seal_signature.domain, "x.example", c->label);
    CHECK_STR(newest->seal_signature.algorithm_name, "rsa-sha256", c->label);
    CHECK(str_contains(newest->seal->raw, str_of(c->cv)), c->label);
    CHECK(str_contains(newest->results->raw, S("mail.example.com;\r\n\tspf=pass")), c->label);
    CHECK(str_starts(now.mail, S("ARC-Seal: ")), "above all else");
}

TEST(outbound_seal)
{
    sign_test_be_quiet();
    for (size_t i = 0; i < ARRAY_LEN(seal_cases); i++) {
        const struct seal_case *c = &seal_cases[i];
        now = (struct sealing){.which = c};
        sign_test_open(&now.keys, &now.bench, "x.example");
        struct keeper keeper = sign_test_keeper(&now.keys);
        struct town t = {.label = c->label, .yaml = c->config, .keeper = &keeper, .body = deliver};
        t.servers[0] = (struct town_server){.at = c->lmtp ? "192.0.2.1:24" : "192.0.2.1:25",
                                            .every = c->lmtp ? STORE : ACCEPT};
        town_run(&t);
        if (!c->busy)
            check_chain();
        dkim_bench_close(&now.bench);
    }
    log_set_sink(NULL, NULL);
}
