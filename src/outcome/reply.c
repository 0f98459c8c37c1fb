#include "outcome/reply.h"
#include "outcome/wait.h"
#include <string.h>

static bool is_temporary(const struct outcome_reply *r)
{
    if (r->enhanced.len > 0 && r->enhanced.ptr[0] == '4')
        return true;
    return r->code / 100 == 4;
}

static uint8_t when_of(const struct outcome_reply *r)
{
    static const uint8_t stages[] = {
        [SMTP_STAGE_CONNECT] = WHEN_CONNECT, [SMTP_STAGE_GREETING] = WHEN_CONNECT,
        [SMTP_STAGE_HELLO] = WHEN_CONNECT,   [SMTP_STAGE_MAIL] = WHEN_MAIL,
        [SMTP_STAGE_RCPT] = WHEN_RCPT,       [SMTP_STAGE_DATA] = WHEN_CONTENT,
        [SMTP_STAGE_BODY] = WHEN_CONTENT,
    };
    uint8_t when = r->stage_known ? stages[r->stage] : 0;
    bool known = r->code > 0 || r->enhanced.len > 0;
    bool temporary = is_temporary(r);
    return when | (temporary || !known ? WHEN_TEMPORARY : 0) | (!temporary ? WHEN_PERMANENT : 0);
}

/* When neither words nor status say anything. */
static enum outcome_class class_of_code(const struct outcome_reply *r)
{
    switch (r->code) {
    case 421:
    case 451:
    case 452:
        return OUTCOME_SYSTEM;
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
        return OUTCOME_PROTOCOL;
    case 521:
    case 556:
        return OUTCOME_NO_MAIL;
    case 530:
    case 534:
    case 535:
        return OUTCOME_LOGIN;
    case 523:
    case 538:
        return OUTCOME_TLS;
    case 551:
        return OUTCOME_MOVED;
    case 552:
        return OUTCOME_TOO_BIG;
    default:
        return is_temporary(r) ? OUTCOME_TRANSIENT_OTHER : OUTCOME_PERMANENT_OTHER;
    }
}

/* The subjects that are about the recipient's address itself. */
static bool status_is_of_address(str enhanced)
{
    static const char *const statuses[] = {"1.1", "1.2", "1.3", "1.6", "1.10", "1.351", "4.4"};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (str_eq(str_from(enhanced, 2), str_of(statuses[i])))
            return true;
    return false;
}

/* "<bob@example.net>: Recipient address rejected": Postfix begins so at RCPT, and only there. */
static bool names_rcpt(str text)
{
    size_t close = str_find(text, '>');
    return str_starts(text, S("<")) && close != STR_NONE &&
           str_contains(str_slice(text, 0, close), S("@")) &&
           str_starts(str_from(text, close), S(">:"));
}

static bool is_certain(const struct outcome_reply *r, const struct outcome *o)
{
    if (status_is_of_address(r->enhanced) || (o->rule && (o->rule->when & WORDS_ARE_SURE)))
        return true;
    if (o->class != OUTCOME_BAD_MAILBOX)
        return true;
    if (r->stage_known)
        return r->stage == SMTP_STAGE_RCPT;
    if (names_rcpt(r->text))
        return true;
    return r->code == 0 && (r->enhanced.len == 0 || str_ends_nocase(r->enhanced, S(".0.0")));
}

/* "No such domain" is said of whoever was named: before RCPT that is us. */
static enum outcome_class seen_from_stage(enum outcome_class class, enum smtp_stage stage)
{
    if (stage == SMTP_STAGE_MAIL)
        return OUTCOME_BLOCKED_SENDER;
    if (stage == SMTP_STAGE_HELLO)
        return OUTCOME_REVERSE_DNS;
    if (stage == SMTP_STAGE_AUTH)
        return OUTCOME_LOGIN;
    return stage == SMTP_STAGE_STARTTLS ? OUTCOME_TLS : class;
}

struct outcome outcome_reply_judge(const struct outcome_reply *r, struct arena *arena)
{
    str text = str_slice(r->text, 0, OUTCOME_WORDS_TEXT_BYTES_MAX);
    struct outcome o = {.provider = outcome_provider_of(r->host, text)};
    struct outcome_words words = outcome_words_of(text, arena);
    struct outcome_rule_facts facts = {
        .provider = o.provider, .when = when_of(r), .status = r->enhanced, .words = &words};
    if (r->code / 100 == 2) {
        o.class = OUTCOME_DELIVERED;
    } else {
        o.rule = outcome_rule_find(&facts);
        o.class = o.rule ? o.rule->class : class_of_code(r);
        o.temporary = is_temporary(r);
        o.wait_seconds = outcome_wait_of(&words);
    }
    if (r->code > 0 && outcome_class_of(o.class)->dead && r->stage_known)
        o.class = seen_from_stage(o.class, r->stage);
    const struct outcome_class_facts *class = outcome_class_of(o.class);
    bool certain = is_certain(r, &o);
    if (o.class == OUTCOME_BAD_MAILBOX && !certain && r->stage_known && r->stage >= SMTP_STAGE_DATA)
        class = outcome_class_of(o.class = OUTCOME_FILTERED);
    o.hard = class->dead && !o.temporary && certain;
    o.whose = class->whose;
    o.advice = class->advice;
    if (class->dead && !o.hard)
        o.advice = o.temporary ? OUTCOME_RETRY : OUTCOME_SUPPRESS_IF_AGAIN;
    return o;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool cut_code(str *text, int *code)
{
    str t = *text;
    if (t.len < 3 || t.ptr[0] < '2' || t.ptr[0] > '5' || !char_is_digit(t.ptr[1]) ||
        !char_is_digit(t.ptr[2]) || (t.len > 3 && (char_is_alnum(t.ptr[3]) || t.ptr[3] == '.')))
        return false;
    *code = (t.ptr[0] - '0') * 100 + (t.ptr[1] - '0') * 10 + (t.ptr[2] - '0');
    t = str_from(t, 3);
    while (t.len > 0 && (t.ptr[0] == '-' || t.ptr[0] == ':' || t.ptr[0] == ' ' || t.ptr[0] == '\t'))
        t = str_from(t, 1);
    *text = t;
    return true;
}

static size_t digits_len(str text)
{
    size_t len = 0;
    while (len < 3 && len < text.len && char_is_digit(text.ptr[len]))
        len++;
    return len;
}

/* "5.1.1" in front, of class 2, 4 or 5; 0: none. */
static size_t status_len(str text)
{
    if (text.len < 5 || (text.ptr[0] != '2' && text.ptr[0] != '4' && text.ptr[0] != '5') ||
        text.ptr[1] != '.')
        return 0;
    size_t subject = digits_len(str_from(text, 2));
    size_t len = 2 + subject;
    if (subject == 0 || len >= text.len || text.ptr[len] != '.')
        return 0;
    size_t detail = digits_len(str_from(text, len + 1));
    len += 1 + detail;
    bool ends =
        len == text.len || (!char_is_alnum(text.ptr[len]) && text.ptr[len] != '.') ||
        (text.ptr[len] == '.' && (len + 1 == text.len || !char_is_digit(text.ptr[len + 1])));
    return detail > 0 && ends ? len : 0;
}

static str cut_status(str *text)
{
    str t = *text;
    while (t.len > 0 && (t.ptr[0] == '#' || t.ptr[0] == '(' || t.ptr[0] == '\'' || t.ptr[0] == '['))
        t = str_from(t, 1);
    size_t len = status_len(t);
    if (len == 0)
        return (str){0};
    str status = str_slice(t, 0, len);
    t = str_from(t, len);
    while (t.len > 0 && (t.ptr[0] == ' ' || t.ptr[0] == ':' || t.ptr[0] == '-'))
        t = str_from(t, 1);
    *text = t;
    return status;
}

/* "(#5.1.1)", "[#4.1.9]", "ERROR_CODE :5.1.1": anywhere. */
static str find_marked_status(str text)
{
    for (size_t i = 0; i + 5 < text.len; i++) {
        size_t len =
            text.ptr[i] == '#' || text.ptr[i] == ':' ? status_len(str_from(text, i + 1)) : 0;
        if (len > 0)
            return str_slice(text, i + 1, len);
    }
    return (str){0};
}

/* All of one reply in one line: "550-5.7.26 Unauthenticated email ... 550-5.7.26 DMARC policy". */
static str without_repeats(str text, const struct outcome_reply *r, struct arena *arena)
{
    char *room = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    bool at_start = true;
    while (text.len > 0) {
        str rest = text;
        int code = 0;
        if (at_start && r->code > 0 && cut_code(&rest, &code) && code == r->code) {
            str status = cut_status(&rest);
            if (status.len > 0 || rest.len + 3 < text.len)
                text = rest;
            at_start = false;
            continue;
        }
        at_start = text.ptr[0] == ' ' || text.ptr[0] == '\n';
        room[len++] = text.ptr[0] == '\n' ? ' ' : text.ptr[0];
        text = str_from(text, 1);
    }
    return str_trim((str){room, len});
}

/* May a reply begin there, in the middle of what a mail system tells? "said: 550 ...", "returned
 * '550 ...", "[550 ...]"; an IP address, a port and a time of day are none. */
static bool may_begin(str text, size_t at)
{
    size_t before = at;
    while (before > 0 && text.ptr[before - 1] == ' ')
        before--;
    if (before == 0)
        return false;
    char c = text.ptr[before - 1];
    bool apart = c == '\n' || (c == ':' && before < at);
    return apart || (strchr(":'[<\"(>", c) != NULL && text.ptr[at + 1] <= '5');
}

/* The first reply inside the text; the whole text when there is none. */
static str find_reply(str text)
{
    for (size_t at = 1; at + 4 < text.len; at++) {
        str rest = str_from(text, at);
        int code;
        if (char_is_digit(text.ptr[at]) && text.ptr[at] >= '4' &&
            !char_is_alnum(text.ptr[at - 1]) && cut_code(&rest, &code) && may_begin(text, at) &&
            strchr(" -:,", text.ptr[at + 3]) != NULL)
            return str_from(text, at);
    }
    return text;
}

struct outcome_reply outcome_reply_read(str text, struct arena *arena)
{
    struct outcome_reply r = {0};
    text = str_trim(str_slice(text, 0, OUTCOME_WORDS_TEXT_BYTES_MAX));
    str front = text;
    if (!cut_code(&front, &r.code))
        text = find_reply(text);
    cut_code(&text, &r.code);
    int again = 0; /* "554 554 5.7.0 Header error" */
    if (r.code > 0 && cut_code(&text, &again) && again != r.code)
        r.code = again;
    r.enhanced = cut_status(&text);
    if (r.code == 0 && r.enhanced.len > 0)
        cut_code(&text, &r.code); /* "5.7.1 550 User unknown" */
    else if (r.enhanced.len > 0 && cut_code(&text, &again) && again != r.code)
        r.code = again;
    if (r.enhanced.len == 0)
        r.enhanced = find_marked_status(text);
    r.text = without_repeats(text, &r, arena);
    return r;
}
