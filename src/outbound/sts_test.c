/* MTA-STS on the way out (attack 208): what a domain's policy makes of its mail. */
#include "outbound/town_test.h"

#define PLAIN "S: 250-mx.example\nS: 250 ENHANCEDSTATUSCODES\n"
#define WITH_TLS "S: 250-mx.example\nS: 250 STARTTLS\n"
#define START TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\ntls\n"
#define OVER_TLS START "C: EHLO\n" PLAIN TOWN_TAKE
#define IN_CLEAR TOWN_GREET PLAIN TOWN_TAKE

#define RECORD                                       \
    "_mta-sts.safe.example. TXT \"v=STSv1; id=1\"\n" \
    "mta-sts.safe.example. A 192.0.2.9\n"
/* The town's certificate is for relay.example and no other. */
#define RIGHT "safe.example. MX 10 relay.example.\n" RECORD
#define WRONG "safe.example. MX 10 other.example.\n" RECORD
#define BOTH "safe.example. MX 20 second.example.\n" WRONG
#define POLICY(mode) \
    "version: STSv1\nmode: " mode "\nmx: relay.example\nmx: second.example\nmax_age: 86400\n"
#define STRONGER(names)                                   \
    "$SECURE safe.example\n$SECURE relay.example\n" names \
    "_25._tcp.relay.example. TLSA 3 1 1 CERTIFICATE\n"

static const struct sts_case {
    const char *label, *names, *policy;
    int status;
    const char *hosts[3];
    const char *event;
    bool heard_mail;
    int connections;
} cases[] = {
  /* clang-format off */
    {"enforce, and all is right", RIGHT, POLICY("enforce"), 200, {OVER_TLS}, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", true, 1},
    {"enforce, and STARTTLS is cut out (attack 20)", RIGHT, POLICY("enforce"), 200, {IN_CLEAR}, "deferred b@safe.example 0 4.7.5 relay.example", false, 1},
    {"enforce, and the certificate is for another", "safe.example. MX 10 other.example.\n" RECORD,
     "version: STSv1\nmode: enforce\nmx: other.example\nmax_age: 86400\n", 200, {START}, "deferred b@safe.example 0 4.7.5 other.example", false, 1},
    {"enforce, and the host is not named", WRONG, POLICY("enforce"), 200, {OVER_TLS}, "deferred b@safe.example 0 4.7.5", false, 0},
    {"enforce, and only the second host is named", BOTH, POLICY("enforce"), 200, {OVER_TLS}, "deferred b@safe.example 0 4.7.5 second.example", false, 0},
    {"testing, and STARTTLS is cut out", RIGHT, POLICY("testing"), 200, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 relay.example  |", true, 1},
    {"testing, and the host is not named", WRONG, POLICY("testing"), 200, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 other.example  |", true, 1},
    {"none", RIGHT, POLICY("none"), 200, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 relay.example  |", true, 1},
    {"a policy that cannot be fetched", RIGHT, POLICY("enforce"), 404, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 relay.example  |", true, 1},
    {"no record", "safe.example. MX 10 relay.example.\n", POLICY("enforce"), 200, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 relay.example  |", true, 1},
    {"DANE wins: the host is not named and fits its records", STRONGER(RIGHT), "version: STSv1\nmode: enforce\nmx: elsewhere.example\nmax_age: 86400\n", 200,
     {OVER_TLS}, "delivered b@safe.example 250 2.0.0 relay.example TLSv1.3", true, 1},
  /* clang-format on */
};

static const struct sts_case *the_case;

static err web_fetch(struct tlspolicy_fetcher *web, const struct tlspolicy_fetcher_request *r,
                     struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer,
                     deadline until)
{
    (void)arena, (void)until;
    CHECK_STR(r->host, "mta-sts.safe.example", the_case->label);
    *ret_answer = CONTAINER_OF(web, struct town, web)->web_answer;
    return NULL;
}

static void one_mail(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@safe.example"});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, the_case->event);
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("MAIL")) == the_case->heard_mail, t->label);
    CHECK(t->servers[0].connections == the_case->connections, t->label);
}

TEST(outbound_sts)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        the_case = &cases[i];
        struct town t = {
            .label = the_case->label,
            .names = the_case->names,
            .yaml = "hostname: mail.example.com\nroutes: mx\n",
            .web = {.fetch = web_fetch              },
            .web_answer = { .status = the_case->status,
                    .type = S("text/plain"),
                    .body = str_of(the_case->policy)},
            .body = one_mail
        };
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = the_case->hosts};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = IN_CLEAR};
        town_run(&t);
    }
}
