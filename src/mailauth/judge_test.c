#include "mailauth/authres.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_keys_test.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_sign.h"
#include "mailauth/judge.h"
#include "tests/test.h"

static const char zone[] =
    "football.example.com. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "_dmarc.football.example.com. TXT \"v=DMARC1; p=reject\"\n"
    "mild.example. TXT \"v=spf1 -all\"\n"
    "_dmarc.mild.example. TXT \"v=DMARC1; p=quarantine\"\n"
    "_dmarc.dark.example. FAIL servfail\n"
    "other.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "hungry.example. TXT \"v=spf1 mx:m1.example mx:m2.example mx:m3.example -all\"\n";

struct judging {
    struct dkim_bench bench;
    str message;
    struct mailauth_judge_peer peer;
    struct address ip;
    int questions; /* that may be asked */
    struct mailauth_judgement out;
    str field;
};

static void open_judging(struct judging *j, const char *ip)
{
    *j = (struct judging){.questions = DNS_BUDGET_QUESTIONS};
    dkim_bench_open(&j->bench);
    CHECK_DONE(buf_add(&j->bench.zone, str_of(zone)), "zone");
    dkim_bench_txt(&j->bench, S("test._domainkey.football.example.com"),
                   str_of(dkim_keys_rsa_record));
    dkim_bench_txt(&j->bench, S("brisbane._domainkey.football.example.com"),
                   str_of(dkim_keys_ed25519_record));
    CHECK_DONE(address_parse_ip(str_of(ip), &j->ip), "address");
    j->peer = (struct mailauth_judge_peer){
        .ip = &j->ip, .helo = S("client.example"), .receiver = S("mx.example.net")};
}

static void judge_body(void *arg, const struct mailauth_ask *given)
{
    struct judging *j = arg;
    struct mailauth_judge *judge = NULL;
    struct dns_budget budget;
    struct mailauth_ask ask = *given;
    str header, body;
    dns_budget_init(&budget, j->questions, DNS_BUDGET_MS);
    ask.budget = &budget;
    dkim_bench_split(j->message, &header, &body);
    CHECK_DONE(mailauth_judge_open(header, ask.arena, &judge), "open");
    for (; body.len > 0; body = str_from(body, 7))
        mailauth_judge_add(judge, str_slice(body, 0, 7));
    CHECK_DONE(mailauth_judge_finish(judge, &ask, &j->peer, NULL, &j->out), "finish");
    struct buf field;
    buf_init(&field, MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    CHECK_DONE(mailauth_judge_write(&j->out, S("mx.example.net"), false, ask.arena, &field),
               "write");
    j->field = arena_str(j->bench.arena, buf_str(&field));
    buf_release(&field);
}

static void judge(struct judging *j) { dkim_bench_run(&j->bench, judge_body, j); }

#define REJECT "reject"
#define PLAIN(from) "From: " from "\r\nSubject: x\r\n\r\nbody\r\n"

TEST(mailauth_judge_results)
{
    static const struct {
        const char *label, *ip, *sender, *message; /* NULL: the signed one */
        const char *disposition, *reason, *field;
    } cases[] = {
        {"all pass",                                                      "192.0.2.1",   "joe@football.example.com", NULL,                                                       "none",
         "SPF and DKIM speak for football.example.com",                                                                                                                                                                                          "Authentication-Results: mx.example.net;\r\n"
         "\tspf=pass smtp.mailfrom=joe@football.example.com;\r\n"
         "\tdkim=pass (256-bit key) header.d=football.example.com\r\n"
         "\theader.s=brisbane header.a=ed25519-sha256 header.b=\"/gCrinpc\";\r\n"
         "\tdkim=pass (1024-bit key) header.d=football.example.com header.s=test\r\n"
         "\theader.a=rsa-sha256 header.b=F45dVWDf;\r\n"
         "\tdmarc=pass header.from=football.example.com polrec.p=reject;\r\n"
         "\tarc=none\r\n"                                                                                                                                                                     },
        {"forwarded: DKIM alone",                                         "203.0.113.9", "list@other.example",       NULL,                                                       "none",
         "DKIM speaks for football.example.com",                                                                                                                                                                                                 NULL},
        {"nothing speaks for it",                                         "192.0.2.1",   "x@other.example",          PLAIN("a@football.example.com"),
         "reject",                                                                                                                                                                             "neither SPF (pass for another domain) nor DKIM (none) speaks for football.example.com; "
         "football.example.com asks to reject it",                                                                                                                                                                             "Authentication-Results: mx.example.net;\r\n"
         "\tspf=pass smtp.mailfrom=x@other.example;\r\n"
         "\tdkim=none;\r\n"
         "\tdmarc=fail\r\n"
         "\treason=\"neither SPF nor DKIM speaks for football.example.com, policy reject\"\r\n"
         "\theader.from=football.example.com polrec.p=reject;\r\n"
         "\tarc=none\r\n"                                                                                                                                                        },
        {"quarantine",                                                    "192.0.2.1",   "",                         PLAIN("a@mild.example"),                                    "quarantine",
         "neither SPF (none) nor DKIM (none) speaks for mild.example; mild.example asks to "
         "quarantine it",                                                                                                                                                                                                                        "Authentication-Results: mx.example.net;\r\n"
         "\tspf=none reason=\"\\\"client.example\\\" does not exist\"\r\n"
         "\tsmtp.helo=client.example;\r\n"
         "\tdkim=none;\r\n"
         "\tdmarc=fail\r\n"
         "\treason=\"neither SPF nor DKIM speaks for mild.example, policy quarantine\"\r\n"
         "\theader.from=mild.example polrec.p=quarantine;\r\n"
         "\tarc=none\r\n"                                                                                                                                                                                                   },
        {"no policy",                                                     "192.0.2.1",   "x@none.example",           PLAIN("a@none.example"),                                    "none",
         "no policy is published",                                                                                                                                                                                                               NULL},
        {"attack 113: the DNS does not say",                              "192.0.2.1",   "x@none.example",           PLAIN("a@dark.example"),
         "none",                                                                                                                                                                               "the DNS gave no answer for _dmarc.dark.example", NULL},
        {"attack 117: two From, each with a policy, one of which passes", "192.0.2.1",
         "a@football.example.com",                                                                                   "From: a@football.example.com\r\n" PLAIN("a@mild.example"),
         "quarantine",                                                                                                                                                                         "neither SPF (pass for another domain) nor DKIM (none) speaks for mild.example; "
         "mild.example asks to quarantine it",                                                                                                                                                                             NULL},
        {"attack 117: two From of one domain that passes",                "192.0.2.1",   "a@football.example.com",
         "From: a@football.example.com\r\n" PLAIN("b@football.example.com"),                                                                                                     "reject",
         "several From fields",                                                                                                                                                                                                                  NULL},
        {"no From",                                                       "192.0.2.1",   "a@other.example",          "Subject: x\r\n\r\nbody\r\n",                               "reject",
         "no From",                                                                                                                                                                                                                              NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judging j;
        open_judging(&j, cases[i].ip);
        j.peer.sender = str_of(cases[i].sender);
        j.message = cases[i].message
                        ? str_of(cases[i].message)
                        : arena_printf(j.bench.arena, "%s%s", dkim_keys_rfc8463_signatures,
                                       dkim_keys_rfc8463_message);
        judge(&j);
        CHECK_STR(mailauth_dmarc_record_policy_name(j.out.disposition), cases[i].disposition,
                  cases[i].label);
        CHECK_STR(j.out.reason, cases[i].reason, cases[i].label);
        if (cases[i].field)
            CHECK_STR(j.field, cases[i].field, cases[i].label);
        CHECK((uint64_t)j.out.questions == j.bench.questions, cases[i].label);
        dkim_bench_close(&j.bench);
    }
}

/* Without the client's address there is nothing to ask of SPF. */
TEST(mailauth_judge_without_an_address)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    j.peer.ip = NULL;
    j.peer.sender = S("joe@football.example.com");
    j.message = arena_printf(j.bench.arena, "%s%s", dkim_keys_rfc8463_signatures,
                             dkim_keys_rfc8463_message);
    judge(&j);
    CHECK(j.out.spf.result == MAILAUTH_NONE && j.out.dmarc.result == MAILAUTH_PASS, "DKIM alone");
    CHECK(!str_contains(j.field, S("spf=")), "no result of what was not checked");
    dkim_bench_close(&j.bench);
}

/* Attack 114: whoever sends the message decides what SPF and DKIM ask; a policy is asked for all
 * the same. */
TEST(mailauth_judge_keeps_a_share_for_dmarc)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    for (int mx = 1; mx <= 3; mx++)
        for (int host = 0; host < 10; host++)
            CHECK_DONE(buf_addf(&j.bench.zone,
                                "m%d.example. MX 1 h%d.m%d.example.\nh%d.m%d.example. A 10.0.0.1\n",
                                mx, host, mx, host, mx),
                       "zone");
    j.peer.sender = S("x@hungry.example");
    j.message = S(PLAIN("a@football.example.com"));
    j.questions = 20;
    judge(&j);
    CHECK(j.out.spf.result == MAILAUTH_TEMPERROR, "SPF may not ask that much");
    CHECK(j.out.dmarc.result == MAILAUTH_FAIL, "and DMARC could still ask");
    CHECK(j.out.disposition == MAILAUTH_DMARC_REJECT, "so it is refused");
    CHECK(j.bench.questions <= 20, "within the budget");
    dkim_bench_close(&j.bench);
}

/* Four names with 60 KB of text each, and what SPF looks for. */
static void add_fat_policy(struct buf *out)
{
    CHECK_DONE(buf_addf(out, "fat.example. TXT \"v=spf1 include:f0.example include:f1.example "
                             "include:f2.example include:f3.example -all\"\n"),
               "zone");
    for (int i = 0; i < 16; i++) {
        CHECK_DONE(buf_addf(out, "f%d.example. TXT", i / 4), "zone");
        for (int part = 0; part < 60; part++)
            CHECK_DONE(buf_addf(out, " \"%0250d\"", i), "zone");
        CHECK_DONE(buf_addf(out, "\n"), "zone");
    }
    for (int i = 0; i < 4; i++)
        CHECK_DONE(buf_addf(out, "f%d.example. TXT \"v=spf1 -all\"\n", i), "zone");
}

/* Attack 114: nor by what it makes the DNS say. */
TEST(mailauth_judge_keeps_room_for_dmarc)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    add_fat_policy(&j.bench.zone);
    j.peer.sender = S("x@fat.example");
    j.message = S(PLAIN("a@football.example.com"));
    j.questions = 20;
    judge(&j);
    CHECK(j.out.spf.result == MAILAUTH_TEMPERROR, "SPF has no room for that much");
    CHECK(j.out.dmarc.result == MAILAUTH_FAIL, "and DMARC has");
    CHECK(j.out.disposition == MAILAUTH_DMARC_REJECT, "so it is refused");
    dkim_bench_close(&j.bench);
}

/* Attack 114: fifty signatures, of which ten are looked at. */
TEST(mailauth_judge_fifty_signatures)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 50; i++)
        CHECK_DONE(buf_addf(&text,
                            "DKIM-Signature: v=1; a=rsa-sha256; d=d%d.example; s=s; h=from;\r\n"
                            " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=AAAA\r\n",
                            i),
                   "signatures");
    CHECK_DONE(buf_addf(&text, "%s", dkim_keys_rfc8463_message), "message");
    j.message = buf_str(&text);
    j.peer.sender = S("x@none.example");
    judge(&j);
    CHECK(j.out.dkim.count == 10 && j.out.dkim.ignored == 40, "ten of them");
    CHECK(j.bench.questions < 20, "and no more keys");
    CHECK(j.field.len < MAILAUTH_JUDGE_FIELD_BYTES_MAX / 4, "the field");
    buf_release(&text);
    dkim_bench_close(&j.bench);
}

/* Whatever stands in a signature, our field has its bound and stays one field. */
TEST(mailauth_judge_field_is_bounded)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 10; i++) {
        CHECK_DONE(buf_addf(&text, "DKIM-Signature: v=1; a="), "signature");
        for (int n = 0; n < 3000; n++)
            CHECK_DONE(buf_add(&text, S("\"\\")), "a=");
        CHECK_DONE(buf_add(&text, S("; i=\"")), "signature");
        for (int n = 0; n < 3000; n++)
            CHECK_DONE(buf_add(&text, S("\"\\")), "i=");
        CHECK_DONE(buf_add(&text, S("@\\\"; d=")), "signature");
        for (int n = 0; n < 120; n++)
            CHECK_DONE(buf_add(&text, S("a.")), "d=");
        CHECK_DONE(buf_add(&text, S("a; s=s; h=from; bh=x; b=\"\"\"\"\"\"\"\"\"\r\n")), "end");
    }
    CHECK_DONE(buf_addf(&text, "%s", dkim_keys_rfc8463_message), "message");
    j.message = buf_str(&text);
    j.peer.sender = S("\"a\\\"b;c\"@none.example");
    judge(&j);
    CHECK(j.out.dkim.count == 10, "all of them");
    CHECK(j.field.len > 0 && j.field.len < MAILAUTH_JUDGE_FIELD_BYTES_MAX / 2, "the field");
    str rest = j.field;
    struct message_field f;
    CHECK(message_header_next(&rest, &f) && rest.len == 0, "one field");
    struct mailauth_authres said;
    CHECK_DONE(mailauth_authres_parse(f.value, j.bench.arena, &said), "it can be read");
    CHECK(said.count == 13, "spf, ten of dkim, dmarc, arc");
    buf_release(&text);
    dkim_bench_close(&j.bench);
}

/* ---- a list changes the message and seals it ---- */

struct sealed {
    const char *label, *sealer, *results,
        *key; /* key: how asking for it fails; NULL: it is there */
    const char *believed, *disposition;
    bool unknown;
};

static void judge_sealed(const struct sealed *c)
{
    static const str trusted[] = {
        {"lists.example", 13}
    };
    struct judging j;
    struct mailauth_dkim_private *key = NULL;
    struct buf fields;
    open_judging(&j, "192.0.2.1");
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), j.bench.arena, &key), "key");
    struct mailauth_arc_plan plan = {.domain = str_of(c->sealer),
                                     .selector = S("s"),
                                     .signer = mailauth_dkim_private_signer(key)};
    str name = arena_printf(j.bench.arena, "s._domainkey.%s", c->sealer);
    j.message = S(PLAIN("a@football.example.com"));
    buf_init(&fields, 1 << 16);
    dkim_bench_arc(&j.bench, j.message, &plan, str_of(c->results), &fields);
    if (c->key)
        dkim_bench_fail(&j.bench, name, c->key);
    else
        dkim_bench_txt(&j.bench, name, str_of(dkim_keys_rsa_record));
    j.message =
        arena_printf(j.bench.arena, "%.*s%.*s", STR_ARG(buf_str(&fields)), STR_ARG(j.message));
    j.peer.sender = S("list@other.example");
    j.peer.sealers = trusted;
    j.peer.sealer_count = 1;
    judge(&j);
    CHECK(j.out.dmarc.result == MAILAUTH_FAIL, c->label);
    CHECK_STR(j.out.believed, c->believed, c->label);
    CHECK_STR(mailauth_dmarc_record_policy_name(j.out.disposition), c->disposition, c->label);
    CHECK(j.out.sealer_unknown == c->unknown, c->label);
    bool told = str_contains(j.field, S("dmarc=fail (ARC of lists.example is believed)"));
    CHECK(told == (c->believed[0] != '\0'), c->label);
    buf_release(&fields);
    dkim_bench_close(&j.bench);
}

TEST(mailauth_judge_sealers)
{
#define SAYS(result) "lists.example; spf=pass; dmarc=" result
    static const struct sealed cases[] = {
        {"trusted, and DMARC passed with it", "lists.example",      SAYS("pass"),                                  NULL,       "lists.example",
         "none",                                                                                                                                          false},
        {"the same, named",                   "lists.example",      SAYS("pass header.from=football.example.com"), NULL,
         "lists.example",                                                                                                                       "none",   false},
        {"for another domain",                "lists.example",      SAYS("pass header.from=other.example"),        NULL,       "",
         "reject",                                                                                                                                        false},
        {"not trusted",                       "evil.example",       SAYS("pass"),                                  NULL,       "",              "reject", false},
        {"trusted, and it failed there",      "lists.example",      SAYS("fail"),                                  NULL,       "",              "reject", false},
        {"it says both",                      "lists.example",      SAYS("pass; dmarc=fail"),                      NULL,       "",              "reject", false},
        {"it says nothing of DMARC",          "lists.example",      "lists.example; spf=pass",                     NULL,       "",              "reject",
         false                                                                                                                                                 },
        {"no key",                            "none.lists.example", SAYS("pass"),                                  NULL,       "",              "reject", false},
        {"its key cannot be had now",         "lists.example",      SAYS("pass"),                                  "servfail", "",              "reject",
         true                                                                                                                                                  },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        judge_sealed(&cases[i]);
}

/* ---- and a front server of ours passes it on with a seal of its own ---- */

struct front {
    const char *label;
    struct {
        const char *domain, *dmarc;
    } sets[3]; /* the oldest first */
    const char *believed;
};

static void add_set(struct judging *j, struct mailauth_dkim_signer *signer, const char *domain,
                    const char *dmarc)
{
    struct buf fields;
    struct mailauth_arc_plan plan = {
        .domain = str_of(domain), .selector = S("s"), .signer = signer};
    str results = arena_printf(j->bench.arena, "%s; dmarc=%s", domain, dmarc);
    buf_init(&fields, 1 << 16);
    dkim_bench_arc(&j->bench, j->message, &plan, results, &fields);
    j->message =
        arena_printf(j->bench.arena, "%.*s%.*s", STR_ARG(buf_str(&fields)), STR_ARG(j->message));
    buf_release(&fields);
}

static void judge_fronted(const struct front *c)
{
    static const str trusted[] = {
        {"lists.example", 13},
        {"front.example", 13}
    };
    static const char *const domains[] = {"lists.example", "front.example", "evil.example"};
    struct judging j;
    struct mailauth_dkim_private *key = NULL;
    open_judging(&j, "192.0.2.1");
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), j.bench.arena, &key), "key");
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        dkim_bench_txt(&j.bench, arena_printf(j.bench.arena, "s._domainkey.%s", domains[i]),
                       str_of(dkim_keys_rsa_record));
    j.message = S(PLAIN("a@football.example.com"));
    for (size_t i = 0; i < ARRAY_LEN(c->sets) && c->sets[i].domain; i++)
        add_set(&j, mailauth_dkim_private_signer(key), c->sets[i].domain, c->sets[i].dmarc);
    j.peer.sender = S("list@other.example");
    j.peer.sealers = trusted;
    j.peer.sealer_count = ARRAY_LEN(trusted);
    judge(&j);
    CHECK(j.out.arc.result == MAILAUTH_PASS, c->label);
    CHECK_STR(j.out.believed, c->believed, c->label);
    bool refused = j.out.disposition == MAILAUTH_DMARC_REJECT;
    CHECK(refused == (c->believed[0] == '\0'), c->label);
    dkim_bench_close(&j.bench);
}

TEST(mailauth_judge_sealers_in_a_row)
{
    static const struct front cases[] = {
        {"the front had it whole",       {{"front.example", "pass"}},                            "front.example"},
        {"it had believed the list",
         {{"lists.example", "pass"}, {"front.example", "fail"}},
         "lists.example"                                                                                        },
        {"two fronts",
         {{"lists.example", "pass"}, {"front.example", "fail"}, {"front.example", "fail"}},
         "lists.example"                                                                                        },
        {"nobody says so",               {{"lists.example", "fail"}, {"front.example", "fail"}}, ""             },
        {"a stranger says so",           {{"evil.example", "pass"}, {"front.example", "fail"}},  ""             },
        {"a stranger had it last",       {{"lists.example", "pass"}, {"evil.example", "pass"}},  ""             },
        {"a stranger had it in between",
         {{"lists.example", "pass"}, {"evil.example", "pass"}, {"front.example", "fail"}},
         ""                                                                                                     },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        judge_fronted(&cases[i]);
}

/* The largest header that may be, all of it ours to look at: the arena has room. */
TEST(mailauth_judge_largest_header)
{
    struct judging j;
    open_judging(&j, "192.0.2.1");
    struct buf text;
    buf_init(&text, 2 << 20);
    for (int i = 0; i < 9000; i++)
        CHECK_DONE(buf_addf(&text, "%s: i=%d; d=a.example; s=s%d; %060d\r\n",
                            i % 3 == 0   ? "ARC-Message-Signature"
                            : i % 3 == 1 ? "DKIM-Signature"
                                         : "From",
                            i % 50 + 1, i, i),
                   "a field");
    j.message = buf_str(&text);
    j.peer.sender = S("x@none.example");
    judge(&j);
    CHECK(arena_used(j.bench.arena) < MAILAUTH_JUDGE_BYTES_MAX / 4, "room for the answers");
    CHECK(j.out.disposition == MAILAUTH_DMARC_REJECT, "nobody can tell whose it is");
    buf_release(&text);
    dkim_bench_close(&j.bench);
}
