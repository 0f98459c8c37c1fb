#include "tlspolicy/report_read.h"
#include "base/nesting.h"
#include <assert.h>
#include <jansson.h>

/* ---- members ---------------------------------------------------------------------------- */

static str text_of(const json_t *value, struct arena *arena)
{
    if (!json_is_string(value))
        return (str){0};
    str text = {json_string_value(value), json_string_length(value)};
    return arena_str(arena, str_slice(text, 0, TLSPOLICY_REPORT_TEXT_BYTES_MAX));
}

/* Empty: it is not there, or no text. */
static str member(const json_t *object, const char *name, struct arena *arena)
{
    return text_of(json_object_get(object, name), arena);
}

static err demand(const json_t *object, const char *name, struct arena *arena, str *ret_text)
{
    str text = member(object, name, arena);
    if (text.len == 0)
        return err_new(ERR_PROTOCOL, "no \"%s\"", name);
    *ret_text = text;
    return NULL;
}

static err demand_count(const json_t *object, const char *name, uint64_t *ret_count)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_new(ERR_PROTOCOL, "\"%s\" is not a count", name);
    *ret_count = (uint64_t)json_integer_value(value);
    return NULL;
}

/* A list of texts, or one text. */
static err take_list(const json_t *object, const char *name, struct arena *arena,
                     const str **ret_texts, size_t *ret_count)
{
    const json_t *value = json_object_get(object, name);
    size_t count = json_is_string(value) ? 1 : json_array_size(value);
    if (count > TLSPOLICY_REPORT_STRINGS_MAX)
        return err_new(ERR_LIMIT, "more than %d in \"%s\"", TLSPOLICY_REPORT_STRINGS_MAX, name);
    str *texts = ARENA_ARRAY(arena, str, count + 1);
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(json_is_string(value) ? value : json_array_get(value, i), arena);
    *ret_texts = texts;
    *ret_count = count;
    return NULL;
}

/* ---- dates ------------------------------------------------------------------------------ */

static bool take_number(str *text, size_t digits, uint64_t max, int64_t *ret_value)
{
    uint64_t value;
    if (text->len < digits || !str_to_u64(str_slice(*text, 0, digits), max, &value))
        return false;
    *text = str_from(*text, digits);
    *ret_value = (int64_t)value;
    return true;
}

/* Days since 1970-01-01; the year begins in March, so that the odd day comes last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

static bool take_zone(str text, int64_t *ret_seconds)
{
    int64_t hours, minutes;
    if (str_eq_nocase(text, S("Z")) || text.len == 0) {
        *ret_seconds = 0;
        return true;
    }
    int sign = str_skip(&text, S("-")) ? -1 : str_skip(&text, S("+")) ? 1 : 0;
    if (sign == 0 || !take_number(&text, 2, 23, &hours) || !str_skip(&text, S(":")) ||
        !take_number(&text, 2, 59, &minutes) || text.len > 0)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339; the fraction of a second is skipped, and a zone that is missing is UTC. */
static bool read_date(str text, int64_t *ret_seconds)
{
    int64_t year, month, day, hour, minute, second, zone;
    if (!take_number(&text, 4, 9999, &year) || !str_skip(&text, S("-")) ||
        !take_number(&text, 2, 12, &month) || !str_skip(&text, S("-")) ||
        !take_number(&text, 2, 31, &day) ||
        !(str_skip_nocase(&text, S("T")) || str_skip(&text, S(" "))))
        return false;
    if (!take_number(&text, 2, 23, &hour) || !str_skip(&text, S(":")) ||
        !take_number(&text, 2, 59, &minute) || !str_skip(&text, S(":")) ||
        !take_number(&text, 2, 60, &second))
        return false;
    if (str_skip(&text, S(".")))
        while (text.len > 0 && char_is_digit(text.ptr[0]))
            text = str_from(text, 1);
    if (month == 0 || day == 0 || !take_zone(text, &zone))
        return false;
    *ret_seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    return true;
}

static err demand_date(const json_t *object, const char *name, struct arena *arena,
                       int64_t *ret_seconds)
{
    str text;
    TRY(demand(object, name, arena, &text));
    if (!read_date(text, ret_seconds))
        return err_new(ERR_PROTOCOL, "\"%s\" is not a date", name);
    return NULL;
}

/* ---- parts ------------------------------------------------------------------------------ */

static err read_detail(const json_t *object, struct arena *arena, struct tlspolicy_report_detail *d)
{
    TRY(demand(object, "result-type", arena, &d->result_name));
    TRY(demand_count(object, "failed-session-count", &d->count));
    if (!tlspolicy_result_parse(d->result_name, &d->result))
        d->result = TLSPOLICY_SUCCESS;
    d->sending_ip = member(object, "sending-mta-ip", arena);
    d->receiving_ip = member(object, "receiving-ip", arena);
    d->mx_host = member(object, "receiving-mx-hostname", arena);
    d->mx_helo = member(object, "receiving-mx-helo", arena);
    d->info = member(object, "additional-information", arena);
    d->reason_code = member(object, "failure-reason-code", arena);
    return NULL;
}

static err read_details(const json_t *list, struct arena *arena, struct tlspolicy_report_policy *p)
{
    size_t count = json_array_size(list);
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_new(ERR_PROTOCOL, "\"failure-details\" is not a list");
    if (count > TLSPOLICY_REPORT_DETAILS_MAX)
        return err_new(ERR_LIMIT, "more than %d failure-details", TLSPOLICY_REPORT_DETAILS_MAX);
    struct tlspolicy_report_detail *details =
        ARENA_ARRAY(arena, struct tlspolicy_report_detail, count + 1);
    for (size_t i = 0; i < count; i++)
        TRY(read_detail(json_array_get(list, i), arena, &details[i]));
    p->details = details;
    p->detail_count = count;
    return NULL;
}

static err read_policy(const json_t *object, struct arena *arena, struct tlspolicy_report_policy *p)
{
    str type;
    const json_t *policy = json_object_get(object, "policy");
    const json_t *summary = json_object_get(object, "summary");
    TRY(demand(policy, "policy-type", arena, &type));
    TRY(demand(policy, "policy-domain", arena, &p->domain));
    if (!tlspolicy_report_type_parse(type, &p->type))
        return err_new(ERR_PROTOCOL, "\"policy-type\" is not tlsa, sts or no-policy-found");
    TRY(take_list(policy, "policy-string", arena, &p->strings, &p->string_count));
    TRY(take_list(policy, "mx-host", arena, &p->mx, &p->mx_count));
    TRY(demand_count(summary, "total-successful-session-count", &p->successes));
    TRY(demand_count(summary, "total-failure-session-count", &p->failures));
    return read_details(json_object_get(object, "failure-details"), arena, p);
}

static err read_policies(const json_t *list, struct arena *arena, struct tlspolicy_report *r)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list))
        return err_new(ERR_PROTOCOL, "no \"policies\"");
    if (count > TLSPOLICY_REPORT_POLICIES_MAX)
        return err_new(ERR_LIMIT, "more than %d policies", TLSPOLICY_REPORT_POLICIES_MAX);
    struct tlspolicy_report_policy *policies =
        ARENA_ARRAY(arena, struct tlspolicy_report_policy, count + 1);
    for (size_t i = 0; i < count; i++) {
        err e = read_policy(json_array_get(list, i), arena, &policies[i]);
        if (e)
            return err_wrap(e, "policy %zu", i + 1);
    }
    r->policies = policies;
    r->policy_count = count;
    return NULL;
}

static err read_all(const json_t *root, struct arena *arena, struct tlspolicy_report *ret_report)
{
    struct tlspolicy_report r = {0};
    const json_t *range = json_object_get(root, "date-range");
    r.organization = member(root, "organization-name", arena);
    r.contact = member(root, "contact-info", arena);
    TRY(demand(root, "report-id", arena, &r.id));
    TRY(demand_date(range, "start-datetime", arena, &r.begin_s));
    TRY(demand_date(range, "end-datetime", arena, &r.end_s));
    TRY(read_policies(json_object_get(root, "policies"), arena, &r));
    *ret_report = r;
    return NULL;
}

err tlspolicy_report_read(str json, struct arena *arena, struct tlspolicy_report *ret_report)
{
    json_error_t trouble;
    if (json.len > TLSPOLICY_REPORT_BYTES_MAX)
        return err_new(ERR_LIMIT, "a report of %zu bytes", json.len);
    if (!nesting_is_shallow(json, TLSPOLICY_REPORT_READ_DEPTH_MAX))
        return err_new(ERR_LIMIT, "JSON deeper than %d", TLSPOLICY_REPORT_READ_DEPTH_MAX);
    json_t *root = json_loadb(json.ptr ? json.ptr : "", json.len, JSON_REJECT_DUPLICATES, &trouble);
    if (root == NULL)
        return err_new(ERR_PROTOCOL, "line %d: %s", trouble.line, trouble.text);
    err e = read_all(root, arena, ret_report);
    json_decref(root);
    return e;
}
