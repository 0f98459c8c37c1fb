/* The public suites of DKIM; skipped where they are not there. */
#include "mailauth/dkim_bench_test.h"
#include "tests/test.h"

enum { MAIL_AUTH_S = 1667843664, CHASQUID_S = 1720000000 };

/* ---- mail-auth: keys in front; the last signature passes ---- */

TEST(mailauth_dkim_suite_mail_auth)
{
    int passed = 0, seen = 0;
    for (int n = 1; n <= 6; n++) {
        struct dkim_bench b;
        dkim_bench_open(&b);
        char name[64];
        snprintf(name, sizeof name, "dkim-mail-auth/%03d.txt", n);
        str text = dkim_bench_suite(&b, name);
        if (text.len > 0) {
            seen++;
            b.now_s = MAIL_AUTH_S;
            str message = dkim_bench_crlf(&b, dkim_bench_keys_in_front(&b, text));
            struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
            bool pass = v.count > 0 && v.results[v.count - 1].result == MAILAUTH_PASS;
            CHECK(pass, name);
            if (!pass && v.count > 0)
                CHECK_STR(v.results[v.count - 1].reason, "", name);
            passed += pass;
        }
        dkim_bench_close(&b);
    }
    CHECK(seen == 0 || passed == 6, "6 of 6");
}

/* ---- chasquid: a message, its DNS, what each signature came to ------------------------------- */

static void chasquid_zone(struct dkim_bench *b, str dns)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    for (str line; dns.len > 0;) { /* a backslash at the end joins lines */
        str_split(dns, '\n', &line, &dns);
        bool goes_on = line.len > 0 && line.ptr[line.len - 1] == '\\';
        CHECK_DONE(buf_add(&text, str_slice(line, 0, line.len - goes_on)), "join");
        CHECK_DONE(buf_add(&text, goes_on ? S("") : S("\n")), "join");
    }
    for (str rest = buf_str(&text), line, name, record; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        str_split(line, ':', &name, &record);
        if (name.len == 0)
            continue;
        if (str_eq(str_trim(record), S("TEMPERROR")))
            dkim_bench_fail(b, name, "servfail");
        else if (!str_eq(str_trim(record), S("PERMERROR")))
            dkim_bench_txt(b, name, str_trim(record));
    }
    buf_release(&text);
}

/* The next "State" in the expected results. */
static bool next_state(str *json, str *ret_state)
{
    if (json->len == 0)
        return false;
    const char *at = memmem(json->ptr, json->len, "\"State\": \"", 10);
    if (at == NULL)
        return false;
    *json = str_from(*json, (size_t)(at + 10 - json->ptr));
    str_split(*json, '"', ret_state, json);
    return true;
}

static bool state_fits(str state, enum mailauth_result result)
{
    if (str_eq(state, S("SUCCESS")))
        return result == MAILAUTH_PASS;
    if (str_eq(state, S("TEMPFAIL")))
        return result == MAILAUTH_TEMPERROR;
    return result == MAILAUTH_FAIL || result == MAILAUTH_PERMERROR;
}

/* That suite stops at five signatures, and we at ten: those beyond its five are not compared. */
static void chasquid_case(struct dkim_bench *b, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "dkim-chasquid/%s.msg", name);
    str message = dkim_bench_crlf(b, dkim_bench_suite(b, path));
    if (message.len == 0)
        return;
    b->now_s = CHASQUID_S;
    snprintf(path, sizeof path, "dkim-chasquid/%s.dns", name);
    chasquid_zone(b, dkim_bench_suite(b, path));
    snprintf(path, sizeof path, "dkim-chasquid/%s.result", name);
    str expected = dkim_bench_suite(b, path), state;
    struct mailauth_dkim_verdict v = dkim_bench_verify(b, message);
    size_t i = 0;
    for (; next_state(&expected, &state); i++)
        CHECK(i < v.count && state_fits(state, v.results[i].result), name);
    CHECK(i == v.count || i == 5, name);
}

TEST(mailauth_dkim_suite_chasquid)
{
    static const char *const names[] = {"01-rfc8463",
                                        "02-too_many_headers",
                                        "03-bad_message",
                                        "04-bad_dkim_signature_header",
                                        "05-dns_temp_error",
                                        "06-dns_perm_error",
                                        "07-algo_mismatch",
                                        "08-our_signature",
                                        "09-limited_body",
                                        "10-strict_domain_check_pass",
                                        "11-strict_domain_check_fail"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct dkim_bench b;
        dkim_bench_open(&b);
        chasquid_case(&b, names[i]);
        dkim_bench_close(&b);
    }
}

/* ---- mimekit --------------------------------------------------------------------------------- */

/* The record of a key that lies there as PEM. */
static str record_of_pem(struct dkim_bench *b, str pem)
{
    str all = S("v=DKIM1; k=rsa; p="), line;
    while (pem.len > 0) {
        str_split(pem, '\n', &line, &pem);
        if (!str_starts(line, S("-----")))
            all = arena_printf(b->arena, "%.*s%.*s", STR_ARG(all), STR_ARG(str_trim(line)));
    }
    return all;
}

TEST(mailauth_dkim_suite_mimekit)
{
    static const struct {
        const char *file, *want;
    } cases[] = {
        {"gmail.msg",                     "pass"     },
        {"multipart-no-end-boundary.msg", "pass"     },
        {"related.msg",                   "pass"     },
        {"rfc8463-example.msg",           "pass pass"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        dkim_bench_open(&b);
        char path[128];
        snprintf(path, sizeof path, "dkim-mimekit/%s", cases[i].file);
        str message = dkim_bench_crlf(&b, dkim_bench_suite(&b, path));
        if (message.len > 0) {
            str pem = dkim_bench_suite(&b, "dkim-mimekit/gmail.pub");
            dkim_bench_txt(&b, S("20120113._domainkey.gmail.com"), record_of_pem(&b, pem));
            chasquid_zone(&b, dkim_bench_suite(&b, "dkim-chasquid/01-rfc8463.dns"));
            struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
            CHECK_STR(dkim_bench_names(&b, &v), cases[i].want, cases[i].file);
        }
        dkim_bench_close(&b);
    }
}

/* ---- dkimpy
 * ------------------------------------------------------------------------------------------------
 */

/* The suite's own tests name these keys in their code: the two of RFC 8463 and one of Gmail's. */
static void dkimpy_zone(struct dkim_bench *b)
{
    chasquid_zone(b, dkim_bench_suite(b, "dkim-chasquid/01-rfc8463.dns"));
    dkim_bench_txt(b, S("20120113._domainkey.gmail.com"),
                   record_of_pem(b, dkim_bench_suite(b, "dkim-mimekit/gmail.pub")));
    str exim = str_trim(dkim_bench_suite(b, "dkim-dkimpy/eximtest.dns"));
    dkim_bench_txt(b, S("sed._domainkey.test.ex"), exim);
}

TEST(mailauth_dkim_suite_dkimpy)
{
    static const struct {
        const char *file, *want;
    } cases[] = {
        {"rfc6376.signed.msg",  "pass pass"},
        {"test2.message",       "pass"     },
        {"ed25519test2.msg",    "pass"     },
        {"test.message",        ""         },
        {"test_nofrom.message", ""         },
        {"message.mbox",        "permerror"}, /* its key is not there */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        dkim_bench_open(&b);
        char path[128];
        snprintf(path, sizeof path, "dkim-dkimpy/%s", cases[i].file);
        str message = dkim_bench_crlf(&b, dkim_bench_suite(&b, path));
        if (message.len > 0) {
            dkimpy_zone(&b);
            struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
            CHECK_STR(dkim_bench_names(&b, &v), cases[i].want, cases[i].file);
        }
        dkim_bench_close(&b);
    }
}
