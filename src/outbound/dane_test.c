/* Attack 207 on the way out: what an MX host says by DANE, and what becomes of the mail. */
#include "outbound/town_test.h"

#define PLAIN "S: 250-mx.example\nS: 250 ENHANCEDSTATUSCODES\n"
#define WITH_TLS "S: 250-mx.example\nS: 250 STARTTLS\n"
#define OVER_TLS TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\ntls\nC: EHLO\n" PLAIN TOWN_TAKE
#define IN_CLEAR TOWN_GREET PLAIN TOWN_TAKE
#define FAILS TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\nclose\n"
#define REFUSES TOWN_GREET WITH_TLS "C: STARTTLS\nS: 454 4.7.0 not now\nC: *\n"
#define WRONG "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* A domain with one host, both signed; and one with two. */
#define SAFE                                  \
    "$SECURE safe.example\n"                  \
    "safe.example. MX 10 mx1.safe.example.\n" \
    "mx1.safe.example. A 192.0.2.1\n"
#define SAFE_TOO                              \
    "safe.example. MX 20 mx2.safe.example.\n" \
    "mx2.safe.example. A 192.0.2.2\n"
#define TLSA "_25._tcp.mx1.safe.example. TLSA "

static const struct dane_case {
    const char *label, *names;
    const char *hosts[3];
    const char *event;
    bool heard_mail;
    int connections;
} cases[] = {
  /* clang-format off */
    {"3 1 1 fits", SAFE TLSA "3 1 1 CERTIFICATE\n", {OVER_TLS}, "delivered b@safe.example 250 2.0.0 mx1.safe.example TLSv1.3", true, 1},
    {"3 1 1 does not fit", SAFE TLSA "3 1 1 " WRONG "\n", {OVER_TLS}, "deferred b@safe.example 0 4.7.5 mx1.safe.example", false, 1},
    {"no TLSA records: as anywhere", SAFE, {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 mx1.safe.example  |", true, 1},
    {"records of no use: encrypted, whoever it is", SAFE TLSA "1 1 1 " WRONG "\n", {OVER_TLS}, "delivered b@safe.example 250 2.0.0 mx1.safe.example TLSv1.3", true, 1},
    {"records of no use, and STARTTLS is cut out (attack 20)", SAFE TLSA "1 1 1 " WRONG "\n", {IN_CLEAR}, "deferred b@safe.example 0 4.7.5 mx1.safe.example", false, 1},
    {"STARTTLS is cut out (attack 20)", SAFE TLSA "3 1 1 CERTIFICATE\n", {IN_CLEAR}, "deferred b@safe.example 0 4.7.5 mx1.safe.example", false, 1},
    {"STARTTLS is refused", SAFE TLSA "3 1 1 CERTIFICATE\n", {REFUSES}, "deferred b@safe.example 454 4.7.5 mx1.safe.example", false, 1},
    {"the handshake fails: never in clear", SAFE TLSA "3 1 1 CERTIFICATE\n", {FAILS, IN_CLEAR}, "deferred b@safe.example 0 4.7.5 mx1.safe.example", false, 1},
    {"SERVFAIL: not used", SAFE "_25._tcp.mx1.safe.example. FAIL servfail\n", {IN_CLEAR}, "deferred b@safe.example 0 4.7.5", false, 0},
    {"bogus: not used", SAFE "_25._tcp.mx1.safe.example. FAIL bogus\n", {IN_CLEAR}, "deferred b@safe.example 0 4.7.5", false, 0},
    {"an unsigned domain: records count for nothing", "un.example. MX 10 mx1.un.example.\nmx1.un.example. A 192.0.2.1\n"
     "_25._tcp.mx1.un.example. TLSA 3 1 1 " WRONG "\n$SECURE other.example\nsafe.example. MX 10 mx1.un.example.\n",
     {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 mx1.un.example  |", true, 1},
    {"does not fit: the next host", SAFE SAFE_TOO TLSA "3 1 1 " WRONG "\n", {OVER_TLS}, "delivered b@safe.example 250 2.0.0 mx2.safe.example  |", false, 1},
    {"SERVFAIL: the next host", SAFE SAFE_TOO "_25._tcp.mx1.safe.example. FAIL servfail\n", {IN_CLEAR}, "delivered b@safe.example 250 2.0.0 mx2.safe.example  |", false, 0},
  /* clang-format on */
};

static const struct dane_case *the_case;

static void one_mail(struct town *t)
{
    town_send(t, &(struct town_mail){.from = "", .to = "b@safe.example"});
    town_wait(t, 4 * 60 * 1000);
    town_check_event(t, the_case->event);
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("MAIL")) == the_case->heard_mail, t->label);
    CHECK(t->servers[0].connections == the_case->connections, t->label);
}

TEST(outbound_dane)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        the_case = &cases[i];
        struct town t = {.label = the_case->label,
                         .names = the_case->names,
                         .yaml = "hostname: mail.example.com\nroutes: mx\n",
                         .body = one_mail};
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = the_case->hosts};
        t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = IN_CLEAR};
        town_run(&t);
    }
}
