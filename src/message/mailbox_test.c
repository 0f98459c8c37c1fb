#include "message/mailbox.h"
#include "tests/test.h"
#include <stdlib.h>

/* "display|local|domain;" for each mailbox, or "refused". */
static str describe(str value, struct arena *arena)
{
    struct message_mailboxes list;
    if (message_mailboxes_parse(value, arena, &list))
        return S("refused");
    str all = S("");
    for (size_t i = 0; i < list.count; i++) {
        const struct message_mailbox *m = &list.items[i];
        all = arena_printf(arena, "%.*s%.*s|%.*s|%.*s;", STR_ARG(all), STR_ARG(m->display),
                           STR_ARG(m->local), STR_ARG(m->domain));
    }
    return all;
}

TEST(message_mailboxes_parse)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"bare address",                             " bob@example.net",                           "|bob|example.net;"            },
        {"with a name",                              "Bob <bob@example.net>",                      "Bob|bob|example.net;"         },
        {"quoted name",                              "\"Bob, the \\\"b\\\"\" <bob@example.net>",
         "Bob, the \"b\"|bob|example.net;"                                                                                        },
        {"name with a dot",                          "John Q. Public <j@example.net>",             "John Q. Public|j|example.net;"},
        {"no blank before the angle",                "Bob<bob@example.net>",                       "Bob|bob|example.net;"         },
        {"two",                                      "a@x.example, B <b@y.example>",               "|a|x.example;B|b|y.example;"  },
        {"empty elements",                           ", a@x.example,,",                            "|a|x.example;"                },
        {"group",                                    "Team: a@x.example, b@y.example;",            "|a|x.example;|b|y.example;"   },
        {"group, then one",                          "T: a@x.example;, b@y.example",               "|a|x.example;|b|y.example;"   },
        {"empty group",                              "undisclosed-recipients:;",                   ""                             },
        {"group left open",                          "T: a@x.example",                             "refused"                      },
        {"end of no group",                          "a@x.example;",                               "refused"                      },
        {"attack 58: group in a group",              "T: U: a@x.example;;",                        "refused"                      },
        {"route is stripped",                        "<@a.example,@b.example:c@d.example>",        "|c|d.example;"                },
        {"attack 55: behind the angle",              "<a@b>c@d",                                   "refused"                      },
        {"attack 55: two addresses",                 "a@b,c@d",                                    "|a|b;|c|d;"                   },
        {"attack 55: two at signs",                  "a@b@c",                                      "refused"                      },
        {"attack 55: no domain",                     "a@",                                         "refused"                      },
        {"attack 55: no local part",                 "@b",                                         "refused"                      },
        {"attack 55: empty angle",                   "<>",                                         "refused"                      },
        {"attack 54: the domain is the last",        "\"victim@evil.example x\"@our.example",
         "|victim@evil.example x|our.example;"                                                                                    },
        {"attack 54: an address as the name",        "\"a@bank.example\" <e@evil.example>",
         "a@bank.example|e|evil.example;"                                                                                         },
        {"attack 54: an address as a bare name",     "a@bank.example <e@evil.example>",            "refused"                      },
        {"attack 56: encoded words mean themselves", "=?utf-8?q?a=40evil?=@our.example",
         "|=?utf-8?q?a=40evil?=|our.example;"                                                                                     },
        {"attack 60: quoted pair",                   "\"b\\ob\"@our.example",                      "|bob|our.example;"            },
        {"comments",                                 "(x) a (y (z)) @ (q) b.example (r)",          "|a|b.example;"                },
        {"folds",                                    "a\r\n @\r\n b.example",                      "|a|b.example;"                },
        {"literal",                                  "a@[IPv6:: :1]",                              "|a|[IPv6:::1];"               },
        {"unqualified",                              "bob",                                        "refused"                      },
        {"blank only",                               "  ",                                         "refused"                      },
        {"non-ASCII",                                "J\xc3\xb6rg <j\xc3\xb6rg@\xc3\xb6.example>",
         "J\xc3\xb6rg|j\xc3\xb6rg|\xc3\xb6.example;"                                                                              },
        {"a name in Latin-1 passes",                 "J\xf6rg <j@x.example>",                      "J\xf6rg|j|x.example;"         },
        {"an address in Latin-1 does not",           "j\xf6rg@x.example",                          "refused"                      },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(describe(str_of(cases[i].input), arena), cases[i].want, cases[i].label);
}

/* Attack 58: the depth of comments is the sender's choice; the stack and the time are ours. */
TEST(message_mailbox_deep_comment)
{
    enum { DEPTH = 100000 };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    CLEANUP(buf_release) struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < DEPTH; i++)
        CHECK_DONE(buf_add_char(&b, '('), "opened");
    CHECK_STR(describe(buf_str(&b), arena), "refused", "never closed");
    for (int i = 0; i < DEPTH; i++)
        CHECK_DONE(buf_add_char(&b, ')'), "closed");
    CHECK_DONE(buf_add(&b, S("a@b.example")), "an address");
    CHECK_STR(describe(buf_str(&b), arena), "|a|b.example;", "100,000 deep");
}

TEST(message_mailbox_add_address)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"plain",                      "Bob@Our.Example",          "Bob@our.example"         },
        {"quotes not needed",          "\"bob\"@our.example",      "bob@our.example"         },
        {"attack 60: pair not needed", "\"b\\ob\"@our.example",    "bob@our.example"         },
        {"quotes needed",              "\"b ob\"@our.example",     "\"b ob\"@our.example"    },
        {"dots out of place",          "\".b..\"@our.example",     "\".b..\"@our.example"    },
        {"escapes",                    "\"a\\\"\\\\b\"@x.example", "\"a\\\"\\\\b\"@x.example"},
        {"empty",                      "\"\"@x.example",           "\"\"@x.example"          },
        {"control byte",               "\"a\\\x07\"@x.example",    NULL                      },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf b;
        buf_init(&b, 1000);
        struct message_mailboxes list = {0};
        CHECK_DONE(message_mailboxes_parse(str_of(cases[i].input), arena, &list), cases[i].label);
        err e = list.count ? message_mailbox_add_address(&list.items[0], &b) : NULL;
        CHECK((e == NULL) == (cases[i].want != NULL), cases[i].label);
        CHECK_STR(buf_str(&b), cases[i].want ? cases[i].want : "", cases[i].label);
    }
}

/* The text between <tag> and </tag>, entities resolved; the suite writes the control byte N as
 * U+2400 + N. */
static str element(str xml, const char *tag, struct arena *arena)
{
    const char *open = memmem(xml.ptr, xml.len, tag, strlen(tag));
    const char *end = open ? memmem(open, (size_t)(xml.ptr + xml.len - open), "</", 2) : NULL;
    if (end == NULL)
        return (str){0};
    str raw = {open + strlen(tag), (size_t)(end - open) - strlen(tag)};
    char *text = arena_alloc(arena, raw.len + 4);
    size_t len = 0;
    while (raw.len > 0) {
        str head, tail;
        if (str_skip(&raw, S("&amp;"))) {
            text[len++] = '&';
        } else if (str_skip(&raw, S("&lt;"))) {
            text[len++] = '<';
        } else if (str_skip(&raw, S("&gt;"))) {
            text[len++] = '>';
        } else if (str_skip(&raw, S("&quot;"))) {
            text[len++] = '"';
        } else if (str_starts(raw, S("&#x"))) {
            str_split(str_from(raw, 3), ';', &head, &tail);
            unsigned long code = strtoul(arena_chars(arena, head), NULL, 16);
            if (code < 0x2400) { /* U+0080 to U+07FF */
                text[len++] = (char)(code >> 6 | 0xc0);
                code = (code & 0x3f) | 0x80;
            }
            text[len++] = (char)(code & 0xff);
            raw = tail;
        } else {
            text[len++] = raw.ptr[0];
            raw = str_from(raw, 1);
        }
    }
    return (str){text, len};
}

static str read_suite(struct arena *arena)
{
    char path[4096];
    if (test_suites("addr-isemail/tests.xml", path, sizeof path) == NULL)
        return (str){0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (str){0};
    char *text = arena_alloc(arena, 1 << 20);
    size_t len = fread(text, 1, 1 << 20, file);
    fclose(file);
    return (str){text, len};
}

/* isemail's verdicts: what is valid or deprecated is read here, what is an error is not. Its
 * category RFC5322 (no address for SMTP, though one for a header) is read or not, as it falls. */
TEST(message_mailbox_isemail)
{
    /* 160: a backslash before a non-ASCII letter, which RFC 6532 section 3.1 allows since. */
    static const char *const differs[] = {"160"};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 20);
    str xml = read_suite(arena);
    int count = 0;
    const char *next;
    while (xml.len && (next = memmem(xml.ptr, xml.len, "<test id=\"", 10)) != NULL) {
        xml = (str){next + 10, (size_t)(xml.ptr + xml.len - next) - 10};
        const char *end = memmem(xml.ptr, xml.len, "</test>", 7);
        str one = {xml.ptr, end ? (size_t)(end - xml.ptr) : xml.len};
        str id = str_slice(one, 0, str_find(one, '"'));
        str category = element(one, "<category>", arena);
        str address = element(one, "<address>", arena);
        struct message_mailboxes list;
        bool read = message_mailboxes_parse(address, arena, &list) == NULL && list.count == 1;
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(differs); i++)
            known = known || str_eq(id, str_of(differs[i]));
        bool wanted = !str_eq(category, S("ISEMAIL_ERR"));
        if (!str_eq(category, S("ISEMAIL_RFC5322")))
            CHECK((read == wanted) != known, arena_chars(arena, id));
        count++;
        err_forget();
    }
    CHECK(xml.len == 0 || count == 164, "every test was seen");
}
