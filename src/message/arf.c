#include "message/arf.h"
#include "base/clock.h"
#include "message/header.h"
#include "message/report.h"
#include "message/text.h"
#include <stddef.h>

enum { LINE_BYTES_MAX = 998 };

/* Fields that stand there once, in the order in which we write them. */
static const struct {
    const char *name;
    size_t at; /* in struct message_arf */
    bool is_path;
} fields[] = {
    {"Feedback-Type",          offsetof(struct message_arf, feedback_type),          false},
    {"User-Agent",             offsetof(struct message_arf, user_agent),             false},
    {"Version",                offsetof(struct message_arf, version),                false},
    {"Original-Envelope-Id",   offsetof(struct message_arf, original_envelope_id),   false},
    {"Original-Mail-From",     offsetof(struct message_arf, original_mail_from),     true },
    {"Arrival-Date",           offsetof(struct message_arf, arrival_date),           false},
    {"Reporting-MTA",          offsetof(struct message_arf, reporting_mta),          false},
    {"Source-IP",              offsetof(struct message_arf, source_ip),              false},
    {"Incidents",              offsetof(struct message_arf, incidents),              false},
    {"Authentication-Results", offsetof(struct message_arf, authentication_results), false},
    {"Auth-Failure",           offsetof(struct message_arf, auth_failure),           false},
    {"Identity-Alignment",     offsetof(struct message_arf, identity_alignment),     false},
    {"Delivery-Result",        offsetof(struct message_arf, delivery_result),        false},
    {"Reported-Domain",        offsetof(struct message_arf, reported_domain),        false},
    {"Reported-URI",           offsetof(struct message_arf, reported_uri),           false},
};

static str *member(struct message_arf *a, size_t i) { return (str *)((char *)a + fields[i].at); }

static void read_rcpts(str group, struct arena *arena, struct message_arf *a)
{
    struct message_field f;
    while (message_header_next(&group, &f)) {
        if (!str_eq_nocase(f.name, S("Original-Rcpt-To")) ||
            a->original_rcpt_count == MESSAGE_ARF_RCPTS_MAX)
            continue;
        str value = message_report_value(f.raw, f.name, arena);
        a->original_rcpts[a->original_rcpt_count++] = message_report_untyped(value);
    }
}

err message_arf_read(str message, const struct message_mime_part *parts, size_t count,
                     struct arena *arena, struct message_arf *ret_arf)
{
    struct message_arf *a = ARENA_NEW(arena, struct message_arf);
    str text, group;
    const struct message_mime_part *part =
        message_report_find(parts, count, "message/feedback-report", NULL);
    if (part == NULL)
        return err_new(ERR_PROTOCOL, "no feedback report");
    TRY(message_report_body(part, message, arena, &text));
    if (!message_report_next(&text, &group))
        return err_new(ERR_PROTOCOL, "a feedback report without a field");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        str value = message_report_value(group, str_of(fields[i].name), arena);
        *member(a, i) = fields[i].is_path ? message_report_untyped(value) : value;
    }
    if (a->feedback_type.len == 0)
        return err_new(ERR_PROTOCOL, "a feedback report without a type");
    if (a->incidents.len == 0)
        a->incidents = S("1");
    read_rcpts(group, arena, a);
    a->original_id = message_report_original_id(parts, count, message, arena);
    *ret_arf = *a;
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------ */

static err add_field(const char *name, str value, bool is_path, struct buf *out)
{
    CLEANUP(buf_release) struct buf clean, lead;
    buf_init(&clean, MESSAGE_ARF_TEXT_BYTES_MAX * 8);
    buf_init(&lead, 200);
    if (value.len == 0 && !is_path)
        return NULL;
    if (is_path)
        TRY(buf_add_char(&clean, '<'));
    TRY(message_text_add_clean(value, MESSAGE_ARF_TEXT_BYTES_MAX, false, &clean));
    if (is_path)
        TRY(buf_add_char(&clean, '>'));
    TRY(buf_addf(&lead, "%s: ", name));
    return message_text_add_wrapped(buf_str(&lead), buf_str(&clean), S(" "), out);
}

static err add_report(const struct message_arf *a, struct buf *out)
{
    TRY(buf_add(out, S("Content-Type: message/feedback-report\r\n\r\n")));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        str value = *(const str *)((const char *)a + fields[i].at);
        bool is_path = fields[i].is_path && value.len > 0;
        TRY(add_field(fields[i].name, value, is_path, out));
    }
    for (size_t i = 0; i < a->original_rcpt_count; i++)
        TRY(add_field("Original-Rcpt-To", a->original_rcpts[i], true, out));
    return NULL;
}

static bool travels(str bytes)
{
    size_t line = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        bool ends = c == '\r' && i + 1 < bytes.len && bytes.ptr[i + 1] == '\n';
        if (ends) {
            line = 0;
            i++;
        } else if (c == '\r' || c == '\n' || c == '\0' || c > 127 || ++line > LINE_BYTES_MAX) {
            return false;
        }
    }
    return true;
}

/* Whole when it can travel as it stands, else its fields; those that cannot are left out. */
static err add_original(str original, bool header_only, struct buf *out)
{
    struct message_field f;
    uint8_t bad = FIELD_NO_COLON | FIELD_EMPTY_NAME | FIELD_BARE_BYTES | FIELD_UNENDED |
                  FIELD_LEADING_SPACE | FIELD_BAD_NAME;
    if (!header_only && original.len <= MESSAGE_ARF_ORIGINAL_BYTES_MAX && travels(original) &&
        original.len > 0) {
        TRY(buf_add(out, S("Content-Type: message/rfc822\r\n\r\n")));
        return buf_add(out, original);
    }
    TRY(buf_add(out, S("Content-Type: text/rfc822-headers\r\n\r\n")));
    while (message_header_next(&original, &f))
        if ((f.flags & bad) == 0 && travels(f.raw))
            TRY(buf_add(out, f.raw));
    return NULL;
}

static err add_letter(const struct message_arf_letter *l, struct buf *out)
{
    char date[CLOCK_RFC5322_BYTES];
    clock_rfc5322(l->now_ms, date);
    TRY(add_field("From", l->from, true, out));
    TRY(add_field("To", l->to, true, out));
    TRY(add_field("Subject", l->subject, false, out));
    TRY(buf_addf(out, "Date: %s\r\nMessage-ID: <%.*s@%.*s>\r\nAuto-Submitted: auto-generated\r\n",
                 date, STR_ARG(l->unique), STR_ARG(l->hostname)));
    TRY(buf_addf(out,
                 "MIME-Version: 1.0\r\nContent-Type: multipart/report; "
                 "report-type=feedback-report;\r\n boundary=\"=_%.*s\"\r\n\r\n",
                 STR_ARG(l->unique)));
    TRY(buf_addf(out, "--=_%.*s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
                 STR_ARG(l->unique)));
    CLEANUP(buf_release) struct buf clean;
    buf_init(&clean, MESSAGE_ARF_TEXT_BYTES_MAX * 8);
    TRY(message_text_add_clean(l->text, MESSAGE_ARF_TEXT_BYTES_MAX, false, &clean));
    TRY(message_text_add_wrapped(S(""), buf_str(&clean), S(""), out));
    TRY(buf_addf(out, "--=_%.*s\r\n", STR_ARG(l->unique)));
    TRY(add_report(l->report, out));
    TRY(buf_addf(out, "\r\n--=_%.*s\r\n", STR_ARG(l->unique)));
    TRY(add_original(l->original, l->header_only, out));
    return buf_addf(out, "\r\n--=_%.*s--\r\n", STR_ARG(l->unique));
}

err message_arf_build(const struct message_arf_letter *l, struct buf *out)
{
    size_t before = out->len;
    ASSERT(l->report->feedback_type.len > 0);
    err e = add_letter(l, out);
    if (e)
        out->len = before;
    return e;
}
