#include "base/clock.h"
#include "outbound/transcript.h"
#include "tests/test.h"
#include <string.h>

static int64_t now_ns;
static int64_t steady_ns(void) { return now_ns; }
static int64_t real_ms(void) { return 1; }
static const struct clock_source stopped = {steady_ns, real_ms};

static str text_of(const struct outbound_transcript *t) { return (str){t->bytes, t->len}; }

TEST(outbound_transcript_lines)
{
    struct outbound_transcript t = {0};
    now_ns = 5000000000;
    clock_use(&stopped);
    outbound_transcript_line(&t, "<-", S("220 mx"));
    now_ns += 12345000000;
    outbound_transcript_line(&t, "->", S("EHLO we"));
    outbound_transcript_opened(&t);
    outbound_transcript_line(&t, "->", S("MAIL FROM:<a@x>"));
    clock_use(NULL);
    CHECK_STR(text_of(&t),
              "     0.000 <- 220 mx\n    12.345 -> EHLO we\n    12.345 -> MAIL FROM:<a@x>\n",
              "with the time since the beginning");
    outbound_transcript_begin(&t);
    CHECK_STR(text_of(&t), "     0.000 <- 220 mx\n    12.345 -> EHLO we\n",
              "the next mail forgets the last, and keeps the opening");
    outbound_transcript_release(&t);
    CHECK(outbound_transcript_memory() == 0, "nothing is left");
}

TEST(outbound_transcript_is_bounded)
{
    struct outbound_transcript t = {0};
    char line[2000];
    memset(line, 'x', sizeof line);
    outbound_transcript_line(&t, "<-", S("220 the opening"));
    outbound_transcript_opened(&t);
    CHECK(outbound_transcript_memory() == OUTBOUND_TRANSCRIPT_BYTES_MIN, "little at first");
    for (int i = 0; i < 1000; i++) {
        line[0] = (char)('0' + i % 10);
        outbound_transcript_line(&t, "->", (str){line, 300});
        CHECK(t.len <= t.cap && t.cap <= OUTBOUND_TRANSCRIPT_BYTES_MAX, "bounded");
    }
    CHECK(outbound_transcript_memory() == OUTBOUND_TRANSCRIPT_BYTES_MAX, "counted");
    CHECK(t.left_out > 0, "something is left out");
    CHECK(str_contains(text_of(&t), S("220 the opening\n")), "not the opening");
    CHECK(str_ends_nocase(text_of(&t), S("xxx\n")) && t.bytes[t.len - 301] == '9', "nor the end");
    size_t lines = 0, longest = 0, len = 0;
    for (uint32_t i = t.opening; i < t.len; i++) {
        len = t.bytes[i] == '\n' ? 0 : len + 1;
        lines += t.bytes[i] == '\n';
        longest = len > longest ? len : longest;
    }
    CHECK(lines * 315 > OUTBOUND_TRANSCRIPT_BYTES_MAX / 3 && longest < 320, "whole lines");
    outbound_transcript_line(&t, "->", (str){line, sizeof line});
    CHECK(str_contains(text_of(&t), S("x\n")), "a long line is cut");
    outbound_transcript_rest(&t);
    CHECK(t.left_out == 0, "another mail");
    CHECK(outbound_transcript_memory() == OUTBOUND_TRANSCRIPT_BYTES_MIN, "idle ones give it back");
    outbound_transcript_line(&t, "->", S("MAIL"));
    CHECK(str_contains(text_of(&t), S("220 the opening\n")), "and go on");
    outbound_transcript_release(&t);
    CHECK(outbound_transcript_memory() == 0, "nothing is left");
}

/* An opening that is endless leaves room for the mail. */
TEST(outbound_transcript_opening_is_bounded)
{
    struct outbound_transcript t = {0};
    for (int i = 0; i < 5000; i++)
        outbound_transcript_line(&t, "<-", S("250-SOMETHING"));
    outbound_transcript_opened(&t);
    CHECK(t.opening <= OUTBOUND_TRANSCRIPT_BYTES_MAX / 2, "half of it at most");
    CHECK(t.opening > 0 && t.bytes[t.opening - 1] == '\n', "whole lines");
    outbound_transcript_begin(&t);
    outbound_transcript_line(&t, "->", S("MAIL FROM:<>"));
    CHECK(str_ends_nocase(text_of(&t), S("MAIL FROM:<>\n")), "room is left");
    outbound_transcript_release(&t);
}

/* More connections with much to say than there is memory for: it stays bounded, and mail goes on.
 */
TEST(outbound_transcript_memory_is_bounded)
{
    enum { COUNT = 1200 };
    static struct outbound_transcript all[COUNT];
    char line[OUTBOUND_TRANSCRIPT_LINE_BYTES_MAX];
    memset(line, 'x', sizeof line);
    for (size_t i = 0; i < COUNT; i++)
        for (int n = 0; n < 120; n++)
            outbound_transcript_line(&all[i], "->", (str){line, sizeof line});
    CHECK(outbound_transcript_memory() <= OUTBOUND_TRANSCRIPT_MEMORY_MAX, "bounded");
    CHECK(all[0].cap == OUTBOUND_TRANSCRIPT_BYTES_MAX, "the first had room");
    CHECK(all[COUNT - 1].left_out > 0, "the last had none");
    for (size_t i = 0; i < COUNT; i++)
        outbound_transcript_release(&all[i]);
    CHECK(outbound_transcript_memory() == 0, "nothing is left");
}

TEST(outbound_transcript_book)
{
    struct outbound_transcript t = {0};
    struct outbound_transcript_book book;
    outbound_transcript_book_init(&book);
    outbound_transcript_book_add(NULL, S("mx"), S("192.0.2.1"), &t, S("nobody listens"));
    outbound_transcript_book_add(&book, S("mx1"), S("192.0.2.1"), &t, S("no answer in 10 s"));
    CHECK_STR(buf_str(&book.text), "== mx1 [192.0.2.1]\n== no answer in 10 s\n",
              "nothing was said");
    for (int i = 0; i < 4000; i++)
        outbound_transcript_line(&t, "<-", S("250-SOMETHING"));
    for (int i = 0; i < 20; i++)
        outbound_transcript_book_add(&book, S("mx2"), S("192.0.2.2"), &t, S(""));
    CHECK(book.text.len <= OUTBOUND_TRANSCRIPT_BOOK_BYTES_MAX, "bounded");
    CHECK(str_contains(buf_str(&book.text), S("bytes are left out)\n")), "told");
    CHECK(str_ends_nocase(buf_str(&book.text), S("250-SOMETHING\n")), "whole conversations");
    outbound_transcript_book_release(&book);
    outbound_transcript_release(&t);
}
