#include "mailauth/spf_macro.h"
#include "tests/test.h"

static struct address ip4, ip6;

static struct mailauth_spf_macro_values values(void)
{
    CHECK_DONE(address_parse_ip(S("192.0.2.3"), &ip4), "ip4");
    CHECK_DONE(address_parse_ip(S("2001:db8::cb01"), &ip6), "ip6");
    return (struct mailauth_spf_macro_values){
        .sender = S("strong-bad@email.example.com"),
        .local = S("strong-bad"),
        .sender_domain = S("email.example.com"),
        .domain = S("email.example.com"),
        .helo = S("mx.example.org"),
        .receiver = S("mx.example.net"),
        .validated = S("mx.example.org"),
        .ip = &ip4,
        .now_ms = 1234567890123,
    };
}

TEST(mailauth_spf_macro_expand)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
  /* the examples of RFC 7208 section 7.4 */
        {"%{s}",                              "strong-bad@email.example.com"                    },
        {"%{o}",                              "email.example.com"                               },
        {"%{d}",                              "email.example.com"                               },
        {"%{d4}",                             "email.example.com"                               },
        {"%{d3}",                             "email.example.com"                               },
        {"%{d2}",                             "example.com"                                     },
        {"%{d1}",                             "com"                                             },
        {"%{dr}",                             "com.example.email"                               },
        {"%{d2r}",                            "example.email"                                   },
        {"%{l}",                              "strong-bad"                                      },
        {"%{l-}",                             "strong.bad"                                      },
        {"%{lr}",                             "strong-bad"                                      },
        {"%{lr-}",                            "bad.strong"                                      },
        {"%{l1r-}",                           "strong"                                          },
        {"%{ir}.%{v}._spf.%{d2}",             "3.2.0.192.in-addr._spf.example.com"              },
        {"%{lr-}.lp._spf.%{d2}",              "bad.strong.lp._spf.example.com"                  },
        {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",   "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",  "3.2.0.192.in-addr.strong.lp._spf.example.com"    },
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"         },
 /* the rest */
        {"%%%_%-",                            "% %20"                                           },
        {"%{h} %{p} %{c} %{r} %{t}",
         "mx.example.org mx.example.org 192.0.2.3 mx.example.net 1234567890"                    },
        {"%{S}",                              "strong-bad%40email.example.com"                  },
        {"%{d99999999999999999999}",          "email.example.com"                               },
        {"%{l2r.+-,/_=}",                     "bad.strong"                                      },
        {"%{D2R}",                            "example.email"                                   },
    };
    struct mailauth_spf_macro_values v = values();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        CHECK_DONE(mailauth_spf_macro_check(str_of(cases[i].text), MAILAUTH_SPF_MACRO_TEXT),
                   cases[i].text);
        CHECK_DONE(mailauth_spf_macro_expand(str_of(cases[i].text), &v, &out), cases[i].text);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].text);
    }
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1000);
    v.ip = &ip6;
    CHECK_DONE(mailauth_spf_macro_expand(S("%{ir}.%{v} %{c}"), &v, &out), "IPv6");
    CHECK_STR(buf_str(&out),
              "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6 2001:db8::cb01",
              "IPv6");
}

TEST(mailauth_spf_macro_wrong) /* attack 111 */
{
    static const char *const texts[] = {
        "%",       "%a",      "%(d)",   "%{",    "%{}",  "%{a}",   "%{d",   "%{d0}",
        "%{d00}",  "%{d2",    "%{d2x}", "%{d:}", "%{z}", "%{dr2}", "%{ d}", "%{d }",
        "%{%{d}}", "%{\xc3}", "a\tb",   "a\nb",  "\x80", "a\x7f",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        err e = mailauth_spf_macro_check(str_of(texts[i]), MAILAUTH_SPF_MACRO_TEXT);
        CHECK(e && e->kind == ERR_PROTOCOL, texts[i]);
        err_forget();
    }
    CHECK(mailauth_spf_macro_check(S("a b.example.com"), MAILAUTH_SPF_MACRO_DOMAIN), "a blank");
    CHECK(mailauth_spf_macro_check(S("%{c}.example.com"), MAILAUTH_SPF_MACRO_DOMAIN), "c");
    CHECK_DONE(mailauth_spf_macro_check(S("%{c}%{r}%{t}"), MAILAUTH_SPF_MACRO_MODIFIER), "unknown");
    CHECK_DONE(mailauth_spf_macro_check(S("x.%{h}"), MAILAUTH_SPF_MACRO_DOMAIN), "ends in a macro");
}

/* Attack 111: long and odd values; CVE-2021-33912 and 33913 were overflows of such expansions. */
TEST(mailauth_spf_macro_long)
{
    static char local[1000], text[4000];
    struct mailauth_spf_macro_values v = values();
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, MAILAUTH_SPF_MACRO_BYTES_MAX);
    str name;
    memset(local, '\xff', sizeof local);
    v.local = (str){local, sizeof local};
    CHECK_DONE(mailauth_spf_macro_expand(S("%{L}"), &v, &out), "three bytes for one");
    CHECK(out.len == 3 * sizeof local, "three bytes for one");

    buf_clear(&out);
    memset(local, '.', sizeof local);
    CHECK_DONE(mailauth_spf_macro_expand(S("%{lr}"), &v, &out), "more parts than there may be");
    CHECK(out.len >= MAILAUTH_SPF_MACRO_PARTS_MAX - 1, "more parts than there may be");

    buf_clear(&out);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "%{s}"[i % 4];
    memset(local, 'x', sizeof local);
    v.sender = v.local;
    err e = mailauth_spf_macro_expand((str){text, sizeof text}, &v, &out);
    CHECK(e && e->kind == ERR_LIMIT, "a megabyte");

    /* Section 7.3: whole labels are cut off at the left. */
    buf_clear(&out);
    v.sender_domain = S("twenty-characters.us");
    memset(text, 0, sizeof text);
    for (int i = 0; i < 15; i++)
        strncat(text, "%{o}.", sizeof text - strlen(text) - 1);
    strncat(text, "example.com.", sizeof text - strlen(text) - 1);
    CHECK_DONE(mailauth_spf_macro_expand_name(str_of(text), &v, &out, &name), "cut");
    CHECK(name.len <= MAILAUTH_SPF_MACRO_NAME_BYTES_MAX && name.len > 240, "cut");
    CHECK(str_starts(name, S("us.twenty-")) || str_starts(name, S("twenty-")), "at a dot");
    CHECK(str_ends_nocase(name, S(".example.com")), "at the left");

    buf_clear(&out);
    v.local = (str){0};
    CHECK_DONE(mailauth_spf_macro_expand_name(S("%{l1r-}.%{d2}.x.example"), &v, &out, &name),
               "an empty local part");
    CHECK_STR(name, ".example.com.x.example", "an empty local part");
}

TEST(mailauth_spf_macro_uses)
{
    CHECK(mailauth_spf_macro_uses(S("a.%{P}.b"), 'p'), "P");
    CHECK(!mailauth_spf_macro_uses(S("p.%{d}.p"), 'p'), "a literal p");
    CHECK(mailauth_spf_macro_varies(S("%{i}.example.com")), "i");
    CHECK(!mailauth_spf_macro_varies(S("x.%{d}")), "d");
    CHECK(!mailauth_spf_macro_varies(S("%%.example.com")), "percent");
}
