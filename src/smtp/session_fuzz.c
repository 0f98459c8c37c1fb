/* The real session over a simulated connection: any bytes at all.
 *
 * Fed byte by byte, or in pieces of drawn sizes, it says and keeps what it does when it is fed
 * whole; and it never keeps more messages than the bytes have ends of data: CRLF.CRLF, or a BDAT
 * with LAST. */
#include "base/crc.h"
#include "runtime/sim.h"
#include "smtp/session_test.h"
#include "tests/fuzz.h"

enum { INPUT_BYTES_MAX = 8 * 1024, PIECE_BYTES_MAX = 200 };

struct once {
    struct smtp_session_test test;
    str input;
};

static void talk(void *arg)
{
    struct once *o = arg;
    smtp_session_test_talk(&o->test, o->input);
}

static void run(struct once *o, str input, size_t piece, bool drawn)
{
    smtp_session_test_init(&o->test);
    o->test.piece = piece;
    o->test.piece_drawn = drawn;
    o->test.pause_ms = piece ? 1 : 0;
    o->test.mechanisms = S("PLAIN");
    o->test.options.login_offered = true;
    o->input = input;
    sim_run(crc32c(0, input), talk, o); /* the seed is what the sizes are drawn from */
}

static int count_nocase(str s, str part)
{
    int count = 0;
    for (; s.len >= part.len; s = str_from(s, 1))
        count += str_starts_nocase(s, part);
    return count;
}

static void check_same(const struct once *a, const struct once *b)
{
    ASSERT(str_eq(buf_str(&a->test.replies), buf_str(&b->test.replies)));
    ASSERT(str_eq(buf_str(&a->test.content), buf_str(&b->test.content)));
    ASSERT(a->test.kept == b->test.kept);
}

FUZZ(input, arena)
{
    (void)arena;
    struct once whole, bytes, pieces;
    input = str_slice(input, 0, INPUT_BYTES_MAX);
    run(&whole, input, 0, false);
    if (count_nocase(input, S("STARTTLS")) == 0 && count_nocase(input, S("AUTH")) < 2) {
        /* what waits behind these two decides about them, and that is a matter of time */
        run(&bytes, input, 1, false);
        check_same(&whole, &bytes);
        smtp_session_test_release(&bytes.test);
        run(&pieces, input, PIECE_BYTES_MAX, true);
        check_same(&whole, &pieces);
        smtp_session_test_release(&pieces.test);
    }
    ASSERT(whole.test.resets == whole.test.mails);
    int ends = count_nocase(input, S("\r\n.\r\n")) + count_nocase(input, S("LAST"));
    ASSERT(whole.test.kept <= ends);
    smtp_session_test_release(&whole.test);
}
