#include "base/buf.h"
#include "mailauth/dmarc_external.h"
#include "mailauth/dmarc_test.h"
#include "tests/test.h"

struct external_case {
    const char *label, *zone, *domain, *uri;
    const char *want; /* verdict: addresses */
};

#define POLICY "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n"
#define AT "example.com._report._dmarc.red.example.net TXT "

/* clang-format off */
/* Attack 124: steps of RFC 9990 section 4. */
static const struct external_case cases[] = {
    {"the domain itself", POLICY, "example.com", "mailto:a@example.com", "own: a@example.com"},
    {"of the same organization", POLICY, "example.com", "mailto:a@reports.example.com",
     "own: a@reports.example.com"},
    {"step 8: it agrees", POLICY AT "\"v=DMARC1\"\n", "example.com", "mailto:a@red.example.net",
     "allowed: a@red.example.net"},
    {"step 6: with a semicolon", POLICY AT "\"v=DMARC1;\"\n", "example.com",
     "mailto:a@red.example.net", "allowed: a@red.example.net"},
    {"step 6: with a policy, which does not count", POLICY AT "\"v=DMARC1; p=reject\"\n",
     "example.com", "mailto:a@red.example.net", "allowed: a@red.example.net"},
    {"step 7: nothing there", POLICY, "example.com", "mailto:a@red.example.net", "refused:"},
    {"step 6: other words there", POLICY AT "\"yes\"\n", "example.com", "mailto:a@red.example.net",
     "refused:"},
    {"step 6: another version", POLICY AT "\"v=DMARC2\"\n", "example.com",
     "mailto:a@red.example.net", "refused:"},
    {"step 8: one of several is enough", POLICY AT "\"hello\"\n" AT "\"v=DMARC1\"\n", "example.com",
     "mailto:a@red.example.net", "allowed: a@red.example.net"},
    {"step 9: another address at that host",
     POLICY AT "\"v=DMARC1; rua=mailto:b@red.example.net,mailto:c@red.example.net\"\n",
     "example.com", "mailto:a@red.example.net", "allowed: b@red.example.net c@red.example.net"},
    {"step 9: at another host, so nothing is sent at all",
     POLICY AT "\"v=DMARC1; rua=mailto:b@victim.test\"\n", "example.com",
     "mailto:a@red.example.net", "refused:"},
    {"step 9: one at that host, one at another",
     POLICY AT "\"v=DMARC1; rua=mailto:b@red.example.net,mailto:c@victim.test\"\n", "example.com",
     "mailto:a@red.example.net", "refused:"},
    {"a host that takes reports of everybody",
     POLICY "*._report._dmarc.red.example.net TXT \"v=DMARC1\"\n", "example.com",
     "mailto:a@red.example.net", "allowed: a@red.example.net"},
    {"step 5: no answer", POLICY "example.com._report._dmarc.red.example.net FAIL servfail\n",
     "example.com", "mailto:a@red.example.net", "unknown:"},
    {"step 5: whose it is cannot be had", POLICY "_dmarc.net FAIL timeout\n", "example.com",
     "mailto:a@red.example.net", "unknown:"},
    {"not the parent's permission", POLICY "example.com._report._dmarc.example.net TXT \"v=DMARC1\"\n",
     "example.com", "mailto:a@red.example.net", "refused:"},
    {"not a mailbox", POLICY, "example.com", "https://example.com/x", "refused:"},
};
/* clang-format on */

static void external_body(struct mailauth_ask *ask, void *arg)
{
    static const char *const verdicts[] = {"own", "allowed", "refused", "unknown"};
    const struct external_case *c = arg;
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_external got;
    struct mailauth_dmarc_uri uri;
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    CHECK_DONE(mailauth_dmarc_uri_parse(str_of(c->uri), ask->arena, &uri), c->label);
    CHECK_DONE(mailauth_dmarc_external_check(&walks, str_of(c->domain), &uri, &got), c->label);
    str out = arena_printf(ask->arena, "%s:", verdicts[got.verdict]);
    for (size_t i = 0; i < got.uris.count; i++)
        out =
            arena_printf(ask->arena, "%.*s %.*s", STR_ARG(out), STR_ARG(got.uris.items[i].address));
    CHECK_STR(out, c->want, c->label);
    CHECK(got.reason.len > 0, c->label);
}

TEST(mailauth_dmarc_external)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        mailauth_dmarc_test_on(cases[i].zone, external_body, (void *)&cases[i]);
}

static void long_body(struct mailauth_ask *ask, void *arg)
{
    struct mailauth_dmarc_walks walks;
    struct mailauth_dmarc_external got;
    struct mailauth_dmarc_uri uri;
    struct buf name;
    (void)arg;
    buf_init(&name, 300);
    for (int i = 0; i < 24; i++)
        CHECK_DONE(buf_add(&name, S("abcdefghi.")), "a long name");
    CHECK_DONE(buf_add(&name, S("test")), "a long name");
    mailauth_dmarc_walk_init(&walks, ask, NULL);
    CHECK_DONE(mailauth_dmarc_uri_parse(S("mailto:a@red.example.net"), ask->arena, &uri), "uri");
    CHECK_DONE(mailauth_dmarc_external_check(&walks, buf_str(&name), &uri, &got), "a long name");
    CHECK(got.verdict == MAILAUTH_DMARC_EXTERNAL_REFUSED, "step 4: too long to be asked for");
    buf_release(&name);
}

TEST(mailauth_dmarc_external_of_a_long_name)
{
    mailauth_dmarc_test_on("*._report._dmarc.red.example.net TXT \"v=DMARC1\"\n", long_body, NULL);
}
