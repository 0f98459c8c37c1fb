/* Port 25 that nobody lets us through: told once, and mail waits as a whole. */
#include "outbound/port25.h"
#include "outbound/town_test.h"

#define ACCEPT TOWN_GREET "S: 250 ok\nagain\n" TOWN_TAKE
#define NAMES                                                                                 \
    "one.silent. MX 10 mx.one.silent.\ntwo.silent. MX 10 mx.two.silent.\n"                    \
    "three.silent. MX 10 mx.three.silent.\nmx.one.silent. A 192.1.0.1\n"                      \
    "mx.two.silent. A 192.2.0.1\nmx.three.silent. A 192.3.0.1\nmx2.one.silent. A 192.1.0.2\n" \
    "one.silent. MX 20 mx2.one.silent.\n"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static void silence(const char *ip)
{
    struct address a;
    CHECK_DONE(address_parse(str_of(ip), 25, &a), ip);
    sim_net_silence(&a);
}

static void silence_all(void)
{
    silence("192.1.0.1");
    silence("192.1.0.2");
    silence("192.2.0.1");
    silence("192.3.0.1");
}

static void send_to(struct town *t, const char *to)
{
    town_send(t, &(struct town_mail){.from = "a@x.example", .to = to});
}

/* Two networks may be down; with a third it is we. Nobody is asked any more but once an hour, and
 * with the first answer everything goes. */
static void blocked(struct town *t)
{
    silence_all();
    send_to(t, "b@one.silent");
    send_to(t, "b@two.silent");
    town_wait(t, 5 * MINUTE);
    CHECK(town_count(t, "port25_blocked") == 0, "two of one network and one more are two");
    send_to(t, "b@three.silent");
    town_wait(t, MINUTE);
    CHECK(town_count(t, "port25_blocked") == 1, "told");
    CHECK(outbound_port25_next_ms(t->port25) > clock_real_ms() + 50 * MINUTE, "in an hour");
    send_to(t, "b@example.net");
    size_t attempts = town_count(t, "attempt");
    town_wait(t, 50 * MINUTE);
    CHECK(town_count(t, "attempt") == attempts, "nobody is tried");
    town_wait(t, 10 * HOUR);
    CHECK(town_count(t, "port25_blocked") == 1, "once");
    CHECK(town_count(t, "port25_open") == 1, "somebody answered");
    CHECK(town_count(t, "delivered b@example.net") == 1, "and took its mail");
    CHECK(outbound_port25_next_ms(t->port25) == 0, "it is over");
    CHECK(town_messages(t) == 3, "the others wait as before");
}

/* After an answer the silence of others is theirs. */
static void answered(struct town *t)
{
    silence_all();
    send_to(t, "b@example.net");
    town_wait(t, MINUTE);
    send_to(t, "b@one.silent");
    send_to(t, "b@two.silent");
    send_to(t, "b@three.silent");
    town_wait(t, 30 * MINUTE);
    CHECK(town_count(t, "port25_blocked") == 0, "it is open");
}

/* What goes by a smart host has nothing to do with it. */
static void smart_host(struct town *t)
{
    silence_all();
    send_to(t, "b@one.silent");
    send_to(t, "b@two.silent");
    send_to(t, "b@three.silent");
    town_wait(t, 5 * MINUTE);
    CHECK(town_count(t, "port25_blocked") == 1, "told");
    send_to(t, "b@side.example");
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered b@side.example") == 1, "goes as ever");
}

TEST(outbound_port25)
{
    static void (*const bodies[])(struct town *) = {blocked, answered, smart_host};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct town t = {
            .label = "port 25",
            .yaml = "hostname: mail.example.com\n"
                    "routes:\n"
                    "- { name: side, to: side.example, via: \"smtp://192.0.2.2?tls=none\" }\n"
                    "- { name: out, to: \"*\", via: mx }\n",
            .names = NAMES,
            .body = bodies[i]};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = ACCEPT};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:587", .every = ACCEPT};
        town_run(&t);
    }
}
