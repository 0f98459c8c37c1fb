#include "mailauth/dmarc_domain.h"
#include "mailauth/dmarc_test.h"
#include "mailauth/dmarc_walk.h"
#include "tests/test.h"
#include <assert.h>

#define PLAIN "\"v=DMARC1; p=none\"\n"
#define REJECT "\"v=DMARC1; p=reject\"\n"
#define PSD_Y "\"v=DMARC1; p=reject; psd=y\"\n"
#define PSD_N "\"v=DMARC1; p=reject; psd=n\"\n"
#define PSD_U "\"v=DMARC1; p=reject; psd=u\"\n"

/* Each row is one walk, question by question. The clause is of RFC 9989. */
struct walk_case {
    const char *clause;
    const char *zone, *domain;
    const char *asked; /* names behind "_dmarc.", in order */
    const char *organizational;
    const char *policy; /* where it was found; "": nowhere */
    const char *unknown;
};

/* clang-format off */
static const struct walk_case cases[] = {

    /* The order of questions. */
    {"4.10 steps 1-7: one label after another, down to the last", "_dmarc.x TXT " PLAIN,
     "a.mail.example.com", "a.mail.example.com mail.example.com example.com com",
     "a.mail.example.com", "", ""},
    {"4.10 step 7: a name of one label has one question", "_dmarc.x TXT " PLAIN, "com", "com",
     "com", "", ""},
    {"4.10 step 4: two labels", "_dmarc.x TXT " PLAIN, "example.com", "example.com com",
     "example.com", "", ""},
    {"4.10 step 4: seven labels lose one at a time", "_dmarc.x TXT " PLAIN, "a.b.c.d.e.f.g",
     "a.b.c.d.e.f.g b.c.d.e.f.g c.d.e.f.g d.e.f.g e.f.g f.g g", "a.b.c.d.e.f.g", "", ""},
    {"4.10 step 4: eight labels are eight questions", "_dmarc.x TXT " PLAIN, "a.b.c.d.e.f.g.h",
     "a.b.c.d.e.f.g.h b.c.d.e.f.g.h c.d.e.f.g.h d.e.f.g.h e.f.g.h f.g.h g.h h", "a.b.c.d.e.f.g.h",
     "", ""},
    {"4.10 step 4: nine labels go on with seven", "_dmarc.x TXT " PLAIN, "z.a.b.c.d.e.f.g.h",
     "z.a.b.c.d.e.f.g.h b.c.d.e.f.g.h c.d.e.f.g.h d.e.f.g.h e.f.g.h f.g.h g.h h",
     "z.a.b.c.d.e.f.g.h", "", ""},
    {"4.10, its own example", "_dmarc.x TXT " PLAIN, "a.b.c.d.e.f.g.h.i.j.mail.example.com",
     "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com "
     "i.j.mail.example.com j.mail.example.com mail.example.com example.com com",
     "a.b.c.d.e.f.g.h.i.j.mail.example.com", "", ""},
    {"5.1.8: the example whose record is never found",
     "_dmarc.b.c.d.e.f.g.example.com TXT " PSD_N "_dmarc.example.com TXT " REJECT,
     "mail.a.b.c.d.e.f.g.example.com",
     "mail.a.b.c.d.e.f.g.example.com c.d.e.f.g.example.com d.e.f.g.example.com e.f.g.example.com "
     "f.g.example.com g.example.com example.com com", "example.com", "example.com", ""},
    {"5.1.8: a record at the long name itself is always found",
     "_dmarc.mail.a.b.c.d.e.f.g.example.com TXT " PSD_N "_dmarc.example.com TXT " REJECT,
     "mail.a.b.c.d.e.f.g.example.com", "mail.a.b.c.d.e.f.g.example.com",
     "mail.a.b.c.d.e.f.g.example.com", "mail.a.b.c.d.e.f.g.example.com", ""},

    /* The choice at the end. */
    {"4.10.2 rule 3: the record with the fewest labels",
     "_dmarc.mail.example.com TXT " REJECT "_dmarc.example.com TXT " REJECT, "a.mail.example.com",
     "a.mail.example.com mail.example.com example.com com", "example.com", "example.com", ""},
    {"4.10.2, its second example: psd=n on the way", "_dmarc.mail.example.com TXT " PSD_N,
     "a.mail.example.com", "a.mail.example.com mail.example.com", "mail.example.com",
     "mail.example.com", ""},
    {"4.10.2, its last example: only psd=y at the top", "_dmarc.com TXT " PSD_Y,
     "a.mail.example.com", "a.mail.example.com mail.example.com example.com com", "example.com",
     "com", ""},
    {"4.10.2 rule 2, its example: psd=y at example.com", "_dmarc.example.com TXT " PSD_Y,
     "mail.example.com", "mail.example.com example.com", "mail.example.com", "example.com", ""},
    {"4.10.2 rule 2: psd=y where the walk began is no suffix of itself",
     "_dmarc.bank.example TXT " PSD_Y, "bank.example", "bank.example", "bank.example",
     "bank.example", ""},
    {"4.10 step 2: psd=n at the first name ends the walk",
     "_dmarc.a.example.com TXT " PSD_N "_dmarc.example.com TXT " REJECT, "a.example.com",
     "a.example.com", "a.example.com", "a.example.com", ""},
    {"4.10 step 2: psd=y at the first name ends the walk",
     "_dmarc.bank TXT " PSD_Y "_dmarc.example.bank TXT " REJECT, "bank", "bank", "bank", "bank",
     ""},
    {"4.10 step 6: psd=u does not end it",
     "_dmarc.mail.example.com TXT " PSD_U "_dmarc.example.com TXT " REJECT, "a.mail.example.com",
     "a.mail.example.com mail.example.com example.com com", "example.com", "example.com", ""},
    {"4.10 step 6: a plain record does not end it",
     "_dmarc.a.example.com TXT " REJECT "_dmarc.example.com TXT " REJECT, "a.example.com",
     "a.example.com example.com com", "example.com", "a.example.com", ""},
    {"4.10.2: no record leaves the domain itself", "_dmarc.other.com TXT " REJECT, "a.example.com",
     "a.example.com example.com com", "a.example.com", "", ""},
    {"4.10.2 rule 3: a top domain without psd=y counts as an organization",
     "_dmarc.com TXT " REJECT, "a.example.com", "a.example.com example.com com", "com", "com", ""},
    {"4.7 psd: psd=n keeps a domain out of such a top domain",
     "_dmarc.com TXT " REJECT "_dmarc.example.com TXT " PSD_N, "a.example.com",
     "a.example.com example.com", "example.com", "example.com", ""},
    {"4.10.2: from the longest to the shortest: psd=n comes before psd=y",
     "_dmarc.example.bank TXT " PSD_N "_dmarc.bank TXT " PSD_Y, "a.example.bank",
     "a.example.bank example.bank", "example.bank", "example.bank", ""},
    {"4.10.2 rule 2: a record between does not count",
     "_dmarc.b.example.bank TXT " REJECT "_dmarc.bank TXT " PSD_Y, "a.b.example.bank",
     "a.b.example.bank b.example.bank example.bank bank", "example.bank", "bank", ""},
    {"4.10.2 rule 2: one label below, in a name that was shortened",
     "_dmarc.b.c.d.e.f.g.h TXT " PSD_Y, "x.y.z.a.b.c.d.e.f.g.h",
     "x.y.z.a.b.c.d.e.f.g.h b.c.d.e.f.g.h", "a.b.c.d.e.f.g.h", "b.c.d.e.f.g.h", ""},

    /* Which policy. */
    {"4.10.1: the domain's own comes first",
     "_dmarc.a.example.com TXT " PLAIN "_dmarc.example.com TXT " REJECT, "a.example.com",
     "a.example.com example.com com", "example.com", "a.example.com", ""},
    {"4.10.1: then its organization's, not the one between",
     "_dmarc.b.example.com TXT " PLAIN "_dmarc.example.com TXT " REJECT, "a.b.example.com",
     "a.b.example.com b.example.com example.com com", "example.com", "example.com", ""},
    {"4.10.1: then the public suffix's", "_dmarc.bank TXT " PSD_Y, "example.bank",
     "example.bank bank", "example.bank", "bank", ""},
    {"4.10.1 note: the suffix's not where the organization has one",
     "_dmarc.bank TXT " PSD_Y "_dmarc.example.bank TXT " PLAIN, "a.example.bank",
     "a.example.bank example.bank bank", "example.bank", "example.bank", ""},

    /* What is a record. */
    {"4.10 step 2: several records at a name are none",
     "_dmarc.a.example.com TXT " REJECT "_dmarc.a.example.com TXT " PLAIN "_dmarc.example.com TXT "
     REJECT, "a.example.com", "a.example.com example.com com", "example.com", "example.com", ""},
    {"4.10 step 6: the same above, even with psd",
     "_dmarc.example.com TXT " PSD_N "_dmarc.example.com TXT " PSD_Y, "a.example.com",
     "a.example.com example.com com", "a.example.com", "", ""},
    {"4.10 step 2: other TXT records there do not count as records",
     "_dmarc.example.com TXT \"v=spf1 -all\"\n_dmarc.example.com TXT " REJECT
     "_dmarc.example.com TXT \"hello\"\n", "example.com", "example.com com", "example.com",
     "example.com", ""},
    {"4.7 v: not at the front, so it is none", "_dmarc.example.com TXT \"p=reject; v=DMARC1\"\n",
     "example.com", "example.com com", "example.com", "", ""},
    {"4.7 v: its value in other case is none", "_dmarc.example.com TXT \"v=dmarc1; p=reject\"\n",
     "example.com", "example.com com", "example.com", "", ""},
    {"4.7 v: DMARC10 is another version", "_dmarc.example.com TXT \"v=DMARC10; p=reject\"\n",
     "example.com", "example.com com", "example.com", "", ""},
    {"4.8: blanks around the equals sign",
     "_dmarc.example.com TXT \"v = DMARC1 ;p = reject ; psd = n\"\n", "a.example.com",
     "a.example.com example.com", "example.com", "example.com", ""},
    {"4.5: the strings of a record are joined",
     "_dmarc.example.com TXT \"v=DMA\" \"RC1; p=rej\" \"ect; psd\" \"=n\"\n", "a.example.com",
     "a.example.com example.com", "example.com", "example.com", ""},
    {"RFC 6376 3.2: a tag twice makes it no record",
     "_dmarc.a.example.com TXT \"v=DMARC1; p=none; p=reject\"\n_dmarc.example.com TXT " REJECT,
     "a.example.com", "a.example.com example.com com", "example.com", "example.com", ""},
    {"4.8: a bad psd is as none", "_dmarc.example.com TXT \"v=DMARC1; p=reject; psd=yes\"\n",
     "a.example.com", "a.example.com example.com com", "example.com", "example.com", ""},
    {"4.10.1: a record without a policy is still found",
     "_dmarc.a.example.com TXT \"v=DMARC1\"\n_dmarc.example.com TXT " REJECT, "a.example.com",
     "a.example.com example.com com", "example.com", "a.example.com", ""},

    /* The DNS. */
    {"4.10 step 1: an alias leads to the record",
     "_dmarc.example.com CNAME dmarc.provider.net.\ndmarc.provider.net TXT " REJECT, "example.com",
     "example.com com", "example.com", "example.com", ""},
    {"4.10 step 1: a wildcard answers at many names", "*.example.com TXT " REJECT,
     "a.b.example.com", "a.b.example.com b.example.com example.com com", "example.com",
     "a.b.example.com", ""},
    {"4.10.1: an error at the first name leaves all unknown",
     "_dmarc.a.example.com FAIL servfail\n", "a.example.com", "a.example.com", "a.example.com", "",
     "a.example.com"},
    {"4.10.1: an error on the way, too", "_dmarc.example.com FAIL servfail\n_dmarc.com TXT " PSD_Y,
     "a.example.com", "a.example.com example.com", "a.example.com", "", "example.com"},
    {"4.10.1: the own policy stands though the walk broke off",
     "_dmarc.a.example.com TXT " REJECT "_dmarc.example.com FAIL timeout\n", "a.example.com",
     "a.example.com example.com", "a.example.com", "a.example.com", "example.com"},
    {"4.10.1: a broken chain of signatures is an error", "_dmarc.example.com FAIL bogus\n",
     "example.com", "example.com", "example.com", "", "example.com"},
    {"4.10: an error above psd=n is never met",
     "_dmarc.example.com TXT " PSD_N "_dmarc.com FAIL servfail\n", "a.example.com",
     "a.example.com example.com", "example.com", "example.com", ""},

    /* Appendix B.4. */
    {"B.4.1: the author", "_dmarc.example.com TXT " REJECT "_dmarc.signing.example.com TXT " REJECT,
     "example.com", "example.com com", "example.com", "example.com", ""},
    {"B.4.1: the signer", "_dmarc.example.com TXT " REJECT "_dmarc.signing.example.com TXT " REJECT,
     "signing.example.com", "signing.example.com example.com com", "example.com",
     "signing.example.com", ""},
    {"B.4.2: the deep author",
     "_dmarc.example.com TXT " REJECT "_dmarc.signing.example.com TXT " REJECT,
     "a.b.c.d.e.f.g.h.i.j.k.example.com",
     "a.b.c.d.e.f.g.h.i.j.k.example.com g.h.i.j.k.example.com h.i.j.k.example.com "
     "i.j.k.example.com j.k.example.com k.example.com example.com com", "example.com",
     "example.com", ""},
    {"B.4.3: the author below a public suffix",
     "_dmarc.bank.example TXT " PSD_Y "_dmarc.giant.bank.example TXT " REJECT, "giant.bank.example",
     "giant.bank.example bank.example", "giant.bank.example", "giant.bank.example", ""},
    {"B.4.3: its MAIL FROM",
     "_dmarc.bank.example TXT " PSD_Y "_dmarc.giant.bank.example TXT " REJECT,
     "mail.giant.bank.example", "mail.giant.bank.example giant.bank.example bank.example",
     "giant.bank.example", "giant.bank.example", ""},
    {"B.4.3: the other bank",
     "_dmarc.bank.example TXT " PSD_Y "_dmarc.giant.bank.example TXT " REJECT,
     "mail.mega.bank.example", "mail.mega.bank.example mega.bank.example bank.example",
     "mega.bank.example", "bank.example", ""},
};
/* clang-format on */

static void walk_body(struct mailauth_ask *ask, void *arg)
{
    const struct walk_case *c = arg;
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_walk walk;
    struct mailauth_story story;
    mailauth_story_init(&story, ask->arena);
    mailauth_dmarc_walk_init(&walks, ask, &story);
    CHECK_DONE(mailauth_dmarc_walk(&walks, str_of(c->domain), &walk), c->clause);
    str asked = S("");
    for (size_t i = 0; i < walk.count; i++)
        asked = arena_printf(ask->arena, "%.*s%s%.*s", STR_ARG(asked), i ? " " : "",
                             STR_ARG(walk.steps[i]->domain));
    CHECK_STR(asked, c->asked, c->clause);
    CHECK_STR(walk.organizational, c->organizational, c->clause);
    CHECK_STR(walk.policy ? walk.policy->domain : S(""), c->policy, c->clause);
    CHECK_STR(walk.unknown, c->unknown, c->clause);
    CHECK(walk.count <= MAILAUTH_DMARC_WALK_QUESTIONS_MAX, c->clause);
    CHECK(story.count >= walk.count + 2, c->clause);
    CHECK(story.depth == 0, c->clause);

    size_t questions = walks.questions;
    CHECK_DONE(mailauth_dmarc_walk(&walks, str_of(c->domain), &walk), c->clause);
    CHECK(walks.questions == questions, "a second walk asks nothing again");
}

/* Attack 124: query by query, never more than eight. */
TEST(mailauth_dmarc_walk)
{
    static_assert(ARRAY_LEN(cases) >= 40, "every clause has its rows");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t questions = mailauth_dmarc_test_on(cases[i].zone, walk_body, (void *)&cases[i]);
        CHECK(questions <= MAILAUTH_DMARC_WALK_QUESTIONS_MAX, cases[i].clause);
    }
}

static void deep_body(struct mailauth_ask *ask, void *arg)
{
    const char *name = arg;
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_walk walk;
    str domain;
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    CHECK_DONE(mailauth_dmarc_domain_read(str_of(name), ask->arena, &domain), "the longest name");
    CHECK_DONE(mailauth_dmarc_walk(&walks, domain, &walk), "the longest name");
    CHECK(walk.count == 8, "eight questions");
}

/* The longest names there are: "_dmarc." before them may be more than the DNS can hold. */
TEST(mailauth_dmarc_walk_of_the_longest_name)
{
    static char name[260];
    for (size_t i = 0; i < 126; i++) {
        name[2 * i] = 'a';
        name[2 * i + 1] = '.';
    }
    name[252] = 'a';
    /* The first name is too long to be asked for: it does not exist. */
    CHECK(mailauth_dmarc_test_on("_dmarc.x TXT " PLAIN, deep_body, name) == 7, "seven on the wire");
}

static void budget_body(struct mailauth_ask *ask, void *arg)
{
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_walk walk;
    (void)arg;
    ask->budget->questions_left = 2;
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    err e = mailauth_dmarc_walk(&walks, S("a.b.example.com"), &walk);
    CHECK(e && e->kind == ERR_LIMIT, "attack 114: the budget ends a walk");
}

TEST(mailauth_dmarc_walk_within_the_budget)
{
    CHECK(mailauth_dmarc_test_on("_dmarc.x TXT " PLAIN, budget_body, NULL) == 2,
          "attack 114: no question more");
}

TEST(mailauth_dmarc_domains)
{
    /* clang-format off */
    static const struct {
        const char *label, *text, *want;
    } rows[] = {
        {"as it is", "example.com", "example.com"},
        {"case and the last dot", "Mail.Example.COM.", "mail.example.com"},
        {"U-labels", "B\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
        {"A-labels", "XN--bcher-kva.example", "xn--bcher-kva.example"},
        {"an underscore", "_x.example", "_x.example"},
        {"a literal", "[192.0.2.1]", ""},
        {"an address in digits", "192.0.2.1", ""},
        {"nothing", "", ""},
        {"the root", ".", ""},
        {"an empty label", "a..b", ""},
        {"a blank", "a b.example", ""},
        {"attack 119: escapes", "a\\046b.example", ""},
        {"attack 119: an escape of a letter", "ex\\097mple.com", ""},
        {"attack 119: line ends", "example.com\r\n", ""},
        {"not UTF-8", "a\xff.example", ""},
        {"bidi", "\xe2\x80\xae" "a.example", ""},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str got = {0};
        if (mailauth_dmarc_domain_read(str_of(rows[i].text), arena, &got))
            got = S("");
        CHECK_STR(got, rows[i].want, rows[i].label);
    }
    str with_nul = {"a\0b.example", 11}, got;
    CHECK(mailauth_dmarc_domain_read(with_nul, arena, &got) != NULL, "attack 119: a NUL");
    CHECK(mailauth_dmarc_domain_labels(S("a.b.c")) == 3, "labels");
    CHECK_STR(mailauth_dmarc_domain_last(S("a.b.c"), 2), "b.c", "the last two");
    CHECK_STR(mailauth_dmarc_domain_last(S("a.b.c"), 9), "a.b.c", "fewer than that");
    CHECK(mailauth_dmarc_domain_is_below(S("a.b"), S("b")), "below");
    CHECK(mailauth_dmarc_domain_is_below(S("b"), S("b")), "itself");
    CHECK(!mailauth_dmarc_domain_is_below(S("ab"), S("b")), "only looks like it");
    CHECK(!mailauth_dmarc_domain_is_below(S("b"), S("a.b")), "above");
}
