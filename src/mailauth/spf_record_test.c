#include "mailauth/spf_record.h"
#include "tests/test.h"

TEST(mailauth_spf_record_syntax)
{
    /* clang-format off */
    static const struct {
        const char *text;
        size_t terms;
        const char *wrong; /* part of the err's words; NULL: it is right */
    } cases[] = {
        {"v=spf1", 0, NULL},
        {"V=SPF1  a   -ALL  ", 2, NULL},
        {"v=spf1 +a ?mx ~ptr -all", 4, NULL},
        {"v=spf1 a:x.example.com/24//64 mx/0 a//128 mx:x.example.com//0", 4, NULL},
        {"v=spf1 ip4:192.0.2.0/24 ip4:1.2.3.4/32 ip4:0.0.0.0/0", 3, NULL},
        {"v=spf1 ip6:2001:db8::/32 ip6:::1/128 ip6:::ffff:1.2.3.4", 3, NULL},
        {"v=spf1 exists:%{ir}.sbl.example.com ptr:example.com", 2, NULL},
        {"v=spf1 include:_spf.%{d2} redirect=x.example.com. exp=e.example.com", 1, NULL},
        {"v=spf1 a:a/b.example.com/24 a:%{d2/}/24", 2, NULL},
        {"v=spf1 moo.cow-far_out=man:dog/cat%{c}%{r}%{t} x= a=b", 0, NULL},
        {"v=spf1 a:foo.1a a:foo.a-b a:foo.1-2", 3, NULL},

        {"v=spf10", 0, "does not begin"},
        {"v=spf1\tall", 0, "does not begin"},
        {"spf1 all", 0, "does not begin"},
        {"v=spf1 a b", 0, "term 2 \"b\" at byte 9: no such mechanism"},
        {"v=spf1 a -all moo", 0, "term 3 \"moo\" at byte 14"},
        {"v=spf1 all.", 0, "alone"},
        {"v=spf1 all:x.example.com", 0, "alone"},
        {"v=spf1 all/8", 0, "alone"},
        {"v=spf1 --all", 0, "no such mechanism"},
        {"v=spf1 -", 0, "no such mechanism"},
        {"v=spf1 include", 0, "missing"},
        {"v=spf1 include:", 0, "no domain"},
        {"v=spf1 include:x.example.com/24", 0, "cannot end"},
        {"v=spf1 exists", 0, "missing"},
        {"v=spf1 exists:x.example.com/24", 0, "cannot end"},
        {"v=spf1 ptr/24", 0, "not understood"},
        {"v=spf1 ptr:", 0, "no domain"},
        {"v=spf1 a:", 0, "no domain"},
        {"v=spf1 a/33", 0, "above 32"},
        {"v=spf1 a//129", 0, "above 128"},
        {"v=spf1 a/24/64", 0, "above 32"},
        {"v=spf1 a//64/24", 0, "not understood"},
        {"v=spf1 a/024", 0, "leading zero"},
        {"v=spf1 a/", 0, "not understood"},
        {"v=spf1 a/x", 0, "not understood"},
        {"v=spf1 a/99999999999999999999", 0, "above 32"},
        {"v=spf1 mx/24:x.example.com", 0, "not understood"},
        {"v=spf1 a:museum", 0, "two labels"},
        {"v=spf1 a:museum.", 0, "two labels"},
        {"v=spf1 a:example.123", 0, "cannot end"},
        {"v=spf1 a:example.-com", 0, "cannot end"},
        {"v=spf1 a:example.com..", 0, "cannot end"},
        {"v=spf1 a:1.2.3.4", 0, "cannot end"},
        {"v=spf1 a:%{d}com", 0, "two labels"},
        {"v=spf1 a:%{d}.", 0, "two labels"},
        {"v=spf1 ip4", 0, "missing"},
        {"v=spf1 ip4:", 0, "not an IPv4"},
        {"v=spf1 ip4:1.2.3", 0, "not an IPv4"},
        {"v=spf1 ip4:1.2.3.04", 0, "not an IPv4"},
        {"v=spf1 ip4:1.2.3.256", 0, "not an IPv4"},
        {"v=spf1 ip4:1.2.3.4:25", 0, "not an IPv4"},
        {"v=spf1 ip4:1.2.3.4/33", 0, "above 32"},
        {"v=spf1 ip4:1.2.3.4//32", 0, "not an IPv4"},
        {"v=spf1 ip4:2001:db8::1", 0, "not an IPv4"},
        {"v=spf1 ip6:1.2.3.4", 0, "not an IPv6"},
        {"v=spf1 ip6:2001:db8::1/129", 0, "above 128"},
        {"v=spf1 ip6:2001:db8::1::2", 0, "not an IPv6"},
        {"v=spf1 redirect:x.example.com", 0, "redirect="},
        {"v=spf1 exp:x.example.com", 0, "exp="},
        {"v=spf1 -redirect=x.example.com", 0, "redirect="},
        {"v=spf1 redirect=", 0, "no domain"},
        {"v=spf1 exp= -all", 0, "no domain"},
        {"v=spf1 redirect=a.example.com redirect=b.example.com", 0, "twice"},
        {"v=spf1 exp=a.example.com -all exp=b.example.com", 0, "twice"},
        {"v=spf1 1up=x", 0, "no such mechanism"},
        {"v=spf1 =all", 0, "no such mechanism"},
        {"v=spf1 x=%abc", 0, "begins no macro"},
        {"v=spf1 exp=%{r}.example.com", 0, "explanations only"},
        {"v=spf1 a:ctrl.example.com\rptr -all", 0, "cannot end|byte 0d"},
        {"v=spf1 a:x.example.com\x7f", 0, "byte 7f"},
        {"v=spf1 a:\xc3\xa4.example.com", 0, "byte c3"},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_spf_record r = {.others = 77};
        char words[300] = "";
        err e = mailauth_spf_record_parse(str_of(cases[i].text), arena, &r);
        if (cases[i].wrong == NULL) {
            CHECK_DONE(e, cases[i].text);
            CHECK(r.count == cases[i].terms, cases[i].text);
            continue;
        }
        CHECK(e && e->kind == ERR_PROTOCOL && r.others == 77, cases[i].text);
        if (e)
            err_words(e, words, sizeof words);
        err_forget();
        str one, other;
        str_split(str_of(cases[i].wrong), '|', &one, &other);
        CHECK(str_contains(str_of(words), one) || (other.len && str_contains(str_of(words), other)),
              words);
    }
}

TEST(mailauth_spf_record_terms)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_spf_record r;
    CHECK_DONE(mailauth_spf_record_parse(
                   S("v=spf1 ~a:b.example.com/8//9 ip6:2001:db8::1/33 x=y exp=e.example.com "
                     "redirect=r.example.com"),
                   arena, &r),
               "parse");
    CHECK(r.count == 2 && r.others == 1, "count");
    CHECK(r.terms[0].kind == MAILAUTH_SPF_A, "a");
    CHECK(r.terms[0].result == MAILAUTH_SOFTFAIL, "~");
    CHECK_STR(r.terms[0].domain, "b.example.com", "domain");
    CHECK(r.terms[0].bits4 == 8 && r.terms[0].bits6 == 9, "lengths");
    CHECK(r.terms[0].at == 7, "where");
    CHECK(r.terms[1].bits6 == 33 && r.terms[1].ip[0] == 0x20, "ip6");
    CHECK(r.redirect != NULL && r.exp != NULL, "modifiers");
    if (r.redirect && r.exp) {
        CHECK_STR(r.redirect->domain, "r.example.com", "redirect");
        CHECK_STR(r.exp->domain, "e.example.com", "exp");
    }
}

/* Attack 111: what is too large is refused, not read in part. */
TEST(mailauth_spf_record_limits)
{
    static char text[MAILAUTH_SPF_RECORD_BYTES_MAX + 100];
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_spf_record r;
    memset(text, ' ', sizeof text);
    memcpy(text, "v=spf1", 6);
    CHECK_DONE(mailauth_spf_record_parse((str){text, MAILAUTH_SPF_RECORD_BYTES_MAX}, arena, &r),
               "blanks");
    err e = mailauth_spf_record_parse((str){text, MAILAUTH_SPF_RECORD_BYTES_MAX + 1}, arena, &r);
    CHECK(e && e->kind == ERR_LIMIT, "bytes");
    for (size_t i = 0; i <= MAILAUTH_SPF_RECORD_TERMS_MAX; i++)
        text[7 + 2 * i] = 'a';
    e = mailauth_spf_record_parse((str){text, 7 + 2 * MAILAUTH_SPF_RECORD_TERMS_MAX + 1}, arena,
                                  &r);
    CHECK(e && e->kind == ERR_LIMIT, "terms");
    arena_reset(arena);
    CHECK_DONE(mailauth_spf_record_parse((str){text, 7 + 2 * MAILAUTH_SPF_RECORD_TERMS_MAX - 1},
                                         arena, &r),
               "as many as may be");
    CHECK(r.count == MAILAUTH_SPF_RECORD_TERMS_MAX, "as many as may be");
    CHECK(arena_used(arena) < MAILAUTH_SPF_RECORD_ARENA_BYTES, "what it takes of an arena");
}
