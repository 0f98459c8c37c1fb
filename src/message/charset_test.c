#include "message/charset.h"
#include "tests/test.h"

TEST(message_charset)
{
    static const struct {
        const char *label, *name, *bytes, *want;
        bool exact;
    } cases[] = {
        {"utf-8",                             "UTF-8",           "caf\xc3\xa9",       "caf\xc3\xa9",              true },
        {"latin 1",                           "iso-8859-1",      "caf\xe9",           "caf\xc3\xa9",              true },
        {"ascii that is none",                "us-ascii",        "caf\xe9!",          "caf\xef\xbf\xbd!",         false},
        {"overlong",                          "utf-8",           "\xc0\x80",          "\xef\xbf\xbd\xef\xbf\xbd", false},
        {"above U+10FFFF",                    "utf-8",           "\xf6\xbc\x90\x91",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",                                                      false},
        {"cut short",                         "utf-8",           "a\xe6\x97",         "a\xef\xbf\xbd",            false},
        {"japanese",                          "iso-2022-jp",     "\x1b$BF|K\\\x1b(B", "\xe6\x97\xa5\xe6\x9c\xac", true },
        {"euro",                              "windows-1252",    "\x80",              "\xe2\x82\xac",             true },
        {"unknown, read as UTF-8",            "x-none",          "caf\xc3\xa9",       "caf\xc3\xa9",              false},
        {"a converter that mail never needs", "iso-2022-cn-ext", "a",                 "a",                        false},
        {"an option of libc's",               "latin1//IGNORE",  "a",                 "a",                        false},
        {"nothing",                           "utf-8",           "",                  "",                         true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100);
        bool exact = !cases[i].exact;
        CHECK_DONE(
            message_charset_to_utf8(str_of(cases[i].name), str_of(cases[i].bytes), &out, &exact),
            cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
        CHECK(exact == cases[i].exact, cases[i].label);
    }
}

TEST(message_charset_pieces)
{
    static const char text[] = "a\xe6\x97\xa5\xff\xe6\x9c\xac\xe6";
    for (size_t step = 1; step < sizeof text; step++) {
        CLEANUP(message_charset_cleanup)
        struct message_charset *c = message_charset_open(S("utf-8"));
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100);
        for (str left = S("a\xe6\x97\xa5\xff\xe6\x9c\xac\xe6"); left.len;
             left = str_from(left, step))
            CHECK_DONE(message_charset_add(c, str_slice(left, 0, step), &out), "piece");
        CHECK_DONE(message_charset_end(c, &out), "end");
        CHECK_STR(buf_str(&out), "a\xe6\x97\xa5\xef\xbf\xbd\xe6\x9c\xac\xef\xbf\xbd", "pieces");
        CHECK(message_charset_bad(c) == 2, "bad bytes");
    }
}

TEST(message_charset_confine)
{
    CLEANUP(buf_release) struct buf out;
    bool exact = true;
    buf_init(&out, 100);
    message_charset_confine(true);
    CHECK(message_charset_open(S("koi8-r")) == NULL, "libc's are unknown");
    CHECK_DONE(message_charset_to_utf8(S("windows-1252"), S("\x80\x81\xe9"), &out, &exact), "ours");
    message_charset_confine(false);
    CHECK_STR(buf_str(&out), "\xe2\x82\xac\xef\xbf\xbd\xc3\xa9", "ours");
    CHECK(!exact, "one byte was none");
}
