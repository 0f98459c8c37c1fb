#include "mailauth/authres.h"
#include "mailauth/authres_method.h"
#include "mailauth/authres_ours.h"
#include "tests/test.h"

/* "id/1: dkim/1=pass{reason} header.d=x|" */
static str describe(str text, struct arena *arena)
{
    struct mailauth_authres a;
    if (mailauth_authres_parse(text, arena, &a))
        return S("refused");
    str out = arena_printf(arena, "%.*s/%u:", STR_ARG(a.id), a.version);
    for (size_t i = 0; i < a.count; i++) {
        const struct mailauth_authres_result *r = &a.results[i];
        out = arena_printf(arena, "%.*s %.*s/%u=%.*s{%.*s}", STR_ARG(out), STR_ARG(r->method),
                           r->version, STR_ARG(r->result), STR_ARG(r->reason));
        for (size_t j = 0; j < r->property_count; j++)
            out = arena_printf(arena, "%.*s %.*s.%.*s=%.*s", STR_ARG(out),
                               STR_ARG(r->properties[j].type), STR_ARG(r->properties[j].name),
                               STR_ARG(r->properties[j].value));
        out = arena_printf(arena, "%.*s|", STR_ARG(out));
    }
    return out;
}

/* clang-format off */
/* B: the examples of RFC 8601 appendix B, among others. */
/* clang-format off */
static const struct {
    const char *label, *input, *want;
} parse_cases[] = {
    {"B.2: none", " example.org 1; none", "example.org/1:"},
    {"B.3: SPF", " example.com;\r\n          spf=pass smtp.mailfrom=example.net",
     "example.com/1: spf/1=pass{} smtp.mailfrom=example.net|"},
    {"B.4: several methods, a comment",
     " example.com;\r\n auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
     " spf=pass smtp.mailfrom=example.net",
     "example.com/1: auth/1=pass{} smtp.auth=sender@example.net| spf/1=pass{} smtp.mailfrom=example.net|"},
    {"B.6: a reason",
     " example.com; dkim=pass reason=\"good signature\"\r\n header.i=@mail-router.example.net;\r\n"
     " dkim=fail reason=\"bad signature\" header.i=@newyork.example.com",
     "example.com/1: dkim/1=pass{good signature} header.i=@mail-router.example.net| "
     "dkim/1=fail{bad signature} header.i=@newyork.example.com|"},
    {"B.7: comments everywhere",
     " foo.example.net (foobar) 1 (baz);\r\n"
     " dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
     " policy (A dot can go here) . (like that) expired\r\n"
     " (this surprised me) = (as I wasn't expecting it) 1362471462",
     "foo.example.net/1: dkim/1=fail{} policy.expired=1362471462|"},
    {"versions", "a 2; dkim/3=pass", "a/2: dkim/3=pass{}|"},
    {"a quoted name", "\"a b\"; spf=none", "a b/1: spf/1=none{}|"},
    {"quotes and backslashes", "a; spf=pass smtp.mailfrom=\"x \\\" \\\\ y\"@b.example",
     "a/1: spf/1=pass{} smtp.mailfrom=x \" \\ y@b.example|"},
    {"a fold in quotes is a blank", "a; spf=pass reason=\"x\r\n\t y\"", "a/1: spf/1=pass{x y}|"},
    {"an empty value in quotes", "a; spf=pass smtp.mailfrom=\"\"",
     "a/1: spf/1=pass{} smtp.mailfrom=|"},
    {"values that lack their quotes",
     "a; dkim=pass header.b=ab/c+d= header.i=@x policy.iprev=2001:db8::1",
     "a/1: dkim/1=pass{} header.b=ab/c+d= header.i=@x policy.iprev=2001:db8::1|"},
    {"a semicolon at the end", "a; spf=pass;", "a/1: spf/1=pass{}|"},
    {"a property whose type is \"reason\"", "a; x=pass reason.y=z", "a/1: x/1=pass{} reason.y=z|"},
    {"a method that begins like none", "a; nonex=pass", "a/1: nonex/1=pass{}|"},
    {"UTF-8", "a; auth=pass smtp.auth=j\xc3\xb6rg", "a/1: auth/1=pass{} smtp.auth=j\xc3\xb6rg|"},
    {"no name", "; spf=pass", "refused"},
    {"nothing", "", "refused"},
    {"a name alone", "a", "refused"},
    {"a name and nothing", "a;", "refused"},
    {"none and more", "a; none; spf=pass", "refused"},
    {"more and none", "a; spf=pass; none", "refused"},
    {"two words as a name", "a b; spf=pass", "refused"},
    {"no result", "a; spf", "refused"},
    {"no value", "a; spf=pass smtp.mailfrom=", "refused"},
    {"a comment without an end", "a; spf=pass (x", "refused"},
    {"a quote without an end", "a; spf=pass reason=\"x", "refused"},
    {"a bare CR", "a; spf=pass reason=\"x\ry\"", "refused"},
    {"a line end without a blank behind it", "a; spf=pass\r\nx.y=z", "refused"},
    {"not UTF-8", "a; spf=pass smtp.mailfrom=\xff", "refused"},
};
/* clang-format on */

TEST(mailauth_authres_parse)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(parse_cases); i++)
        CHECK_STR(describe(str_of(parse_cases[i].input), arena), parse_cases[i].want,
                  parse_cases[i].label);
    static const char nul[] = "a\0b; spf=pass";
    CHECK_STR(describe((str){nul, sizeof nul - 1}, arena), "refused", "a NUL");
}

TEST(mailauth_authres_limits)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf text;
    struct mailauth_authres a;
    buf_init(&text, 1 << 20);
    CHECK_DONE(buf_add(&text, S("a")), "text");
    for (int i = 0; i < MAILAUTH_AUTHRES_RESULTS_MAX; i++)
        CHECK_DONE(buf_add(&text, S("; x=pass")), "text");
    CHECK_DONE(mailauth_authres_parse(buf_str(&text), arena, &a), "as many as may be");
    CHECK_DONE(buf_add(&text, S("; x=pass")), "text");
    err e = mailauth_authres_parse(buf_str(&text), arena, &a);
    CHECK(e && e->kind == ERR_LIMIT, "one more");
    buf_clear(&text);
    CHECK_DONE(buf_add(&text, S("a; x=pass")), "text");
    for (int i = 0; i <= MAILAUTH_AUTHRES_PROPERTIES_MAX; i++)
        CHECK_DONE(buf_add(&text, S(" a.b=c")), "text");
    e = mailauth_authres_parse(buf_str(&text), arena, &a);
    CHECK(e && e->kind == ERR_LIMIT, "too many properties");
    buf_clear(&text);
    CHECK_DONE(buf_add(&text, S("a; x=pass (")), "text");
    for (int i = 0; i < 60000; i++)
        CHECK_DONE(buf_add_char(&text, '('), "text");
    e = mailauth_authres_parse(buf_str(&text), arena, &a);
    CHECK(e && e->kind == ERR_PROTOCOL, "comments in comments");
}

static str write(const struct mailauth_authres *a, bool utf8, struct arena *arena)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_DONE(mailauth_authres_write(S("Authentication-Results:"), a, utf8, &out), "write");
    return arena_str(arena, buf_str(&out));
}

TEST(mailauth_authres_write)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_authres a;
    mailauth_authres_init(&a, S("mx.example.net"), arena);
    CHECK_STR(write(&a, false, arena), "Authentication-Results: mx.example.net; none\r\n", "none");

    struct mailauth_authres_spf spf = {
        .result = MAILAUTH_PASS, .mailfrom = S("bob@example.com"), .helo = S("mail.example.com")};
    struct mailauth_authres_dkim dkim[2] = {
        {.result = MAILAUTH_PASS,
         .domain = S("example.com"),
         .identity = S("@example.com"),
         .selector = S("s1"),
         .algorithm = S("rsa-sha256"),
         .signature = S("abcdefghijkl")},
        {.result = MAILAUTH_FAIL,
         .reason = S("body hash did not verify"),
         .domain = S("example.org"),
         .selector = S("s2"),
         .signature = S("AB/=+x")         }
    };
    struct mailauth_dmarc_record record = {.p = MAILAUTH_DMARC_REJECT};
    struct mailauth_dmarc dmarc = {.result = MAILAUTH_PASS,
                                   .author = S("news.example.com"),
                                   .policy_domain = S("example.com"),
                                   .record = &record};
    struct mailauth_authres_arc arc = {
        .result = MAILAUTH_PASS, .oldest_pass = S("0"), .remote_ip = S("2001:db8::1")};
    mailauth_authres_method_auth(&a, arena, MAILAUTH_PASS, S("alice"));
    mailauth_authres_method_iprev(&a, arena, MAILAUTH_PASS, S("192.0.2.1"));
    mailauth_authres_method_spf(&a, arena, &spf);
    mailauth_authres_method_dkim(&a, arena, &dkim[0]);
    mailauth_authres_method_dkim(&a, arena, &dkim[1]);
    mailauth_authres_method_dmarc(&a, arena, &dmarc);
    mailauth_authres_method_arc(&a, arena, &arc);
    CHECK_STR(write(&a, false, arena),
              "Authentication-Results: mx.example.net;\r\n"
              "\tauth=pass smtp.auth=alice;\r\n"
              "\tiprev=pass policy.iprev=192.0.2.1;\r\n"
              "\tspf=pass smtp.mailfrom=bob@example.com smtp.helo=mail.example.com;\r\n"
              "\tdkim=pass header.d=example.com header.i=@example.com header.s=s1\r\n"
              "\theader.a=rsa-sha256 header.b=abcdefgh;\r\n"
              "\tdkim=fail reason=\"body hash did not verify\" header.d=example.org\r\n"
              "\theader.s=s2 header.b=\"AB/=+x\";\r\n"
              "\tdmarc=pass header.from=news.example.com polrec.p=reject\r\n"
              "\tpolrec.domain=example.com;\r\n"
              "\tarc=pass header.oldest-pass=0 smtp.remote-ip=\"2001:db8::1\"\r\n",
              "all methods");
}

/* Attack 122: what a sender chose stays inside its value. */
TEST(mailauth_authres_write_is_safe)
{
    static const struct {
        const char *label, *value, *want;
        bool utf8;
    } cases[] = {
        {"a token",                 "bob",                      "bob",                           false},
        {"an address",              "bob@example.com",          "bob@example.com",               false},
        {"attack 122: a semicolon", "x; dmarc=pass",            "\"x; dmarc=pass\"",             false},
        {"attack 122: quotes",      "x\"; dmarc=pass; y=\"",    "\"x\\\"; dmarc=pass; y=\\\"\"", false},
        {"attack 122: backslashes", "x\\\"; dmarc=pass",        "\"x\\\\\\\"; dmarc=pass\"",     false},
        {"attack 122: a line end",  "x\r\nSubject: y",          "\"x??Subject: y\"",             false},
        {"attack 122: a comment",   "x (y",                     "\"x (y\"",                      false},
        {"a quoted local part",     "\"a b\"@example.com",      "\"\\\"a b\\\"@example.com\"",   false},
        {"SRS",                     "SRS0=a=b=c=d@example.com", "\"SRS0=a=b=c=d@example.com\"",  false},
        {"UTF-8, and not allowed",  "j\xc3\xb6rg@example.com",  "\"j?rg@example.com\"",          false},
        {"UTF-8, and allowed",      "j\xc3\xb6rg",              "\"j\xc3\xb6rg\"",               true },
        {"not UTF-8",               "j\xf6rg",                  "\"j?rg\"",                      true },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_authres a, again;
        mailauth_authres_init(&a, S("mx"), arena);
        mailauth_authres_add_property(mailauth_authres_add(&a, arena, S("x"), MAILAUTH_PASS), "a",
                                      "b", str_of(cases[i].value));
        str field = write(&a, cases[i].utf8, arena);
        CHECK_STR(
            field,
            arena_chars(arena,
                        arena_printf(arena, "Authentication-Results: mx;\r\n\tx=pass a.b=%s\r\n",
                                     cases[i].want)),
            cases[i].label);
        CHECK(str_skip(&field, S("Authentication-Results:")), cases[i].label);
        CHECK_DONE(mailauth_authres_parse(field, arena, &again), cases[i].label);
        CHECK(again.count == 1 && again.results[0].property_count == 1, cases[i].label);
    }
}

TEST(mailauth_authres_write_bounds)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_authres a;
    struct buf out;
    char quotes[2000];
    memset(quotes, '"', sizeof quotes);
    mailauth_authres_init(&a, S("mx"), arena);
    struct mailauth_authres_result *r = mailauth_authres_add(&a, arena, S("x"), MAILAUTH_FAIL);
    r->reason = r->comment = (str){quotes, sizeof quotes};
    mailauth_authres_add_property(r, "a", "b", r->reason);
    for (str left = write(&a, true, arena), line; left.len > 0;) {
        str_split(left, '\n', &line, &left);
        CHECK(line.len <= 998, "RFC 5322 section 2.1.1: lines");
    }
    r->result = S("pass; y=fail");
    buf_init(&out, 10000);
    err e = mailauth_authres_write(S("A:"), &a, true, &out);
    CHECK(e && e->kind == ERR_CONFIG, "a result that is none");
    CHECK(out.len == 0, "nothing is written then");
    buf_release(&out);
}

/* Attack 122: does the field claim to be of mx.example.net? */
TEST(mailauth_authres_ours)
{
    /* clang-format off */
    static const struct {
        const char *label, *header;
        bool goes;
    } cases[] = {
        {"another server's", "Authentication-Results: other.example; dmarc=pass\r\n", false},
        {"one below us", "Authentication-Results: a.mx.example.net; dmarc=pass\r\n", false},
        {"no results", "Subject: mx.example.net; dmarc=pass\r\n", false},
        {"of ARC", "ARC-Authentication-Results: i=1; mx.example.net; dmarc=pass\r\n", false},
        {"ours in a comment", "Authentication-Results: a (mx.example.net); dmarc=pass\r\n", false},
        {"ours as a value", "Authentication-Results: a; x=pass smtp.x=mx.example.net\r\n", false},
        {"ours", "Authentication-Results: mx.example.net; dmarc=pass\r\n", true},
        {"in capitals", "AUTHENTICATION-RESULTS: MX.Example.NET; dmarc=pass\r\n", true},
        {"with a version", "Authentication-Results: mx.example.net 1; dmarc=pass\r\n", true},
        {"with a version we do not know",
         "Authentication-Results: mx.example.net 7; dmarc=pass\r\n", true},
        {"in quotes", "Authentication-Results: \"mx.example.net\"; dmarc=pass\r\n", true},
        {"with backslashes", "Authentication-Results: \"mx.ex\\ample.net\"; dmarc=pass\r\n", true},
        {"with a dot behind", "Authentication-Results: mx.example.net.; dmarc=pass\r\n", true},
        {"behind a comment", "Authentication-Results: (x) mx.example.net; dmarc=pass\r\n", true},
        {"behind a fold", "Authentication-Results:\r\n\tmx.example.net; dmarc=pass\r\n", true},
        {"a blank before the colon", "Authentication-Results : mx.example.net; dmarc=pass\r\n",
         true},
        {"cut by a fold", "Authentication-Results: mx.exam\r\n ple.net; dmarc=pass\r\n", true},
        {"cut by a comment", "Authentication-Results: mx.exam()ple.net; dmarc=pass\r\n", true},
        {"cut by quotes", "Authentication-Results: mx.\"example\".net; dmarc=pass\r\n", true},
        {"without a result", "Authentication-Results: mx.example.net\r\n", true},
        {"with a broken result", "Authentication-Results: mx.example.net; dmarc=\r\n", true},
        {"behind a broken comment", "Authentication-Results: (mx.example.net; dmarc=pass\r\n",
         true},
        {"behind a semicolon", "Authentication-Results: ; mx.example.net; dmarc=pass\r\n", true},
        {"as an encoded word",
         "Authentication-Results: =?utf-8?q?mx=2Eexample=2Enet?=; dmarc=pass\r\n", true},
        {"as a quoted one",
         "Authentication-Results: \"=?utf-8?q?mx=2Eexample=2Enet?=\"; dmarc=pass\r\n", true},
        {"without a colon", "Authentication-Results mx.example.net; dmarc=pass\r\n", true},
        {"behind a bare CR", "X: y\rAuthentication-Results: mx.example.net; dmarc=pass\r\n", true},
        {"with a bare CR", "Authentication-Results: a;\rmx.example.net; dmarc=pass\r\n", true},
        {"attack 122: a comment inside the name",
         "Authentication-Results: mx.(a \\) (b)) example.net; dmarc=pass\r\n", true},
        {"malformed, of another", "Authentication-Results: a b c; dmarc=\r\n", false},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_authres_ours ours =
            mailauth_authres_ours(str_of(cases[i].header), S("mx.example.net"), arena);
        CHECK((ours.count == 1) == cases[i].goes, cases[i].label);
    }
    struct mailauth_authres_ours ours = mailauth_authres_ours(
        S("Received: x\r\nAuthentication-Results: mx.example.net; none\r\nFrom: a@b\r\n"
          "Authentication-Results: c; none\r\nAuthentication-Results: MX.example.net; spf=pass\r\n"
          "\r\nAuthentication-Results: mx.example.net; none\r\n"),
        S("mx.example.net"), arena);
    CHECK(ours.count == 2 && ours.fields[0] == 1 && ours.fields[1] == 4, "their numbers");
    CHECK(mailauth_authres_ours_claims(S(" xn--bcher-kva.example; none"), S("b\xc3\xbc"
                                                                            "cher.example")),
          "an A-label is its U-label");
}

/* A large malformed field costs linear time. Quadratic, this would take minutes. */
TEST(mailauth_authres_ours_is_linear)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    static char header[1 << 20];
    memset(header, 'm', sizeof header);
    memcpy(header, "Authentication-Results: (", 25);
    memset(header + sizeof header / 2, ' ', sizeof header / 2);
    CHECK(mailauth_authres_ours((str){header, sizeof header}, S("mx.example.net"), arena).count ==
              0,
          "none of ours in it");
}
