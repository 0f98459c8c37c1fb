#include "base/buf.h"
#include "tests/test.h"

TEST(buf_grows_to_its_maximum)
{
    CLEANUP(buf_release) struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        CHECK_DONE(buf_add_char(&b, (char)('a' + i % 26)), "below the maximum");
    err e = buf_add_char(&b, 'x');
    CHECK(e && e->kind == ERR_LIMIT, "above the maximum");
    CHECK(b.len == 1000 && b.ptr[999] == 'a' + 999 % 26, "nothing was added or lost");
    CHECK(strlen(buf_chars(&b)) == 1000, "room for the NUL even when full");
    CHECK_DONE(buf_add(&b, S("")), "nothing fits always");
}

TEST(buf_add_is_all_or_nothing)
{
    static const struct {
        const char *label, *text, *want;
        bool ok;
    } cases[] = {
        {"fits",         "abc",     "12abc",    true },
        {"just fits",    "abcdef",  "12abcdef", true },
        {"one too many", "abcdefg", "12",       false},
        {"empty",        "",        "12",       true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf b, f;
        buf_init(&b, 8);
        buf_init(&f, 8);
        CHECK_DONE(buf_add(&b, S("12")), cases[i].label);
        CHECK_DONE(buf_addf(&f, "%d", 12), cases[i].label);
        CHECK((buf_add(&b, str_of(cases[i].text)) == NULL) == cases[i].ok, cases[i].label);
        CHECK((buf_addf(&f, "%s", cases[i].text) == NULL) == cases[i].ok, cases[i].label);
        CHECK_STR(buf_str(&b), cases[i].want, cases[i].label);
        CHECK_STR(buf_str(&f), cases[i].want, cases[i].label);
    }
}

TEST(buf_add_number)
{
    static const struct {
        int64_t number;
        const char *want;
    } cases[] = {
        {0,          "0"                   },
        {7,          "7"                   },
        {-1,         "-1"                  },
        {1234567890, "1234567890"          },
        {INT64_MAX,  "9223372036854775807" },
        {INT64_MIN,  "-9223372036854775808"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf b;
        buf_init(&b, 20);
        CHECK_DONE(buf_add_number(&b, cases[i].number), cases[i].want);
        CHECK_STR(buf_str(&b), cases[i].want, cases[i].want);
    }
}

TEST(buf_cut_and_clear)
{
    CLEANUP(buf_release) struct buf b;
    buf_init(&b, 100);
    CHECK(strcmp(buf_chars(&b), "") == 0, "never used");
    CHECK_DONE(buf_add(&b, S("hello world")), "add");
    buf_cut_front(&b, 6);
    CHECK_STR(buf_str(&b), "world", "the front is gone");
    buf_cut_front(&b, 0);
    buf_cut_front(&b, 5);
    CHECK(b.len == 0, "all is gone");
    CHECK_DONE(buf_add(&b, S("again")), "usable");
    buf_clear(&b);
    CHECK(b.len == 0 && b.cap > 0, "clear keeps its memory");
    buf_release(&b);
    CHECK(b.ptr == NULL && b.max == 100, "release gives it back");
    CHECK_DONE(buf_add(&b, S("again")), "usable after release");
}

TEST(buf_reserve)
{
    CLEANUP(buf_release) struct buf b;
    char *room = NULL;
    buf_init(&b, 200);
    CHECK_DONE(buf_reserve(&b, 200, &room), "all of it");
    memset(room, 'x', 200);
    b.len += 200;
    char *untouched = room;
    err e = buf_reserve(&b, SIZE_MAX, &room);
    CHECK(e && e->kind == ERR_LIMIT, "no overflow");
    CHECK(room == untouched, "untouched on failure");
}
