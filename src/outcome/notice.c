#include "outcome/notice.h"
#include "message/arf.h"
#include "message/dsn_read.h"
#include "message/report.h"
#include "outcome/notice_address.h"
#include "outcome/notice_event.h"
#include "outcome/notice_html.h"
#include "outcome/notice_kind.h"
#include "outcome/notice_text.h"

static const char *const kinds[NOTICE_KINDS] = {
    [NOTICE_NONE] = "none",
    [NOTICE_FAILED] = "failed",
    [NOTICE_DELAYED] = "delayed",
    [NOTICE_DELIVERED] = "delivered",
    [NOTICE_COMPLAINT] = "complaint",
    [NOTICE_UNSUBSCRIBE] = "unsubscribe",
    [NOTICE_AUTO_REPLY] = "auto_reply",
};

const char *outcome_notice_kind_name(enum outcome_notice_kind kind) { return kinds[kind]; }

struct reading {
    str message;
    const struct message_mime_part *parts;
    size_t part_count;
    struct arena *arena;
    struct outcome_notice_kind_facts facts;
    struct outcome_notice_text text;
    str words; /* all that is told in words */
    struct outcome_notice *out;
};

/* ---- what is told in words ------------------------------------------------------------------ */

/* Is the part inside a message that the notice carries? */
static bool is_carried(const struct reading *r, size_t i)
{
    for (; i > 0; i = r->parts[i].parent)
        if (r->parts[r->parts[i].parent].kind == MIME_MESSAGE)
            return true;
    return false;
}

static str part_text(const struct reading *r, const struct message_mime_part *part)
{
    CLEANUP(buf_release) struct buf text;
    bool exact;
    buf_init(&text, OUTCOME_NOTICE_BYTES_MAX * 3);
    if (message_mime_text(part, r->message, &text, &exact))
        return (str){0};
    if (str_eq(part->type, S("text/html"))) {
        str html = str_slice(buf_str(&text), 0, OUTCOME_NOTICE_HTML_BYTES_MAX);
        return str_slice(outcome_notice_html_words(html, r->arena), 0,
                         OUTCOME_NOTICE_TEXT_BYTES_MAX);
    }
    return arena_str(r->arena, str_slice(buf_str(&text), 0, OUTCOME_NOTICE_TEXT_BYTES_MAX));
}

/* The first text that the notice itself has; a multipart whose delimiters were lost is one text. */
static str find_words(const struct reading *r)
{
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].kind == MIME_LEAF && !is_carried(r, i) &&
            str_eq(r->parts[i].type, S("text/plain"))) {
            str text = part_text(r, &r->parts[i]);
            if (str_trim(text).len > 0)
                return text;
        }
    const struct message_mime_part *whole = &r->parts[0];
    if (whole->kind != MIME_LEAF && whole->children == 0)
        return str_slice(r->message, whole->body_at,
                         whole->end - whole->body_at < OUTCOME_NOTICE_TEXT_BYTES_MAX
                             ? whole->end - whole->body_at
                             : OUTCOME_NOTICE_TEXT_BYTES_MAX);
    for (size_t i = 0; i < r->part_count; i++)
        if (r->parts[i].kind == MIME_LEAF && !is_carried(r, i) &&
            !str_starts(r->parts[i].type, S("message/")) &&
            !str_starts(r->parts[i].type, S("text/rfc822-header"))) {
            str text = part_text(r, &r->parts[i]);
            if (str_trim(text).len > 0)
                return text;
        }
    return (str){0};
}

/* ---- one recipient ------------------------------------------------------------------------- */

static struct outcome_notice_rcpt *add_rcpt(struct reading *r, str address,
                                            enum outcome_notice_kind kind)
{
    struct outcome_notice *out = r->out;
    for (size_t i = 0; i < out->rcpt_count; i++)
        if (str_eq_nocase(out->rcpts[i].address, address))
            return NULL;
    if (out->rcpt_count == OUTCOME_NOTICE_RCPTS_MAX) {
        out->left_out++;
        return NULL;
    }
    struct outcome_notice_rcpt *rcpt = &out->rcpts[out->rcpt_count++];
    rcpt->address = address;
    rcpt->kind = kind;
    return rcpt;
}

static const struct outcome_notice_text_rcpt *told_of(const struct reading *r, str address)
{
    for (size_t i = 0; i < r->text.rcpt_count; i++)
        if (str_eq_nocase(r->text.rcpts[i].address, address))
            return &r->text.rcpts[i];
    return NULL;
}

static bool says_nothing(const struct outcome *o)
{
    return o->rule == NULL || o->rule->words == NULL;
}

/* What these words make of it, when they say more than what is known so far. */
static void consider(struct reading *r, struct outcome_notice_rcpt *rcpt, str said)
{
    struct outcome_reply reply = outcome_reply_read(said, r->arena);
    if (said.len == 0)
        return;
    if (reply.code / 100 == 2 && rcpt->kind != NOTICE_DELIVERED)
        reply.code = 0; /* a program's exit status, or a greeting */
    reply.stage_known = rcpt->reply.stage_known;
    reply.stage = rcpt->reply.stage;
    reply.host = rcpt->reply.host;
    if (reply.enhanced.len == 0)
        reply.enhanced = rcpt->reply.enhanced;
    if (reply.code == 0)
        reply.code = rcpt->reply.code;
    struct outcome o = outcome_reply_judge(&reply, r->arena);
    bool first = rcpt->said.len == 0;
    if (!first && says_nothing(&o))
        return;
    rcpt->reply = reply;
    rcpt->outcome = o;
    rcpt->said = said;
}

static void learn_stage(struct reading *r, struct outcome_notice_rcpt *rcpt,
                        const struct outcome_notice_text_rcpt *told, str said)
{
    struct outcome_reply *reply = &rcpt->reply;
    reply->stage_known = outcome_notice_text_stage(said, r->arena, &reply->stage);
    if (reply->stage_known)
        return;
    if (told && told->stage_known) {
        reply->stage_known = true;
        reply->stage = told->stage;
    } else if (r->text.stage_known && r->out->rcpt_count == 1) {
        reply->stage_known = true;
        reply->stage = r->text.stage;
    } else if (r->out->rcpt_count == 1) {
        reply->stage_known = outcome_notice_text_stage(r->words, r->arena, &reply->stage);
    }
}

/* Whatever was said, it is still being tried. */
static void soften(struct outcome *o)
{
    if (o->class == OUTCOME_PERMANENT_OTHER)
        o->class = OUTCOME_TRANSIENT_OTHER;
    o->temporary = true;
    o->hard = false;
    o->advice = OUTCOME_RETRY;
}

/* What arrived has arrived, whatever else the notice says. */
static void settle_delivered(struct reading *r, struct outcome_notice_rcpt *rcpt, str diagnostic)
{
    struct outcome_reply reply = outcome_reply_read(diagnostic, r->arena);
    if (reply.code / 100 != 2)
        reply.code = 250;
    rcpt->said = diagnostic;
    rcpt->reply = reply;
    rcpt->outcome = outcome_reply_judge(&reply, r->arena);
}

/* From the most exact words to the vaguest: the reply itself, what stands beside the address, the
 * transcript, what stands ahead of all addresses. */
static void judge(struct reading *r, struct outcome_notice_rcpt *rcpt, str diagnostic, str status)
{
    const struct outcome_notice_text_rcpt *told = told_of(r, rcpt->address);
    if (told == NULL && r->out->rcpt_count == 1 && r->text.rcpt_count == 1)
        told = &r->text.rcpts[0];
    rcpt->reply.enhanced = status;
    if (rcpt->kind == NOTICE_DELIVERED) {
        settle_delivered(r, rcpt, diagnostic);
        return;
    }
    learn_stage(r, rcpt, told, diagnostic);
    consider(r, rcpt, diagnostic);
    if (says_nothing(&rcpt->outcome) && told)
        consider(r, rcpt, told->said);
    if (says_nothing(&rcpt->outcome))
        consider(r, rcpt, r->text.refusal);
    if (says_nothing(&rcpt->outcome))
        consider(r, rcpt, r->text.before);
    if (rcpt->said.len == 0)
        rcpt->outcome = outcome_reply_judge(&rcpt->reply, r->arena);
    if (rcpt->kind == NOTICE_DELAYED)
        soften(&rcpt->outcome);
}

/* ---- made for programs ---------------------------------------------------------------------- */

/* x.0.0 says nothing that the reply does not say better. */
static str useful_status(str status)
{
    return str_ends_nocase(status, S(".0.0")) && status.len == 5 && status.ptr[0] != '4' ? (str){0}
                                                                                         : status;
}

/* Without a route and brackets; what is no address (a file, a program) stays as it is. */
static str bare_address(str text)
{
    str rest = text, address;
    return outcome_notice_address_front(&rest, &address) && rest.len <= 1 ? address : text;
}

static void add_status(struct reading *r, const struct message_dsn_read *d)
{
    static const enum outcome_notice_kind of_action[] = {
        [DSN_FAILED] = NOTICE_FAILED,       [DSN_DELAYED] = NOTICE_DELAYED,
        [DSN_DELIVERED] = NOTICE_DELIVERED, [DSN_RELAYED] = NOTICE_DELIVERED,
        [DSN_EXPANDED] = NOTICE_DELIVERED,
    };
    struct outcome_notice *out = r->out;
    for (size_t i = 0; i < d->rcpt_count; i++) {
        d->rcpts[i].final_rcpt = bare_address(d->rcpts[i].final_rcpt);
        add_rcpt(r, d->rcpts[i].final_rcpt, of_action[d->rcpts[i].action]);
    }
    for (size_t i = 0; i < d->rcpt_count; i++)
        for (size_t k = 0; k < out->rcpt_count; k++) {
            struct outcome_notice_rcpt *rcpt = &out->rcpts[k];
            if (!str_eq_nocase(rcpt->address, d->rcpts[i].final_rcpt) || rcpt->said.len > 0)
                continue;
            rcpt->reply.host = d->rcpts[i].remote_mta;
            judge(r, rcpt, d->rcpts[i].diagnostic, useful_status(d->rcpts[i].status));
        }
    out->reporting_mta = d->reporting_mta;
    out->envid = d->envid;
    out->original_id = d->original_id;
}

/* The groups of a notification that stand in the text, for it lost its MIME parts on the way. */
static bool read_fields(struct reading *r, struct message_dsn_read *ret_dsn)
{
    str head = S("Content-Type: message/delivery-status\r\n\r\n");
    if (r->text.fields.len == 0)
        return false;
    char *copy = arena_alloc(r->arena, head.len + r->text.fields.len);
    str_put(str_put(copy, head), r->text.fields);
    str message = {copy, head.len + r->text.fields.len};
    size_t count;
    const struct message_mime_part *parts = message_mime_parse(message, r->arena, &count);
    return message_dsn_read(message, parts, count, r->arena, ret_dsn) == NULL;
}

static bool read_status(struct reading *r)
{
    struct message_dsn_read d;
    if (message_dsn_read(r->message, r->parts, r->part_count, r->arena, &d) && !read_fields(r, &d))
        return false;
    add_status(r, &d);
    return true;
}

/* Told by a service, in JSON. */
static bool read_event(struct reading *r)
{
    struct outcome_notice_event *e = ARENA_NEW(r->arena, struct outcome_notice_event);
    if (!outcome_notice_event_read(r->words, r->arena, e))
        return false;
    for (size_t i = 0; i < e->rcpt_count; i++) {
        struct outcome_notice_rcpt *rcpt = add_rcpt(r, e->addresses[i], e->kind);
        if (rcpt && e->kind != NOTICE_COMPLAINT)
            judge(r, rcpt, e->diagnostics[i], useful_status(e->statuses[i]));
    }
    r->out->original_id = e->original_id;
    r->out->feedback_type = e->feedback_type;
    return true;
}

/* ---- told in words alone -------------------------------------------------------------------- */

static enum outcome_notice_kind kind_of_words(const struct reading *r)
{
    static const char *const delays[] = {
        "will be retried",        "warning message only",     "been delayed",          "is delayed",
        "not yet been delivered", "temporary failure report", "attempts will continue"};
    struct outcome_words words = outcome_words_of(r->words, r->arena);
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        if (outcome_words_have(&words, delays[i]))
            return NOTICE_DELAYED;
    return r->facts.delay_subject ? NOTICE_DELAYED : NOTICE_FAILED;
}

/* X-Failed-Recipients: "a@example.net, b@example.net". */
static void add_failed_field(struct reading *r, enum outcome_notice_kind kind)
{
    str rest = r->facts.failed;
    while (rest.len > 0) {
        str item, address;
        str_split(rest, ',', &item, &rest);
        item = str_trim(item);
        if (outcome_notice_address_front(&item, &address))
            add_rcpt(r, address, kind);
    }
}

static str only_address(str value)
{
    str address;
    bool one = value.len > 0 && str_find(value, ',') == STR_NONE;
    return one && outcome_notice_address_find(value, &address) ? address : (str){0};
}

/* Whom the returned message was to, when nobody is named otherwise. */
static str original_rcpt(const struct reading *r)
{
    for (size_t i = 1; i < r->part_count; i++) {
        const struct message_mime_part *part = &r->parts[i];
        str header = {0};
        if (r->parts[part->parent].kind == MIME_MESSAGE)
            header = str_slice(r->message, part->header_at, part->header_end - part->header_at);
        else if (str_starts(part->type, S("text/rfc822-header")))
            header = str_slice(r->message, part->body_at, part->end - part->body_at);
        str address = only_address(message_report_value(header, S("To"), r->arena));
        if (address.len > 0)
            return address;
    }
    return only_address(r->text.original_to);
}

static void add_original(struct reading *r, enum outcome_notice_kind kind)
{
    str address = original_rcpt(r);
    if (address.len > 0)
        add_rcpt(r, address, kind);
}

/* Is a reply or a known sentence there, for any of them? */
static bool says_why(const struct outcome_notice *out)
{
    for (size_t i = 0; i < out->rcpt_count; i++)
        if (out->rcpts[i].reply.code > 0 || !says_nothing(&out->rcpts[i].outcome))
            return true;
    return false;
}

static bool read_words(struct reading *r)
{
    const struct outcome_notice_kind_facts *f = &r->facts;
    enum outcome_notice_kind kind = kind_of_words(r);
    bool carries = message_report_find(r->parts, r->part_count, "message/rfc822", NULL) != NULL;
    if (!f->from_daemon && !f->bounce_subject && !f->delay_subject && f->failed.len == 0 &&
        !(r->text.says_undelivered && carries))
        return false;
    for (size_t i = 0; i < r->text.rcpt_count; i++)
        add_rcpt(r, r->text.rcpts[i].address, kind);
    r->out->left_out += r->text.left_out;
    if (r->out->rcpt_count == 0)
        add_failed_field(r, kind);
    if (r->out->rcpt_count == 0 && f->bounce_subject)
        add_original(r, kind);
    for (size_t i = 0; i < r->out->rcpt_count; i++)
        judge(r, &r->out->rcpts[i], (str){0}, (str){0});
    bool by_sender_alone = !f->bounce_subject && !f->delay_subject && f->failed.len == 0;
    if (by_sender_alone && !says_why(r->out)) /* a postmaster's letter that names somebody */
        r->out->rcpt_count = r->out->left_out = 0;
    return r->out->rcpt_count > 0;
}

static void read_answer(struct reading *r)
{
    bool leaves = r->facts.unsubscribe;
    if (!r->facts.auto_reply && !leaves)
        return;
    r->out->kind = leaves ? NOTICE_UNSUBSCRIBE : NOTICE_AUTO_REPLY;
    if (r->facts.from.len > 0)
        add_rcpt(r, r->facts.from, r->out->kind);
}

/* ---- complaints ------------------------------------------------------------------------------ */

/* A field that is not of RFC 5965, but that some send. */
static str complaint_field(const struct reading *r, const char *name)
{
    const struct message_mime_part *part =
        message_report_find(r->parts, r->part_count, "message/feedback-report", NULL);
    str body = str_slice(r->message, part->body_at, part->end - part->body_at);
    return message_report_untyped(message_report_value(body, str_of(name), r->arena));
}

static bool read_complaint(struct reading *r)
{
    struct message_arf *a = ARENA_NEW(r->arena, struct message_arf);
    struct outcome_notice *out = r->out;
    if (message_arf_read(r->message, r->parts, r->part_count, r->arena, a))
        return false;
    bool leaves = str_eq_nocase(a->feedback_type, S("opt-out")) ||
                  str_eq_nocase(a->feedback_type, S("opt-out-list"));
    enum outcome_notice_kind kind = leaves ? NOTICE_UNSUBSCRIBE : NOTICE_COMPLAINT;
    for (size_t i = 0; i < a->original_rcpt_count; i++)
        add_rcpt(r, a->original_rcpts[i], kind);
    str leaving = complaint_field(r, "Removal-Recipient");
    if (leaving.len > 0)
        add_rcpt(r, leaving, kind);
    if (out->rcpt_count == 0)
        add_original(r, kind);
    out->feedback_type = a->feedback_type;
    out->reporting_mta = a->reporting_mta;
    out->envid = a->original_envelope_id;
    out->original_id = a->original_id;
    out->kind = kind;
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* Lines that end in CR alone, as old Macs wrote them. */
static str with_line_ends(str message, struct arena *arena)
{
    if (str_find(message, '\n') != STR_NONE || str_find(message, '\r') == STR_NONE)
        return message;
    char *copy = arena_alloc(arena, message.len);
    for (size_t i = 0; i < message.len; i++)
        copy[i] = message.ptr[i] == '\r' ? '\n' : message.ptr[i];
    return (str){copy, message.len};
}

static void settle_kind(struct outcome_notice *out)
{
    for (size_t i = 0; i < out->rcpt_count; i++)
        if (out->kind == NOTICE_NONE || out->rcpts[i].kind < out->kind)
            out->kind = out->rcpts[i].kind;
}

void outcome_notice_read(str message, struct arena *arena, struct outcome_notice *ret_notice)
{
    struct outcome_notice out = {
        .rcpts = ARENA_ARRAY(arena, struct outcome_notice_rcpt, OUTCOME_NOTICE_RCPTS_MAX)};
    struct reading r = {.arena = arena, .out = &out};
    r.message = with_line_ends(str_slice(message, 0, OUTCOME_NOTICE_BYTES_MAX), arena);
    r.parts = message_mime_parse(r.message, arena, &r.part_count);
    outcome_notice_kind_read(str_slice(r.message, r.parts[0].header_at, r.parts[0].header_end),
                             arena, &r.facts);
    if (!read_complaint(&r)) {
        r.words = find_words(&r);
        outcome_notice_text_read(r.words, r.facts.to, arena, &r.text);
        bool answers = r.facts.auto_certain && !r.facts.from_daemon;
        if (!read_event(&r) && !read_status(&r) && (answers || !read_words(&r)))
            read_answer(&r);
    }
    settle_kind(&out);
    if (out.original_id.len == 0)
        out.original_id = r.text.original_id.len > 0 ? r.text.original_id : r.facts.about;
    *ret_notice = out;
}
