/* Attacks 209, 210 and 211: what a mail itself asks of its way, and which connection may serve it.
 */
#include "outbound/town_test.h"

#define PLAIN "S: 250-mx.example\nS: 250 ENHANCEDSTATUSCODES\n"
#define WITH_TLS "S: 250-mx.example\nS: 250 STARTTLS\n"
#define WITH_REQUIRETLS "S: 250-mx.example\nS: 250 REQUIRETLS\n"
#define START TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\ntls\n"
#define TAKE_REQUIRED \
    "C: MAIL FROM:<> REQUIRETLS\nS: 250 ok\n" TOWN_RCPT_OK TOWN_DATA_GO "data\nS: 250 2.0.0 ok\n"
#define KEEPS START "C: EHLO\n" WITH_REQUIRETLS TAKE_REQUIRED
#define OVER_TLS START "C: EHLO\n" PLAIN "again\n" TOWN_TAKE
#define IN_CLEAR TOWN_GREET PLAIN "again\n" TOWN_TAKE
#define NOT_KEPT START "C: EHLO\n" PLAIN "C: QUIT\n"

#define BY_MX "hostname: mail.example.com\nroutes: mx\n"
#define VIA(url) "hostname: mail.example.com\nroutes: [{ to: \"*\", via: \"" url "\" }]\n"
#define HERE                       \
    "hostname: mail.example.com\n" \
    "domains: { safe.example: { deliver: \"lmtp://127.0.0.1:24\" } }\n"

/* The town's certificate is for relay.example and no other. */
#define NAMED "$SECURE safe.example\nsafe.example. MX 10 relay.example.\n"
#define UNNAMED "safe.example. MX 10 relay.example.\n"
#define RECORD                                       \
    "_mta-sts.safe.example. TXT \"v=STSv1; id=1\"\n" \
    "mta-sts.safe.example. A 192.0.2.9\n"
#define POLICY "version: STSv1\nmode: enforce\nmx: relay.example\nmax_age: 86400\n"
#define TWO                                                               \
    NAMED "safe.example. MX 20 second.example.\n$SECURE second.example\n" \
          "_25._tcp.second.example. TLSA 3 1 1 CERTIFICATE\n"

static err web_fetch(struct tlspolicy_fetcher *web, const struct tlspolicy_fetcher_request *r,
                     struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer,
                     deadline until)
{
    (void)r, (void)arena, (void)until;
    *ret_answer = CONTAINER_OF(web, struct town, web)->web_answer;
    return NULL;
}

static struct tlspolicy_fetcher_answer answer(int status)
{
    return (struct tlspolicy_fetcher_answer){
        .status = status, .type = S("text/plain"), .body = S(POLICY)};
}

/* ---- attacks 209 and 211: one mail ------------------------------------------------------- */

enum wish { REQUIRED, OPTIONAL };

static const struct wish_case {
    const char *label, *yaml, *names;
    enum wish wish;
    const char *host, *second;
    const char *event;
    int connections;
} wishes[] = {
  /* clang-format off */
    {"kept: DNSSEC names the host", BY_MX, NAMED, REQUIRED, KEEPS, NULL, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", 1},
    {"kept: MTA-STS names the host", BY_MX, UNNAMED RECORD, REQUIRED, KEEPS, NULL, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", 1},
    {"the host knows no REQUIRETLS", BY_MX, NAMED, REQUIRED, NOT_KEPT, NULL, "bounced b@safe.example 0 5.7.30 relay.example", 1},
    {"it offers it in clear only", BY_MX, NAMED, REQUIRED, TOWN_GREET WITH_REQUIRETLS "C: QUIT\n", NULL, "bounced b@safe.example 0 5.7.10 relay.example", 1},
    {"STARTTLS is cut out", BY_MX, NAMED, REQUIRED, TOWN_GREET PLAIN "C: QUIT\n", NULL, "bounced b@safe.example 0 5.7.10 relay.example", 1},
    {"nobody says that the host is right", BY_MX, UNNAMED, REQUIRED, KEEPS, NULL, "bounced b@safe.example 0 5.7.30", 0},
    {"another name in the certificate", BY_MX, "$SECURE safe.example\nsafe.example. MX 10 other.example.\n", REQUIRED, START, NULL,
     "deferred b@safe.example 0 4.7.5 other.example", 1},
    {"the second host knows it", BY_MX, TWO, REQUIRED, NOT_KEPT, KEEPS, "delivered b@safe.example 250 2.0.0 second.example TLSv1.3", 1},
    {"the first host offers no STARTTLS, the second knows it", BY_MX, TWO, REQUIRED, TOWN_GREET PLAIN "C: QUIT\n", KEEPS,
     "delivered b@safe.example 250 2.0.0 second.example TLSv1.3", 1},
    {"the second host offers no STARTTLS", BY_MX, TWO, REQUIRED, NOT_KEPT, TOWN_GREET PLAIN "C: QUIT\n", "bounced b@safe.example 0 5.7.10 second.example", 1},
    {"a route keeps it", VIA("smtp://relay.example:25"), UNNAMED, REQUIRED, KEEPS, NULL, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", 1},
    {"a route does not", VIA("smtp://relay.example:25"), UNNAMED, REQUIRED, NOT_KEPT, NULL, "bounced b@safe.example 0 5.7.30 relay.example", 1},
    {"a route that wants no TLS gets it all the same", VIA("smtp://relay.example:25?tls=none"), UNNAMED, REQUIRED, KEEPS, NULL,
     "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", 1},
    {"and never takes an unverified host", VIA("smtp://other.example:25?tls=none"), UNNAMED, REQUIRED, START, NULL,
     "deferred b@safe.example 0 4.7.5 other.example", 1},
    {"TLS-Required: No, and MTA-STS wants TLS", BY_MX, UNNAMED RECORD, OPTIONAL, IN_CLEAR, NULL, "delivered b@safe.example 250 2.0.0 relay.example  |", 1},
    {"TLS-Required: No, and DANE does not fit", BY_MX, NAMED "$SECURE relay.example\n_25._tcp.relay.example. TLSA 3 1 1 "
     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", OPTIONAL, OVER_TLS, NULL, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", 1},
    {"TLS-Required: No changes nothing of our own policy", VIA("smtp://relay.example:25"), UNNAMED, OPTIONAL, TOWN_GREET PLAIN "C: QUIT\n", NULL,
     "deferred b@safe.example 0 4.7.5 relay.example", 1},
  /* clang-format on */
};

static const struct wish_case *the_wish;

static void one_mail(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "",
                                     .to = "b@safe.example",
                                     .requiretls = the_wish->wish == REQUIRED,
                                     .tls_optional = the_wish->wish == OPTIONAL});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, the_wish->event);
    CHECK(t->servers[0].connections == the_wish->connections, t->label);
    bool delivered = str_starts(str_of(the_wish->event), S("delivered"));
    CHECK(delivered || !str_contains(buf_str(&t->servers[0].heard), S("MAIL")), t->label);
}

TEST(outbound_wishes)
{
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        the_wish = &wishes[i];
        struct town t = {
            .label = the_wish->label,
            .names = the_wish->names,
            .yaml = the_wish->yaml,
            .web = {web_fetch, NULL},
            .web_answer = answer(200),
            .body = one_mail
        };
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = the_wish->host};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = the_wish->second};
        town_run(&t);
    }
}

/* A mailbox store beside us hands nothing on: the mail has arrived. */
static void next_door(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@safe.example", .requiretls = true});
    town_wait(t, 60 * 1000);
    town_check_event(t, "delivered b@safe.example 250 2.0.0 127.0.0.1");
}

TEST(outbound_requiretls_next_door)
{
    struct town t = {.label = "next door", .yaml = HERE, .body = next_door};
    t.servers[0] = (struct town_server){.at = "127.0.0.1:24",
                                        .every = "S: 220 store\nC: LHLO\n" PLAIN TOWN_TAKE};
    town_run(&t);
}

/* What comes back travels as privately, and without the content. */
static void comes_back(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "a@safe.example",
                                     .to = "b@one.example",
                                     .content = "Subject: hello\r\n\r\nfor your eyes only\r\n",
                                     .requiretls = true});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, "bounced b@one.example 0 5.7.30");
    town_check_event(t, "delivered a@safe.example 250 2.0.0 relay.example TLSv1.3");
    str heard = buf_str(&t->servers[0].heard);
    CHECK(str_contains(heard, S("Subject: hello")), "its header is told");
    CHECK(!str_contains(heard, S("for your eyes only")), "its content is not");
}

TEST(outbound_requiretls_comes_back)
{
    struct town t = {.label = "comes back", .names = NAMED, .yaml = BY_MX, .body = comes_back};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = KEEPS};
    town_run(&t);
}

/* ---- attack 210: which connection -------------------------------------------------------- */

#define PATIENT BY_MX "outbound: { idle: 5m }\n"

static void send_one(struct town *t, bool requiretls, bool tls_optional)
{
    town_send(t, &(struct town_mail){.from = "",
                                     .to = "b@safe.example",
                                     .requiretls = requiretls,
                                     .tls_optional = tls_optional});
    town_wait(t, 10 * 1000);
}

/* Two without a wish share one; what asks for something else never gets it, nor they its. */
static void by_wish(struct town *t)
{
    send_one(t, false, true);
    CHECK(town_count(t, "delivered b@safe.example 250 2.0.0 relay.example  |") == 1, "in clear");
    send_one(t, false, false);
    send_one(t, false, false);
    CHECK(t->servers[0].connections == 2, "the clear one is not for them, and they share theirs");
    send_one(t, true, false);
    CHECK(t->servers[0].connections == 3, "REQUIRETLS has its own");
    CHECK(town_count(t, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3") == 3, "TLS");
    send_one(t, false, true);
    CHECK(t->servers[0].connections == 3, "the first one still serves those that ask for nothing");
}

TEST(outbound_pool_by_wish)
{
    static const char *const scripts[] = {IN_CLEAR, OVER_TLS, KEEPS, NULL};
    struct town t = {
        .label = "attack 210: wishes",
        .names = UNNAMED RECORD,
        .yaml = PATIENT,
        .web = {web_fetch, NULL},
        .web_answer = answer(200),
        .body = by_wish
    };
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = scripts};
    town_run(&t);
}

enum { MINUTE = 60 * 1000 };

/* While the connection waits, the domain's policy can be fetched at last. */
static void by_policy(struct town *t)
{
    send_one(t, false, false);
    town_wait(t, 4 * MINUTE + 30 * 1000);
    send_one(t, false, false);
    CHECK(t->servers[0].connections == 1, "nothing has changed");
    t->web_answer = answer(200);
    town_wait(t, MINUTE);
    send_one(t, false, false);
    CHECK(t->servers[0].connections == 2, "the one in clear is of no use any more");
    CHECK(town_count(t, "delivered b@safe.example 250 2.0.0 relay.example  |") == 2, "in clear");
    CHECK(town_count(t, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3") == 1, "TLS");
}

TEST(outbound_pool_by_policy)
{
    static const char *const scripts[] = {IN_CLEAR, OVER_TLS, NULL};
    struct town t = {
        .label = "attack 210: a policy that comes later",
        .names = UNNAMED RECORD,
        .yaml = PATIENT,
        .web = {web_fetch, NULL},
        .web_answer = answer(404),
        .body = by_policy
    };
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = scripts};
    town_run(&t);
}

/* A route's connection is found without a question to the DNS. */
static void by_route(struct town *t)
{
    send_one(t, false, false);
    uint64_t asked = dns_zone_questions(t->dns_zone);
    send_one(t, false, false);
    CHECK(t->servers[0].connections == 1, "it is used again");
    CHECK(dns_zone_questions(t->dns_zone) == asked, "nobody was asked");
    send_one(t, true, false);
    CHECK(t->servers[0].connections == 2, "REQUIRETLS has its own");
    town_check_event(t, "bounced b@safe.example 0 5.7.30");
}

TEST(outbound_pool_by_route)
{
    struct town t = {.label = "a route's connection",
                     .yaml = VIA("smtp://relay.example:25") "outbound: { idle: 5m }\n",
                     .body = by_route};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .every = OVER_TLS};
    town_run(&t);
}
