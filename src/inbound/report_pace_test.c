#include "base/mem.h"
#include "inbound/report_own.h"
#include "tests/test.h"

enum { START = 1000000 };

static struct inbound_report open_paces(void)
{
    return (struct inbound_report){
        .paces = mem_alloc(INBOUND_REPORT_PROVIDERS_MAX * sizeof(struct inbound_report_pace))};
}

TEST(inbound_report_pace_bundles)
{
    struct inbound_report r = open_paces();
    for (int i = 0; i < INBOUND_REPORT_BUNDLE; i++)
        CHECK(inbound_report_pace(&r, S("big.example"), START + i) == 0, "a bundle goes at once");
    const int64_t pause = INBOUND_REPORT_PAUSE_MS;
    for (int i = 0; i < INBOUND_REPORT_BUNDLE; i++)
        CHECK(inbound_report_pace(&r, S("big.example"), START + 50) == START + pause,
              "the next bundle behind a pause");
    CHECK(inbound_report_pace(&r, S("big.example"), START + 60) == START + 2 * pause,
          "and the one behind that");
    CHECK(inbound_report_pace(&r, S("small.example"), START + 60) == 0, "others do not wait");
    CHECK(inbound_report_pace(&r, S("big.example"), START + pause) == 0, "when the pause is over");
    CHECK(inbound_report_pace(&r, S("big.example"), START - 10 * pause) == 0, "a date set back");
    mem_free(r.paces);
}

/* An attacker has as many names as he likes; those that pause are forgotten last. */
TEST(inbound_report_pace_is_bounded)
{
    struct inbound_report r = open_paces();
    char name[40];
    for (int i = 0; i < 3 * INBOUND_REPORT_PROVIDERS_MAX; i++) {
        snprintf(name, sizeof name, "d%d.example", i);
        CHECK(inbound_report_pace(&r, str_of(name), START + i) == 0, name);
    }
    CHECK(r.pace_count == INBOUND_REPORT_PROVIDERS_MAX, "no more are remembered");
    mem_free(r.paces);
}
