#include "base/log.h"
#include "inbound/recipients.h"
#include "runtime/sim.h"
#include "tests/test.h"

struct hop {  /* the next hop, as the test wants it */
    int code; /* 0: away; -1: silent */
    int asked;
};

static err ask(void *arg, const struct config_hop *hop, str address, struct arena *arena,
               struct smtp_reply *ret_reply, deadline until)
{
    (void)hop, (void)address, (void)arena;
    struct hop *h = arg;
    h->asked++;
    if (h->code < 0) {
        TRY(fiber_sleep(until));
        return err_new(ERR_TIMEOUT, "silence");
    }
    if (h->code == 0)
        return err_new(ERR_CLOSED, "away");
    ret_reply->code = h->code;
    return NULL;
}

static void steps(void *arg)
{
    enum { SECOND = 1000, MINUTE = 60 * SECOND };
    static const struct {
        const char *label, *address;
        int code;
        int64_t after_ms;
        enum inbound_recipient expected;
        int asked; /* so far */
    } list[] = {
        {"yes",                    "bob@x.example", 250, 0,           INBOUND_RECIPIENT_YES,  1},
        {"an hour less a bit",     "bob@x.example", 550, 59 * MINUTE, INBOUND_RECIPIENT_YES,  1},
        {"an hour",                "bob@x.example", 550, MINUTE,      INBOUND_RECIPIENT_NO,   2},
        {"four minutes of no",     "bob@x.example", 250, 4 * MINUTE,  INBOUND_RECIPIENT_NO,   2},
        {"five minutes",           "bob@x.example", 250, MINUTE,      INBOUND_RECIPIENT_YES,  3},
        {"another",                "eve@x.example", 251, 0,           INBOUND_RECIPIENT_YES,  4},
        {"away",                   "ann@x.example", 0,   0,           INBOUND_RECIPIENT_AWAY, 5},
        {"that is not remembered", "ann@x.example", 450, 0,           INBOUND_RECIPIENT_AWAY, 6},
        {"nor is a 4xx",           "ann@x.example", 553, 0,           INBOUND_RECIPIENT_NO,   7},
        {"silence does not last",  "sam@x.example", -1,  0,           INBOUND_RECIPIENT_AWAY, 8},
    };
    struct hop *h = arg;
    struct inbound_recipients_asker asker = {ask, h};
    struct inbound_recipients *r = inbound_recipients_open(&asker);
    struct config_hop hop = {0};
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        enum inbound_recipient answer = INBOUND_RECIPIENT_AWAY;
        CHECK_DONE(fiber_sleep(deadline_after(list[i].after_ms)), "sleep");
        h->code = list[i].code;
        int64_t begun_ms = clock_steady_ms();
        CHECK_DONE(inbound_recipients_ask(r, &hop, str_of(list[i].address), &answer,
                                          deadline_after(5 * MINUTE)),
                   list[i].label);
        CHECK(answer == list[i].expected, list[i].label);
        CHECK(h->asked == list[i].asked, list[i].label);
        CHECK(clock_steady_ms() - begun_ms <= INBOUND_RECIPIENTS_ASK_MS_MAX, list[i].label);
        err_forget();
    }
    inbound_recipients_close(r);
}

TEST(inbound_recipients)
{
    struct hop h = {0};
    sim_run(1, steps, &h);
}

static void many(void *arg)
{
    struct hop *h = arg;
    struct inbound_recipients_asker asker = {ask, h};
    struct inbound_recipients *r = inbound_recipients_open(&asker);
    struct config_hop hop = {0};
    enum inbound_recipient answer;
    char address[40];
    h->code = 250;
    for (int i = 0; i <= INBOUND_RECIPIENTS_MAX; i++) {
        snprintf(address, sizeof address, "u%d@x.example", i);
        CHECK_DONE(inbound_recipients_ask(r, &hop, str_of(address), &answer, DEADLINE_NEVER),
                   address);
    }
    int asked = h->asked;
    CHECK_DONE(inbound_recipients_ask(r, &hop, str_of(address), &answer, DEADLINE_NEVER), "last");
    CHECK(h->asked == asked, "the newest is remembered");
    CHECK_DONE(inbound_recipients_ask(r, &hop, S("u0@x.example"), &answer, DEADLINE_NEVER), "0");
    CHECK(h->asked == asked + 1, "the oldest made room");
    inbound_recipients_close(r);
}

TEST(inbound_recipients_memory)
{
    struct hop h = {0};
    sim_run(1, many, &h);
}
