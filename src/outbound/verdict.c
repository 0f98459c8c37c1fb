#include "outbound/verdict.h"
#include "smtp/status.h"
#include <stdio.h>
#include <string.h>

#define AT(name) (1u << SMTP_STAGE_##name)
#define OPENING (AT(CONNECT) | AT(GREETING) | AT(HELLO))
#define BEFORE_DOT (OPENING | AT(STARTTLS) | AT(AUTH) | AT(MAIL) | AT(RCPT) | AT(DATA))
#define OF(name) (1u << ERR_##name)

enum condition {
    ALWAYS,
    TLS_WANTED,          /* and not required */
    TOO_MANY,            /* the reply says so, of recipients */
    TOO_MANY_AND_OTHERS, /* and some were accepted */
    AFTER_DOT,
};

/* The first row that fits decides. */
static const struct reply_row {
    unsigned stages;
    int code_min, code_max;
    enum condition when;
    enum outbound_verdict_action action;
    const char *status; /* NULL: the reply's own */
} reply_rows[] = {
    {AT(BODY),                                  200, 299, ALWAYS,              OUTBOUND_DONE,        NULL   },
    {BEFORE_DOT,                                421, 421, ALWAYS,              OUTBOUND_NEXT_HOST,   NULL   },
    {AT(STARTTLS),                              200, 599, TLS_WANTED,          OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {AT(STARTTLS),                              200, 599, ALWAYS,              OUTBOUND_NEXT_HOST,   "4.7.5"},
    {AT(AUTH),                                  500, 599, ALWAYS,              OUTBOUND_PAUSE_ROUTE, NULL   },
    {AT(AUTH) | OPENING,                        200, 599, ALWAYS,              OUTBOUND_NEXT_HOST,   NULL   },
    {AT(RCPT),                                  452, 552, TOO_MANY_AND_OTHERS, OUTBOUND_AGAIN_NOW,   NULL   },
    {AT(RCPT),                                  452, 552, TOO_MANY,            OUTBOUND_NEXT_HOST,   NULL   },
    {AT(MAIL) | AT(RCPT) | AT(DATA),            200, 499, ALWAYS,              OUTBOUND_NEXT_HOST,   NULL   },
    {AT(BODY),                                  300, 499, ALWAYS,              OUTBOUND_DEFER,       NULL   },
    {AT(MAIL) | AT(RCPT) | AT(DATA) | AT(BODY), 500, 599, ALWAYS,              OUTBOUND_FAIL,        NULL   },
};

static const struct err_row {
    unsigned stages, kinds; /* 0: any */
    enum condition when;
    enum outbound_verdict_action action;
    const char *status;
} err_rows[] = {
    {0,            OF(DAMAGED),                           ALWAYS,     OUTBOUND_DEFER,       "4.3.0"},
    {0,            0,                                     AFTER_DOT,  OUTBOUND_DEFER,       "4.4.2"},
    {AT(STARTTLS), OF(PROTOCOL) | OF(LIMIT),              ALWAYS,     OUTBOUND_NEXT_HOST,   "4.7.5"},
    {AT(STARTTLS), 0,                                     TLS_WANTED, OUTBOUND_CLEAR_ONCE,  "4.7.5"},
    {AT(STARTTLS), 0,                                     ALWAYS,     OUTBOUND_NEXT_HOST,   "4.7.5"},
    {0,            OF(TLS),                               ALWAYS,     OUTBOUND_NEXT_HOST,   "4.7.5"},
    {AT(AUTH),     OF(CONFIG),                            ALWAYS,     OUTBOUND_PAUSE_ROUTE, "4.7.0"},
    {AT(AUTH),     OF(PROTOCOL) | OF(LIMIT),              ALWAYS,     OUTBOUND_NEXT_HOST,   "4.7.0"},
    {AT(CONNECT),  0,                                     ALWAYS,     OUTBOUND_NEXT_HOST,   "4.4.1"},
    {0,            OF(PROTOCOL) | OF(LIMIT),              ALWAYS,     OUTBOUND_NEXT_HOST,   "4.5.0"},
    {0,            OF(TIMEOUT) | OF(CLOSED) | OF(SYSTEM), ALWAYS,     OUTBOUND_NEXT_HOST,   "4.4.2"},
    {0,            0,                                     ALWAYS,     OUTBOUND_NEXT_HOST,   "4.3.0"},
};

/* RFC 5321 section 4.5.3.1.10: 552 from servers that mean 452. A full mailbox (X.2.2) is neither:
 * another transaction would not help it. */
static bool says_too_many(const struct smtp_reply *r)
{
    ASSERT(r != NULL); /* the rows that ask are about replies */
    str detail = r->enhanced.len ? str_from(r->enhanced, 1) : (str){0};
    if (r->code == 452)
        return !str_starts(detail, S(".2."));
    return r->code == 552 && (detail.len == 0 || str_eq(detail, S(".5.3")));
}

static bool holds(enum condition when, const struct outbound_verdict_facts *f,
                  const struct smtp_reply *r)
{
    switch (when) {
    case ALWAYS:
        return true;
    case TLS_WANTED:
        return !f->tls_required;
    case TOO_MANY:
        return says_too_many(r);
    case TOO_MANY_AND_OTHERS:
        return f->others_accepted && says_too_many(r);
    case AFTER_DOT:
        return f->after_dot;
    }
    return false;
}

static char class_of(enum outbound_verdict_action action)
{
    return action == OUTBOUND_DONE ? '2' : action == OUTBOUND_FAIL ? '5' : '4';
}

/* The status tells what we do, so its class is the action's: a 554 greeting is no failure yet. */
static void set_status(struct outbound_verdict *v, str status)
{
    bool fits = str_to_chars(status, v->status, sizeof v->status);
    if (!fits || smtp_status_class(status) == 0)
        memcpy(v->status, "5.0.0", sizeof "5.0.0");
    v->status[0] = class_of(v->action);
}

struct outbound_verdict outbound_verdict_of_reply(const struct outbound_verdict_facts *f,
                                                  const struct smtp_reply *r)
{
    /* What no row names cannot be asked; were it asked, waiting loses nothing. */
    struct outbound_verdict v = {.action = OUTBOUND_DEFER, .reply = *r, .stage = f->stage};
    str status = r->enhanced.len ? r->enhanced : smtp_status_for_code(r->code);
    for (size_t i = 0; i < ARRAY_LEN(reply_rows); i++) {
        const struct reply_row *row = &reply_rows[i];
        if (!(row->stages & 1u << f->stage) || r->code < row->code_min || r->code > row->code_max ||
            !holds(row->when, f, r))
            continue;
        v.action = row->action;
        status = row->status ? str_of(row->status) : status;
        break;
    }
    set_status(&v, status);
    return v;
}

str outbound_verdict_without_place(str text)
{
    size_t at = str_find_last(text, '[');
    bool place = at != STR_NONE && at > 0 && text.ptr[text.len - 1] == ']';
    return place ? str_trim(str_slice(text, 0, at)) : text;
}

struct outbound_verdict outbound_verdict_of_err(const struct outbound_verdict_facts *f, err e,
                                                struct arena *arena)
{
    char text[300];
    const struct err_row *row = err_rows;
    while ((row->stages && !(row->stages & 1u << f->stage)) ||
           (row->kinds && !(row->kinds & 1u << e->kind)) || !holds(row->when, f, NULL))
        row++; /* the last row fits everything */
    err_describe(e, text, sizeof text);
    str reason = outbound_verdict_without_place(str_of(text));
    struct outbound_verdict v =
        outbound_verdict_of_ours(row->action, row->status, arena_str(arena, reason));
    v.stage = f->stage;
    v.unsure = f->after_dot;
    return v;
}

struct outbound_verdict outbound_verdict_of_ours(enum outbound_verdict_action action,
                                                 const char *status, str reason)
{
    struct outbound_verdict v = {.action = action, .reason = reason};
    set_status(&v, str_of(status));
    return v;
}

str outbound_verdict_text(const struct outbound_verdict *v, struct arena *arena)
{
    const struct smtp_reply *r = &v->reply;
    if (r->code == 0)
        return v->reason;
    return arena_printf(arena, "%d%s%.*s %.*s", r->code, r->enhanced.len ? " " : "",
                        STR_ARG(r->enhanced), STR_ARG(r->text));
}
