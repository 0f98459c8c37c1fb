#include "base/buf.h"
#include "mailauth/dmarc_domain.h"
#include "mailauth/dmarc_psl.h"
#include "mailauth/dmarc_record.h"
#include "tests/test.h"
#include <jansson.h>
#include <stdlib.h>

/* "p sp np psd t adkim aspf fo rua ruf", then what does not stand in a tag. */
static str describe(str text, struct arena *arena)
{
    struct mailauth_dmarc_record r;
    err e = mailauth_dmarc_record_parse(text, arena, &r);
    if (e)
        return arena_printf(arena, "%s", e->kind == ERR_LIMIT ? "limit" : "refused");
    size_t mistakes = 0;
    for (size_t i = 0; i < r.remark_count; i++)
        mistakes += r.remarks[i].is_mistake;
    str out = arena_printf(arena, "%.*s/%.*s/%.*s psd%d t%d %c%c fo%u rua%zu ruf%zu%s%s",
                           STR_ARG(mailauth_dmarc_record_policy_name(r.p)),
                           STR_ARG(mailauth_dmarc_record_policy_name(r.sp)),
                           STR_ARG(mailauth_dmarc_record_policy_name(r.np)), r.psd, r.testing,
                           r.adkim_strict ? 's' : 'r', r.aspf_strict ? 's' : 'r', r.fo, r.rua.count,
                           r.ruf.count, r.assumed ? " assumed" : "", r.useless ? " useless" : "");
    return mistakes ? arena_printf(arena, "%.*s %zu wrong", STR_ARG(out), mistakes) : out;
}

TEST(mailauth_dmarc_record_parse)
{
    /* clang-format off */
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"4.7: the defaults", "v=DMARC1; p=reject; rua=mailto:a@b.example",
         "reject// psd0 t0 rr fo1 rua1 ruf0"},
        {"4.7: all there is",
         "v=DMARC1;p=reject;sp=quarantine;np=none;psd=n;t=y;adkim=s;aspf=s;fo=1:d:s;"
         "rua=mailto:a@b.example,mailto:c@d.example;ruf=mailto:e@f.example",
         "reject/quarantine/none psd2 t1 ss fo14 rua2 ruf1"},
        {"RFC 5234 2.3: words in any case", "v=DMARC1; p=Reject; t=Y; adkim=S; psd=Y",
         "reject// psd1 t1 sr fo1 rua0 ruf0"},
        {"4.7: tags in any order", "v=DMARC1; rua=mailto:a@b.example; p=none",
         "none// psd0 t0 rr fo1 rua1 ruf0"},
        {"4.7: unknown tags have no effect", "v=DMARC1; p=reject; future=x; pct=5; rf=afrf; ri=3",
         "reject// psd0 t0 rr fo1 rua0 ruf0"},
        {"4.10.1: no p, but an address", "v=DMARC1; rua=mailto:a@b.example",
         "none// psd0 t0 rr fo1 rua1 ruf0 assumed"},
        {"4.10.1: no p and no address", "v=DMARC1", "none// psd0 t0 rr fo1 rua0 ruf0 useless"},
        {"4.10.1: a bad p, but an address", "v=DMARC1; p=rejekt; rua=mailto:a@b.example",
         "none// psd0 t0 rr fo1 rua1 ruf0 assumed 1 wrong"},
        {"4.10.1: a bad sp spoils p", "v=DMARC1; p=reject; sp=x; rua=mailto:a@b.example",
         "none// psd0 t0 rr fo1 rua1 ruf0 assumed 1 wrong"},
        {"4.10.1: a bad np spoils p", "v=DMARC1; p=reject; sp=reject; np=; rua=mailto:a@b.example",
         "none// psd0 t0 rr fo1 rua1 ruf0 assumed 1 wrong"},
        {"4.10.1: a bad p, and an address that is none", "v=DMARC1; p=x; rua=a@b.example",
         "none// psd0 t0 rr fo1 rua0 ruf0 useless 2 wrong"},
        {"4.10.1: an address of a scheme that we do not use",
         "v=DMARC1; rua=https://b.example/dmarc", "none// psd0 t0 rr fo1 rua1 ruf0 assumed"},
        {"4.8: bad values are as none", "v=DMARC1; p=reject; psd=x; t=1; adkim=relaxed; aspf=",
         "reject// psd0 t0 rr fo1 rua0 ruf0 4 wrong"},
        {"4.8: a tag without =", "v=DMARC1; p=reject; np; sp=none",
         "reject/none/ psd0 t0 rr fo1 rua0 ruf0 1 wrong"},
        {"4.8: empty places", "v=DMARC1;; p=reject;;", "reject// psd0 t0 rr fo1 rua0 ruf0 2 wrong"},
        {"4.8: fo with a word twice", "v=DMARC1; p=none; fo=1:1; ruf=mailto:a@b.example",
         "none// psd0 t0 rr fo1 rua0 ruf1 1 wrong"},
        {"4.7: fo=0:1", "v=DMARC1; p=none; fo=0:1; ruf=mailto:a@b.example",
         "none// psd0 t0 rr fo3 rua0 ruf1"},
        {"4.7: names of tags have their case", "v=DMARC1; P=reject; p=none",
         "none// psd0 t0 rr fo1 rua0 ruf0"},
        {"4.7: the version alone decides", "v=DMARC1;", "none// psd0 t0 rr fo1 rua0 ruf0 useless"},
        {"attack 119: control bytes in a value", "v=DMARC1; p=rej\x01" "ect",
         "none// psd0 t0 rr fo1 rua0 ruf0 useless 1 wrong"},
        {"4.7: not the first", "p=reject; v=DMARC1", "refused"},
        {"4.7: a blank in front", " v=DMARC1; p=reject", "refused"},
        {"4.7: another version", "v=DMARC2; p=reject", "refused"},
        {"4.7: in other case", "v=dmarc1; p=reject", "refused"},
        {"4.7: another record", "v=spf1 -all", "refused"},
        {"4.7: nothing", "", "refused"},
        {"RFC 6376 3.2: a tag twice", "v=DMARC1; p=reject; p=none", "refused"},
        {"RFC 6376 3.2: the version twice", "v=DMARC1; v=DMARC1; p=reject", "refused"},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(describe(str_of(cases[i].input), arena), cases[i].want, cases[i].label);
}

TEST(mailauth_dmarc_record_policy)
{
    /* clang-format off */
    static const struct {
        const char *label, *record;
        bool below, exists;
        const char *want, *tag;
    } cases[] = {
        {"4.10.1: the domain itself", "v=DMARC1; p=reject; sp=none; np=none", false, true, "reject",
         "p"},
        {"4.10.1: itself, though it does not exist", "v=DMARC1; p=reject; np=none", false, false,
         "reject", "p"},
        {"4.10.1: below, it exists", "v=DMARC1; p=reject; sp=none; np=quarantine", true, true,
         "none", "sp"},
        {"4.10.1: below, it does not", "v=DMARC1; p=none; sp=none; np=reject", true, false,
         "reject", "np"},
        {"4.7 np: sp stands in for it", "v=DMARC1; p=none; sp=reject", true, false, "reject", "sp"},
        {"4.7 np: then p", "v=DMARC1; p=quarantine", true, false, "quarantine", "p"},
        {"4.7 sp: p stands in for it, not np", "v=DMARC1; p=quarantine; np=reject", true, true,
         "quarantine", "p"},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_dmarc_record r;
        const char *tag = NULL;
        CHECK_DONE(mailauth_dmarc_record_parse(str_of(cases[i].record), arena, &r), cases[i].label);
        CHECK_STR(mailauth_dmarc_record_policy_name(
                      mailauth_dmarc_record_policy(&r, cases[i].below, cases[i].exists, &tag)),
                  cases[i].want, cases[i].label);
        CHECK_STR(str_of(tag), cases[i].tag, cases[i].label);
    }
}

TEST(mailauth_dmarc_record_limits)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 1 << 20);
    CHECK_DONE(buf_add(&text, S("v=DMARC1; p=none; rua=mailto:a@b.example")), "text");
    for (int i = 0; i < 30; i++)
        CHECK_DONE(buf_add(&text, S(",mailto:a@b.example")), "text");
    CHECK_STR(describe(buf_str(&text), arena), "none// psd0 t0 rr fo1 rua20 ruf0",
              "so many addresses, and no more");
    for (int i = 0; i < 100; i++)
        CHECK_DONE(buf_addf(&text, "; t%d=x", i), "text");
    CHECK_STR(describe(buf_str(&text), arena), "limit", "too many tags");
    while (text.len <= MAILAUTH_DMARC_RECORD_BYTES_MAX)
        CHECK_DONE(buf_add(&text, S("          ")), "text");
    CHECK_STR(describe(buf_str(&text), arena), "limit", "too long");
}

TEST(mailauth_dmarc_uri)
{
    /* clang-format off */
    static const struct {
        const char *label, *text, *want; /* "address domain size"; "": refused */
    } cases[] = {
        {"plain", "mailto:dmarc@example.com", "dmarc@example.com example.com -"},
        {"blanks around", " mailto:dmarc@example.com ", "dmarc@example.com example.com -"},
        {"the domain in lower case", "MAILTO:Dmarc@Example.COM", "Dmarc@example.com example.com -"},
        {"attack 124: a size", "mailto:dmarc@example.com!10m",
         "dmarc@example.com example.com 10485760"},
        {"a size in bytes", "mailto:dmarc@example.com!10", "dmarc@example.com example.com 10"},
        {"a size of any unit", "mailto:a@b.example!1k", "a@b.example b.example 1024"},
        {"the largest size", "mailto:a@b.example!16777215t",
         "a@b.example b.example 18446742974197923840"},
        {"RFC 3986 2.1: hex digits", "mailto:a%2bb@example.com", "a+b@example.com example.com -"},
        {"RFC 6068: header fields are cut off", "mailto:a@b.example?subject=x",
         "a@b.example b.example -"},
        {"another scheme", "https://example.com/report", "  -"},
        {"no scheme", "dmarc@example.com", ""},
        {"a bad scheme", "__mailto:reports@example.com", ""},
        {"no address", "mailto:", ""},
        {"no local part", "mailto:@example.com", ""},
        {"no domain", "mailto:a@", ""},
        {"two addresses in one", "mailto:a@b.example%2cc@d.example", ""},
        {"attack 41: a line end in it", "mailto:a%0d%0aRCPT TO:<x>@b.example", ""},
        {"attack 41: a line end by digits", "mailto:a%0d%0ax@b.example", ""},
        {"a NUL by digits", "mailto:a%00@b.example", ""},
        {"half of a byte", "mailto:a%4@b.example", ""},
        {"a bad size", "mailto:a@b.example!10q", ""},
        {"no size", "mailto:a@b.example!", ""},
        {"a size beyond all numbers", "mailto:a@b.example!16777216t", ""},
        {"8-bit bytes", "mailto:\xc3\xa9@b.example", ""},
        {"nothing", "", ""},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_dmarc_uri u;
        str got = S("");
        if (mailauth_dmarc_uri_parse(str_of(cases[i].text), arena, &u) == NULL)
            got = arena_printf(arena, "%.*s %.*s %s", STR_ARG(u.address), STR_ARG(u.domain),
                               u.sized ? "" : "-");
        if (got.len && u.sized)
            got = arena_printf(arena, "%.*s%llu", STR_ARG(got), (unsigned long long)u.bytes);
        CHECK_STR(got, cases[i].want, cases[i].label);
    }
}

/* The suite is a linter's: it calls an error what a receiver reads around. Compared is whether we
 * have a mistake to tell. Cases that need its network mocks say so by their name. */
static bool is_flawed(str record, struct arena *arena)
{
    struct mailauth_dmarc_record r;
    if (mailauth_dmarc_record_parse(record, arena, &r))
        return true;
    for (size_t i = 0; i < r.remark_count; i++)
        if (r.remarks[i].is_mistake)
            return true;
    return false;
}

static bool check_suite_case(const json_t *c, struct arena *arena)
{
    const char *function = json_string_value(json_object_get(c, "function"));
    const char *record = json_string_value(json_object_get(c, "record"));
    const char *test = json_string_value(json_object_get(c, "test"));
    bool want = strcmp(json_string_value(json_object_get(c, "expect")), "error") == 0;
    struct mailauth_dmarc_uri uri;
    if (strcmp(function, "parse_dmarc_record") == 0)
        CHECK(is_flawed(str_of(record), arena) == want, test);
    else if (strcmp(function, "parse_dmarc_report_uri") == 0)
        CHECK((mailauth_dmarc_uri_parse(str_of(record), arena, &uri) != NULL) == want, test);
    else
        return false;
    return true;
}

TEST(mailauth_dmarc_checkdmarc)
{
    char path[600], line[8192];
    int count = 0;
    if (test_suites("records-checkdmarc/cases.jsonl", path, sizeof path) == NULL)
        return;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
        json_t *c = json_loads(line, 0, NULL);
        CHECK(c != NULL, line);
        count += check_suite_case(c, arena);
        json_decref(c);
    }
    if (file)
        fclose(file);
    CHECK(count == 43, "all 40 records and 3 addresses");
}

/* checkPublicSuffix('b.c.kobe.jp', 'b.c.kobe.jp'); null: there is none. */
static bool take_quoted(str *line, str *ret_text)
{
    str before;
    str_split(*line, '\'', &before, line);
    str_split(*line, '\'', ret_text, line);
    return ret_text->len > 0;
}

static void check_suffix_line(const struct mailauth_dmarc_psl *psl, str line, struct arena *arena)
{
    str domain, want, canonical = {0};
    bool none = str_contains(line, S(", null)"));
    if (!take_quoted(&line, &domain) || domain.ptr[0] == '.')
        return;
    bool has_want = take_quoted(&line, &want);
    CHECK(has_want != none, "the line");
    CHECK_DONE(mailauth_dmarc_domain_read(domain, arena, &canonical), "a domain");
    if (has_want)
        CHECK_DONE(mailauth_dmarc_domain_read(want, arena, &want), "a domain");
    str got = mailauth_dmarc_psl_organizational(psl, canonical, arena);
    CHECK_STR(got, arena_chars(arena, none ? canonical : want), arena_chars(arena, domain));
}

TEST(mailauth_dmarc_psl)
{
    char path[600], list[600], line[1024];
    struct mailauth_dmarc_psl *psl = NULL;
    if (test_suites("psl/tests/test_psl.txt", path, sizeof path) == NULL ||
        test_suites("psl/public_suffix_list.dat", list, sizeof list) == NULL)
        return;
    CHECK_DONE(mailauth_dmarc_psl_open(str_of(list), &psl), "the list");
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    FILE *file = fopen(path, "r");
    int count = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "checkPublicSuffix(", 18) != 0)
            continue;
        check_suffix_line(psl, str_of(line), arena);
        count++;
    }
    if (file)
        fclose(file);
    CHECK(count == 78, "all of them");
    mailauth_dmarc_psl_close(psl);
    err e = mailauth_dmarc_psl_open(S("/nonexistent"), &psl);
    CHECK(e && e->kind == ERR_CONFIG, "no such file");
}
