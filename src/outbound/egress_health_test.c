#include "config/text_test.h"
#include "outbound/egress_health.h"
#include "tests/test.h"

/* One check a letter: "." clean, "n" a wrong name, "l" listed, "?" the DNS could not say. Behind
 * each stands what the egress is then: c(lean), u(ncertain), t(ainted), o(ut), b(ack soon). */
TEST(outbound_egress_health_after)
{
    static const struct {
        const char *label, *checks, *standings;
        enum config_on_listed on_listed;
    } cases[] = {
        {"nothing wrong",                   "...",   "ccc",   ON_LISTED_PAUSE},
        {"the DNS is away",                 ".?.",   "cuc",   ON_LISTED_PAUSE},
        {"a name that never was right",     "nn.",   "ttc",   ON_LISTED_PAUSE},
        {"a name that was right",           ".n",    "co",    ON_LISTED_PAUSE},
        {"back after two clean checks",     ".n..",  "cobc",  ON_LISTED_PAUSE},
        {"listed",                          "l..",   "obc",   ON_LISTED_PAUSE},
        {"listed again in between",         "l.l..", "obobc", ON_LISTED_PAUSE},
        {"not known is not clean",          "l?.?.", "oobbc", ON_LISTED_PAUSE},
        {"the second time a name is wrong", "n.n",   "tco",   ON_LISTED_PAUSE},
        {"only told",                       ".ln.",  "cttc",  ON_LISTED_ALERT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outbound_egress_state state = {0};
        for (size_t k = 0; cases[i].checks[k]; k++) {
            char check = cases[i].checks[k];
            struct outbound_egress_finding f = {.wrong_name = check == 'n',
                                                .listed = check == 'l',
                                                .uncertain = check == '?',
                                                .reason = "why"};
            if (check == '.')
                f.reason[0] = '\0';
            state = outbound_egress_health_after(&state, &f, cases[i].on_listed, (int64_t)k + 1);
            const char *name = outbound_egress_health_name(state.standing);
            CHECK(name[0] == cases[i].standings[k], cases[i].label);
            CHECK(state.out == (name[0] == 'o' || name[0] == 'b'), cases[i].label);
            CHECK(!state.out || state.reason[0], "whoever is out has a reason");
            CHECK(state.checked_ms == (int64_t)k + 1, cases[i].label);
        }
    }
}

TEST(outbound_egress_health_table)
{
    struct config *config = config_text_test(S("egress: { a: { address: 192.0.2.1 } }"));
    struct outbound_egress_health *h = outbound_egress_health_open();
    struct outbound_egress_state out = {.standing = EGRESS_OUT, .out = true, .since_ms = 7};
    CHECK(!outbound_egress_health_get(h, S("a")).out, "nobody has spoken");
    CHECK(!outbound_egress_health_get(NULL, S("a")).out, "there is nobody who could");
    outbound_egress_health_set(h, S("a"), &out);
    CHECK(outbound_egress_health_any_out(h), "one is out");
    outbound_egress_health_set(h, S("a"), &(struct outbound_egress_state){0});
    CHECK(!outbound_egress_health_any_out(h), "none is");
    outbound_egress_health_set(h, S("a"), &out);
    outbound_egress_health_set(h, S("gone"), &out);
    CHECK(outbound_egress_health_get(h, S("a")).since_ms == 7, "it is kept");
    outbound_egress_health_keep(h, config);
    CHECK(outbound_egress_health_get(h, S("a")).out, "the configuration has it");
    CHECK(!outbound_egress_health_get(h, S("gone")).out, "the configuration has it no more");
    CHECK(outbound_egress_health_any_out(h), "one is left");
    outbound_egress_health_set(h, S("a"), &(struct outbound_egress_state){0});
    CHECK(!outbound_egress_health_any_out(h), "whoever was forgotten counts no more");
    CHECK(!outbound_egress_health_any_out(NULL), "there is nobody who could say");
    outbound_egress_health_close(h);
    config_close(config);
}

TEST(outbound_egress_health_over_a_restart)
{
    static const struct outbound_egress_state out = {.standing = EGRESS_BACK_SOON,
                                                     .out = true,
                                                     .since_ms = 1795219200000,
                                                     .checked_ms = 1795222800000,
                                                     .clean = 1,
                                                     .name_agreed = true,
                                                     .of = UINT64_MAX,
                                                     .reason = "192.0.2.1 is listed by x.example"};
    static const struct outbound_egress_state in = {
        .standing = EGRESS_CLEAN, .checked_ms = 5, .clean = 9, .name_agreed = true, .of = 7};
    static const char *const odd[] = {
        "",
        "\n\n",
        "out1",
        " 5 1 1 1 1 1 1 why",     /* no name */
        "out1 9 1 1 1 1 1 1 why", /* no such standing */
        "out1 1 1 1 1 1 1 1 why", /* clean, and out */
        "out1 5 0 1 1 1 1 1 why", /* out, and in */
        "out1 5 1 -1 1 1 1 1 why",
        "out1 5 1 99999999999999999999 1 1 1 1 why",
    };
    CLEANUP(buf_release) struct buf text;
    struct outbound_egress_health *h = outbound_egress_health_open();
    struct outbound_egress_health *after = outbound_egress_health_open();
    buf_init(&text, OUTBOUND_EGRESS_HEALTH_BYTES_MAX);
    outbound_egress_health_set(h, S("out1"), &out);
    outbound_egress_health_set(h, S("in"), &in);
    CHECK_DONE(outbound_egress_health_write(h, &text), "write");
    outbound_egress_health_read(after, buf_str(&text));
    struct outbound_egress_state got = outbound_egress_health_get(after, S("out1"));
    CHECK(got.standing == out.standing && got.out && got.clean == 1 && got.of == out.of, "out");
    CHECK(got.since_ms == out.since_ms && got.checked_ms == out.checked_ms, "since when");
    CHECK_STR(str_of(got.reason), out.reason, "why");
    got = outbound_egress_health_get(after, S("in"));
    CHECK(got.standing == EGRESS_UNCHECKED && got.checked_ms == 0, "looked at anew");
    CHECK(got.name_agreed && got.of == 7, "but a name that goes now is missed");
    outbound_egress_health_close(h);
    outbound_egress_health_close(after);
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        h = outbound_egress_health_open();
        outbound_egress_health_read(h, str_of(odd[i]));
        CHECK(!outbound_egress_health_any_out(h), odd[i]);
        outbound_egress_health_close(h);
    }
}
