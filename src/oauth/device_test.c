/* RFC 8628 section 3.5, on a clock of numbers. */
#include "oauth/device.h"
#include "tests/test.h"

static const struct oauth_device_answer code = {.life_s = 60, .interval_s = 5};

static void hear(struct oauth_device *d, enum oauth_refusal_kind kind)
{
    struct oauth_refusal r = {.kind = kind};
    oauth_device_heard(d, &r, d->next_ms);
}

TEST(oauth_device_polls)
{
    struct oauth_device d;
    oauth_device_begin(&d, &code, 1000);
    CHECK(d.next_ms == 6000, "not before the interval has passed");
    hear(&d, OAUTH_PENDING);
    CHECK(d.next_ms == 11000, "every 5 s");
    hear(&d, OAUTH_SLOW_DOWN);
    CHECK(d.next_ms == 21000, "slow_down adds 5 s");
    hear(&d, OAUTH_PENDING);
    CHECK(d.next_ms == 31000, "for good");
    oauth_device_unheard(&d, 31000);
    CHECK(d.next_ms == 51000, "a timeout halves the rate");
    CHECK(d.state == OAUTH_DEVICE_WAITING, "still within 60 s");
    hear(&d, OAUTH_PENDING);
    CHECK(d.state == OAUTH_DEVICE_EXPIRED, "the next question would come too late");
}

TEST(oauth_device_ends)
{
    static const struct {
        const char *label;
        enum oauth_refusal_kind kind;
        enum oauth_device_state state;
    } cases[] = {
        {"a token",               OAUTH_NOT_REFUSED, OAUTH_DEVICE_DONE   },
        {"authorization_pending", OAUTH_PENDING,     OAUTH_DEVICE_WAITING},
        {"slow_down",             OAUTH_SLOW_DOWN,   OAUTH_DEVICE_WAITING},
        {"a 503",                 OAUTH_TEMPORARY,   OAUTH_DEVICE_WAITING},
        {"expired_token",         OAUTH_EXPIRED,     OAUTH_DEVICE_EXPIRED},
        {"access_denied",         OAUTH_DENIED,      OAUTH_DEVICE_DENIED },
        {"invalid_grant",         OAUTH_LOGIN_AGAIN, OAUTH_DEVICE_FAILED },
        {"invalid_client",        OAUTH_BAD_CLIENT,  OAUTH_DEVICE_FAILED },
        {"something else",        OAUTH_OTHER,       OAUTH_DEVICE_FAILED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oauth_device d;
        oauth_device_begin(&d, &code, 0);
        hear(&d, cases[i].kind);
        CHECK(d.state == cases[i].state, cases[i].label);
    }
}

TEST(oauth_device_bounds)
{
    struct oauth_device d;
    struct oauth_device_answer quick = {.life_s = 3600, .interval_s = 0};
    oauth_device_begin(&d, &quick, 0);
    CHECK(d.next_ms == 1000, "an interval of 0 is 1 s");
    for (int i = 0; i < 40 && d.state == OAUTH_DEVICE_WAITING; i++)
        oauth_device_unheard(&d, d.next_ms);
    CHECK(d.interval_ms == OAUTH_DEVICE_INTERVAL_S_MAX * 1000, "it grows up to a limit");
    quick.life_s = 1;
    oauth_device_begin(&d, &quick, 0);
    CHECK(d.state == OAUTH_DEVICE_EXPIRED, "a code that is over before it can be asked for");
}
