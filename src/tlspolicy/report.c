#include "tlspolicy/report.h"
#include "base/clock.h"
#include "message/text.h"
#include <stdio.h>

static const char *const type_names[] = {"tlsa", "sts", "no-policy-found"};

const char *tlspolicy_report_type_name(enum tlspolicy_report_type type) { return type_names[type]; }

bool tlspolicy_report_type_parse(str name, enum tlspolicy_report_type *ret_type)
{
    for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
        if (str_eq(name, str_of(type_names[i]))) {
            *ret_type = (enum tlspolicy_report_type)i;
            return true;
        }
    return false;
}

/* ---- JSON ------------------------------------------------------------------------------- */

/* After cleaning only the quote and the backslash are special (RFC 8259 section 7). */
static err add_text(str text, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, 8 * TLSPOLICY_REPORT_TEXT_BYTES_MAX);
    TRY(message_text_add_clean(text, TLSPOLICY_REPORT_TEXT_BYTES_MAX, true, &clean));
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < clean.len; i++) {
        if (clean.ptr[i] == '"' || clean.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, clean.ptr[i]));
    }
    return buf_add_char(out, '"');
}

/* Nothing, when there is nothing to tell. */
static err add_member(const char *name, str text, struct buf *out)
{
    if (text.len == 0)
        return NULL;
    TRY(buf_addf(out, ",\"%s\":", name));
    return add_text(text, out);
}

static err add_list(const char *name, const str *texts, size_t count, struct buf *out)
{
    if (count == 0)
        return NULL;
    TRY(buf_addf(out, ",\"%s\":[", name));
    for (size_t i = 0; i < count; i++) {
        TRY(buf_add(out, i ? S(",") : S("")));
        TRY(add_text(texts[i], out));
    }
    return buf_add_char(out, ']');
}

static err add_date(const char *name, int64_t seconds, struct buf *out)
{
    char date[CLOCK_RFC3339_BYTES];
    clock_rfc3339(seconds * 1000, date);
    return buf_addf(out, "\"%s\":\"%.19sZ\"", name, date); /* without milliseconds */
}

static err add_detail(const struct tlspolicy_report_detail *d, struct buf *out)
{
    TRY(buf_addf(out, "{\"result-type\":\"%s\"", tlspolicy_result_name(d->result)));
    TRY(add_member("sending-mta-ip", d->sending_ip, out));
    TRY(add_member("receiving-mx-hostname", d->mx_host, out));
    TRY(add_member("receiving-mx-helo", d->mx_helo, out));
    TRY(add_member("receiving-ip", d->receiving_ip, out));
    TRY(buf_addf(out, ",\"failed-session-count\":%llu", (unsigned long long)d->count));
    TRY(add_member("additional-information", d->info, out));
    TRY(add_member("failure-reason-code", d->reason_code, out));
    return buf_add_char(out, '}');
}

static err add_policy(const struct tlspolicy_report_policy *p, struct buf *out)
{
    TRY(buf_addf(out, "{\"policy\":{\"policy-type\":\"%s\"", type_names[p->type]));
    TRY(add_list("policy-string", p->strings, p->string_count, out));
    TRY(add_member("policy-domain", p->domain, out));
    TRY(add_list("mx-host", p->mx, p->mx_count, out));
    TRY(buf_addf(out, "},\"summary\":{\"total-successful-session-count\":%llu",
                 (unsigned long long)p->successes));
    TRY(buf_addf(out, ",\"total-failure-session-count\":%llu}", (unsigned long long)p->failures));
    TRY(buf_add(out, p->detail_count ? S(",\"failure-details\":[") : S("")));
    for (size_t i = 0; i < p->detail_count; i++) {
        TRY(buf_add(out, i ? S(",\n") : S("\n")));
        TRY(add_detail(&p->details[i], out));
    }
    return buf_add(out, p->detail_count ? S("]}") : S("}"));
}

err tlspolicy_report_write(const struct tlspolicy_report *r, struct buf *out)
{
    TRY(buf_add(out, S("{\"organization-name\":")));
    TRY(add_text(r->organization, out));
    TRY(buf_add(out, S(",\"date-range\":{")));
    TRY(add_date("start-datetime", r->begin_s, out));
    TRY(buf_add_char(out, ','));
    TRY(add_date("end-datetime", r->end_s, out));
    TRY(buf_add(out, S("},\"contact-info\":")));
    TRY(add_text(r->contact, out));
    TRY(buf_add(out, S(",\"report-id\":")));
    TRY(add_text(r->id, out));
    TRY(buf_add(out, S(",\"policies\":[")));
    for (size_t i = 0; i < r->policy_count; i++) {
        TRY(buf_add(out, i ? S(",\n") : S("\n")));
        TRY(add_policy(&r->policies[i], out));
    }
    return buf_add(out, S("]}\n"));
}

/* ---- names ------------------------------------------------------------------------------ */
