#include "inbound/intake.h"
#include "base/mem.h"
#include "config/preset.h"
#include "mailauth/authres_ours.h"
#include "message/fixup.h"
#include "message/id.h"
#include "message/scan.h"
#include <string.h>

enum {
    ARENA_BYTES_MAX = 4 << 20,
    PREFIX_BYTES_MAX = 64 * 1024,
    FIELD_LOOK_BYTES = 300,
    FRONT_PIECE_BYTES = 64 << 10,
    HEADER_GROWTH_BYTES_MAX = 4096, /* Date, Message-ID and Sender together */
};

static_assert((int)PREFIX_BYTES_MAX <= (int)QUEUE_PREFIX_BYTES_MAX, "the queue takes it");

struct inbound_intake {
    struct queue *queue;
    struct queue_draft *draft;
    struct inbound_intake_rules rules;
    struct arena *arena;
    struct buf header; /* until it is whole; with the empty line */
    bool header_done, tls_optional;
    struct inbound_asked asked; /* texts live in the arena */
    str message_id;             /* likewise */
    str trace;                  /* likewise */
    struct arena *judging;
    struct mailauth_judge *judge; /* NULL: not judged, or no header yet */
    size_t held;                  /* bytes counted for the header and what is known of it */
    bool bounce;                  /* the header says that it is a delivery status notification */
    bool full;                    /* there was no room for what the DNS said */
};

err inbound_intake_open(struct queue *queue, const struct inbound_intake_rules *rules,
                        struct inbound_intake **ret_intake)
{
    struct queue_draft *draft;
    TRY(queue_draft_open(queue, &draft));
    struct inbound_intake *i = MEM_NEW(struct inbound_intake);
    i->queue = queue;
    i->draft = draft;
    i->rules = *rules;
    i->arena = arena_open(ARENA_BYTES_MAX);
    if (rules->judged) {
        i->judging = arena_open(MAILAUTH_JUDGE_BYTES_MAX);
        if (rules->header_bytes_max > MESSAGE_HEADER_BYTES_MAX)
            i->rules.header_bytes_max = MESSAGE_HEADER_BYTES_MAX; /* more is not looked at */
    }
    buf_init(&i->header, i->rules.header_bytes_max + 4);
    *ret_intake = i;
    return NULL;
}

void inbound_intake_close(struct inbound_intake *i)
{
    if (i == NULL)
        return;
    queue_draft_abandon(&i->draft);
    buf_release(&i->header);
    arena_close(i->judging);
    arena_close(i->arena);
    mem_free(i);
}

static const struct message_refusal no_room = {452, "4.3.1",
                                               "No space for more mail, try again later"};

static void refuse(struct smtp_answer *refusal, const struct message_refusal *why)
{
    smtp_answer_setf(refusal, why->code, why->enhanced, "%s", why->text);
}

static bool all_from_allowed(struct inbound_intake *i, const struct message_fixup *fixup)
{
    for (size_t n = 0; n < fixup->from_count; n++)
        if (!i->rules.may_use(i->rules.may_use_arg, fixup->from[n]))
            return false;
    return true;
}

/* What every way out would refuse is refused here, where the author still waits. */
static bool can_leave(struct inbound_intake *i, const struct message_fixup *fixup,
                      struct smtp_answer *refusal)
{
    const struct config_account *by = NULL;
    for (size_t n = 0; by == NULL && i->rules.refused_by && n < fixup->from_count; n++)
        by = i->rules.refused_by(i->rules.may_use_arg, fixup->from[n]);
    if (by)
        smtp_answer_setf(
            refusal, 550, "5.7.1", "From is not of the account that sends it%s%.*s%s%s",
            by->provider.len ? " (" : "", STR_ARG(by->provider), by->provider.len ? "): " : "",
            by->provider.len ? config_preset_from_meaning(by->from_rule) : "");
    return by == NULL;
}

/* Submission (RFC 6409): the header that is stored is the mended one. */
static err mend(struct inbound_intake *i, str fields, const struct message_scan *scan,
                struct smtp_answer *refusal, deadline until)
{
    struct message_fixup fixup = {0};
    int64_t now = clock_real_ms();
    struct message_fixup_facts facts = {
        .login = i->rules.login,
        .hostname = i->rules.hostname,
        .message_id = message_id_make(i->arena, i->rules.hostname, now),
        .now_ms = now,
    };
    struct buf out;
    buf_init(&out, fields.len + HEADER_GROWTH_BYTES_MAX);
    err e = message_fixup(fields, &facts, i->arena, &out, &fixup);
    if (e == NULL && fixup.refusal.code != 0) {
        refuse(refusal, &fixup.refusal);
    } else if (e == NULL && !all_from_allowed(i, &fixup)) {
        refuse(refusal, &message_fixup_from_not_owned);
    } else if (e == NULL && can_leave(i, &fixup, refusal)) {
        bool made = fixup.message_id.ptr == facts.message_id.ptr;
        i->message_id = made ? facts.message_id : arena_str(i->arena, scan->message_id);
        e = queue_draft_write(i->draft, buf_str(&out), until);
    }
    buf_release(&out);
    return e;
}

static bool is_quarantine(const struct message_field *f)
{
    return str_eq_nocase(f->name, S(INBOUND_INTAKE_QUARANTINE));
}

/* Store the fields but those that only we may write (attack 122), and a stranger's MT-Priority: a
 * next hop that trusts us would believe it (RFC 6758 section 3). */
static err store_foreign(struct inbound_intake *i, str fields, deadline until)
{
    struct mailauth_authres_ours ours = {0};
    if (i->rules.judged)
        ours = mailauth_authres_ours(fields, i->rules.id, i->judging);
    struct message_field f;
    str left = fields, run = fields; /* from run's start to left's nothing is stored yet */
    size_t next = 0;
    for (size_t number = 0; message_header_next(&left, &f); number++) {
        bool named = next < ours.count && ours.fields[next] == number;
        next += named;
        if (!named && !(i->rules.judged && is_quarantine(&f)) && !inbound_asked_is_priority(&f))
            continue;
        TRY(queue_draft_write(i->draft, str_slice(run, 0, (size_t)(f.raw.ptr - run.ptr)), until));
        run = left;
    }
    return queue_draft_write(i->draft, run, until);
}

/* A header that is kept, and what is known of it, count with the drafts (limits.draft_memory). */
static err hold_header(struct inbound_intake *i, struct smtp_answer *refusal)
{
    i->held = i->header.cap + (i->judging ? arena_used(i->judging) : 0);
    err e = queue_draft_hold(i->draft, i->held);
    if (e == NULL || e->kind != ERR_LIMIT)
        return e;
    refuse(refusal, &no_room);
    i->judge = NULL;
    buf_release(&i->header);
    return queue_draft_hold(i->draft, 0);
}

/* The header stays where it is until the message is judged. */
static err judge_header(struct inbound_intake *i, str fields, str body, struct smtp_answer *refusal,
                        deadline until)
{
    TRY(mailauth_judge_open(fields, i->judging, &i->judge));
    TRY(hold_header(i, refusal));
    if (refusal->code != 0)
        return NULL;
    mailauth_judge_add(i->judge, body);
    return store_foreign(i, fields, until);
}

static void let_go(struct inbound_intake *i)
{
    buf_release(&i->header);
    err none = queue_draft_hold(i->draft, 0);
    ASSERT(none == NULL);
}

static bool is_bounce(str fields)
{
    struct message_field f;
    if (!message_header_find(fields, S("Content-Type"), &f))
        return false;
    char value[FIELD_LOOK_BYTES];
    str head = str_slice(f.value, 0, sizeof value);
    for (size_t i = 0; i < head.len; i++)
        value[i] = char_lower(head.ptr[i]);
    str lower = {value, head.len};
    return str_contains(lower, S("multipart/report")) && str_contains(lower, S("delivery-status"));
}

/* *fields becomes what is left of it, in `left`, when there is anything to take out. */
static err take_asked(struct inbound_intake *i, str *fields, struct buf *left,
                      struct smtp_answer *refusal)
{
    inbound_asked_read(*fields, i->arena, &i->asked, refusal);
    if (refusal->code != 0 || !i->asked.any)
        return NULL;
    TRY(inbound_asked_strip(*fields, left));
    *fields = buf_str(left);
    return NULL;
}

/* The header is whole: look at it, store it, and let go of it unless it is judged later. */
static err take_header(struct inbound_intake *i, struct smtp_answer *refusal, deadline until)
{
    str whole = buf_str(&i->header);
    struct message_scan scan = {0};
    struct message_scan_limits limits = message_scan_defaults;
    limits.hops = i->rules.hops_max;
    limits.header_bytes = i->rules.header_bytes_max;
    i->header_done = true;
    struct message_refusal no = message_scan(whole, &limits, &scan);
    if (no.code != 0) {
        refuse(refusal, &no);
        return NULL;
    }
    struct buf left;
    buf_init(&left, scan.header_bytes);
    i->bounce = is_bounce(str_slice(whole, 0, scan.header_bytes));
    i->tls_optional = scan.tls_optional;
    str fields = str_slice(whole, 0, scan.header_bytes), rest = str_from(whole, scan.header_bytes);
    err e = i->rules.asks ? take_asked(i, &fields, &left, refusal) : NULL;
    if (e || refusal->code != 0) {
        /* said already */
    } else if (i->rules.submission) {
        e = mend(i, fields, &scan, refusal, until);
    } else {
        i->message_id = arena_str(i->arena, scan.message_id);
        e = i->rules.judged ? judge_header(i, fields, str_from(whole, scan.body_at), refusal, until)
                            : store_foreign(i, fields, until);
    }
    if (e == NULL && refusal->code == 0)
        e = queue_draft_write(i->draft, rest, until);
    buf_release(&left);
    if (i->judge == NULL)
        let_go(i);
    return e;
}

/* No more of the run than may belong to the header; an end that began before it lies in its first
 * bytes. The body is not collected with it. */
static str header_part(str run)
{
    const char *at = memmem(run.ptr, run.len, "\r\n\r\n", 4);
    return at ? str_slice(run, 0, (size_t)(at - run.ptr) + 4) : run;
}

static err take_body(struct inbound_intake *i, str run, deadline until)
{
    if (i->judge)
        mailauth_judge_add(i->judge, run);
    return queue_draft_write(i->draft, run, until);
}

err inbound_intake_write(struct inbound_intake *i, str run, struct smtp_answer *refusal,
                         deadline until)
{
    if (i->header_done)
        return take_body(i, run, until);
    size_t before = i->header.len;
    size_t room = i->rules.header_bytes_max + 4 - before;
    str part = str_slice(header_part(run), 0, room);
    TRY(buf_add(&i->header, part));
    TRY(hold_header(i, refusal));
    if (refusal->code != 0)
        return NULL;
    size_t end = message_header_length(buf_str(&i->header), before);
    if (end == STR_NONE) {
        if (room < run.len)
            smtp_answer_setf(refusal, 552, "5.6.0", "Header of more than %zu bytes",
                             i->rules.header_bytes_max);
        return NULL;
    }
    str rest = str_from(run, end - before);
    i->header.len = end;
    TRY(take_header(i, refusal, until));
    return refusal->code == 0 && rest.len ? take_body(i, rest, until) : NULL;
}

err inbound_intake_finish(struct inbound_intake *i, struct smtp_answer *refusal, deadline until)
{
    return i->header_done ? NULL : take_header(i, refusal, until);
}

struct mailauth_judge *inbound_intake_judge(struct inbound_intake *i, struct arena **ret_arena)
{
    *ret_arena = i->judging;
    return i->judge;
}

bool inbound_intake_is_bounce(const struct inbound_intake *i) { return i->bounce; }

const struct inbound_asked *inbound_intake_asked(const struct inbound_intake *i)
{
    return &i->asked;
}

str inbound_intake_header(const struct inbound_intake *i) { return buf_str(&i->header); }

/* For struct dns_budget: what the DNS says of a message counts with the drafts as well. */
static err hold_answers(void *arg, size_t bytes)
{
    struct inbound_intake *i = arg;
    err e = queue_draft_hold(i->draft, i->held + bytes);
    i->full |= e != NULL;
    return e;
}

void inbound_intake_count(struct inbound_intake *i, struct dns_budget *budget)
{
    budget->hold = hold_answers;
    budget->hold_arg = i;
}

bool inbound_intake_is_full(const struct inbound_intake *i, struct smtp_answer *refusal)
{
    if (i->full)
        refuse(refusal, &no_room);
    return i->full;
}

void inbound_intake_trace(struct inbound_intake *i, str fields)
{
    ASSERT(fields.len <= INBOUND_INTAKE_TRACE_BYTES_MAX);
    i->trace = arena_printf(i->arena, "%.*s%.*s", STR_ARG(i->trace), STR_ARG(fields));
}

void inbound_intake_once(struct inbound_intake *i, struct queue_once_claim **claim)
{
    queue_draft_once(i->draft, claim);
}

err inbound_intake_commit(struct inbound_intake *i, struct envelope *env,
                          struct message_received *received, queue_id *ret_id, deadline until)
{
    struct buf prefix;
    queue_id id = queue_draft_id(i->draft);
    env->message_id = i->message_id;
    env->tls_optional = i->tls_optional && !env->requiretls; /* RFC 8689 section 4.1 */
    received->id = str_of(id.text);
    buf_init(&prefix, PREFIX_BYTES_MAX);
    err e = buf_add(&prefix, i->trace);
    if (e == NULL)
        e = message_received_add(received, &prefix);
    if (e == NULL)
        e = queue_commit(i->queue, &i->draft, env, buf_str(&prefix), ret_id, until);
    buf_release(&prefix);
    return e;
}

uint64_t inbound_intake_size(const struct inbound_intake *i) { return queue_draft_size(i->draft); }

err inbound_intake_front(struct inbound_intake *i, struct buf *ret_text, deadline until)
{
    size_t got = 1;
    while (got > 0 && ret_text->len < ret_text->max) {
        size_t left = ret_text->max - ret_text->len;
        char *room;
        left = left < FRONT_PIECE_BYTES ? left : FRONT_PIECE_BYTES;
        TRY(buf_reserve(ret_text, left, &room));
        TRY(queue_draft_read(i->draft, ret_text->len, room, left, &got, until));
        ret_text->len += got;
    }
    return NULL;
}
