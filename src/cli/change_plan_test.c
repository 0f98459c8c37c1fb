/* Times of a change, from given TTLs and a given now. */
#include "base/buf.h"
#include "cli/change_plan.h"
#include "tests/test.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
#define NOW ((int64_t)1800000000)

/* "prepare+0 shorten+0 change+86400", in seconds from now. */
static void say(const struct cli_change_plan *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++)
        CHECK_DONE(buf_addf(out, "%s%s+%lld", i ? " " : "",
                            cli_change_plan_step_name(p->steps[i].step),
                            (long long)(p->steps[i].at_ms / 1000 - NOW)),
                   "a step");
}

TEST(cli_change_plan)
{
    /* clang-format off */
    static const struct {
        const char *label;
        enum cli_change_kind kind;
        uint32_t ttl_s;
        int64_t at_s; /* from now; 0: as soon as it can be */
        bool absent, too_soon;
        int64_t earliest_s, seen_s;
        const char *steps;
    } cases[] = {
        {"a day, at once", CLI_CHANGE_MX, DAY, 0, false, false, DAY, DAY + 300,
         "prepare+0 shorten+0 change+86400 seen+86700 lengthen+173100 remove+173100"},
        {"a day, in a week", CLI_CHANGE_MX, DAY, 7 * DAY, false, false, DAY, 7 * DAY + 300,
         "prepare+0 shorten+518400 change+604800 seen+605100 lengthen+691500 remove+691500"},
        {"just in time", CLI_CHANGE_MX, DAY, DAY, false, false, DAY, DAY + 300,
         "prepare+0 shorten+0 change+86400 seen+86700 lengthen+173100 remove+173100"},
        {"a second too soon", CLI_CHANGE_MX, DAY, DAY - 1, false, true, DAY, DAY + 299,
         "prepare+0 shorten+0 change+86399 seen+86699 lengthen+173099 remove+173099"},
        {"too soon: in an hour", CLI_CHANGE_MX, DAY, HOUR, false, true, DAY, DAY,
         "prepare+0 shorten+0 change+3600 seen+86400 lengthen+172800 remove+172800"},
        {"short already", CLI_CHANGE_MX, 300, 0, false, false, 0, 300,
         "prepare+0 change+0 seen+300 remove+86700"},
        {"shorter than short", CLI_CHANGE_MX, MINUTE, HOUR, false, false, 0, HOUR + MINUTE,
         "prepare+0 change+3600 seen+3660 remove+90060"},
        {"just above", CLI_CHANGE_MX, 301, 0, false, false, 301, 601,
         "prepare+0 shorten+0 change+301 seen+601 lengthen+87001 remove+87001"},
        {"none yet", CLI_CHANGE_MX, 900, 0, true, false, 0, 900,
         "prepare+0 change+0 seen+900 remove+87300"},
        {"old senders' mail may wait", CLI_CHANGE_SPF, HOUR, 0, false, false, HOUR, HOUR + 300,
         "prepare+0 shorten+0 change+3600 seen+3900 lengthen+90300 remove+435900"},
        {"an address", CLI_CHANGE_IP, 300, 0, false, false, 0, 300,
         "prepare+0 change+0 seen+300 remove+432300"},
        {"a new key has a new name", CLI_CHANGE_DKIM, DAY, 0, false, false, 0, DAY,
         "prepare+0 change+0 seen+86400 remove+691200"},
        {"a new key, in a week", CLI_CHANGE_DKIM, 600, 7 * DAY, false, false, 0, 7 * DAY + 600,
         "prepare+0 change+604800 seen+605400 remove+1210200"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cli_change_plan plan;
        struct cli_change change = {
            .kind = cases[i].kind,
            .now_ms = NOW * 1000,
            .at_ms = cases[i].at_s ? (NOW + cases[i].at_s) * 1000 : 0,
            .ttl_s = cases[i].ttl_s,
            .absent = cases[i].absent,
            .give_up_ms = (int64_t)5 * DAY * 1000,
        };
        struct buf steps;
        buf_init(&steps, 1024);
        cli_change_plan_make(&change, &plan);
        say(&plan, &steps);
        CHECK_STR(buf_str(&steps), cases[i].steps, cases[i].label);
        CHECK(plan.too_soon == cases[i].too_soon, cases[i].label);
        CHECK(plan.earliest_ms == (NOW + cases[i].earliest_s) * 1000, cases[i].label);
        CHECK(plan.seen_ms == (NOW + cases[i].seen_s) * 1000, cases[i].label);
        for (size_t j = 0; j < plan.count; j++) {
            CHECK(j == 0 || plan.steps[j - 1].at_ms <= plan.steps[j].at_ms, "in order");
            CHECK(cli_change_plan_words(change.kind, plan.steps[j].step)[0] != '\0', "in words");
        }
        buf_release(&steps);
    }
}
