#include "inbound/asked.h"
#include "config/value.h"
#include "message/date.h"
#include "smtp/times.h"

bool inbound_asked_is_field(const struct message_field *f)
{
    return str_eq_nocase(f->name, S(INBOUND_ASKED_PRIORITY)) ||
           str_eq_nocase(f->name, S(INBOUND_ASKED_EXPIRES));
}

/* "3", also with a comment or text behind it that nobody needs. */
static void read_priority(str fields, struct inbound_asked *asked)
{
    struct message_field f;
    str number, rest;
    if (message_header_count(fields, S(INBOUND_ASKED_PRIORITY)) != 1 ||
        !message_header_find(fields, S(INBOUND_ASKED_PRIORITY), &f))
        return;
    str_split(str_trim(f.value), ' ', &number, &rest);
    asked->has_priority = smtp_times_read_priority(str_trim(number), &asked->priority);
}

static struct message_refusal read_expires(str fields, int64_t now_ms, struct inbound_asked *asked)
{
    static const struct message_refusal twice = {554, "5.6.0", "Smtptool-Expires stands twice"},
                                        wrong = {554, "5.6.0",
                                                 "Smtptool-Expires is neither like 4h nor a date"},
                                        past = {554, "5.6.0", "Smtptool-Expires has passed"},
                                        far = {554, "5.6.0", "Smtptool-Expires is too far away"};
    const int64_t day_ms = 24LL * 3600 * 1000;
    struct message_field f;
    int64_t at_ms = 0, span_ms = 0;
    if (!message_header_find(fields, S(INBOUND_ASKED_EXPIRES), &f))
        return (struct message_refusal){0};
    if (message_header_count(fields, S(INBOUND_ASKED_EXPIRES)) > 1)
        return twice;
    str value = str_trim(f.value);
    if (!message_date_parse_rfc3339(value, &at_ms)) {
        err e = config_value_duration(value, &span_ms);
        err_forget();
        if (e)
            return wrong;
        if (span_ms > INBOUND_ASKED_EXPIRES_DAYS_MAX * day_ms)
            return far;
        at_ms = now_ms + span_ms;
    }
    if (at_ms <= now_ms)
        return past;
    if (at_ms > now_ms + INBOUND_ASKED_EXPIRES_DAYS_MAX * day_ms)
        return far;
    asked->expires_ms = at_ms;
    return (struct message_refusal){0};
}

struct message_refusal inbound_asked_read(str fields, int64_t now_ms,
                                          struct inbound_asked *ret_asked)
{
    struct inbound_asked asked = {0};
    struct message_refusal no = read_expires(fields, now_ms, &asked);
    if (no.code)
        return no;
    read_priority(fields, &asked);
    *ret_asked = asked;
    return no;
}
