#include "smtp/path.h"
#include "tests/test.h"
#include <stdlib.h>

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define LABEL63 X60 "xxx"

struct path_case {
    const char *label, *input, *text, *left;
    int code; /* 0: accepted */
    enum smtp_path_kind kind;
    bool smtputf8;
};

static void check_path(const struct path_case *c)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct smtp_path path = {.text = S("untouched")};
    str input = str_of(c->input);
    smtp_refusal no = smtp_path_parse(&input, c->kind, c->smtputf8, arena, &path);
    CHECK((no ? no->code : 0) == c->code, c->label);
    CHECK_STR(path.text, no ? "untouched" : c->text, c->label);
    CHECK_STR(input, no ? c->input : c->left ? c->left : "", c->label);
}

TEST(smtp_path_forward)
{
    /* clang-format off */
    static const struct path_case cases[] = {
        {.label = "plain", .input = "<bob@our.example>", .text = "bob@our.example"},
        {.label = "leaves the rest", .input = "<a@b> X", .text = "a@b", .left = " X"},
        {.label = "attack 41: semicolon and blanks", .input = "<;sleep 5;>", .code = 501},
        {.label = "attack 41: quoted shell, kept as it is",
         .input = "<\"$(id)\"@x>",
         .text = "\"$(id)\"@x"},
        {.label = "attack 41: a pipe is a letter like any", .input = "<|cmd@x>", .text = "|cmd@x"},
        {.label = "attack 42: braces", .input = "<${run{/bin/sh}}@x>", .text = "${run{/bin/sh}}@x"},
        {.label = "attack 54: a blank and an @ in quotes stay local",
         .input = "<\"victim@evil.example x\"@our.example>",
         .text = "\"victim@evil.example x\"@our.example"},
        {.label = "attack 55: text behind the path is left for the caller",
         .input = "<a@b>c@d",
         .text = "a@b",
         .left = "c@d"},
        {.label = "attack 55: no brackets", .input = "a@b,c@d", .code = 501},
        {.label = "attack 55, 68: two @", .input = "<a@b@c>", .code = 501},
        {.label = "attack 55: no domain", .input = "<a@>", .code = 501},
        {.label = "attack 55: no local part", .input = "<@b>", .code = 501},
        {.label = "attack 55: the null path", .input = "<>", .code = 501},
        {.label = "attack 56: encoded words are letters",
         .input = "<=?utf-8?q?a=40evil?=@our.example>",
         .text = "=?utf-8?q?a=40evil?=@our.example"},
        {.label = "attack 57: local part of 64", .input = "<" X60 "xxxx@b>", .text = X60 "xxxx@b"},
        {.label = "attack 57: local part of 65", .input = "<" X60 "xxxxx@b>", .code = 501},
        {.label = "attack 57: label of 63", .input = "<a@" LABEL63 ">", .text = "a@" LABEL63},
        {.label = "attack 57: label of 64", .input = "<a@x" LABEL63 ">", .code = 501},
        {.label = "attack 57: domain of 256",
         .input = "<a@" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ".x>",
         .code = 501},
        {.label = "attack 57: 254 in all",
         .input = "<a@" LABEL63 "." LABEL63 "." LABEL63 "." X60 ">",
         .text = "a@" LABEL63 "." LABEL63 "." LABEL63 "." X60},
        {.label = "attack 57: 255 in all",
         .input = "<ab@" LABEL63 "." LABEL63 "." LABEL63 "." X60 ">",
         .code = 501},
        {.label = "attack 59: case and dot of the domain",
         .input = "<Bob@OUR.example.>",
         .text = "Bob@our.example"},
        {.label = "attack 59: one dot only", .input = "<Bob@our.example..>", .code = 501},
        {.label = "attack 60: quoted pair", .input = "<\"b\\ob\"@x>", .text = "bob@x"},
        {.label = "quotes that must stay, backslashes that need not",
         .input = "<\"a\\ \\b\\\"\"@x>",
         .text = "\"a b\\\"\"@x"},
        {.label = "an empty quoted string", .input = "<\"\"@x>", .text = "\"\"@x"},
        {.label = "a quoted string with a dot at its end", .input = "<\"a.\"@x>", .text = "\"a.\"@x"},
        {.label = "attack 62: percent", .input = "<v%r.example@o.example>", .text = "v%r.example@o.example"},
        {.label = "attack 63: a route is stripped",
         .input = "<@our.example,@[192.0.2.1]:v@remote.example>",
         .text = "v@remote.example"},
        {.label = "attack 63: a route without an end", .input = "<@our.example>", .code = 501},
        {.label = "attack 63: a route with junk", .input = "<@a b:v@remote.example>", .code = 501},
        {.label = "attack 64: bang", .input = "<r.example!v@o>", .text = "r.example!v@o"},
        {.label = "attack 65: bang without a domain", .input = "<r.example!v>", .code = 501},
        {.label = "attack 66: quoted without a domain", .input = "<\"v@r.example\">", .code = 501},
        {.label = "attack 67: quoted @, ours",
         .input = "<\"v@r.example\"@our.example>",
         .text = "\"v@r.example\"@our.example"},
        {.label = "postmaster alone", .input = "<PostMaster>", .text = "postmaster"},
        {.label = "postmaster of a host", .input = "<Postmaster@x>", .text = "Postmaster@x"},
        {.label = "unqualified", .input = "<bob>", .code = 501},
        {.label = "NUL is no letter", .input = "<a", .code = 501},
        {.label = "a blank in front", .input = "< a@b>", .code = 501},
        {.label = "literal, IPv6 made canonical",
         .input = "<a@[ipv6:2001:DB8:0:0:0:0:0:1]>",
         .text = "a@[IPv6:2001:db8::1]"},
        {.label = "literal, leading zero", .input = "<a@[127.0.0.01]>", .code = 501},
        {.label = "underscore in a mail domain", .input = "<a@b_c.example>", .code = 501},
        {.label = "attack 153: UTF-8 without SMTPUTF8", .input = "<\xc3\xbc@x>", .code = 553},
        {.label = "attack 153: only the domain", .input = "<a@b\xc3\xbc""cher.example>", .code = 553},
        {.label = "attack 153: with it",
         .input = "<\xc3\xbc@B\xc3\x9c""CHER.example>",
         .text = "\xc3\xbc@xn--bcher-kva.example",
         .smtputf8 = true},
        {.label = "attack 154: overlong", .input = "<\xc0\xaf@x>", .code = 501, .smtputf8 = true},
        {.label = "attack 154: surrogate", .input = "<\xed\xa0\x80@x>", .code = 501, .smtputf8 = true},
        {.label = "attack 154: not UTF-8, without SMTPUTF8", .input = "<\xff@x>", .code = 501},
        {.label = "attack 154: in the domain", .input = "<a@\xff.x>", .code = 501, .smtputf8 = true},
        {.label = "attack 155: NFD stays NFD",
         .input = "<u\xcc\x88@x>",
         .text = "u\xcc\x88@x",
         .smtputf8 = true},
        {.label = "C1 control", .input = "<a\xc2\x9b@x>", .code = 501, .smtputf8 = true},
        {.label = "attack 156: invalid A-label", .input = "<a@xn--a.example>", .code = 501},
        {.label = "attack 156: A-label that is not canonical", .input = "<a@xn--0.pt>", .code = 501},
        {.label = "attack 156: A and U labels mixed",
         .input = "<a@xn--bcher-kva.b\xc3\xbc""cher.example>",
         .text = "a@xn--bcher-kva.xn--bcher-kva.example",
         .smtputf8 = true},
        {.label = "attack 156: sharp s stays itself",
         .input = "<a@fa\xc3\x9f.de>",
         .text = "a@xn--fa-hia.de",
         .smtputf8 = true},
        {.label = "attack 156: an A-label in capitals", .input = "<a@XN--BCHER-KVA.x>", .text = "a@xn--bcher-kva.x"},
        {.label = "attack 156: fullwidth @ never splits",
         .input = "<a@b\xef\xbc\xa0""c.x>",
         .code = 501,
         .smtputf8 = true},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct path_case c = cases[i];
        c.kind = SMTP_PATH_FORWARD;
        check_path(&c);
    }
}

TEST(smtp_path_reverse)
{
    /* clang-format off */
    static const struct path_case cases[] = {
        {.label = "null", .input = "<>", .text = ""},
        {.label = "null with a blank", .input = "< >", .code = 501},
        {.label = "postmaster needs a domain", .input = "<postmaster>", .code = 501},
        {.label = "not ended", .input = "<a@b", .code = 501},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_path(&cases[i]);
}

TEST(smtp_path_flags)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct smtp_path path = {0};
    str input = S("<u@[192.0.2.1]>");
    CHECK(!smtp_path_parse(&input, SMTP_PATH_REVERSE, false, arena, &path), "literal");
    CHECK(path.literal && !path.null && !path.utf8, "literal");
    input = S("<u@b\xc3\xbc.x>");
    CHECK(!smtp_path_parse(&input, SMTP_PATH_REVERSE, true, arena, &path), "A-labels");
    CHECK(!path.utf8, "A-labels: ASCII is enough for the next hop");
    CHECK(smtp_path_parse_bare(S("<u@b>"), true, arena, &path), "bare: no brackets");
    CHECK(smtp_path_parse_bare(S("u@b "), true, arena, &path), "bare: all of it");
    CHECK(!smtp_path_parse_bare(S("\xc3\xbc@b"), true, arena, &path), "bare");
    CHECK(path.utf8, "a local part that is not ASCII");
}

TEST(smtp_domain_parse)
{
    static const struct {
        const char *label, *input, *strict, *hello; /* NULL: refused */
    } cases[] = {
        {"plain",                "Mail.Example.Com", "mail.example.com", "mail.example.com"},
        {"trailing dot",         "a.example.",       "a.example",        "a.example"       },
        {"one label",            "localhost",        "localhost",        "localhost"       },
        {"underscore",           "my_pc.example",    NULL,               "my_pc.example"   },
        {"literal",              "[192.0.2.1]",      NULL,               "[192.0.2.1]"     },
        {"literal that is none", "[my-pc]",          NULL,               "[my-pc]"         },
        {"empty",                "",                 NULL,               NULL              },
        {"a dot",                ".",                NULL,               NULL              },
        {"blank",                "a b",              NULL,               NULL              },
        {"attack 146: control",  "a\x1b[2J",         NULL,               NULL              },
        {"control in a literal", "[a\x1b]",          NULL,               NULL              },
        {"U-label",
         "b\xc3\xbc"
         "cher.x",                                   "xn--bcher-kva.x",  "xn--bcher-kva.x" },
        {"not UTF-8",            "a\xff",            NULL,               NULL              },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str domain = {0};
        str input = str_of(cases[i].input);
        bool strict = smtp_domain_parse(input, SMTP_DOMAIN_STRICT, arena, &domain);
        CHECK(strict == (cases[i].strict != NULL), cases[i].label);
        CHECK_STR(strict ? domain : (str){0}, cases[i].strict, cases[i].label);
        bool hello = smtp_domain_parse(input, SMTP_DOMAIN_HELLO, arena, &domain);
        CHECK(hello == (cases[i].hello != NULL), cases[i].label);
        CHECK_STR(hello ? domain : (str){0}, cases[i].hello, cases[i].label);
    }
}

/* ---- the public suite of address syntax ---- */

/* The content of the first <name> element at the front of *xml, which is cut behind it. */
static bool take_element(str *xml, const char *name, str *ret_content)
{
    char open[32], close[32];
    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    const char *start = memmem(xml->ptr, xml->len, open, strlen(open));
    if (start == NULL)
        return false;
    str rest = str_from(*xml, (size_t)(start - xml->ptr) + strlen(open));
    const char *end = memmem(rest.ptr, rest.len, close, strlen(close));
    if (end == NULL)
        return false;
    *ret_content = str_slice(rest, 0, (size_t)(end - rest.ptr));
    *xml = str_from(rest, ret_content->len + strlen(close));
    return true;
}

/* XML references; U+24xx stands for the control character xx. */
static str unescape(str text, char *ret_chars)
{
    size_t used = 0;
    while (text.len > 0) {
        unsigned code = 0;
        char digits[5] = "";
        if (str_skip(&text, S("&#x"))) {
            memcpy(digits, text.ptr, 4);
            code = (unsigned)strtoul(digits, NULL, 16);
            text = str_from(text, 5);
            if (code >= 0x100 && code < 0x2400)
                code = '?';
            if (code >= 0x80 && code < 0x100)
                ret_chars[used++] = (char)(0xc0 | code >> 6), code = 0x80 | (code & 0x3f);
            ret_chars[used++] = (char)(code & 0xff);
        } else if (str_skip(&text, S("&amp;"))) {
            ret_chars[used++] = '&';
        } else {
            ret_chars[used++] = text.ptr[0];
            text = str_from(text, 1);
        }
    }
    return (str){ret_chars, used};
}

TEST(smtp_path_isemail)
{
    /* Where we differ from the suite's category, by id. */
    static const struct {
        const char *id, *why;
        bool accepted;
    } differences[] = {
        {"35", "a trailing dot says the same name; DNS has it (RFC 1034 section 3.1)", true},
    };
    char folder[512], path[600], address_chars[2048];
    if (test_suites("addr-isemail", folder, sizeof folder) == NULL)
        return;
    snprintf(path, sizeof path, "%s/tests.xml", folder);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        test_skip("no tests.xml");
        return;
    }
    static char bytes[1 << 20];
    str xml = {bytes, fread(bytes, 1, sizeof bytes, file)};
    fclose(file);
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    int count = 0;
    for (size_t at; (at = str_find(xml, '<')) != STR_NONE;) {
        xml = str_from(xml, at);
        if (!str_skip(&xml, S("<test id=\""))) {
            xml = str_from(xml, 1);
            continue;
        }
        str id, test, address = {0}, category = {0}, rest;
        str_split(xml, '"', &id, &test);
        const char *end = memmem(test.ptr, test.len, "</test>", 7);
        if (end == NULL)
            break;
        test.len = (size_t)(end - test.ptr);
        xml = str_from(xml, (size_t)(end - xml.ptr));
        rest = test;
        take_element(&rest, "address", &address);
        rest = test;
        take_element(&rest, "category", &category);
        bool want = str_eq(category, S("ISEMAIL_VALID_CATEGORY")) ||
                    str_eq(category, S("ISEMAIL_DNSWARN")) ||
                    str_eq(category, S("ISEMAIL_RFC5321"));
        for (size_t i = 0; i < ARRAY_LEN(differences); i++)
            if (str_eq(id, str_of(differences[i].id)))
                want = differences[i].accepted;
        struct smtp_path got;
        str plain = unescape(address, address_chars);
        char label[128];
        snprintf(label, sizeof label, "isemail %.*s: %.*s", STR_ARG(id), STR_ARG(address));
        for (int utf8 = 0; utf8 < 2; utf8++)
            CHECK((smtp_path_parse_bare(plain, utf8, arena, &got) == NULL) == want, label);
        count++;
    }
    CHECK(count == 164, "every case of the suite was read");
}
