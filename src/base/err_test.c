#include "base/err.h"
#include "tests/test.h"
#include <errno.h>

static err describe(err e, char text[256])
{
    err_describe(e, text, 256);
    return e;
}

TEST(err_chain_is_told_from_the_top)
{
    char text[256];
    err low = err_new(ERR_TIMEOUT, "no answer in %d s", 30);
    err high = err_wrap(low, "connect to %s", "mx1.example.net");
    CHECK(high->kind == ERR_TIMEOUT, "the kind travels up");
    CHECK(high->cause == low, "the cause is kept");
    describe(high, text);
    CHECK(str_starts(str_of(text), S("connect to mx1.example.net: no answer in 30 s [err_test.c:")),
          text);
}

TEST(err_reason_is_without_the_place)
{
    char text[256];
    errno = ENOSPC;
    err low = err_new(ERR_SYSTEM, "write segment 7");
    err_reason(err_wrap(low, "commit"), text, sizeof text);
    CHECK(str_eq(str_of(text), S("commit: write segment 7: No space left on device")), text);
}

TEST(err_system_keeps_errno)
{
    char text[256];
    errno = ENOSPC;
    err low = err_new(ERR_SYSTEM, "write segment 7");
    errno = EBADF; /* what happens later does not matter */
    err high = err_wrap(err_wrap(low, "commit"), "accept");
    CHECK(err_number(high) == ENOSPC, "root");
    CHECK(high->number == ENOSPC, "a wrapped cause keeps its number");
    describe(high, text);
    CHECK(str_contains(str_of(text), S("accept: commit: write segment 7: No space left")), text);
    CHECK(err_number(NULL) == 0, "done");
    CHECK(err_number(err_new(ERR_LIMIT, "x")) == 0, "not of the system");
}

TEST(err_ring_never_fails)
{
    char text[256], small[12];
    err first = err_new(ERR_CLOSED, "first"), last = first;
    for (int i = 0; i < 100; i++)
        last = err_new(ERR_PROTOCOL, "number %d", i);
    CHECK(last->kind == ERR_PROTOCOL, "a full ring still tells the kind");
    CHECK_STR(first->text, "first", "and keeps the first ones");
    describe(last, text);
    CHECK(text[0] != '\0', "something can be said");
    describe(err_wrap(first, "a text that is long"), text);
    err_describe(first, small, sizeof small);
    CHECK(strlen(small) < sizeof small, "cut to the caller's array");
    err_forget();
    CHECK_STR(err_new(ERR_CLOSED, "anew")->text, "anew", "forgetting makes room");
}

TEST(err_text_is_cut)
{
    char long_text[600];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    err e = err_new(ERR_CONFIG, "%s", long_text);
    CHECK(e->text.len > 100 && e->text.len < sizeof long_text, "bounded");
    CHECK(str_find(e->text, '\0') == STR_NONE, "and without the NUL");
}

TEST(err_rings_are_apart)
{
    err ours = err_new(ERR_TIMEOUT, "ours");
    struct err_ring *mine = err_ring_swap(NULL);
    err theirs = err_new(ERR_CLOSED, "theirs");
    CHECK_STR(theirs->text, "theirs", "another fiber's");
    err_forget();
    struct err_ring *none = err_ring_swap(mine);
    CHECK(none == NULL, "forgotten");
    CHECK_STR(ours->text, "ours", "untouched by it");
}

static err fails(void) { return err_new(ERR_LIMIT, "no"); }

static err tries(int *ret_value)
{
    TRY(NULL);
    TRY(fails());
    *ret_value = 1;
    return NULL;
}

TEST(err_try_returns)
{
    int value = 7;
    err e = tries(&value);
    CHECK(e && e->kind == ERR_LIMIT, "handed on");
    CHECK(value == 7, "untouched");
}
