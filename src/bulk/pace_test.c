#include "bulk/pace.h"
#include "tests/test.h"

TEST(bulk_pace_rates)
{
    static const struct {
        const char *label, *pause_on;
        uint64_t sent, refused, later;
        enum bulk_pace_halt want;
    } cases[] = {
        {"good",              "bounce > 3%",                    980,  20,   0,   BULK_PACE_GO    },
        {"too many bounces",  "bounce > 3%",                    960,  40,   0,   BULK_PACE_PAUSED},
        {"too few to say",    "bounce > 3%",                    50,   40,   0,   BULK_PACE_GO    },
        {"deferred",          "deferred >= 50% or bounce > 3%", 100,  0,    100, BULK_PACE_PAUSED},
        {"nothing came back", "complaint > 0%",                 1000, 0,    0,   BULK_PACE_GO    },
        {"no rule",           "",                               0,    1000, 0,   BULK_PACE_GO    },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct bulk_tally *tally = ARENA_NEW(arena, struct bulk_tally);
    struct bulk_pace *pace = ARENA_NEW(arena, struct bulk_pace);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bulk_pace_options options = {.folder = "/nonexistent",
                                            .pause_on = str_of(cases[i].pause_on)};
        tally->all = (struct bulk_tally_counts){
            .sent = cases[i].sent, .refused = cases[i].refused, .later = cases[i].later};
        CHECK_DONE(bulk_pace_init(pace, &options, tally), cases[i].label);
        bulk_pace_look(pace);
        CHECK(pace->halt == cases[i].want, cases[i].label);
        CHECK((pace->words[0] != '\0') == (cases[i].want != BULK_PACE_GO), "and says why");
        bulk_pace_release(pace);
    }
    struct bulk_pace_options wrong = {.folder = "/nonexistent", .pause_on = S("bounces > 3%")};
    err e = bulk_pace_init(pace, &wrong, tally);
    CHECK_STR(e ? e->text : S(""),
              "--pause-on:1:1: there is no field \"bounces\" (did you mean \"bounce\"?)",
              "a rate that is none");
    err_forget();
}

TEST(bulk_pace_stop)
{
    volatile int stop = 1;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct bulk_tally *tally = ARENA_NEW(arena, struct bulk_tally);
    struct bulk_pace *pace = ARENA_NEW(arena, struct bulk_pace);
    struct bulk_pace_options options = {.folder = "/nonexistent", .stop = &stop};
    CHECK_DONE(bulk_pace_init(pace, &options, tally), "init");
    int64_t wait_ms;
    CHECK(bulk_pace_ready(pace, &wait_ms), "one may go");
    bulk_pace_look(pace);
    CHECK(pace->halt == BULK_PACE_CANCELED && !bulk_pace_await(pace, 1), "no more");
    bulk_pace_release(pace);
}
