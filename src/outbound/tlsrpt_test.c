/* Attack 214: what TLS reports count is what happened, and what the events tell. */
#include "base/log.h"
#include "outbound/town_test.h"
#include "runtime/file.h"
#include "tlspolicy/report_read.h"
#include "tlspolicy/report_unpack.h"
#include <stdlib.h>
#include <unistd.h>

#define PLAIN "S: 250-mx.example\nS: 250 ENHANCEDSTATUSCODES\n"
#define WITH_TLS "S: 250-mx.example\nS: 250 STARTTLS\n"
#define START TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\ntls\n"
#define OVER_TLS START "C: EHLO\n" PLAIN TOWN_TAKE
#define IN_CLEAR TOWN_GREET PLAIN TOWN_TAKE
#define FAILS TOWN_GREET WITH_TLS "C: STARTTLS\nS: 220 go\nclose\n"
#define REFUSES TOWN_GREET WITH_TLS "C: STARTTLS\nS: 454 4.7.0 not now\n" TOWN_TAKE
#define WRONG "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

#define RIGHT "safe.example. MX 10 relay.example.\n"
#define OTHER "safe.example. MX 10 other.example.\n"
#define SIGNED RIGHT "$SECURE safe.example\n$SECURE relay.example\n"
#define TLSA "_25._tcp.relay.example. TLSA "
#define RECORD                                       \
    "_mta-sts.safe.example. TXT \"v=STSv1; id=1\"\n" \
    "mta-sts.safe.example. A 192.0.2.9\n"
#define POLICY(mode, mx) "version: STSv1\nmode: " mode "\nmx: " mx "\nmax_age: 86400\n"

static err web_fetch(struct tlspolicy_fetcher *web, const struct tlspolicy_fetcher_request *r,
                     struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer,
                     deadline until)
{
    (void)r, (void)arena, (void)until;
    *ret_answer = CONTAINER_OF(web, struct town, web)->web_answer;
    return NULL;
}

/* ---- each outcome, as events tell it ----------------------------------------------------- */

static const struct outcome_case {
    const char *label, *names, *policy;
    const char *hosts[3];
    const char *event; /* NULL: none */
    bool tls_optional;
} outcomes[] = {
  /* clang-format off */
    {"no policy, and TLS", RIGHT, NULL, {OVER_TLS}, "relay.example  |no-policy-found success", false},
    {"no policy, and no STARTTLS", RIGHT, NULL, {IN_CLEAR}, "STARTTLS is not offered|no-policy-found starttls-not-supported", false},
    {"no policy, and STARTTLS is refused", RIGHT, NULL, {REFUSES, IN_CLEAR}, "STARTTLS is refused|no-policy-found starttls-not-supported", false},
    {"no policy, and the handshake fails", RIGHT, NULL, {FAILS, IN_CLEAR}, "|no-policy-found validation-failure", false},
    {"nobody asks who it is without a policy", OTHER, NULL, {OVER_TLS}, "other.example  |no-policy-found success", false},
    {"DANE fits", SIGNED TLSA "3 1 1 CERTIFICATE\n", NULL, {OVER_TLS}, "relay.example  |tlsa success", false},
    {"DANE does not fit", SIGNED TLSA "3 1 1 " WRONG "\n", NULL, {START}, "the certificate fits no TLSA record|tlsa validation-failure", false},
    {"DANE, and STARTTLS is cut out", SIGNED TLSA "3 1 1 CERTIFICATE\n", NULL, {IN_CLEAR}, "|tlsa starttls-not-supported", false},
    {"TLSA records of no use", SIGNED TLSA "1 1 1 " WRONG "\n", NULL, {OVER_TLS}, "|tlsa tlsa-invalid", false},
    {"bogus", SIGNED "_25._tcp.relay.example. FAIL bogus\n", NULL, {NULL}, "|tlsa dnssec-invalid", false},
    {"enforce", RIGHT RECORD, POLICY("enforce", "relay.example"), {OVER_TLS}, "relay.example  |sts success", false},
    {"enforce, and STARTTLS is cut out", RIGHT RECORD, POLICY("enforce", "relay.example"), {IN_CLEAR}, "|sts starttls-not-supported", false},
    {"enforce, and the certificate is another's", OTHER RECORD, POLICY("enforce", "other.example"), {START}, "|sts certificate-host-mismatch", false},
    {"enforce, and the host is not named", OTHER RECORD, POLICY("enforce", "relay.example"), {NULL}, "the MTA-STS policy does not name this host|sts validation-failure", false},
    {"testing, and the certificate is another's", OTHER RECORD, POLICY("testing", "other.example"), {OVER_TLS}, "|sts certificate-host-mismatch", false},
    {"testing, and all is right", RIGHT RECORD, POLICY("testing", "relay.example"), {OVER_TLS}, "relay.example  |sts success", false},
    {"testing, and the host is not named", OTHER RECORD, POLICY("testing", "relay.example"), {IN_CLEAR}, "|sts validation-failure", false},
    {"none", RIGHT RECORD, POLICY("none", "relay.example"), {OVER_TLS}, "|no-policy-found success", false},
    {"a policy that is none", RIGHT RECORD, "version: STSv2\n", {OVER_TLS}, "|no-policy-found sts-policy-invalid", false},
    {"a mail that asks for none is not told", SIGNED TLSA "3 1 1 " WRONG "\n", NULL, {OVER_TLS}, NULL, true},
    {"no session, no outcome", RIGHT, NULL, {"S: 421 busy\nclose\n"}, NULL, false},
  /* clang-format on */
};

static const struct outcome_case *the_case;

static void one_outcome(struct town *t)
{
    town_send(t, &(struct town_mail){
                     .from = "", .to = "b@safe.example", .tls_optional = the_case->tls_optional});
    town_wait(t, 60 * 1000);
    if (the_case->event)
        town_check_event(t, the_case->event);
    CHECK(town_count(t, "tls_session ") == (the_case->event != NULL), the_case->label);
}

TEST(outbound_tlsrpt_outcomes)
{
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        the_case = &outcomes[i];
        struct town t = {
            .label = the_case->label,
            .names = the_case->names,
            .yaml = "hostname: mail.example.com\nroutes: mx\n",
            .web = {web_fetch,               NULL   },
            .web_answer = { .status = 200,
                    .type = S("text/plain"),
                    .body = str_of(the_case->policy)},
            .body = one_outcome
        };
        t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = the_case->hosts};
        town_run(&t);
    }
}

/* ---- the report ---------------------------------------------------------------------------- */

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, DAY = 24 * HOUR, GOOD = 7, STRIPPED = 4 };

static char folder[40];

static void remove_reports(void)
{
    static const char *const names[] = {"tls.db", "tls.db-wal", "tls.db-shm", "dry-run"};
    char path[80];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)(unlink(path) && rmdir(path));
    }
    CHECK(rmdir(folder) == 0, folder);
}

/* The mail as the last server heard it: behind DATA, up to the dot. */
static str heard_mail(struct town *t)
{
    str heard = buf_str(&t->servers[1].heard), line, mail = heard;
    while (heard.len > 0 && !str_starts(heard, S("DATA")))
        str_split(heard, '\n', &line, &heard);
    str_split(heard, '\n', &line, &heard);
    mail = heard;
    while (heard.len > 0 && !str_starts(heard, S(".\n")))
        str_split(heard, '\n', &line, &heard);
    return str_slice(mail, 0, (size_t)(heard.ptr - mail.ptr));
}

static void check_report(struct town *t, str json)
{
    struct tlspolicy_report r = {0};
    CHECK_DONE(tlspolicy_report_read(json, t->arena, &r), "a report");
    CHECK(r.policy_count == 1 && r.end_s - r.begin_s == 86399, "one policy, one day");
    if (r.policy_count != 1)
        return;
    const struct tlspolicy_report_policy *p = &r.policies[0];
    CHECK_STR(p->domain, "safe.example", "domain");
    CHECK(p->type == TLSPOLICY_REPORT_STS && p->string_count == 4 && p->mx_count == 1, "policy");
    CHECK(p->successes == town_count(t, "tls_session 0  relay.example  |sts success"), "successes");
    size_t failures = town_count(t, "tls_session 0  relay.example  STARTTLS");
    CHECK(p->successes >= GOOD && failures > 0, "what happened");
    CHECK(p->failures == failures, "failures");
    CHECK(p->detail_count == 1 && p->details[0].count == failures, "one kind of failure");
    CHECK(p->details[0].result == TLSPOLICY_STARTTLS_NOT_SUPPORTED, "which");
    CHECK_STR(p->details[0].mx_host, "relay.example", "where");
    CHECK_STR(p->details[0].receiving_ip, "192.0.2.1", "where");
}

static void some_sessions(struct town *t)
{
    for (int i = 0; i < GOOD + STRIPPED; i++) {
        t->servers[0].every = i < GOOD ? OVER_TLS : TOWN_GREET PLAIN "C: QUIT\n";
        town_send(t, &(struct town_mail){.from = "", .to = "b@safe.example"});
        town_wait(t, 15 * 1000); /* no connection waits so long */
    }
    CHECK(town_count(t, "tls_session") > GOOD, "the ledger");
    t->servers[0].every = OVER_TLS;
}

static void by_mail(struct town *t)
{
    str json = {0};
    some_sessions(t);
    town_crash(t); /* the counts stay */
    town_wait(t, 6 * HOUR);
    CHECK(town_count(t, "report_sent") == 0, "not on the same day");
    size_t sessions = town_count(t, "tls_session");
    town_wait(t, DAY);
    CHECK(town_count(t, "report_sent") == 1, "once");
    town_check_event(t, "report_sent");
    str mail = heard_mail(t);
    CHECK_DONE(tlspolicy_report_unpack(mail, t->arena, &json), "a mail with a report");
    CHECK(str_contains(mail, S("TLS-Report-Domain: safe.example\n")), "whose");
    CHECK(str_contains(mail, S("TLS-Report-Submitter: mail.example.com\n")), "by whom");
    CHECK(str_contains(mail, S("TLS-Required: No\n")), "arriving matters more");
    CHECK(str_contains(buf_str(&t->servers[1].heard), S("MAIL FROM:<>")), "nobody answers it");
    check_report(t, json);
    town_wait(t, 3 * DAY);
    CHECK(town_count(t, "report_sent") == 1, "none is sent twice");
    CHECK(town_count(t, "tls_session") == sessions, "a report's own session is not told");
}

#define TOLD RIGHT RECORD "_smtp._tls.safe.example. TXT \"v=TLSRPTv1; rua="

static void run_reports(const char *label, const char *yaml, const char *rua,
                        void (*body)(struct town *))
{
    char names[1000];
    snprintf(names, sizeof names, "%s%s\"\nreports.safe.example. A 192.0.2.9\n", TOLD, rua);
    snprintf(folder, sizeof folder, "/tmp/smtptool-tlsrpt-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "folder");
    struct town t = {
        .label = label,
        .names = names,
        .yaml = yaml,
        .reports = folder,
        .web = {web_fetch,                  NULL             },
        .web_answer = { .status = 200,
                .type = S("text/plain"),
                .body = S(POLICY("enforce", "relay.example"))},
        .body = body
    };
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25"};
    t.servers[1] = (struct town_server){.at = "192.0.2.3:25", .every = IN_CLEAR};
    town_run(&t);
    remove_reports();
}

#define YAML(send)                             \
    "hostname: mail.example.com\nroutes: mx\n" \
    "retry: { first: 30m }\n"                  \
    "tls_reports: { send: " send " }\n"

TEST(outbound_tlsrpt_by_mail)
{
    run_reports("by mail", YAML("on"), "mailto:tls@x.example", by_mail);
}

/* ---- by HTTPS ---------------------------------------------------------------------------- */

static str posted;
static int posts, answers_503;

static err web_take(struct tlspolicy_fetcher *web, const struct tlspolicy_fetcher_request *r,
                    struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer,
                    deadline until)
{
    struct town *t = CONTAINER_OF(web, struct town, web);
    if (r->post.len == 0)
        return web_fetch(web, r, arena, ret_answer, until);
    posts++;
    posted = arena_str(t->arena, r->post);
    CHECK_STR(r->host, "reports.safe.example", "host");
    CHECK_STR(r->path, "/v1/tls?x=1", "path");
    CHECK_STR(r->post_type, "application/tlsrpt+gzip", "type");
    *ret_answer = (struct tlspolicy_fetcher_answer){.status = posts <= answers_503 ? 503 : 201};
    return NULL;
}

static void by_https(struct town *t)
{
    str json = {0};
    posts = 0;
    answers_503 = 2;
    t->web.fetch = web_take;
    some_sessions(t);
    town_wait(t, 2 * DAY);
    CHECK(posts >= 3 && town_count(t, "report_sent") == 1, "it is tried again");
    CHECK_DONE(tlspolicy_report_unpack(posted, t->arena, &json), "packed");
    check_report(t, json);
}

TEST(outbound_tlsrpt_by_https)
{
    run_reports("by HTTPS", YAML("on"), "https://reports.safe.example/v1/tls?x=1", by_https);
}

/* ---- what comes from others ---------------------------------------------------------------- */

static err read_kept(void *arg, const char *name)
{
    struct buf *out = arg;
    char path[120], *room;
    struct file *f;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/tls/%s", folder, name);
    TRY(file_open(path, 0, &f));
    err e = buf_reserve(out, 1000, &room);
    if (e == NULL)
        e = file_read_at(f, room, 1000, 0, &count);
    out->len += count;
    file_close(f);
    return e;
}

static void received(struct town *t)
{
    static const char content[] = "Subject: Report Domain: x.example\r\n\r\n{}\r\n";
    char path[100];
    struct buf kept;
    buf_init(&kept, 10000);
    CHECK_DONE(folder_make("/tmp"), "the simulated disk");
    CHECK_DONE(folder_make(folder), folder);
    town_send(t, &(struct town_mail){.from = "", .to = "tls@x.example", .content = content});
    town_send(t, &(struct town_mail){.from = "", .to = "b@x.example"});
    town_wait(t, MINUTE);
    CHECK(town_count(t, "delivered") == 2, "it goes on all the same");
    snprintf(path, sizeof path, "%s/tls", folder);
    CHECK_DONE(folder_list(path, read_kept, &kept), path);
    CHECK(kept.len == strlen("Received: by us\r\n") + strlen(content), "one is kept");
    CHECK(str_ends_nocase(buf_str(&kept), str_of(content)), "as it came");
    buf_release(&kept);
}

TEST(outbound_tlsrpt_received)
{
    run_reports("received",
                "hostname: mail.example.com\nroutes: mx\n"
                "tls_reports: { receive: tls@x.example }\n",
                "mailto:tls@x.example", received);
}

/* What went by mail is not sent again while the web server is away. */
static void both_ways(struct town *t)
{
    posts = 0;
    answers_503 = 3;
    t->web.fetch = web_take;
    some_sessions(t);
    town_wait(t, 2 * DAY);
    CHECK(posts > answers_503 && town_count(t, "report_sent") == 2, "each once");
    CHECK(t->servers[1].connections == 1, "one mail");
}

TEST(outbound_tlsrpt_both_ways)
{
    run_reports("both ways", YAML("on"),
                "mailto:tls@x.example,https://reports.safe.example/v1/tls?x=1", both_ways);
}

/* ---- and not ------------------------------------------------------------------------------ */

static void nothing(struct town *t)
{
    some_sessions(t);
    town_wait(t, 2 * DAY);
    CHECK(town_count(t, "report_sent") == 0, t->label);
    CHECK(t->servers[1].connections == 0, t->label);
}

TEST(outbound_tlsrpt_not_sent)
{
    run_reports("off", YAML("off"), "mailto:tls@x.example", nothing);
    run_reports("excluded",
                "hostname: mail.example.com\nroutes: mx\n"
                "tls_reports: { send: on, exclude: [example] }\n",
                "mailto:tls@x.example", nothing);
    run_reports("two records", YAML("on"),
                "mailto:tls@x.example\"\n_smtp._tls.safe.example. TXT \"v=TLSRPTv1; "
                "rua=mailto:a@x.example",
                nothing);
    run_reports("a host of our own network", YAML("on"), "https://127.0.0.1/x", nothing);
}
