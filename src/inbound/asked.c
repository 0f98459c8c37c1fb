#include "inbound/asked.h"
#include "base/clock.h"
#include "config/value.h"
#include "message/date.h"
#include "sasl/name.h"
#include "smtp/times.h"
#include <assert.h>

enum { VALUE_BYTES_MAX = 200 }; /* of any field here */

#define PREFIX "Smtptool-"

struct reading {
    struct arena *arena;
    struct inbound_asked asked;
    struct smtp_answer *refusal;
    int priorities; /* fields that were read */
};

static bool is_flow_name(str s)
{
    if (s.len == 0 || s.len > ENVELOPE_FLOW_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && str_find(S("-_."), s.ptr[i]) == STR_NONE)
            return false;
    return true;
}

/* ---- the fields ------------------------------------------------------------------------- */

/* Into the place that its row names; empty until now. */
static void take_name(struct reading *r, const char *name, str value, str *place)
{
    if (!is_flow_name(value))
        smtp_answer_setf(r->refusal, 550, "5.6.0",
                         PREFIX "%s: 1 to %d letters, digits, \"-\", \"_\" and \".\" are wanted",
                         name, ENVELOPE_FLOW_BYTES_MAX);
    else
        *place = arena_str(r->arena, value);
}

static void take_stream(struct reading *r, const char *name, str value)
{
    take_name(r, name, value, &r->asked.flow.stream);
}

static void take_campaign(struct reading *r, const char *name, str value)
{
    take_name(r, name, value, &r->asked.flow.campaign);
}

static void take_tenant(struct reading *r, const char *name, str value)
{
    take_name(r, name, value, &r->asked.flow.tenant);
}

/* A time span or a date. */
static void take_expires(struct reading *r, const char *name, str value)
{
    const int64_t most_ms = 366LL * 24 * 3600 * 1000;
    int64_t now_ms = clock_real_ms(), at_ms = 0, span_ms = 0;
    const char *wrong = NULL;
    if (!message_date_parse_rfc3339(value, &at_ms)) {
        wrong =
            config_value_duration(value, &span_ms) ? "a time like 4h or a date is wanted" : NULL;
        err_forget();
        at_ms = span_ms > most_ms ? INT64_MAX : now_ms + span_ms;
    }
    if (wrong == NULL && at_ms <= now_ms)
        wrong = "that time has passed";
    if (wrong == NULL && at_ms - now_ms > most_ms)
        wrong = "that is too far away";
    if (wrong)
        smtp_answer_setf(r->refusal, 550, "5.6.0", PREFIX "%s: %s", name, wrong);
    else
        r->asked.expires_ms = at_ms;
}

static const struct asked_field {
    const char *name; /* behind the prefix */
    void (*take)(struct reading *, const char *name, str value);
} asked_fields[] = {
    {"Stream",   take_stream  },
    {"Campaign", take_campaign},
    {"Tenant",   take_tenant  },
    {"Expires",  take_expires },
};

/* ---- reading ---------------------------------------------------------------------------- */

/* Of what is read here: PREFIX, Feedback-ID, MT-Priority. */
#define ASKED_INITIALS "sfm"

static bool is_asked(const struct message_field *f, str *ret_rest)
{
    *ret_rest = f->name;
    bool ours = f->name.len >= sizeof PREFIX - 1 &&
                str_eq_nocase(str_slice(f->name, 0, sizeof PREFIX - 1), S(PREFIX));
    if (ours)
        *ret_rest = str_from(f->name, sizeof PREFIX - 1);
    return ours;
}

static size_t find_row(str name)
{
    size_t i = 0;
    while (i < ARRAY_LEN(asked_fields) && !str_eq_nocase(name, str_of(asked_fields[i].name)))
        i++;
    return i;
}

static void take_field(struct reading *r, const struct message_field *f, str name, uint32_t *seen)
{
    size_t row = find_row(name);
    str value = str_trim(f->value);
    if (row == ARRAY_LEN(asked_fields)) {
        smtp_answer_set(r->refusal, 550, "5.6.0",
                        "A field " PREFIX "... that this server does not know");
        return;
    }
    const char *known = asked_fields[row].name;
    if (*seen >> row & 1)
        smtp_answer_setf(r->refusal, 550, "5.6.0", PREFIX "%s: it is there twice", known);
    else if (f->flags || value.len > VALUE_BYTES_MAX)
        smtp_answer_setf(r->refusal, 550, "5.6.0", PREFIX "%s: malformed", known);
    else
        asked_fields[row].take(r, known, value);
    *seen |= 1U << row;
}

bool inbound_asked_is_priority(const struct message_field *f)
{
    return str_eq_nocase(f->name, S("MT-Priority"));
}

/* One that is no number, or stands twice, is as none (RFC 6758 section 3.1). */
static void take_priority(struct reading *r, const struct message_field *f)
{
    str number, comment;
    str_split(str_trim(f->value), ' ', &number, &comment);
    bool good = smtp_times_read_priority(number, &r->asked.priority);
    r->asked.has_priority = good && ++r->priorities == 1;
    if (!r->asked.has_priority)
        r->asked.priority = 0;
}

void inbound_asked_read(str fields, struct arena *arena, struct inbound_asked *ret_asked,
                        struct smtp_answer *refusal)
{
    static_assert(ARRAY_LEN(asked_fields) <= 32, "a bit for each");
    struct reading r = {.arena = arena, .refusal = refusal};
    struct message_field f;
    uint32_t seen = 0;
    str name;
    while (refusal->code == 0 && message_header_next_of(&fields, ASKED_INITIALS, &f)) {
        r.asked.feedback_id |= str_eq_nocase(f.name, S("Feedback-ID"));
        if (inbound_asked_is_priority(&f)) {
            r.asked.any = true;
            take_priority(&r, &f);
        }
        if (!is_asked(&f, &name))
            continue;
        r.asked.any = true;
        take_field(&r, &f, name, &seen);
    }
    *ret_asked = r.asked;
}

err inbound_asked_strip(str fields, struct buf *out)
{
    struct message_field f;
    str left = fields, run = fields, name; /* from run's start to left's nothing is kept yet */
    while (message_header_next(&left, &f)) {
        if (!is_asked(&f, &name) && !inbound_asked_is_priority(&f))
            continue;
        TRY(buf_add(out, str_slice(run, 0, (size_t)(f.raw.ptr - run.ptr))));
        run = left;
    }
    return buf_add(out, run);
}

/* ---- whose mail it is ------------------------------------------------------------------- */

static bool has_login(const struct config_tenant *t, str login)
{
    for (size_t i = 0; login.len > 0 && i < t->login_count; i++)
        if (sasl_name_equal(t->logins[i], login))
            return true;
    return false;
}

static bool has_network(const struct config_tenant *t, const struct address *peer)
{
    for (size_t i = 0; i < t->network_count; i++)
        if (network_holds(&t->networks[i], peer))
            return true;
    return false;
}

static bool has_sender(const struct config_tenant *t, str domain)
{
    for (size_t i = 0; domain.len > 0 && i < t->sender_count; i++)
        if (str_eq_nocase(t->senders[i], domain))
            return true;
    return false;
}

str inbound_asked_tenant(const struct config *c, str login, const struct address *peer, str sender)
{
    size_t at = str_find_last(sender, '@');
    str domain = at == STR_NONE ? (str){0} : str_from(sender, at + 1);
    for (size_t i = 0; i < c->tenant_count; i++)
        if (has_login(&c->tenants[i], login))
            return c->tenants[i].name;
    for (size_t i = 0; i < c->tenant_count; i++)
        if (has_network(&c->tenants[i], peer))
            return c->tenants[i].name;
    for (size_t i = 0; i < c->tenant_count; i++)
        if (has_sender(&c->tenants[i], domain))
            return c->tenants[i].name;
    return (str){0};
}

struct envelope_flow inbound_asked_flow(const struct inbound_asked *asked, str tenant,
                                        bool may_name, struct smtp_answer *refusal)
{
    struct envelope_flow flow = asked->flow;
    bool claimed = flow.tenant.len > 0 && !str_eq(flow.tenant, tenant);
    if (claimed && !(may_name && tenant.len == 0))
        smtp_answer_set(refusal, 550, "5.7.1",
                        PREFIX "Tenant: only a trusted network that is no tenant's may name one");
    if (!claimed)
        flow.tenant = tenant;
    return flow;
}

str inbound_asked_feedback_id(const struct inbound_asked *asked, const struct envelope_flow *flow,
                              const struct config *c, struct arena *arena)
{
    bool any = flow->tenant.len > 0 || flow->stream.len > 0 || flow->campaign.len > 0;
    if (!any || asked->feedback_id || c->bounces.feedback_id.len == 0)
        return (str){0};
    return arena_printf(arena, "Feedback-ID: %.*s:%.*s:%.*s:%.*s\r\n", STR_ARG(flow->campaign),
                        STR_ARG(flow->stream), STR_ARG(flow->tenant),
                        STR_ARG(c->bounces.feedback_id));
}
