#include "tests/sim/ledger.h"
#include "base/clock.h"
#include "base/rand.h"
#include "message/decode.h"
#include "message/header.h"
#include "tests/sim/trace.h"
#include <stdio.h>
#include <string.h>

enum {
    FORGET_MS = 3 * 60 * 1000, /* what was taken so long before a fault we have written down */
    SLACK_MS = 1000,
};

static const char *const action_names[] = {"failed", "delayed", "delivered", "relayed", "expanded"};

static str address_key(const void *object)
{
    return str_of(((const struct sim_address *)object)->text);
}

void sim_ledger_init(struct sim_ledger *l, struct arena *arena, size_t mails_max)
{
    l->arena = arena;
    l->mails = ARENA_ARRAY(arena, struct sim_mail *, mails_max);
    table_init(&l->addresses, address_key);
}

void sim_ledger_release(struct sim_ledger *l) { table_release(&l->addresses); }

/* ---- what clients send ------------------------------------------------------------------ */

struct sim_mail *sim_ledger_add_mail(struct sim_ledger *l)
{
    struct sim_mail *m = ARENA_NEW(l->arena, struct sim_mail);
    m->number = (int)l->mail_count;
    l->mails[l->mail_count++] = m;
    sim_trace_count(SIM_MAILS);
    return m;
}

struct sim_address *sim_ledger_add_address(struct sim_ledger *l, struct sim_mail *m, bool is_sender,
                                           str domain)
{
    struct sim_address *a = ARENA_NEW(l->arena, struct sim_address);
    a->mail = m;
    a->is_sender = is_sender;
    if (is_sender) {
        snprintf(a->text, sizeof a->text, "s%d@%.*s", m->number, STR_ARG(domain));
        m->sender = a;
    } else {
        snprintf(a->text, sizeof a->text, "m%dr%zu@%.*s", m->number, m->rcpt_count,
                 STR_ARG(domain));
        m->rcpts[m->rcpt_count++] = a;
    }
    table_add(&l->addresses, a);
    return a;
}

void sim_ledger_begin(struct sim_mail *m)
{
    m->fate = SIM_FATE_UNSENT;
    m->sent_real_ms = clock_real_ms();
}

void sim_ledger_doubt(struct sim_mail *m) { m->fate = SIM_FATE_DOUBT; }

/* Was there a disturbance between the two? */
static bool disturbed(const struct sim_ledger *l, int64_t from_ms, int64_t to_ms)
{
    for (size_t i = l->disturbance_count; i-- > 0;)
        if (l->disturbances[i].from_ms <= to_ms && l->disturbances[i].to_ms >= from_ms)
            return true;
    return false;
}

static bool any_taken(const struct sim_mail *m)
{
    for (size_t i = 0; i < m->rcpt_count; i++)
        if (m->rcpts[i]->taken.count > 0)
            return true;
    return false;
}

void sim_ledger_answer(struct sim_ledger *l, struct sim_mail *m, int code)
{
    int64_t now = clock_steady_ms();
    if (code / 100 == 2) {
        m->fate = SIM_FATE_ACKNOWLEDGED;
        return;
    }
    m->fate = SIM_FATE_REFUSED;
    m->refused_in_fault = disturbed(l, now - FORGET_MS, now);
    if (any_taken(m))
        sim_trace_fail("refused mail is not delivered", "mail %d was answered %d, and delivered",
                       m->number, code);
}

/* ---- our server ------------------------------------------------------------------------- */

void sim_ledger_disturb(struct sim_ledger *l, bool begins)
{
    int64_t now = clock_steady_ms();
    if (begins) {
        ASSERT(l->disturbance_count < SIM_LEDGER_DISTURBANCES_MAX);
        l->disturbances[l->disturbance_count++] = (struct sim_disturbance){now, INT64_MAX};
        return;
    }
    for (size_t i = l->disturbance_count; i-- > 0;)
        if (l->disturbances[i].to_ms == INT64_MAX) {
            l->disturbances[i].to_ms = now + FORGET_MS;
            return;
        }
}

void sim_ledger_crashed(struct sim_ledger *l)
{
    for (size_t i = 0; i < l->mail_count; i++)
        if (l->mails[i]->fate == SIM_FATE_REFUSED)
            l->mails[i]->crashed_since = true;
}

struct sim_address *sim_ledger_find(struct sim_ledger *l, str address)
{
    struct sim_address *a = table_find(&l->addresses, address);
    if (a == NULL)
        sim_trace_fail("nothing is invented", "a remote server was asked for <%.*s>",
                       STR_ARG(address));
    return a;
}

void sim_ledger_known(struct sim_ledger *l, str address)
{
    sim_ledger_find(l, address)->known_ms = clock_steady_ms();
}

void sim_ledger_ended(struct sim_ledger *l, str address, bool for_sure)
{
    struct sim_address *a = sim_ledger_find(l, address);
    a->ended = a->ended || for_sure;
    a->maybe_ended = true;
}

/* ---- notifications ---------------------------------------------------------------------- */

/* The next "Name: value" line with this name behind *rest; false: none. */
static bool next_field(str *rest, str name, str *ret_value)
{
    while (rest->len > 0) {
        str line;
        str_split(*rest, '\n', &line, rest);
        if (!str_skip_nocase(&line, name))
            continue;
        *ret_value = str_trim(line);
        return true;
    }
    return false;
}

static enum message_dsn_action action_of(str name)
{
    for (int i = 0; i <= DSN_EXPANDED; i++)
        if (str_eq(name, str_of(action_names[i])))
            return (enum message_dsn_action)i;
    sim_trace_fail("a notification can be read", "Action: %.*s", STR_ARG(name));
}

/* Call each for every recipient that the notification tells of. */
static void each_told(struct sim_ledger *l, str content, struct sim_address *to,
                      void (*each)(struct sim_ledger *, struct sim_address *to,
                                   struct sim_address *of, enum message_dsn_action))
{
    str final, action;
    int count = 0;
    while (next_field(&content, S("Final-Recipient: rfc822; "), &final)) {
        if (!next_field(&content, S("Action: "), &action))
            sim_trace_fail("a notification can be read", "no Action for %.*s", STR_ARG(final));
        each(l, to, sim_ledger_find(l, final), action_of(action));
        count++;
    }
    if (count == 0)
        sim_trace_fail("a notification can be read", "<%s> got one that tells nothing", to->text);
}

/* RFC 3461 section 4.1; of a delay only those are told who submitted here. */
static bool is_wanted(const struct sim_address *of, enum message_dsn_action action)
{
    const struct sim_mail *m = of->mail;
    if (m->sender == NULL || of->notify == NOTIFY_NEVER)
        return false;
    if (action == DSN_FAILED)
        return of->notify == 0 || (of->notify & NOTIFY_FAILURE);
    if (action == DSN_DELAYED)
        return m->origin == ORIGIN_SUBMISSION && (of->notify == 0 || (of->notify & NOTIFY_DELAY));
    return of->notify & NOTIFY_SUCCESS;
}

/* Is there a reason for telling this? */
static bool is_true(const struct sim_ledger *l, const struct sim_address *of,
                    enum message_dsn_action action)
{
    int64_t age_ms = clock_real_ms() - of->mail->sent_real_ms;
    if (action == DSN_FAILED)
        return of->refused || of->unfit || age_ms >= l->give_up_ms;
    if (action == DSN_DELAYED)
        return age_ms >= l->warn_after_ms;
    return of->taken.count > 0;
}

/* Was our server disturbed before it could be sure to remember that carrier got this? It writes
 * that down when all recipients of the attempt have been offered, which may take long. */
static bool may_have_forgotten(const struct sim_ledger *l, const struct sim_take *t,
                               const struct sim_address *carrier)
{
    bool known = carrier->known_ms >= t->at_ms;
    return disturbed(l, t->at_ms, (known ? carrier->known_ms : clock_steady_ms()) + FORGET_MS);
}

/* Twice needs an excuse. */
static void take_again(struct sim_ledger *l, struct sim_take *t, const struct sim_address *a,
                       const struct sim_address *carrier, const char *what)
{
    int64_t now = clock_steady_ms();
    if (t->count > 0 && !t->confirmed)
        sim_trace_count(SIM_TWICE_REPLY_LOST);
    else if (t->count > 0 && may_have_forgotten(l, t, carrier))
        sim_trace_count(SIM_TWICE_DISTURBED);
    else if (t->count > 0)
        sim_trace_fail("nothing twice without a reason", "%s for <%s>, first at %lld.%03lld s",
                       what, a->text, (long long)(t->at_ms / 1000), (long long)(t->at_ms % 1000));
    *t = (struct sim_take){t->count + 1, now, false};
}

static void take_told(struct sim_ledger *l, struct sim_address *to, struct sim_address *of,
                      enum message_dsn_action action)
{
    char what[64];
    if (of->is_sender)
        sim_trace_fail("no notification of a notification", "<%s> was told of <%s>", to->text,
                       of->text);
    if (of->mail != to->mail)
        sim_trace_fail("a notification goes to the sender", "<%s> was told of <%s>", to->text,
                       of->text);
    if (!is_wanted(of, action))
        sim_trace_fail("NOTIFY is honoured", "<%s> was told that <%s> (NOTIFY %d) is %s", to->text,
                       of->text, of->notify, action_names[action]);
    if (!is_true(l, of, action))
        sim_trace_fail("a notification has a reason", "<%s> was told that <%s> is %s", to->text,
                       of->text, action_names[action]);
    snprintf(what, sizeof what, "a notification \"%s\"", action_names[action]);
    take_again(l, &of->told[action], of, to, what);
    if (action != DSN_FAILED)
        return;
    bool taken_for_sure =
        of->taken.count > 0 && of->taken.confirmed && !may_have_forgotten(l, &of->taken, of);
    if (taken_for_sure)
        sim_trace_fail("what was delivered has not failed", "<%s> was told of <%s>", to->text,
                       of->text);
}

static void confirm_told(struct sim_ledger *l, struct sim_address *to, struct sim_address *of,
                         enum message_dsn_action action)
{
    (void)l, (void)to;
    of->told[action].confirmed = true;
}

/* ---- what remote servers take ----------------------------------------------------------- */

static void check_fate(struct sim_mail *m)
{
    if (m->fate == SIM_FATE_UNSENT)
        sim_trace_fail("what was not sent whole is not delivered", "mail %d", m->number);
    if (m->fate != SIM_FATE_REFUSED)
        return;
    if (!m->refused_in_fault || !m->crashed_since)
        sim_trace_fail("refused mail is not delivered", "mail %d", m->number);
    sim_trace_count(SIM_REFUSED_AND_TAKEN);
}

static bool begins_with_trace(str text)
{
    return str_starts(text, S("Received: ")) || str_starts(text, S("Authentication-Results: "));
}

/* Only trace fields of ours stand in front of it, and what a submission server adds. */
static bool is_as_sent(const struct sim_mail *m, str content)
{
    bool same = content.len >= m->content.len &&
                str_eq(str_from(content, content.len - m->content.len), m->content);
    str before = str_slice(content, 0, content.len - (same ? m->content.len : 0));
    return same && begins_with_trace(before) && !str_contains(before, S("\r\n\r\n"));
}

static str body_of(str content)
{
    struct message_field f;
    while (message_header_next(&content, &f))
        ;
    message_header_end(&content);
    return content;
}

static bool subject_is_there(str content, str sent)
{
    struct message_field got, want;
    bool both = message_header_find(content, S("Subject"), &got) &&
                message_header_find(sent, S("Subject"), &want);
    return both && str_eq(got.value, want.value);
}

/* For a host without 8BITMIME the body is encoded, and says the same when that is undone. */
static bool is_as_sent_in_7bit(const struct sim_mail *m, str content)
{
    struct message_field how;
    bool plain;
    if (str_is_ascii(m->content) || !str_is_ascii(content) ||
        !message_header_find(content, S("Content-Transfer-Encoding"), &how))
        return false;
    struct message_decode decode;
    CLEANUP(buf_release) struct buf body;
    buf_init(&body, content.len + 1);
    message_decode_init(&decode, message_decode_encoding(how.value, &plain));
    err e = message_decode_add(&decode, body_of(content), &body);
    if (e == NULL)
        e = message_decode_end(&decode, &body);
    return e == NULL && plain && decode.flags == 0 && subject_is_there(content, m->content) &&
           str_eq(buf_str(&body), body_of(m->content));
}

static void check_content(const struct sim_mail *m, str content)
{
    if (!is_as_sent(m, content) && !is_as_sent_in_7bit(m, content))
        sim_trace_fail("the content is the same", "mail %d: %zu bytes were sent, %zu delivered",
                       m->number, m->content.len, content.len);
}

/* What stands behind the first such text. */
static str behind(str text, str what)
{
    const char *at = memmem(text.ptr, text.len, what.ptr, what.len);
    return at ? str_from(text, (size_t)(at - text.ptr) + what.len) : (str){0};
}

static str skip_blanks(str text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t' || text.ptr[0] == '\r' ||
                        text.ptr[0] == '\n'))
        text = str_from(text, 1);
    return text;
}

/* The newest trace field is ours: "Received: ... id 6DQDPN8000001 for ...". */
static void check_accepted_once(struct sim_mail *m, str content)
{
    uint64_t number;
    str trace = behind(content, S("Received: ")), blank = behind(trace, S(" id"));
    str tab = behind(trace, S("\tid")); /* where the line was folded */
    str id = str_slice(skip_blanks(blank.len > tab.len ? blank : tab), 0, QUEUE_ID_CHARS);
    if (!queue_id_parse(id, &number))
        sim_trace_fail("our trace field names the message", "mail %d", m->number);
    if (m->queue.text[0] && !str_eq(id, str_of(m->queue.text)))
        sim_trace_fail("nothing is accepted twice", "mail %d is %.*s, and was %s", m->number,
                       STR_ARG(id), m->queue.text);
    str_to_chars(id, m->queue.text, sizeof m->queue.text);
}

void sim_ledger_take(struct sim_ledger *l, struct sim_address *a, str sender, str content)
{
    struct sim_mail *m = a->mail;
    if (a->is_sender) {
        if (sender.len > 0)
            sim_trace_fail("a notification has no sender", "<%s> from <%.*s>", a->text,
                           STR_ARG(sender));
        sim_trace_count(SIM_REPORTS);
        each_told(l, content, a, take_told);
        return;
    }
    if (!str_eq(sender, str_of(m->sender ? m->sender->text : NULL)))
        sim_trace_fail("the sender is the same", "<%s> from <%.*s>", a->text, STR_ARG(sender));
    if (!a->offered)
        sim_trace_fail("a refused recipient gets nothing", "<%s>", a->text);
    check_fate(m);
    check_content(m, content);
    check_accepted_once(m, content);
    sim_trace_count(SIM_TAKEN);
    take_again(l, &a->taken, a, a, "a delivery");
}

void sim_ledger_confirm(struct sim_ledger *l, struct sim_address *a, str content)
{
    if (a->is_sender)
        each_told(l, content, a, confirm_told);
    else
        a->taken.confirmed = true;
}

/* ---- the end ---------------------------------------------------------------------------- */

/* Delivered, or ended in a way that who should know of it does. */
static bool is_settled(const struct sim_address *a, bool for_sure)
{
    const struct sim_mail *m = a->mail;
    if (a->taken.count > 0 || a->told[DSN_FAILED].count > 0)
        return true;
    bool nobody_to_tell = m->sender == NULL || !is_wanted(a, DSN_FAILED) || m->sender->refused ||
                          m->sender->unfit ||
                          (for_sure ? m->sender->ended : m->sender->maybe_ended);
    return (for_sure ? a->ended : a->maybe_ended) && nobody_to_tell;
}

static void audit_mail(const struct sim_mail *m)
{
    const struct sim_address *settled = NULL, *lost = NULL;
    for (size_t i = 0; i < m->rcpt_count; i++) {
        if (!m->rcpts[i]->offered || !m->rcpts[i]->offer_known)
            continue;
        if (is_settled(m->rcpts[i], true))
            settled = m->rcpts[i];
        else if (!is_settled(m->rcpts[i], false))
            lost = m->rcpts[i];
    }
    if (m->fate == SIM_FATE_ACKNOWLEDGED && lost)
        sim_trace_fail("nothing acknowledged is lost", "mail %d for <%s>", m->number, lost->text);
    if (m->fate == SIM_FATE_DOUBT && settled && lost)
        sim_trace_fail("all of a mail or nothing", "mail %d: <%s> got nothing, <%s> did", m->number,
                       lost->text, settled->text);
}

static void audit_success(const struct sim_mail *m)
{
    for (size_t i = 0; i < m->rcpt_count; i++) {
        const struct sim_address *a = m->rcpts[i];
        bool told = a->told[DSN_RELAYED].count + a->told[DSN_DELIVERED].count > 0;
        if (told && a->taken.count == 0)
            sim_trace_fail("a notification has a reason", "<%s>: success without a delivery",
                           a->text);
    }
}

void sim_ledger_audit(struct sim_ledger *l)
{
    static const enum sim_count counts[] = {
        [SIM_FATE_UNSENT] = SIM_UNSENT,
        [SIM_FATE_DOUBT] = SIM_IN_DOUBT,
        [SIM_FATE_REFUSED] = SIM_REFUSED,
        [SIM_FATE_ACKNOWLEDGED] = SIM_ACKNOWLEDGED,
    };
    for (size_t i = 0; i < l->mail_count; i++) {
        sim_trace_count(counts[l->mails[i]->fate]);
        audit_mail(l->mails[i]);
        audit_success(l->mails[i]);
    }
}
