#include "mailauth/tag.h"
#include "tests/test.h"

/* "name=value|" for each tag, or "refused". */
static str describe(str text, struct arena *arena)
{
    struct mailauth_tags tags;
    if (mailauth_tag_parse(text, arena, &tags))
        return S("refused");
    str all = S("");
    for (size_t i = 0; i < tags.count; i++)
        all = arena_printf(arena, "%.*s%.*s=%.*s|", STR_ARG(all), STR_ARG(tags.items[i].name),
                           STR_ARG(tags.items[i].value));
    return all;
}

TEST(mailauth_tag_parse)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
        {"two",                        "v=DKIM1; p=abc",        "v=DKIM1|p=abc|"},
        {"a semicolon at the end",     "v=1;",                  "v=1|"          },
        {"nothing",                    "",                      ""              },
        {"only blanks",                " \r\n ",                ""              },
        {"blanks around all",          " a = b ;\r\n\tc\t= d ", "a=b|c=d|"      },
        {"a fold inside a value",      "a=b\r\n c",             "a=b\r\n c|"    },
        {"an empty value",             "p=; v=1",               "p=|v=1|"       },
        {"= in a value",               "b=QQ==; s=x",           "b=QQ==|s=x|"   },
        {"names differ by case",       "a=1; A=2",              "a=1|A=2|"      },
        {"UTF-8",                      "i=\xc3\xa9@x",          "i=\xc3\xa9@x|" },
        {"the same name twice",        "a=1; b=2; a=1",         "refused"       },
        {"no name",                    "=1",                    "refused"       },
        {"no equals sign",             "v",                     "refused"       },
        {"a blank in the name",        "v x=1",                 "refused"       },
        {"a name that is a number",    "1=a",                   "refused"       },
        {"an empty tag in the middle", "a=1;;b=2",              "refused"       },
        {"an empty tag in front",      ";a=1",                  "refused"       },
        {"a control byte",             "a=\x01",                "refused"       },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(describe(str_of(cases[i].input), arena), cases[i].want, cases[i].label);
}

TEST(mailauth_tags_are_bounded)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str text = S("");
    for (int i = 0; i < MAILAUTH_TAGS_MAX; i++)
        text = arena_printf(arena, "%.*st%d=x;", STR_ARG(text), i);
    struct mailauth_tags tags;
    CHECK(mailauth_tag_parse(text, arena, &tags) == NULL, "as many as are allowed");
    CHECK(tags.count == MAILAUTH_TAGS_MAX, "all of them");
    text = arena_printf(arena, "%.*sone=more", STR_ARG(text));
    CHECK(mailauth_tag_parse(text, arena, &tags) != NULL, "one more");
}

TEST(mailauth_tag_values)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 16);
    struct mailauth_tags tags;
    CHECK_DONE(mailauth_tag_parse(S("p=ab\r\n c d; h= a : b::c ;e="), arena, &tags), "parse");
    CHECK_STR(mailauth_tag_value(&tags, S("x"), S("other")), "other", "a tag that is not there");
    CHECK_STR(mailauth_tag_squeeze(mailauth_tag_value(&tags, S("p"), S("")), arena), "abcd",
              "without blanks");
    CHECK_STR(mailauth_tag_find(&tags, S("h"))->raw, "h= a : b::c", "raw");
    str list = mailauth_tag_value(&tags, S("h"), S("")), part, all = S("");
    while (mailauth_tag_next(&list, ':', &part))
        all = arena_printf(arena, "%.*s[%.*s]", STR_ARG(all), STR_ARG(part));
    CHECK_STR(all, "[a][b][][c]", "the parts of a list");
}
