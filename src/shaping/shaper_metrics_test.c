/* What Prometheus reads of the shaper: each family together, each name once with its labels. */
#include "config/config.h"
#include "shaping/shaper.h"
#include "tests/test.h"
#include <string.h>

static void ignore_call(void *arg) { (void)arg; }

static void check_text(str text, const char *line)
{
    size_t count = 0, len = strlen(line);
    const char *at = text.ptr, *end = text.ptr + text.len;
    while ((at = memmem(at, (size_t)(end - at), line, len)) != NULL) {
        at += len;
        count++;
    }
    CHECK(count == 1, line);
}

TEST(shaper_metrics)
{
    static const char yaml[] = "egress: { out1: { address: 192.0.2.1 } }\n"
                               "shaping: { egress: { out1: { per_hour: 100 } }, tenants: { "
                               "default: { per_day: 700 } } }\n";
    CLEANUP(buf_release) struct buf text;
    struct config *config = NULL;
    struct config_errors errors;
    struct shaper *shaper;
    struct shaper_seat *seat;
    struct shaper_grant grant;
    struct shaper_wait wait;
    config_errors_init(&errors);
    CHECK_DONE(config_from_text(str_of(yaml), S("t"), &config, &errors), yaml);
    config_errors_release(&errors);
    buf_init(&text, 1 << 20);
    shaper_open(&(struct shaper_options){0}, &shaper);
    shaper_configure(shaper, config);
    struct shaper_way way = {.number = 1, .weight = 1, .site = S("google"), .egress = S("out1")};
    struct shaper_seat_options o = {
        .ways = &way, .way_count = 1, .flow = {.tenant = S("a\"b\\c\nd")}, .called = ignore_call};
    shaper_seat_open(shaper, &o, &seat);
    for (int i = 0; i < 2; i++) {
        bool taken = shaper_take(seat, 1, 0, &grant, &wait);
        CHECK(taken, wait.reason);
        if (taken)
            shaper_end(&grant,
                       &(struct shaper_result){.connected = true,
                                               .accepted = i == 0,
                                               .class = i ? OUTCOME_SPAM : OUTCOME_DELIVERED,
                                               .code = i ? 550 : 250});
    }
    CHECK_DONE(shaper_metrics(shaper, 100, &text), "metrics");
    check_text(buf_str(&text), "smtptool_quota_used{egress=\"out1\",window=\"per_hour\"} 1\n");
    check_text(buf_str(&text), "smtptool_quota_limit{egress=\"out1\",window=\"per_hour\"} 100\n");
    check_text(buf_str(&text),
               "smtptool_quota_limit{tenant=\"a\\\"b\\\\c?d\",window=\"per_day\"} 700\n");
    check_text(buf_str(&text), "smtptool_shaping_paused{route=\"google\",egress=\"out1\",why="
                               "\"blocked\"} 0\n");
    check_text(buf_str(&text), "smtptool_shaping_messages_total{route=\"google\",egress=\"out1\","
                               "result=\"accepted\"} 1\n");
    check_text(buf_str(&text), "smtptool_shaping_messages_total{route=\"google\",egress=\"out1\","
                               "result=\"not_accepted\"} 1\n");
    check_text(buf_str(&text), "# TYPE smtptool_quota_used gauge\n");
    buf_clear(&text);
    CHECK_DONE(shaper_metrics(shaper, 0, &text), "none");
    CHECK(!str_contains(buf_str(&text), S("{")), "as many as were asked for");
    shaper_seat_close(seat);
    shaper_close(shaper);
    config_close(config);
}
