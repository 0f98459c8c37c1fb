/* The real client over a simulated connection, against a server that says any bytes at all. The
 * first byte chooses what the client wants.
 *
 * Fed byte by byte, or in pieces of drawn sizes, it says and finds out what it does when it is fed
 * whole. No line of its own is torn, whatever it was told. */
#include "base/crc.h"
#include "runtime/sim.h"
#include "smtp/client_test.h"
#include "tests/fuzz.h"

enum { INPUT_BYTES_MAX = 16 * 1024, PIECE_BYTES_MAX = 100 };

struct once {
    struct smtp_client_test test;
    str says;
};

static void talk(void *arg)
{
    struct once *o = arg;
    smtp_client_test_talk(&o->test, o->says);
}

static void run(struct once *o, unsigned wishes, str says, size_t piece, bool drawn)
{
    smtp_client_test_init(&o->test);
    o->test.wishes = wishes;
    o->test.piece = piece;
    o->test.piece_drawn = drawn;
    o->says = says;
    sim_run(crc32c(0, says), talk, o); /* the seed is what the sizes are drawn from */
}

static void check_lines(str heard)
{
    for (size_t i = 0; i < heard.len; i++) {
        ASSERT(heard.ptr[i] != '\n' || (i > 0 && heard.ptr[i - 1] == '\r'));
        ASSERT(heard.ptr[i] != '\0');
    }
    ASSERT(heard.len == 0 || heard.ptr[heard.len - 1] == '\n');
}

static void check_same(const struct once *a, const struct once *b)
{
    ASSERT(str_eq(buf_str(&a->test.heard), buf_str(&b->test.heard)));
    ASSERT(str_eq(buf_str(&a->test.told), buf_str(&b->test.told)));
}

FUZZ(input, arena)
{
    (void)arena;
    struct once whole, bytes, pieces;
    if (input.len == 0)
        return;
    unsigned wishes = (unsigned char)input.ptr[0];
    str says = str_slice(input, 1, INPUT_BYTES_MAX);
    run(&whole, wishes, says, 0, false);
    run(&bytes, wishes, says, 1, false);
    check_same(&whole, &bytes);
    run(&pieces, wishes, says, PIECE_BYTES_MAX, true);
    check_same(&whole, &pieces);
    check_lines(buf_str(&whole.test.heard));
    smtp_client_test_release(&whole.test);
    smtp_client_test_release(&bytes.test);
    smtp_client_test_release(&pieces.test);
}
