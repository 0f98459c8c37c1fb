#include "base/buf.h"
#include "base/codec.h"
#include "base/rand.h"
#include "mailauth/dmarc_gzip.h"
#include "tests/test.h"
#include "tlspolicy/report_mail.h"
#include "tlspolicy/report_read.h"
#include "tlspolicy/report_tally.h"
#include "tlspolicy/report_unpack.h"
#include <zlib.h>

static const int64_t noon_ms = 1795262400000; /* 2026-11-21 12:00 UTC */
static const int64_t day_s = 86400;

/* ---- written and read ------------------------------------------------------------------- */

static const str policy_lines[] = {S("version: STSv1"), S("mode: enforce"), S("mx: mx.example.com"),
                                   S("max_age: 86400")};
static const str patterns[] = {S("mx.example.com"), S("*.example.net")};
static const struct tlspolicy_report_detail details[] = {
    {.result = TLSPOLICY_CERTIFICATE_EXPIRED,
     .sending_ip = S("192.0.2.1"),
     .receiving_ip = S("2001:db8::1"),
     .mx_host = S("mx.example.com"),
     .mx_helo = S("mx"),
     .count = 3,
     .info = S("https://example.com/\"quoted\"\\"),
     .reason_code = S("X509_V_ERR_CERT_HAS_EXPIRED")},
    {.result = TLSPOLICY_STARTTLS_NOT_SUPPORTED,          .count = 1          },
};
static const struct tlspolicy_report_policy policies[] = {
    {TLSPOLICY_REPORT_STS,       policy_lines, 4, S("example.com"), patterns, 2, 5, 4, details, 2},
    {TLSPOLICY_REPORT_TLSA,      NULL,         0, S("example.com"), NULL,     0, 7, 0, NULL,    0},
    {TLSPOLICY_REPORT_NO_POLICY, NULL,         0, S("example.com"), NULL,     0, 1, 0, NULL,    0},
};
static const struct tlspolicy_report sample = {
    S("Example Ltd."),  S("tls@example.net"), S("19ab3c5d7e00123456789abcdef"),
    1795219200,         1795305599,           policies,
    ARRAY_LEN(policies)};

static void check_same_detail(const struct tlspolicy_report_detail *a,
                              const struct tlspolicy_report_detail *b)
{
    CHECK(a->result == b->result && a->count == b->count, "result and count");
    CHECK(str_eq(a->sending_ip, b->sending_ip), "sending");
    CHECK(str_eq(a->receiving_ip, b->receiving_ip), "receiving");
    CHECK(str_eq(a->mx_host, b->mx_host), "host");
    CHECK(str_eq(a->mx_helo, b->mx_helo), "helo");
    CHECK(str_eq(a->info, b->info), "info");
    CHECK(str_eq(a->reason_code, b->reason_code), "reason");
}

static void check_same(const struct tlspolicy_report *a, const struct tlspolicy_report *b)
{
    CHECK(str_eq(a->organization, b->organization) && str_eq(a->contact, b->contact), "who");
    CHECK(str_eq(a->id, b->id), "id");
    CHECK(a->begin_s == b->begin_s && a->end_s == b->end_s, "when");
    CHECK(a->policy_count == b->policy_count, "how many");
    for (size_t i = 0; i < a->policy_count && i < b->policy_count; i++) {
        const struct tlspolicy_report_policy *p = &a->policies[i], *q = &b->policies[i];
        CHECK(p->type == q->type && str_eq(p->domain, q->domain), "type and domain");
        CHECK(p->successes == q->successes && p->failures == q->failures, "sums");
        CHECK(p->string_count == q->string_count && p->mx_count == q->mx_count, "lists");
        for (size_t s = 0; s < p->string_count && s < q->string_count; s++)
            CHECK(str_eq(p->strings[s], q->strings[s]), "a line");
        for (size_t m = 0; m < p->mx_count && m < q->mx_count; m++)
            CHECK(str_eq(p->mx[m], q->mx[m]), "a pattern");
        CHECK(p->detail_count == q->detail_count, "details");
        for (size_t d = 0; d < p->detail_count && d < q->detail_count; d++)
            check_same_detail(&p->details[d], &q->details[d]);
    }
}

TEST(tlspolicy_report_round_trip)
{
    struct arena *arena = arena_open(4 << 20);
    struct tlspolicy_report again = {0};
    struct buf json;
    buf_init(&json, TLSPOLICY_REPORT_BYTES_MAX);
    CHECK_DONE(tlspolicy_report_write(&sample, &json), "written");
    CHECK(str_contains(buf_str(&json), S("\"start-datetime\":\"2026-11-21T00:00:00Z\"")), "a date");
    CHECK_DONE(tlspolicy_report_read(buf_str(&json), arena, &again), "read");
    check_same(&sample, &again);
    buf_release(&json);
    arena_close(arena);
}

/* Whatever a host said of itself, it stays JSON. */
TEST(tlspolicy_report_hostile_texts)
{
    static const str texts[] = {S("a\"b\\c"), S("a\r\nb"), S("\x1b[31m\xff\xfe"), S("\0x"),
                                S("gr\xc3\xbc\xc3\x9f")};
    struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct tlspolicy_report_detail d = {
            .result = TLSPOLICY_VALIDATION_FAILURE, .mx_helo = texts[i], .count = 1};
        struct tlspolicy_report_policy p = policies[2];
        struct tlspolicy_report r = sample, again = {0};
        struct buf json;
        p.details = &d;
        p.detail_count = 1;
        r.policies = &p;
        r.policy_count = 1;
        buf_init(&json, 1 << 20);
        CHECK_DONE(tlspolicy_report_write(&r, &json), "written");
        CHECK_DONE(tlspolicy_report_read(buf_str(&json), arena, &again), "good JSON");
        CHECK(again.policy_count == 1 && again.policies[0].detail_count == 1, "one member each");
        buf_release(&json);
    }
    arena_close(arena);
}

#define START "{\"organization-name\":\"o\",\"report-id\":\"i\",\"date-range\":{"
#define RANGE \
    "\"start-datetime\":\"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"}"
#define SUMMARY \
    "\"summary\":{\"total-successful-session-count\":1,\"total-failure-session-count\":2}"
#define POLICY "\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"d.example\"}"
#define ONE(policy) START RANGE ",\"policies\":[" policy "]}"

TEST(tlspolicy_report_read_cases)
{
    static const struct {
        const char *label, *json;
        bool good;
    } cases[] = {
        {"the least there must be",       ONE("{" POLICY "," SUMMARY "}"),                          true },
        {"no policies at all are a list", START RANGE ",\"policies\":[]}",                          true },
        {"no policies",                   START RANGE "}",                                          false},
        {"no range",                      "{\"report-id\":\"i\",\"policies\":[]}",                  false},
        {"no id",                         "{\"date-range\":{" RANGE ",\"policies\":[]}",            false},
        {"no summary",                    ONE("{" POLICY "}"),                                      false},
        {"no policy",                     ONE("{" SUMMARY "}"),                                     false},
        {"a type of policy that is none",
         ONE("{\"policy\":{\"policy-type\":\"x\",\"policy-domain\":\"d\"}," SUMMARY "}"),           false},
        {"a count that is a text",
         ONE("{" POLICY ",\"summary\":{\"total-successful-session-count\":\"1\","
             "\"total-failure-session-count\":2}}"),
         false                                                                                           },
        {"a count below 0",
         ONE("{" POLICY ",\"summary\":{\"total-successful-session-count\":-1,"
             "\"total-failure-session-count\":2}}"),
         false                                                                                           },
        {"a detail without a count",
         ONE("{" POLICY "," SUMMARY ",\"failure-details\":[{\"result-type\":\"x\"}]}"),             false},
        {"an unknown kind of failure",
         ONE("{" POLICY "," SUMMARY
             ",\"failure-details\":[{\"result-type\":\"x\",\"failed-session-count\":2}]}"),
         true                                                                                            },
        {"details that are null",         ONE("{" POLICY "," SUMMARY ",\"failure-details\":null}"), true },
        {"details that are no list",      ONE("{" POLICY "," SUMMARY ",\"failure-details\":{}}"),   false},
        {"members that nobody knows",     ONE("{" POLICY "," SUMMARY ",\"x\":{\"y\":[1]}}"),        true },
        {"a member twice",                ONE("{" POLICY "," POLICY "," SUMMARY "}"),               false},
        {"a date that is none",
         START
         "\"start-datetime\":\"2016-13-01T00:00:00Z\",\"end-datetime\":\"x\"},\"policies\":[]}",    false},
        {"not JSON",                      "hello",                                                  false},
        {"a list",                        "[]",                                                     false},
        {"nothing",                       "",                                                       false},
        {"deep",                          "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",               false},
    };
    struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tlspolicy_report r;
        err e = tlspolicy_report_read(str_of(cases[i].json), arena, &r);
        CHECK((e == NULL) == cases[i].good, cases[i].label);
        err_forget();
    }
    arena_close(arena);
}

TEST(tlspolicy_report_dates)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"1970-01-01T00:00:00Z",        0         },
        {"2000-02-29T12:00:00Z",        951825600 },
        {"2016-04-01T00:00:00Z",        1459468800},
        {"2016-04-01T02:00:00+02:00",   1459468800},
        {"2016-03-31T19:30:00-04:30",   1459468800},
        {"2016-04-01T00:00:00.123456Z", 1459468800},
        {"2016-04-01t00:00:00z",        1459468800},
        {"2016-04-01 00:00:00",         1459468800},
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char json[300];
        struct tlspolicy_report r = {0};
        snprintf(json, sizeof json,
                 START "\"start-datetime\":\"%s\",\"end-datetime\":\"%s\"},\"policies\":[]}",
                 cases[i].text, cases[i].text);
        CHECK_DONE(tlspolicy_report_read(str_of(json), arena, &r), cases[i].text);
        CHECK(r.begin_s == cases[i].seconds, cases[i].text);
    }
    arena_close(arena);
}

/* ---- other people's --------------------------------------------------------------------- */

TEST(tlspolicy_report_suite)
{
    static const struct {
        const char *file, *organization;
        size_t policies, details;
        uint64_t successes, failures;
    } cases[] = {
        {"rfc8460.json",  "Company-X",    1, 3, 5326, 303},
        {"mail.ru.json",  "Mail.ru",      1, 2, 0,    1  },
        {"smtp_tls.json", "Example Inc.", 1, 2, 0,    3  },
    };
    char folder[400], path[600];
    if (test_suites("dmarc-reports-parsedmarc/smtp_tls", folder, sizeof folder) == NULL)
        return;
    struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char json[1 << 16];
        struct tlspolicy_report r = {0};
        snprintf(path, sizeof path, "%s/%s", folder, cases[i].file);
        FILE *file = fopen(path, "re");
        CHECK(file != NULL, path);
        size_t len = file ? fread(json, 1, sizeof json, file) : 0;
        if (file)
            fclose(file);
        CHECK_DONE(tlspolicy_report_read((str){json, len}, arena, &r), cases[i].file);
        CHECK_STR(r.organization, cases[i].organization, cases[i].file);
        CHECK(r.policy_count == cases[i].policies, cases[i].file);
        if (r.policy_count == 0)
            continue;
        CHECK(r.policies[0].successes == cases[i].successes, cases[i].file);
        CHECK(r.policies[0].failures == cases[i].failures, cases[i].file);
        CHECK(r.policies[0].detail_count == cases[i].details, cases[i].file);
    }
    arena_close(arena);
}

/* ---- counted ---------------------------------------------------------------------------- */

enum { DOMAINS = 3, DAYS = 2, TYPES = 3, SESSIONS = 20000 };

struct ledger {
    uint64_t successes[DOMAINS][DAYS][TYPES];
    uint64_t failures[DOMAINS][DAYS][TYPES][TLSPOLICY_RESULTS];
};

static const char *const domains[DOMAINS] = {"a.example", "b.example", "c.example"};

static void draw(struct tlspolicy_report_tally *t, struct ledger *l)
{
    size_t domain = rand_below(DOMAINS), day = rand_below(DAYS), type = rand_below(TYPES);
    size_t result = rand_below(TLSPOLICY_RESULTS);
    char ip[40], host[40];
    snprintf(ip, sizeof ip, "192.0.2.%d", (int)rand_below(30));
    snprintf(host, sizeof host, "mx%d.%s", (int)rand_below(20), domains[domain]);
    struct tlspolicy_report_session s = {
        .domain = str_of(domains[domain]),
        .ended_ms = noon_ms + (int64_t)day * day_s * 1000 + (int64_t)rand_below(1000),
        .policy = {.type = (enum tlspolicy_report_type)type, .domain = str_of(domains[domain])},
        .result = (enum tlspolicy_result)result,
        .detail = {.sending_ip = str_of(ip),                 .mx_host = str_of(host)          },
    };
    CHECK_DONE(tlspolicy_report_tally_add(t, &s), "counted");
    if (result == TLSPOLICY_SUCCESS)
        l->successes[domain][day][type]++;
    else
        l->failures[domain][day][type][result]++;
}

static void check_policy(const struct ledger *l, size_t domain, size_t day,
                         const struct tlspolicy_report_policy *p)
{
    uint64_t failures[TLSPOLICY_RESULTS] = {0}, sum = 0;
    for (size_t i = 0; i < p->detail_count; i++) {
        failures[p->details[i].result] += p->details[i].count;
        sum += p->details[i].count;
    }
    CHECK(p->detail_count <= TLSPOLICY_REPORT_TALLY_DETAILS_MAX + TLSPOLICY_RESULTS, "bounded");
    CHECK(sum == p->failures, "the details are all failures");
    CHECK(p->successes == l->successes[domain][day][p->type], "successes");
    for (size_t r = 0; r < TLSPOLICY_RESULTS; r++)
        CHECK(failures[r] == l->failures[domain][day][p->type][r], "failures of each kind");
}

static void check_day(struct tlspolicy_report_tally *t, const struct ledger *l, size_t domain,
                      size_t day)
{
    struct arena *arena = arena_open(16 << 20);
    struct tlspolicy_report r, read = {0};
    struct buf json;
    int64_t begin_s = 1795219200 + (int64_t)day * day_s;
    buf_init(&json, TLSPOLICY_REPORT_BYTES_MAX);
    CHECK(tlspolicy_report_tally_report(t, str_of(domains[domain]), begin_s, &r), "a report");
    r.id = S("id");
    CHECK_DONE(tlspolicy_report_write(&r, &json), "written");
    CHECK_DONE(tlspolicy_report_read(buf_str(&json), arena, &read), "read");
    CHECK(read.begin_s == begin_s && read.end_s == begin_s + day_s - 1, "the day");
    CHECK(read.policy_count == TYPES, "one policy a type");
    for (size_t i = 0; i < read.policy_count; i++)
        check_policy(l, domain, day, &read.policies[i]);
    tlspolicy_report_tally_drop(t, str_of(domains[domain]), begin_s);
    CHECK(!tlspolicy_report_tally_report(t, str_of(domains[domain]), begin_s, &r), "dropped");
    buf_release(&json);
    arena_close(arena);
}

/* Attack 214: what the JSON says is what happened. */
TEST(tlspolicy_report_counts_are_the_ledgers)
{
    static struct ledger l;
    struct tlspolicy_report_tally *t = tlspolicy_report_tally_open();
    struct tlspolicy_report_day day;
    size_t position = 0, days = 0;
    for (int i = 0; i < SESSIONS; i++)
        draw(t, &l);
    while (tlspolicy_report_tally_next(t, &position, &day))
        days++;
    CHECK(days == DOMAINS * DAYS, "a report for each domain and day");
    for (size_t d = 0; d < DOMAINS; d++)
        for (size_t when = 0; when < DAYS; when++)
            check_day(t, &l, d, when);
    position = 0;
    CHECK(!tlspolicy_report_tally_next(t, &position, &day), "all were dropped");
    tlspolicy_report_tally_close(t);
}

TEST(tlspolicy_report_tally_limits)
{
    struct tlspolicy_report_tally *t = tlspolicy_report_tally_open();
    struct tlspolicy_report_session s = {.domain = S("example.com"), .ended_ms = noon_ms};
    char line[40];
    str strings = {0};
    err e = NULL;
    s.policy.string_count = 1;
    s.policy.strings = &strings;
    for (int i = 0; i <= TLSPOLICY_REPORT_TALLY_POLICIES_MAX; i++) {
        snprintf(line, sizeof line, "max_age: %d", i);
        strings = str_of(line);
        e = tlspolicy_report_tally_add(t, &s);
        CHECK((e == NULL) == (i < TLSPOLICY_REPORT_TALLY_POLICIES_MAX), "policies of one day");
    }
    CHECK(e && e->kind == ERR_LIMIT, "a limit");
    for (int i = 1; i <= TLSPOLICY_REPORT_TALLY_DAYS_MAX; i++) {
        snprintf(line, sizeof line, "d%d.example", i);
        s.domain = str_of(line);
        e = tlspolicy_report_tally_add(t, &s);
        CHECK((e == NULL) == (i < TLSPOLICY_REPORT_TALLY_DAYS_MAX), "domains");
    }
    err_forget();
    tlspolicy_report_tally_close(t);
}

/* ---- mailed ----------------------------------------------------------------------------- */

static void unpack(str packed, struct buf *out)
{
    z_stream z = {0};
    char *room;
    CHECK(inflateInit2(&z, 15 + 16) == Z_OK, "gzip");
    CHECK_DONE(buf_reserve(out, 1 << 16, &room), "room");
    z.next_in = (Bytef *)(uintptr_t)packed.ptr;
    z.avail_in = (uInt)packed.len;
    z.next_out = (Bytef *)room;
    z.avail_out = 1 << 16;
    CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END, "all of it");
    out->len += z.total_out;
    inflateEnd(&z);
}

static struct tlspolicy_report_mail make_mail(str file)
{
    return (struct tlspolicy_report_mail){&sample,
                                          S("example.com"),
                                          S("mail.example.net"),
                                          S("tls@example.net"),
                                          S("reports@example.com"),
                                          file,
                                          noon_ms};
}

#define FILE_NAME                                                    \
    "filename=\"mail.example.net!example.com!1795219200!1795305599!" \
    "19ab3c5d7e00123456789abcdef.json.gz\"\r\n"
#define SUBJECT                                                                          \
    "\r\nSubject: Report Domain: example.com Submitter: mail.example.net Report-ID:\r\n" \
    " <19ab3c5d7e00123456789abcdef@mail.example.net>\r\n"

/* RFC 8460 section 5.3. */
TEST(tlspolicy_report_mail_form)
{
    static const char *const lines[] = {
        "\r\nFrom: tls@example.net\r\n",
        "\r\nTo: reports@example.com\r\n",
        SUBJECT,
        "\r\nTLS-Report-Domain: example.com\r\n",
        "\r\nTLS-Report-Submitter: mail.example.net\r\n",
        "\r\nContent-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
        "\r\nContent-Type: application/tlsrpt+gzip\r\n",
        FILE_NAME,
    };
    struct buf file, mail, json, plain;
    buf_init(&file, 1 << 20);
    buf_init(&mail, 1 << 20);
    buf_init(&json, 1 << 20);
    buf_init(&plain, 1 << 20);
    CHECK_DONE(tlspolicy_report_mail_pack(&sample, &file), "packed");
    CHECK_DONE(tlspolicy_report_write(&sample, &json), "as JSON");
    unpack(buf_str(&file), &plain);
    CHECK(str_eq(buf_str(&plain), buf_str(&json)), "the same unpacked");
    struct tlspolicy_report_mail m = make_mail(buf_str(&file));
    CHECK_DONE(tlspolicy_report_mail_write(&m, &mail), "written");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        CHECK(str_contains(buf_str(&mail), str_of(lines[i])), lines[i]);
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(TLSPOLICY_REPORT_UNPACK_ARENA_BYTES);
    const str forms[] = {buf_str(&mail), buf_str(&file), buf_str(&json)};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        str again = {0};
        CHECK_DONE(tlspolicy_report_unpack(forms[i], arena, &again), "however it comes");
        CHECK(str_eq(again, buf_str(&json)), "however it comes");
    }
    buf_release(&file);
    buf_release(&mail);
    buf_release(&json);
    buf_release(&plain);
}

/* A kilobyte that would become a gigabyte, what was cut off, and what is none. */
TEST(tlspolicy_report_unpack_refuses)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(TLSPOLICY_REPORT_UNPACK_ARENA_BYTES);
    CLEANUP(buf_release) struct buf bomb;
    buf_init(&bomb, 1 << 20);
    struct mailauth_dmarc_gzip *gzip = mailauth_dmarc_gzip_open(&bomb);
    static const char zeros[1 << 16];
    for (int i = 0; i < 200; i++)
        CHECK_DONE(mailauth_dmarc_gzip_add(gzip, (str){zeros, sizeof zeros}), "packed");
    CHECK_DONE(mailauth_dmarc_gzip_finish(gzip), "packed");
    mailauth_dmarc_gzip_close(gzip);
    const struct {
        str bytes;
        enum err_kind kind;
    } cases[] = {
        {buf_str(&bomb),           ERR_LIMIT},
        {str_slice(buf_str(&bomb), 0,         100), ERR_PROTOCOL},
        {S("Subject: x\r\n\r\nhello\r\n"),            ERR_PROTOCOL                    },
        {S(""), ERR_PROTOCOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str json;
        err e = tlspolicy_report_unpack(cases[i].bytes, arena, &json);
        CHECK(e && e->kind == cases[i].kind, "refused");
        err_forget();
    }
}

TEST(tlspolicy_report_mail_refuses)
{
    struct tlspolicy_report odd = sample;
    struct buf out;
    buf_init(&out, 1 << 20);
    struct tlspolicy_report_mail all[] = {
        make_mail(S("x")), make_mail(S("x")), make_mail(S("x")),
        make_mail(S("x")), make_mail(S("x")),
    };
    all[0].from = S("a@example.com\r\nBcc: b@example.com");
    all[1].to = S("a@example.com, b@example.com");
    all[2].domain = S("example.com\r\nX: y");
    all[3].submitter = S("");
    odd.id = S("../x");
    all[4].report = &odd;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        err e = tlspolicy_report_mail_write(&all[i], &out);
        CHECK(e && e->kind == ERR_CONFIG, "refused");
        CHECK(out.len == 0, "nothing was written");
        err_forget();
    }
    buf_release(&out);
}

TEST(tlspolicy_report_ids)
{
    char one[MESSAGE_DAILY_REPORT_ID_CHARS], two[MESSAGE_DAILY_REPORT_ID_CHARS];
    message_daily_report_id(noon_ms, one);
    message_daily_report_id(noon_ms, two);
    CHECK(strcmp(one, two) != 0 && strlen(one) > 20, "nowhere given twice");
}
