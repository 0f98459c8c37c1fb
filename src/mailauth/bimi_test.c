#include "base/buf.h"
#include "mailauth/bimi.h"
#include "mailauth/bimi_svg.h"
#include "tests/test.h"
#include <jansson.h>

TEST(mailauth_bimi_parse)
{
    /* clang-format off */
    static const struct {
        const char *label, *text, *want; /* logo authority avatar selectors mistakes notes */
    } cases[] = {
        {"logo and certificate", "v=BIMI1; l=https://a.example/x.svg; a=https://a.example/y.pem",
         "https://a.example/x.svg https://a.example/y.pem - 0 ok 0"},
        {"declined", "v=BIMI1; l=; a=;", "- - - 0 ok 0 declined"},
        {"a certificate alone", "v=BIMI1; l=; a=https://a.example/y.pem",
         "- https://a.example/y.pem - 0 ok 0"},
        {"selectors and an avatar", "v=BIMI1; l=https://a.example/x.svg; avp=brand; lps=a,B-1",
         "https://a.example/x.svg - brand 2 ok 0"},
        {"an unknown tag", "v=BIMI1; l=https://a.example/x.svg; z=1",
         "https://a.example/x.svg - - 0 ok 1"},
        {"no l", "v=BIMI1; avp=personal", "- - personal 0 ok 1"},
        {"not https", "v=BIMI1; l=http://a.example/x.svg", "- - - 0 wrong 1"},
        {"no host", "v=BIMI1; l=https:///x.svg", "- - - 0 wrong 1"},
        {"a script", "v=BIMI1; l=javascript:x", "- - - 0 wrong 1"},
        {"not an SVG by its name", "v=BIMI1; l=https://a.example/x.png",
         "https://a.example/x.png - - 0 ok 1"},
        {"a bad avatar", "v=BIMI1; l=; avp=x", "- - - 0 wrong 1 declined"},
        {"a bad selector", "v=BIMI1; l=; lps=a_b,c", "- - - 1 wrong 1 declined"},
        {"another version", "v=BIMI2; l=", "refused"},
        {"not the first", "l=; v=BIMI1", "refused"},
        {"in other case", "v=bimi1; l=", "refused"},
        {"twice", "v=BIMI1; l=; l=", "refused"},
        {"no list", "v=BIMI1; l", "refused"},
        {"nothing", "", "refused"},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_bimi b;
        str got = S("refused");
        if (mailauth_bimi_parse(str_of(cases[i].text), arena, &b) == NULL)
            got = arena_printf(arena, "%.*s %.*s %.*s %zu %s %zu%s",
                               STR_ARG(b.logo.len ? b.logo : S("-")),
                               STR_ARG(b.authority.len ? b.authority : S("-")),
                               STR_ARG(b.avatar.len ? b.avatar : S("-")), b.selector_count,
                               b.remarks.mistaken ? "wrong" : "ok", b.remarks.count,
                               b.declined ? " declined" : "");
        CHECK_STR(got, cases[i].want, cases[i].label);
    }
    CHECK_STR(mailauth_bimi_name(S("default"), S("example.com"), arena),
              "default._bimi.example.com", "its name");
}

#define SVG(attributes, inside)                                                          \
    "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" " \
    "viewBox=\"0 0 9 9\"" attributes "><title>Brand</title>" inside "</svg>"

TEST(mailauth_bimi_svg)
{
    /* clang-format off */
    static const struct {
        const char *label, *text, *want; /* "fine", the first remark's place, or "refused" */
        bool note;
    } cases[] = {
        {"of the profile", SVG("",
         "<g><rect width=\"1\" height=\"1\"/><use xmlns:x=\"http://www.w3.org/1999/xlink\" x:href=\"#a\"/></g>"),
         "fine", false},
        {"a gradient of its own", SVG("", "<path fill=\"url(#g)\" d=\"M0 0\"/>"), "fine", false},
        {"another namespace beside it", SVG(" xmlns:i=\"urn:x\"", "<metadata><i:x/></metadata>"),
         "xml", true},
        {"another version",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" baseProfile=\"tiny-ps\" viewBox=\"0 0 1 1\"><title>x</title></svg>",
         "svg", false},
        {"no profile",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" viewBox=\"0 0 1 1\"><title>x</title></svg>",
         "svg", false},
        {"x at the root", SVG(" x=\"0\"", ""), "svg", false},
        {"zoom", SVG(" zoomAndPan=\"magnify\"", ""), "svg", false},
        {"not zooming", SVG(" zoomAndPan=\"disable\"", ""), "fine", false},
        {"percent", SVG(" width=\"100%\"", ""), "svg", true},
        {"small", SVG(" height=\"16\"", ""), "svg", true},
        {"a script", SVG("", "<script>x</script>"), "script", false},
        {"a handler", SVG("", "<g onload=\"x()\"/>"), "g", false},
        {"a picture", SVG("", "<image x=\"1\"/>"), "image", false},
        {"animation", SVG("", "<rect><animate/></rect>"), "animate", false},
        {"another document", SVG("", "<foreignObject/>"), "foreignObject", false},
        {"a link", SVG("", "<a/>"), "a", false},
        {"a style sheet", SVG("", "<style>x</style>"), "style", false},
        {"a style", SVG("", "<g style=\"fill:red\"/>"), "g", false},
        {"not of Tiny", SVG("", "<filter/>"), "filter", false},
        {"from elsewhere", SVG("", "<use href=\"https://evil.test/x.svg#a\"/>"), "use", false},
        {"data", SVG("", "<use href=\"data:image/png;base64,AA\"/>"), "use", false},
        {"a paint from elsewhere", SVG("", "<rect fill=\"url( 'http://evil.test/#a')\"/>"), "rect",
         false},
        {"two titles", SVG("", "<title>x</title>"), "title", false},
        {"no title",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" viewBox=\"0 0 1 1\"><g><title>x</title></g></svg>",
         "title", false},
        {"an empty title",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" viewBox=\"0 0 1 1\"><title> </title></svg>",
         "title", false},
        {"not square",
         "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.2\" baseProfile=\"tiny-ps\" viewBox=\"0 0 1 2\"><title>x</title></svg>",
         "svg", true},
        {"not SVG's namespace", "<svg version=\"1.2\"/>", "refused", false},
        {"not svg", "<html xmlns=\"http://www.w3.org/2000/svg\"/>", "refused", false},
        {"not XML", "not an svg", "refused", false},
        {"cut off", "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>", "refused", false},
        {"nothing", "", "refused", false},
        {"entities that grow (attack 126)",
         "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>" SVG("", "<text>&b;</text>"),
         "refused", false},
        {"an entity from a file (attack 126)",
         "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" SVG("", "<text>&a;</text>"),
         "refused", false},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct mailauth_bimi_svg svg;
        str got = S("refused");
        bool read = mailauth_bimi_svg_check(str_of(cases[i].text), arena, &svg) == NULL;
        if (read)
            got = svg.remarks.count ? svg.remarks.items[0].where : S("fine");
        CHECK_STR(got, cases[i].want, cases[i].label);
        if (read && svg.remarks.count)
            CHECK(svg.remarks.mistaken != cases[i].note, cases[i].label);
    }
}

TEST(mailauth_bimi_svg_limits)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    CLEANUP(buf_release) struct buf text;
    struct mailauth_bimi_svg svg;
    buf_init(&text, 4 << 20);
    CHECK_DONE(buf_add(&text, S("<svg xmlns=\"http://www.w3.org/2000/svg\">")), "text");
    for (int i = 0; i < 100000; i++)
        CHECK_DONE(buf_add(&text, S("<g>")), "text");
    err e = mailauth_bimi_svg_check(buf_str(&text), arena, &svg);
    CHECK(e && e->kind == ERR_LIMIT, "too deep");
    while (text.len <= MAILAUTH_BIMI_SVG_BYTES_MAX)
        CHECK_DONE(buf_add(&text, S("          ")), "text");
    e = mailauth_bimi_svg_check(buf_str(&text), arena, &svg);
    CHECK(e && e->kind == ERR_LIMIT, "too large");
    buf_clear(&text);
    CHECK_DONE(buf_add(&text, S("<svg xmlns=\"http://www.w3.org/2000/svg\">")), "text");
    for (int i = 0; i < 1000; i++)
        CHECK_DONE(buf_add(&text, S("<script/>")), "text");
    CHECK_DONE(buf_add(&text, S("</svg>")), "text");
    CHECK_DONE(mailauth_bimi_svg_check(buf_str(&text), arena, &svg), "many mistakes");
    CHECK(svg.remarks.count == MAILAUTH_BIMI_REMARKS_MAX && svg.remarks.left_out > 900, "counted");
}

/* Where we differ from the suite, by its test. */
static bool differs(const char *test)
{
    static const struct {
        const char *test, *why;
    } differences[] = {
        {"testUnknownTagSyntaxError", "a tag that is not known has no effect; it is a note here"},
    };
    for (size_t i = 0; i < ARRAY_LEN(differences); i++)
        if (strcmp(test, differences[i].test) == 0)
            return true;
    return false;
}

static bool check_suite_case(const json_t *c, struct arena *arena)
{
    const char *function = json_string_value(json_object_get(c, "function"));
    const char *record = json_string_value(json_object_get(c, "record"));
    const char *test = json_string_value(json_object_get(c, "test"));
    bool want = strcmp(json_string_value(json_object_get(c, "expect")), "error") == 0;
    struct mailauth_bimi bimi;
    struct mailauth_bimi_svg svg;
    if (strcmp(function, "get_svg_metadata") == 0) {
        CHECK((mailauth_bimi_svg_check(str_of(record), arena, &svg) != NULL) == want, test);
        return true;
    }
    if (strcmp(function, "parse_bimi_record") != 0)
        return false;
    bool flawed = mailauth_bimi_parse(str_of(record), arena, &bimi) || bimi.remarks.mistaken;
    CHECK(flawed == (want && !differs(test)), test);
    return true;
}

TEST(mailauth_bimi_checkdmarc)
{
    char path[600], line[8192];
    int count = 0;
    if (test_suites("records-checkdmarc/cases.jsonl", path, sizeof path) == NULL)
        return;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        json_t *c = json_loads(line, 0, NULL);
        CHECK(c != NULL, line);
        count += check_suite_case(c, arena);
        json_decref(c);
    }
    if (file)
        fclose(file);
    CHECK(count == 26, "all 25 records and the image");
}
