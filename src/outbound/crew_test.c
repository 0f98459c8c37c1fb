#include "outbound/town_test.h"

/* One smart host and several workers: a destination is in one worker's schedule, and the others
 * help. */

#define BY_ONE_HOST                                                            \
    "hostname: mail.example.com\n"                                             \
    "routes:\n"                                                                \
    "- { name: side, to: side.example, via: \"smtp://192.0.2.2?tls=none\" }\n" \
    "- { name: out, to: \"*\", via: \"smtp://192.0.2.1?tls=none\" }\n"
#define SLOWLY                                                             \
    TOWN_GREET "S: 250 ok\nagain\n" TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO \
               "data\nnap\nS: 250 2.0.0 taken\n"

enum { MAILS = 200, CONNECTIONS = 20, SECOND = 1000 };

static void send_many(struct town *t)
{
    for (int i = 0; i < MAILS; i++)
        town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
}

static int helpers(const struct town *t)
{
    int count = 0;
    for (int i = 0; i < t->workers; i++)
        count += t->each[i].delivered > 0;
    return count;
}

/* Everybody has a share, each mail arrives once, and the host never sees more connections than it
 * may, not even when a wave is shared in another way than the one before, whose connections are
 * still idle: other mail has come between them. */
static void share(struct town *t)
{
    for (int wave = 1; wave <= 3; wave++) {
        for (int i = 0; wave > 1 && i < 4; i++)
            town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@side.example"});
        send_many(t);
        town_wait(t, 9 * SECOND);
        CHECK(town_count(t, "delivered") == (size_t)(MAILS * wave), "all, once");
    }
    CHECK(helpers(t) == t->workers, "all have helped");
    CHECK(t->servers[0].most_open <= CONNECTIONS, "no more connections than allowed");
    CHECK(t->servers[0].most_open > CONNECTIONS / 2, "nor many fewer");
    town_wait(t, 30 * SECOND);
    CHECK(town_messages(t) == 8, "nothing is left of it");
    CHECK(t->servers[0].open == 0, "none is kept for ever");
}

/* What there is little of stays with its worker and its connection. */
static void keep(struct town *t)
{
    for (int i = 0; i < 20; i++) {
        town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
        town_wait(t, SECOND);
    }
    CHECK(town_count(t, "delivered") == 20, "all");
    CHECK(helpers(t) == 1, "by one worker");
    CHECK(t->servers[0].connections == 1, "over one connection");
}

/* Wave after wave, now here, now there: connections that lie idle are used, wherever they are, and
 * not closed to make room for others. */
static void waves(struct town *t)
{
    for (int wave = 0; wave < 8; wave++) {
        for (int i = 0; i < CONNECTIONS + 5; i++)
            town_send(t, &(struct town_mail){.from = "a@x.example", .to = "b@example.net"});
        town_wait(t, 4 * SECOND);
    }
    CHECK(town_count(t, "delivered") == (size_t)(8 * (CONNECTIONS + 5)), "all");
    CHECK(t->servers[0].connections < 2 * CONNECTIONS, "over the same connections");
    CHECK(t->servers[0].most_open <= CONNECTIONS, "no more connections than allowed");
}

/* The power goes in the middle of it; what was promised arrives. */
static void crash(struct town *t)
{
    send_many(t);
    town_wait(t, 2 * SECOND + SECOND / 5);
    CHECK(helpers(t) == t->workers, "all are at it");
    town_crash(t);
    town_wait(t, 20 * 60 * SECOND);
    CHECK(town_messages(t) == 0, "nothing is left");
    CHECK(town_count(t, "delivered") >= MAILS, "all");
}

/* Stopped with and without time to finish: what is lent comes back, and what was not begun waits.
 */
static void stop(struct town *t)
{
    send_many(t);
    town_wait(t, 2 * SECOND + SECOND / 5);
    size_t before = town_count(t, "delivered");
    town_stop(t, 5 * SECOND);
    size_t after = town_count(t, "delivered");
    CHECK(after > before && after <= before + CONNECTIONS * 2, "what was under way");
    CHECK(town_messages(t) == MAILS - after, "the rest waits");
}

static void cut(struct town *t)
{
    send_many(t);
    town_wait(t, 2 * SECOND + SECOND / 5);
    size_t before = town_count(t, "delivered");
    town_stop(t, 0);
    CHECK(town_count(t, "delivered") == before, "nothing more");
    CHECK(town_messages(t) == MAILS - before, "the rest waits");
}

TEST(outbound_crew)
{
    static const struct {
        const char *label;
        void (*body)(struct town *);
    } cases[] = {
        {"shared",      share},
        {"little mail", keep },
        {"waves",       waves},
        {"crash",       crash},
        {"stopped",     stop },
        {"cut off",     cut  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int workers = 2; workers <= TOWN_WORKERS_MAX; workers++) {
            struct town t = {.label = cases[i].label,
                             .yaml = BY_ONE_HOST,
                             .body = cases[i].body,
                             .workers = workers};
            t.servers[0] = (struct town_server){.at = "192.0.2.1:587", .every = SLOWLY};
            t.servers[1] = (struct town_server){.at = "192.0.2.2:587", .every = "silent\n"};
            town_run(&t);
        }
}
