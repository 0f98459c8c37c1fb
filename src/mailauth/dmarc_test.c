#include "mailauth/dmarc_test.h"
#include "base/buf.h"
#include "mailauth/dmarc.h"
#include "mailauth/dmarc_domain.h"
#include "tests/test.h"

#define REJECT "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n"

struct eval_case {
    const char *label, *zone, *from; /* header fields */
    const char *spf_domain;          /* passed; "~" in front: a temporary error; NULL: none */
    const char *dkim[3];             /* the same; "l" in front: l= is short */
    const char *want;                /* result disposition policy-domain organization tag */
    uint64_t questions;
};

/* Clauses are of RFC 9989. */
/* clang-format off */
static const struct eval_case cases[] = {
    {"5.3.5: SPF is aligned", REJECT, "From: a@example.com\r\n", "example.com", {0},
     "pass none example.com example.com p spf", 1},
    {"5.3.5: DKIM is aligned", REJECT, "From: a@example.com\r\n", NULL, {"example.com"},
     "pass none example.com example.com p dkim", 1},
    {"5.3.5: both", REJECT, "From: a@example.com\r\n", "example.com", {"example.com"},
     "pass none example.com example.com p spf dkim", 1},
    {"5.3.5: neither", REJECT, "From: a@example.com\r\n", NULL, {0},
     "fail reject example.com example.com p", 1},
    {"5.3.2: no policy", "x TXT x\n", "From: a@example.com\r\n", "example.com", {"example.com"},
     "none none - example.com -", 2},
    {"4.10.2: a signer below the same organization", REJECT, "From: a@news.example.com\r\n", NULL,
     {"mail.example.com"}, "pass none example.com example.com p dkim", 4},
    {"4.10.2: a MAIL FROM above", REJECT, "From: a@news.example.com\r\n", "example.com", {0},
     "pass none example.com example.com p spf", 3},
    {"4.4, its table: another organization", REJECT, "From: a@news.example.com\r\n",
     "foo.example.net", {"example.net"}, "fail reject example.com example.com p", 3},
    {"4.10.2: it only looks like it", REJECT, "From: a@example.com\r\n", "badexample.com",
     {"example.com.evil.test"}, "fail reject example.com example.com p", 2},
    {"4.4: upper case is the same", REJECT, "From: a@Example.COM\r\n", NULL, {"EXAMPLE.com"},
     "pass none example.com example.com p dkim", 1},
    {"5.3.1: a U-label is its A-label",
     "_dmarc.xn--bcher-kva.example TXT \"v=DMARC1; p=reject\"\n",
     "From: a@b\xc3\xbc" "cher.example\r\n", NULL, {"xn--bcher-kva.example"},
     "pass none xn--bcher-kva.example xn--bcher-kva.example p dkim", 1},
    {"4.10.2: strict asks no more", "_dmarc.example.com TXT \"v=DMARC1; p=reject; aspf=s; adkim=s\"\n",
     "From: a@example.com\r\n", "mail.example.com", {"mail.example.com"},
     "fail reject example.com example.com p", 1},
    {"4.7 aspf: strict for SPF alone", "_dmarc.example.com TXT \"v=DMARC1; p=reject; aspf=s\"\n",
     "From: a@example.com\r\n", "mail.example.com", {"mail.example.com"},
     "pass none example.com example.com p dkim", 3},
    {"4.10.2: the other bank", "_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n",
     "From: a@giant.bank\r\n", NULL, {"mega.bank"}, "fail reject bank giant.bank p", 2},
    {"4.10.2: psd=n between author and signer",
     REJECT "_dmarc.dept.example.com TXT \"v=DMARC1; p=quarantine; psd=n\"\n",
     "From: a@x.dept.example.com\r\n", NULL, {"example.com"},
     "fail quarantine dept.example.com dept.example.com p", 2},
    {"4.10.2: a signer that is an organization of its own",
     REJECT "_dmarc.dept.example.com TXT \"v=DMARC1; p=none; psd=n\"\n", "From: a@example.com\r\n",
     NULL, {"dept.example.com"}, "fail reject example.com example.com p", 3},
    {"4.4.1: one of many signatures is enough", REJECT, "From: a@example.com\r\n", NULL,
     {"example.net", "example.org", "example.com"}, "pass none example.com example.com p dkim", 2},
    {"4.4: d=com aligns with nobody", REJECT, "From: a@example.com\r\n", NULL, {"com"},
     "fail reject example.com example.com p", 2},
    {"attack 115: l= is shorter than the body", REJECT, "From: a@example.com\r\n", NULL,
     {"lexample.com"}, "fail reject example.com example.com p", 1},
    {"attack 115: beside a whole one", REJECT, "From: a@example.com\r\n", NULL,
     {"lexample.com", "example.com"}, "pass none example.com example.com p dkim", 1},
    {"attack 119: a d= that is no domain", REJECT, "From: a@example.com\r\n", NULL,
     {"example.com\r\n", "(example.com", "ex\\097mple.com"}, "fail reject example.com example.com p", 1},

    {"4.7 t: reject becomes quarantine", "_dmarc.example.com TXT \"v=DMARC1; p=reject; t=y\"\n",
     "From: a@example.com\r\n", NULL, {0}, "fail quarantine example.com example.com p softened", 1},
    {"4.7 t: quarantine becomes none", "_dmarc.example.com TXT \"v=DMARC1; p=quarantine; t=y\"\n",
     "From: a@example.com\r\n", NULL, {0}, "fail none example.com example.com p softened", 1},
    {"4.7 t: none stays", "_dmarc.example.com TXT \"v=DMARC1; p=none; t=y\"\n",
     "From: a@example.com\r\n", NULL, {0}, "fail none example.com example.com p", 1},
    {"4.10.1: sp for one that exists",
     "_dmarc.example.com TXT \"v=DMARC1; p=reject; sp=quarantine; np=reject\"\na.example.com A 192.0.2.1\n",
     "From: x@a.example.com\r\n", NULL, {0}, "fail quarantine example.com example.com sp", 4},
    {"4.10.1: np for one that does not",
     "_dmarc.example.com TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\n",
     "From: x@a.example.com\r\n", NULL, {0}, "fail reject example.com example.com np", 4},
    {"3.2.13: a name with names below it exists",
     "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\nwww.a.example.com A 192.0.2.1\n",
     "From: x@a.example.com\r\n", NULL, {0}, "fail none example.com example.com p", 4},
    {"4.7 np: not asked for when it makes no difference",
     "_dmarc.example.com TXT \"v=DMARC1; p=reject; np=reject\"\n", "From: x@a.example.com\r\n", NULL,
     {0}, "fail reject example.com example.com p", 3},
    {"attack 124: np and t together",
     "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject; t=y\"\n", "From: x@a.example.com\r\n",
     NULL, {0}, "fail quarantine example.com example.com np softened", 4},
    {"attack 124: several records are none",
     REJECT "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n", "From: a@example.com\r\n", NULL, {0},
     "none none - example.com -", 2},
    {"4.10.1: no policy and no address", "_dmarc.example.com TXT \"v=DMARC1; p=rej\"\n",
     "From: a@example.com\r\n", "example.com", {0}, "none none example.com example.com -", 1},
    {"4.10.1: a bad policy with an address is none",
     "_dmarc.example.com TXT \"v=DMARC1; p=rej; rua=mailto:a@example.com\"\n",
     "From: a@example.com\r\n", NULL, {0}, "fail none example.com example.com p", 1},

    {"5.3.6: the policy cannot be had", "_dmarc.example.com FAIL servfail\n",
     "From: a@example.com\r\n", "example.com", {0}, "temperror none - example.com -", 1},
    {"4.10.1: nor above", "_dmarc.com FAIL servfail\n", "From: a@example.com\r\n", "example.com",
     {0}, "temperror none - example.com -", 2},
    {"5.3.6: the organization cannot be had", REJECT "_dmarc.com FAIL timeout\n",
     "From: a@example.com\r\n", NULL, {"mail.example.com"},
     "temperror none example.com example.com -", 2},
    {"5.3.6: and need not be had", REJECT "_dmarc.com FAIL timeout\n", "From: a@example.com\r\n",
     NULL, {"mail.example.com", "example.com"}, "pass none example.com example.com p dkim", 2},
    {"5.3.6: an aligned signature could not be checked", REJECT, "From: a@example.com\r\n", NULL,
     {"~example.com"}, "temperror none example.com example.com -", 1},
    {"5.3.6: nor SPF", REJECT, "From: a@example.com\r\n", "~example.com", {0},
     "temperror none example.com example.com -", 1},
    {"attack 113: a forger's own DNS error changes nothing", REJECT, "From: a@example.com\r\n",
     "~evil.test", {"~evil.test"}, "fail reject example.com example.com p", 2},
    {"4.10.1: whether it exists cannot be had",
     "_dmarc.example.com TXT \"v=DMARC1; p=none; np=reject\"\na.example.com FAIL servfail\n",
     "From: x@a.example.com\r\n", NULL, {0}, "temperror none example.com example.com -", 4},

    {"5.3.1: several addresses of one domain", REJECT,
     "From: a@example.com, b@EXAMPLE.com\r\n", "example.com", {0},
     "pass none example.com example.com p spf", 1},
    {"5.3.1: obsolete, and still From (attack 118)", REJECT, "From : a@example.com\r\n",
     "example.com", {0}, "pass none example.com example.com p spf", 1},
    {"attack 118: the colon behind a fold", REJECT, "From\r\n : a@example.com\r\n", NULL, {0},
     "fail reject example.com example.com p", 1},
    {"11.5: several domains, one fails (attack 117)", REJECT,
     "From: a@evil.test, b@example.com\r\n", "evil.test", {"evil.test"},
     "fail reject example.com example.com p", 4},
    {"11.5: the strictest counts", REJECT "_dmarc.evil.test TXT \"v=DMARC1; p=none\"\n",
     "From: a@evil.test, b@example.com\r\n", NULL, {0}, "fail reject example.com example.com p", 2},
    {"11.5: never a pass for either (attack 117)", REJECT, "From: a@other.test, b@example.com\r\n",
     "other.test", {"example.com"}, "permerror none example.com example.com p", 4},
    {"11.5: nor for both", REJECT "_dmarc.other.test TXT \"v=DMARC1; p=reject\"\n",
     "From: a@other.test, b@example.com\r\n", NULL, {"example.com", "other.test"},
     "permerror none other.test other.test p", 4},
    {"5.3.1: two From fields (attack 117)", REJECT,
     "From: a@example.com\r\nFrom: b@example.com\r\n", "example.com", {"example.com"},
     "permerror none example.com example.com p", 1},
    {"11.5: two From fields, the hidden one fails", REJECT,
     "From: a@evil.test\r\nSubject: x\r\nfrom: b@example.com\r\n", "evil.test", {"evil.test"},
     "fail reject example.com example.com p", 4},
    {"4.2: no From", REJECT, "Subject: x\r\n", "example.com", {0}, "permerror none - - -", 0},
    {"5.3.1: no address in it", REJECT, "From: nobody:;\r\n", "example.com", {0},
     "permerror none - - -", 0},
    {"5.3.1: an address without a domain of the DNS", REJECT, "From: a@[192.0.2.1]\r\n", NULL, {0},
     "permerror none - - -", 0},
    {"5.3.1: malformed, and the domain that can be read fails", REJECT,
     "From: a@example.com\r\nFrom: <<b@\r\n", "example.com", {0},
     "permerror none example.com example.com p", 1},
    {"4.2: malformed beside a policy that fails", REJECT,
     "From: a@example.com\r\nFrom: <<b@\r\n", NULL, {0}, "fail reject example.com example.com p", 1},
    {"11.5: more domains than are looked at", REJECT,
     "From: a@a.test, a@b.test, a@c.test, a@d.test, a@example.com\r\n", NULL, {0},
     "permerror none - a.test -", 5},
};
/* clang-format on */

static enum mailauth_result result_in(str *domain)
{
    return str_skip(domain, S("~")) ? MAILAUTH_TEMPERROR : MAILAUTH_PASS;
}

static void take_inputs(const struct eval_case *c, struct mailauth_dmarc_input *in,
                        struct mailauth_dmarc_dkim dkim[3])
{
    if (c->spf_domain) {
        in->spf.domain = str_of(c->spf_domain);
        in->spf.result = result_in(&in->spf.domain);
    }
    in->dkim = dkim;
    for (; in->dkim_count < 3 && c->dkim[in->dkim_count]; in->dkim_count++) {
        struct mailauth_dmarc_dkim *d = &dkim[in->dkim_count];
        d->domain = str_of(c->dkim[in->dkim_count]);
        d->partial = str_skip(&d->domain, S("l"));
        d->result = result_in(&d->domain);
    }
}

static str or_dash(str s) { return s.len ? s : S("-"); }

static str describe(const struct mailauth_dmarc *d, struct arena *arena)
{
    return arena_printf(arena, "%.*s %.*s %.*s %.*s %s%s%s%s",
                        STR_ARG(mailauth_result_name(d->result)),
                        STR_ARG(mailauth_dmarc_record_policy_name(d->disposition)),
                        STR_ARG(or_dash(d->policy_domain)), STR_ARG(or_dash(d->organizational)),
                        d->policy_tag ? d->policy_tag : "-", d->softened ? " softened" : "",
                        d->spf_aligned ? " spf" : "", d->dkim_aligned ? " dkim" : "");
}

static void eval_body(struct mailauth_ask *ask, void *arg)
{
    const struct eval_case *c = arg;
    struct mailauth_dmarc_from from = mailauth_dmarc_from_header(str_of(c->from), ask->arena);
    struct mailauth_dmarc_input in = {.from = &from};
    struct mailauth_dmarc_dkim dkim[3] = {{0}};
    struct mailauth_dmarc got;
    struct mailauth_story story;
    take_inputs(c, &in, dkim);
    mailauth_story_init(&story, ask->arena);
    CHECK_DONE(mailauth_dmarc_evaluate(ask, &story, &in, &got), c->label);
    CHECK_STR(describe(&got, ask->arena), c->want, c->label);
    CHECK(got.reason.len > 0, c->label);
    CHECK(story.count > 0 && story.depth == 0, c->label);
    CHECK(got.result == MAILAUTH_FAIL || got.disposition == MAILAUTH_DMARC_NONE, c->label);
    if (c->questions)
        CHECK(got.questions == c->questions, c->label);
}

TEST(mailauth_dmarc_evaluate)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t asked = mailauth_dmarc_test_on(cases[i].zone, eval_body, (void *)&cases[i]);
        if (cases[i].questions)
            CHECK(asked == cases[i].questions, cases[i].label);
    }
}

struct legacy {
    struct mailauth_dmarc_psl *psl;
    const char *from, *signer, *want;
};

static void legacy_body(struct mailauth_ask *ask, void *arg)
{
    const struct legacy *l = arg;
    struct mailauth_dmarc_from from = mailauth_dmarc_from_header(str_of(l->from), ask->arena);
    struct mailauth_dmarc_dkim dkim = {.result = MAILAUTH_PASS, .domain = str_of(l->signer)};
    struct mailauth_dmarc_input in = {.from = &from, .dkim = &dkim, .dkim_count = 1, .psl = l->psl};
    struct mailauth_dmarc got;
    CHECK_DONE(mailauth_dmarc_evaluate(ask, NULL, &in, &got), l->from);
    CHECK_STR(describe(&got, ask->arena), l->want, l->from);
    CHECK(got.questions <= 2, "RFC 7489 section 6.6.3: the domain, and its organization");
}

/* The same zone gives other organizations by the list; np and t are of RFC 9989 alone. */
TEST(mailauth_dmarc_by_the_list)
{
    static const char zone[] =
        "_dmarc.example.co.uk TXT \"v=DMARC1; p=reject; sp=quarantine; np=none; t=y\"\n"
        "_dmarc.co.uk TXT \"v=DMARC1; p=none; psd=y\"\n"
        "_dmarc.two.example.co.uk TXT \"v=DMARC1; p=none\"\n"
        "_dmarc.two.example.co.uk TXT \"v=DMARC1; p=reject\"\n";
    struct legacy rows[] = {
        {NULL, "From: a@x.y.example.co.uk\r\n", "mail.example.co.uk",
         "pass none example.co.uk example.co.uk sp dkim"                                           },
        {NULL, "From: a@x.example.co.uk\r\n",   "other.co.uk",
         "fail quarantine example.co.uk example.co.uk sp"                                          },
        {NULL, "From: a@other.co.uk\r\n",       "other.co.uk",        "none none - other.co.uk -"  },
        {NULL, "From: a@two.example.co.uk\r\n", "x.test",             "none none - example.co.uk -"},
    };
    char list[600];
    struct mailauth_dmarc_psl *psl = NULL;
    if (test_suites("psl/public_suffix_list.dat", list, sizeof list) == NULL)
        return;
    CHECK_DONE(mailauth_dmarc_psl_open(str_of(list), &psl), "the list");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rows[i].psl = psl;
        mailauth_dmarc_test_on(zone, legacy_body, &rows[i]);
    }
    mailauth_dmarc_psl_close(psl);
}

static void spent_body(struct mailauth_ask *ask, void *arg)
{
    struct mailauth_dmarc_from from =
        mailauth_dmarc_from_header(S("From: a@example.com\r\n"), ask->arena);
    struct mailauth_dmarc_dkim dkim = {.result = MAILAUTH_PASS, .domain = S("x.example.com")};
    struct mailauth_dmarc_input in = {.from = &from, .dkim = &dkim, .dkim_count = 1};
    struct mailauth_dmarc got;
    ask->budget->questions_left = *(int *)arg;
    CHECK_DONE(mailauth_dmarc_evaluate(ask, NULL, &in, &got), "it is a result");
    CHECK(got.result == MAILAUTH_TEMPERROR, "attack 114: no way around a policy, and no pass");
    CHECK(!got.dkim_aligned, "attack 114");
}

TEST(mailauth_dmarc_with_a_spent_budget)
{
    int left = 0;
    CHECK(mailauth_dmarc_test_on(REJECT, spent_body, &left) == 0, "attack 114: nothing is asked");
    left = 1;
    CHECK(mailauth_dmarc_test_on(REJECT, spent_body, &left) == 1, "attack 114: one, and no more");
}

/* Attack 114: fifty signatures of fifty domains below the author's ask for so much and no more. */
static void many_body(struct mailauth_ask *ask, void *arg)
{
    struct mailauth_dmarc_dkim dkim[50] = {{0}};
    struct mailauth_dmarc_from from =
        mailauth_dmarc_from_header(S("From: a@example.com\r\n"), ask->arena);
    struct mailauth_dmarc_input in = {.from = &from, .dkim = dkim, .dkim_count = ARRAY_LEN(dkim)};
    struct mailauth_dmarc got;
    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(dkim); i++) {
        dkim[i].domain = arena_printf(ask->arena, "a.b.c.d%zu.example.com", i);
        dkim[i].result = MAILAUTH_TEMPERROR;
    }
    CHECK_DONE(mailauth_dmarc_evaluate(ask, NULL, &in, &got), "many");
    CHECK(got.result == MAILAUTH_TEMPERROR, "many");
}

TEST(mailauth_dmarc_with_many_signatures)
{
    CHECK(mailauth_dmarc_test_on(REJECT, many_body, NULL) <= DNS_BUDGET_QUESTIONS,
          "attack 114: the budget");
}

/* A header of one megabyte that is all From costs little of the message's memory. */
TEST(mailauth_dmarc_from_of_a_large_header)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 10);
    CLEANUP(buf_release) struct buf header;
    buf_init(&header, 1 << 20);
    CHECK_DONE(buf_add(&header, S("From: a@a0.example")), "header");
    for (int i = 1; header.len < 150000; i++)
        CHECK_DONE(buf_addf(&header, ",\r\n a@a%d.example", i), "header");
    CHECK_DONE(buf_add(&header, S("\r\n")), "header");
    while (header.len < (1 << 20) - 100)
        CHECK_DONE(buf_add(&header, S("From: a@example.com\r\nFrom: b@b\xc3\xbc.example\r\n")),
                   "header");
    struct mailauth_dmarc_from from = mailauth_dmarc_from_header(buf_str(&header), arena);
    CHECK(from.kind == MAILAUTH_DMARC_FROM_MALFORMED || from.kind == MAILAUTH_DMARC_FROM_TOO_MANY,
          "not one");
    CHECK(from.count == MAILAUTH_DMARC_FROM_DOMAINS_MAX, "as many as are looked at");
}
