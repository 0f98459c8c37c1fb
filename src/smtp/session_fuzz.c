/* The real session over a simulated connection: any bytes at all.
 *
 * Fed byte by byte it says and keeps what it does when it is fed whole, and it never keeps more
 * messages than the bytes have ends of data: CRLF.CRLF, or a BDAT with LAST. */
#include "base/log.h"
#include "runtime/sim.h"
#include "smtp/session_test.h"
#include "tests/fuzz.h"
#include <string.h>

enum { INPUT_BYTES_MAX = 8 * 1024 };

struct once {
    struct smtp_session_test test;
    str input;
};

static void talk(void *arg)
{
    struct once *o = arg;
    sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = o->test.piece});
    smtp_session_test_talk(&o->test, o->input);
}

static void run(struct once *o, str input, size_t piece)
{
    smtp_session_test_init(&o->test);
    o->test.piece = piece;
    o->test.mechanisms = S("PLAIN");
    o->test.options.login_offered = true;
    o->input = input;
    sim_run(1, talk, o);
}

static int count_nocase(str s, str part)
{
    int count = 0;
    for (; s.len >= part.len; s = str_from(s, 1))
        count += str_starts_nocase(s, part);
    return count;
}

FUZZ(input, arena)
{
    (void)arena;
    struct once whole, bytes;
    input = str_slice(input, 0, INPUT_BYTES_MAX);
    run(&whole, input, 0);
    run(&bytes, input, 1);
    if (count_nocase(input, S("STARTTLS")) == 0 && count_nocase(input, S("AUTH")) < 2) {
        /* what waits behind these two decides about them, and that is a matter of time */
        ASSERT(str_eq(buf_str(&whole.test.replies), buf_str(&bytes.test.replies)));
        ASSERT(str_eq(buf_str(&whole.test.content), buf_str(&bytes.test.content)));
        ASSERT(whole.test.kept == bytes.test.kept);
    }
    ASSERT(whole.test.resets == whole.test.mails);
    int ends = count_nocase(input, S("\r\n.\r\n")) + count_nocase(input, S("LAST"));
    ASSERT(whole.test.kept <= ends);
    smtp_session_test_release(&whole.test);
    smtp_session_test_release(&bytes.test);
}
