#include "feedback/ring.h"
#include "tests/test.h"
#include <string.h>

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

TEST(feedback_ring_text)
{
    static const struct {
        const char *label, *text;
        size_t count; /* 99: refused */
    } cases[] = {
        {"none",                               "",                                    0 },
        {"one",                                "3 20454 " SECRET "\n",                1 },
        {"two, the last without its line end", "3 20454 " SECRET "\n4 20484 " SECRET, 2 },
        {"no number",                          "x 20454 " SECRET "\n",                99},
        {"an id too high",                     "32 20454 " SECRET "\n",               99},
        {"a short secret",                     "3 20454 0001\n",                      99},
        {"a long secret",                      "3 20454 " SECRET "00\n",              99},
        {"an empty line",                      "3 20454 " SECRET "\n\n",              99},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct feedback_ring r = {.count = 77};
        err e = feedback_ring_parse(str_of(cases[i].text), &r);
        CHECK((e != NULL) == (cases[i].count == 99), cases[i].label);
        CHECK(r.count == (e ? 77 : cases[i].count), cases[i].label);
        err_forget();
    }
    struct feedback_ring r;
    struct buf out;
    buf_init(&out, FEEDBACK_RING_TEXT_BYTES_MAX);
    CHECK_DONE(feedback_ring_parse(S("3 20454 " SECRET "\n"), &r), "read");
    CHECK_DONE(feedback_ring_write(&r, &out), "write");
    CHECK_STR(buf_str(&out), "3 20454 " SECRET "\n", "as it was");
    buf_release(&out);
}

TEST(feedback_ring_turn)
{
    struct feedback_ring r = {0};
    CHECK(feedback_ring_turn(&r, 1000, 10) && r.count == 1, "the first");
    CHECK(!feedback_ring_turn(&r, 1029, 10) && r.count == 1, "a month is not over");
    CHECK(feedback_ring_turn(&r, 1030, 10) && r.count == 2, "the next");
    CHECK(r.keys[1].id == r.keys[0].id + 1, "another id");
    CHECK(memcmp(r.keys[0].secret, r.keys[1].secret, FEEDBACK_RING_KEY_BYTES) != 0, "another key");
    CHECK(!feedback_ring_turn(&r, 1041, 10) && r.count == 2, "what it signed last may come yet");
    CHECK(feedback_ring_turn(&r, 1042, 10) && r.count == 1, "nothing more can come");
    for (uint32_t day = 1042; day < 4000; day++)
        feedback_ring_turn(&r, day, 90);
    CHECK(r.count >= 4 && r.count <= FEEDBACK_RING_MAX, "never more than there is room for");
    for (size_t i = 1; i < r.count; i++)
        CHECK(r.keys[i].id == (r.keys[i - 1].id + 1) % OUTCOME_VERP_KEY_IDS,
              "ids follow each other");
    feedback_ring_turn(&r, 1, 90);
    CHECK(r.count >= 1, "a date that was set back");
}
