/* What follows from a state, the DNS and the time; and the file that keeps it. */
#include "account/rotation.h"
#include "tests/test.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND, NOW = 1000 * SECOND };
#define DAY ((int64_t)24 * HOUR)
#define BEGIN ((int64_t)1800000000000) /* "now" in these tests; some times are told from it */

#define NONE ACCOUNT_ROTATION_NONE
#define PUBLISH ACCOUNT_ROTATION_PUBLISH
#define SPREAD ACCOUNT_ROTATION_SPREAD
#define SWITCH ACCOUNT_ROTATION_SWITCH
#define KEEP ACCOUNT_ROTATION_KEEP
#define RETIRE ACCOUNT_ROTATION_RETIRE
#define UNKNOWN ACCOUNT_ROTATION_UNKNOWN
#define LIVE ACCOUNT_ROTATION_LIVE
#define GONE ACCOUNT_ROTATION_GONE
#define MIXED ACCOUNT_ROTATION_MIXED

/* In a phase since BEGIN, with one old key and one new one. */
static void in_phase(struct account_rotation *r, enum account_rotation_phase phase, int64_t wait_ms)
{
    *r = (struct account_rotation){
        .phase = phase,
        .begun_ms = BEGIN,
        .since_ms = BEGIN,
        .last_ms = BEGIN,
        .until_ms = wait_ms > 0 ? BEGIN + wait_ms : 0,
        .old = {S("r1")},
        .old_count = phase != NONE,
        .fresh = {       S("r2")      },
        .fresh_count = phase != NONE,
        .used = { S("r1"),       S("r2")},
        .used_count = 2,
    };
}

TEST(account_rotation_step)
{
    /* clang-format off */
    static const struct {
        const char *label;
        enum account_rotation_phase phase;
        int64_t wait_ms;                    /* that was begun in it */
        struct account_rotation_look look;
        int64_t after_ms;                   /* when it is looked at, from BEGIN */
        enum account_rotation_phase then;
        int64_t then_until_ms;              /* from BEGIN; 0: none */
    } cases[] = {
        {"nothing under way",            NONE,    0,       {LIVE, LIVE, 0, 0, true},          DAY,           NONE,    0},
        {"not published",                PUBLISH, 0,       {GONE, LIVE, 300, 300, true},      DAY,           PUBLISH, 0},
        {"published in part",            PUBLISH, 0,       {MIXED, LIVE, 300, 300, true},     DAY,           PUBLISH, 0},
        {"the resolver fails",           PUBLISH, 0,       {UNKNOWN, UNKNOWN, 0, 0, true},    DAY,           PUBLISH, 0},
        {"published; TTL 300",           PUBLISH, 0,       {LIVE, LIVE, 300, 60, true},       HOUR,          SPREAD,  HOUR + 300 * SECOND},
        {"published; TTL 86400",         PUBLISH, 0,       {LIVE, LIVE, 86400, 60, true},     HOUR,          SPREAD,  HOUR + DAY},
        {"the negative TTL is longer",   PUBLISH, 0,       {LIVE, LIVE, 300, 7200, true},     HOUR,          SPREAD,  3 * HOUR},
        {"no TTL is known: none is due", PUBLISH, 0,       {LIVE, UNKNOWN, 0, 0, true},       HOUR,          SPREAD,  0},
        {"it spreads",                   SPREAD,  HOUR,    {LIVE, LIVE, 300, 300, true},      HOUR - 1,      SPREAD,  HOUR},
        {"it has spread",                SPREAD,  HOUR,    {LIVE, LIVE, 300, 300, true},      HOUR,          SWITCH,  0},
        {"spread, but who knows",        SPREAD,  HOUR,    {UNKNOWN, LIVE, 0, 0, true},       2 * HOUR,      SPREAD,  HOUR},
        {"it was taken back",            SPREAD,  HOUR,    {GONE, LIVE, 300, 300, true},      2 * HOUR,      PUBLISH, 0},
        {"one server lost it",           SPREAD,  HOUR,    {MIXED, LIVE, 300, 300, true},     HOUR / 2,      PUBLISH, 0},
        {"the server was not told",      SWITCH,  0,       {LIVE, LIVE, 300, 300, false},     DAY,           SWITCH,  0},
        {"the server was told",          SWITCH,  0,       {LIVE, LIVE, 300, 300, true},      HOUR,          KEEP,    HOUR + 7 * DAY},
        {"told; the DNS fails",          SWITCH,  0,       {UNKNOWN, UNKNOWN, 0, 0, true},    HOUR,          KEEP,    HOUR + 7 * DAY},
        {"kept",                         KEEP,    7 * DAY, {LIVE, LIVE, 300, 300, true},      7 * DAY - 1,   KEEP,    7 * DAY},
        {"kept, removed too soon",       KEEP,    7 * DAY, {LIVE, GONE, 300, 300, true},      DAY,           KEEP,    7 * DAY},
        {"kept long enough",             KEEP,    7 * DAY, {LIVE, LIVE, 300, 300, true},      7 * DAY,       RETIRE,  0},
        {"but the server may not know",  KEEP,    7 * DAY, {LIVE, LIVE, 300, 300, false},     7 * DAY,       KEEP,    7 * DAY},
        {"still there",                  RETIRE,  0,       {LIVE, LIVE, 300, 300, true},      30 * DAY,      RETIRE,  0},
        {"removed in part",              RETIRE,  0,       {LIVE, MIXED, 300, 300, true},     DAY,           RETIRE,  0},
        {"removed, or who knows",        RETIRE,  0,       {LIVE, UNKNOWN, 0, 0, true},       DAY,           RETIRE,  0},
        {"removed",                      RETIRE,  0,       {LIVE, GONE, 0, 0, true},          DAY,           NONE,    0},

        {"clock set back an hour",       SPREAD,  HOUR,    {LIVE, LIVE, 300, 300, true},      -HOUR,         SPREAD,  0 /* = now + HOUR */},
        {"and a day, while kept",        KEEP,    7 * DAY, {LIVE, LIVE, 300, 300, true},      -DAY,          KEEP,    6 * DAY},
        {"a second back is no matter",   SPREAD,  HOUR,    {LIVE, LIVE, 300, 300, true},      -SECOND,       SPREAD,  HOUR},
        {"back where nothing waits",     PUBLISH, 0,       {GONE, LIVE, 300, 300, true},      -DAY,          PUBLISH, 0},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct account_rotation r;
        int64_t now = BEGIN + cases[i].after_ms;
        in_phase(&r, cases[i].phase, cases[i].wait_ms);
        account_rotation_step(&r, &cases[i].look, now);
        int64_t until = cases[i].then_until_ms ? BEGIN + cases[i].then_until_ms : 0;
        if (cases[i].after_ms < 0 && cases[i].wait_ms == HOUR && cases[i].then_until_ms == 0)
            until = now + HOUR;
        CHECK(r.phase == cases[i].then, cases[i].label);
        CHECK(r.until_ms == until, cases[i].label);
        CHECK(r.last_ms == now, cases[i].label);
        CHECK(r.phase == cases[i].phase || r.phase == NONE || r.since_ms == now, cases[i].label);
        CHECK((r.fresh_count > 0) == (r.phase != NONE), cases[i].label);
        CHECK(r.used_count == 2, "what was used is remembered");
    }
}

/* The waiting is as long as it was, from the moment at which the clock was found to be wrong. */
TEST(account_rotation_clock)
{
    struct account_rotation r;
    const struct account_rotation_look look = {LIVE, LIVE, 300, 300, true};
    in_phase(&r, SPREAD, HOUR);
    account_rotation_step(&r, &look, BEGIN + HOUR / 2);
    account_rotation_step(&r, &look, BEGIN - DAY);
    CHECK(r.phase == SPREAD && r.until_ms == BEGIN - DAY + HOUR, "anew");
    account_rotation_step(&r, &look, BEGIN - DAY + HOUR - 1);
    CHECK(r.phase == SPREAD, "the whole of it");
    account_rotation_step(&r, &look, BEGIN - DAY + HOUR);
    CHECK(r.phase == SWITCH, "and then on");
}

TEST(account_rotation_abort)
{
    static const struct {
        const char *label;
        enum account_rotation_phase phase, then;
        enum account_rotation_records old;
        bool refused;
    } cases[] = {
        {"nothing",                  NONE,    NONE,   LIVE,    true },
        {"before it is published",   PUBLISH, NONE,   UNKNOWN, false},
        {"published",                SPREAD,  NONE,   LIVE,    false},
        {"in the change",            SWITCH,  SWITCH, LIVE,    false},
        {"the old record is gone",   SWITCH,  SWITCH, GONE,    true },
        {"while the old one stays",  KEEP,    SWITCH, LIVE,    false},
        {"the old one is not known", KEEP,    KEEP,   UNKNOWN, true },
        {"the old one was changed",  KEEP,    KEEP,   MIXED,   true },
        {"too late",                 RETIRE,  RETIRE, LIVE,    true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct account_rotation r;
        struct account_rotation_look look = {LIVE, cases[i].old, 300, 300, false};
        in_phase(&r, cases[i].phase, 0);
        err e = account_rotation_abort(&r, &look, BEGIN + HOUR);
        CHECK((e != NULL) == cases[i].refused, cases[i].label);
        CHECK(r.phase == cases[i].then, cases[i].label);
        bool back = !cases[i].refused && cases[i].then == SWITCH;
        if (r.fresh_count > 0)
            CHECK_STR(r.fresh[0], back ? "r1" : "r2", cases[i].label);
        if (back)
            CHECK_STR(r.old[0], "r2", "the new ones are the old ones now");
        CHECK(account_rotation_used(&r, S("r2")), "and are never taken again");
        err_forget();
    }
}

TEST(account_rotation_begin)
{
    static const str old[] = {S("r1"), S("e1")}, fresh[] = {S("r2"), S("e2")};
    static const str many[] = {S("a"), S("b"), S("c"), S("d"), S("e"), S("f"), S("g")};
    static const str bad[] = {S("../x"), S("ok")}, again[] = {S("R1"), S("e3")};
    struct account_rotation r = {0};
    CHECK(account_rotation_begin(&r, many, 7, fresh, 2, BEGIN) != NULL, "too many");
    CHECK(account_rotation_begin(&r, old, 2, bad, 2, BEGIN) != NULL, "no selector");
    CHECK(r.phase == NONE && r.used_count == 0, "untouched");
    CHECK_DONE(account_rotation_begin(&r, old, 2, fresh, 2, BEGIN), "begin");
    CHECK(r.phase == PUBLISH && r.used_count == 4 && r.begun_ms == BEGIN, "begun");
    struct account_rotation_look look = {0};
    CHECK_DONE(account_rotation_abort(&r, &look, BEGIN), "abort");
    err e = account_rotation_begin(&r, old, 2, again, 2, BEGIN);
    CHECK(e && e->kind == ERR_CONFIG, "a selector in other letters is the same one");
    e = account_rotation_begin(&r, old, 2, fresh, 2, BEGIN);
    CHECK(e && e->kind == ERR_CONFIG, "nor one of a rotation that was given up");
    err_forget();
}

TEST(account_rotation_overdue)
{
    static const struct {
        const char *label;
        enum account_rotation_phase phase;
        int64_t wait_ms, after_ms;
        bool overdue;
    } cases[] = {
        {"nothing",            NONE,    0,       400 * DAY,   false},
        {"begun",              PUBLISH, 0,       7 * DAY,     false},
        {"never published",    PUBLISH, 0,       7 * DAY + 1, true },
        {"spreads",            SPREAD,  DAY,     2 * DAY,     false},
        {"nobody goes on",     SPREAD,  DAY,     2 * DAY + 1, true },
        {"in the change",      SWITCH,  0,       HOUR,        false},
        {"left in the change", SWITCH,  0,       HOUR + 1,    true },
        {"kept",               KEEP,    7 * DAY, 7 * DAY - 1, false},
        {"kept long enough",   KEEP,    7 * DAY, 7 * DAY,     true },
        {"may be removed",     RETIRE,  0,       DAY,         false},
        {"should be removed",  RETIRE,  0,       DAY + 1,     true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct account_rotation r;
        char why[300] = "";
        in_phase(&r, cases[i].phase, cases[i].wait_ms);
        CHECK(account_rotation_overdue(&r, S("example.com"), BEGIN + cases[i].after_ms, why,
                                       sizeof why) == cases[i].overdue,
              cases[i].label);
        CHECK(str_starts(str_of(why), S("example.com: ")) == cases[i].overdue, cases[i].label);
    }
}

/* ---- the file ---------------------------------------------------------------------------------
 */

TEST(account_rotation_text)
{
    static const struct {
        const char *label, *text;
        bool good;
    } cases[] = {
        {"nothing under way", "smtptool rotation 1\nphase none\nused r1\nend\n",         true },
        {"under way",         "smtptool rotation 1\nphase publish\nold a\nnew b\nend\n", true },
        {"empty",             "",                                                        false},
        {"another file",      "phase none\nend\n",                                       false},
        {"another version",   "smtptool rotation 2\nphase none\nend\n",                  false},
        {"cut short",         "smtptool rotation 1\nphase publish\nold a\nnew b\n",      false},
        {"cut in the end",    "smtptool rotation 1\nphase publish\nold a\nnew b\nen",    false},
        {"more behind",       "smtptool rotation 1\nphase none\nend\nphase keep\n",      false},
        {"no such phase",     "smtptool rotation 1\nphase later\nold a\nnew b\nend\n",   false},
        {"no new key",        "smtptool rotation 1\nphase keep\nold a\nend\n",           false},
        {"no old key",        "smtptool rotation 1\nphase keep\nnew a\nend\n",           false},
        {"keys for nothing",  "smtptool rotation 1\nphase none\nold a\nnew b\nend\n",    false},
        {"no time",           "smtptool rotation 1\nphase none\nbegun_ms -1\nend\n",     false},
        {"another folder",    "smtptool rotation 1\nphase keep\nold ../a\nnew b\nend\n", false},
        {"a dot in front",    "smtptool rotation 1\nphase keep\nold .a\nnew b\nend\n",   false},
        {"an unknown word",   "smtptool rotation 1\nphase none\ncolour red\nend\n",      false},
    };
    struct account_rotation r;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct buf text, again;
        r = (struct account_rotation){.last_ms = 7};
        err e = account_rotation_parse(str_of(cases[i].text), arena, &r);
        CHECK((e == NULL) == cases[i].good, cases[i].label);
        CHECK(e == NULL || (e->kind == ERR_DAMAGED && r.last_ms == 7), cases[i].label);
        if (e == NULL) {
            buf_init(&text, 1 << 16);
            buf_init(&again, 1 << 16);
            CHECK_DONE(account_rotation_format(&r, &text), cases[i].label);
            CHECK_DONE(account_rotation_parse(buf_str(&text), arena, &r), cases[i].label);
            CHECK_DONE(account_rotation_format(&r, &again), cases[i].label);
            CHECK_STR(buf_str(&again), buf_chars(&text), cases[i].label);
            buf_release(&text);
            buf_release(&again);
        }
        arena_close(arena);
        err_forget();
    }
}
