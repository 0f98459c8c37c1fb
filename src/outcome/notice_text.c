#include "outcome/notice_text.h"
#include "outcome/notice_address.h"
#include <string.h>

enum { LINES_MAX = 4000, LINE_BYTES_MAX = 2000 };

/* What is being read. A recipient's words are a range of the text until they are flattened. */
struct reading {
    struct arena *arena;
    str text, own;
    struct outcome_notice_text *out;
    struct outcome_notice_text_rcpt *current; /* whom the lines now speak of; NULL: nobody yet */
    bool current_again;                       /* it was named before; the better words are kept */
    size_t from, to;                          /* what is said of current */
    size_t indent;                            /* of the line that named it */
    size_t before_to;
    bool in_transcript, stage_known;
    enum smtp_stage stage; /* of the last command in the transcript */
    str pending;           /* a refusal whose recipient is named behind it */
    bool pending_stage_known;
    enum smtp_stage pending_stage;
    bool skip_next; /* "a message sent by": the address that follows is the sender's */
};

struct line {
    size_t at, end; /* in the text, without its line end */
    size_t indent;
    str text; /* trimmed, quote marks cut off */
    struct outcome_words words;
};

/* ---- lines -------------------------------------------------------------------------------- */

static bool next_line(const struct reading *r, size_t *at, struct line *ret_line)
{
    if (*at >= r->text.len)
        return false;
    size_t len = str_find(str_from(r->text, *at), '\n');
    size_t end = len == STR_NONE ? r->text.len : *at + len;
    str text = str_slice(r->text, *at, end - *at);
    struct line line = {.at = *at, .end = end};
    while (str_starts(text, S("> "))) /* forwarded by a person */
        text = str_from(text, 2);
    while (line.indent < text.len &&
           (text.ptr[line.indent] == ' ' || text.ptr[line.indent] == '\t'))
        line.indent++;
    line.text = str_slice(str_trim(text), 0, LINE_BYTES_MAX);
    line.words = outcome_words_of(line.text, r->arena);
    *at = end + 1;
    *ret_line = line;
    return true;
}

static bool have_any(const struct outcome_words *words, const char *const *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (outcome_words_have(words, patterns[i]))
            return true;
    return false;
}
#define HAVE_ANY(words, patterns) have_any((words), (patterns), ARRAY_LEN(patterns))

static bool starts_any(str text, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_starts_nocase(text, str_of(prefixes[i])))
            return true;
    return false;
}
#define STARTS_ANY(text, prefixes) starts_any((text), (prefixes), ARRAY_LEN(prefixes))

/* "=====", "- - -": between two paragraphs. */
static bool is_ruler(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("-=_*+# .", text.ptr[i]) || text.ptr[i] == '\0')
            return false;
    return text.len > 0;
}

/* Here the message that came back begins: by a line that says so, or by a field that only such a
 * message has. The latter counts behind a recipient only, for some notices are wrapped in others.
 */
static bool begins_original(const struct reading *r, const struct line *line)
{
    static const char *const fields[] = {
        "Received:", "Return-Path:", "Delivered-To:", "DKIM-Signature:", "DomainKey-Signature:"};
    static const char *const apart[] = {
        "original|returned|unsent|undelivered|bounced message|mail|email",
        "message|mail headers|header", "copy of the|your", "header|headers of the original"};
    static const char *const in_words[] = {"original message|mail follows|headers|header",
                                           "message headers follow", "copy of the original|message",
                                           "headers of the original"};
    if (line->indent == 0 && STARTS_ANY(line->text, fields))
        return r->out->rcpt_count > 0;
    if (str_starts(line->text, S("--")))
        return HAVE_ANY(&line->words, apart);
    if (line->words.count <= 3 && str_starts_nocase(line->text, S("original message")))
        return true;
    return line->words.count <= 9 && HAVE_ANY(&line->words, in_words);
}

/* Fields that are meant for programs, but stand in the text. */
static bool begins_fields(const struct line *line)
{
    static const char *const fields[] = {
        "Reporting-MTA:", "Final-Recipient:", "Original-Recipient:"};
    return STARTS_ANY(line->text, fields);
}

/* ---- what is said of a recipient ---------------------------------------------------------- */

/* Blanks made one. keep_lines: one that is a line end stays that, for a reply may begin behind it.
 */
static str flatten(const struct reading *r, size_t from, size_t to, bool keep_lines)
{
    str text = str_slice(r->text, from, to > from ? to - from : 0);
    size_t max =
        text.len < OUTCOME_NOTICE_SAID_BYTES_MAX ? text.len : OUTCOME_NOTICE_SAID_BYTES_MAX;
    char *room = arena_alloc(r->arena, max + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < max; i++) {
        bool blank = strchr(" \t\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0';
        bool behind = len == 0 || room[len - 1] == ' ' || room[len - 1] == '\n';
        if (blank && behind && keep_lines && text.ptr[i] == '\n' && len > 0)
            room[len - 1] = '\n';
        if (blank && behind)
            continue;
        room[len++] = !blank || (keep_lines && text.ptr[i] == '\n') ? text.ptr[i] : ' ';
    }
    return str_trim((str){room, len});
}

static bool has_code(str said, struct arena *arena)
{
    return said.len > 0 && outcome_reply_read(said, arena).code > 0;
}

static void end_current(struct reading *r)
{
    if (r->current == NULL)
        return;
    str said = flatten(r, r->from, r->to, false);
    struct outcome_notice_text_rcpt *rcpt = r->current;
    if (rcpt->said.len == 0 || (has_code(said, r->arena) && !has_code(rcpt->said, r->arena)))
        rcpt->said = said;
    if (!rcpt->stage_known)
        rcpt->stage_known = outcome_notice_text_stage(said, r->arena, &rcpt->stage);
    r->current = NULL;
}

static struct outcome_notice_text_rcpt *find_rcpt(const struct reading *r, str address)
{
    for (size_t i = 0; i < r->out->rcpt_count; i++)
        if (str_eq_nocase(r->out->rcpts[i].address, address))
            return &r->out->rcpts[i];
    return NULL;
}

/* The lines now speak of this address; what they say begins at from. */
static void begin_rcpt(struct reading *r, const struct line *line, str address, size_t from)
{
    struct outcome_notice_text_rcpt *rcpt = find_rcpt(r, address);
    if (r->current && rcpt == r->current) {
        r->to = line->end;
        return;
    }
    end_current(r);
    if (rcpt == NULL && r->out->rcpt_count == OUTCOME_NOTICE_RCPTS_MAX) {
        r->out->left_out++;
        return;
    }
    if (rcpt == NULL) {
        rcpt = &r->out->rcpts[r->out->rcpt_count++];
        rcpt->address = address;
    }
    r->current = rcpt;
    r->from = from;
    r->to = line->end;
    r->indent = line->indent;
}

static size_t offset_of(const struct reading *r, str part)
{
    return (size_t)(part.ptr - r->text.ptr);
}

/* ---- transcripts -------------------------------------------------------------------------- */

static bool stage_of_verb(str command, enum smtp_stage *ret_stage)
{
    static const struct {
        const char *verb;
        enum smtp_stage stage;
    } verbs[] = {
        {"RCPT", SMTP_STAGE_RCPT },
        {"MAIL", SMTP_STAGE_MAIL },
        {"DATA", SMTP_STAGE_BODY },
        {"BDAT", SMTP_STAGE_BODY },
        {"EHLO", SMTP_STAGE_HELLO},
        {"HELO", SMTP_STAGE_HELLO},
        {".",    SMTP_STAGE_BODY },
    };
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_starts_nocase(command, str_of(verbs[i].verb))) {
            *ret_stage = verbs[i].stage;
            return true;
        }
    return false;
}

/* ">>> RCPT TO:<bob@example.net>" */
static bool read_command(struct reading *r, const struct line *line)
{
    static const char *const sent[] = {">>>", "Sent <<<", "RCPT TO:"};
    str text = line->text, address;
    if (!STARTS_ANY(text, sent))
        return false;
    str_skip(&text, S("Sent <<<"));
    while (text.len > 0 && (text.ptr[0] == '>' || text.ptr[0] == ' '))
        text = str_from(text, 1);
    r->in_transcript = true;
    bool known = stage_of_verb(text, &r->stage);
    if (!known && outcome_notice_address_front(&text, &address)) {
        begin_rcpt(r, line, address, line->end);
        return true;
    }
    r->stage_known = known;
    if (known && r->stage == SMTP_STAGE_RCPT && outcome_notice_address_find(text, &address)) {
        begin_rcpt(r, line, address, line->end);
        r->indent = SIZE_MAX; /* nothing stands deeper than a line of a transcript */
    }
    return true;
}

/* "<<< 550 5.1.1 User unknown" */
static bool read_answer(struct reading *r, const struct line *line)
{
    str text = line->text;
    if (!str_skip(&text, S("<<<")) && !str_skip(&text, S("Received >>>")))
        return false;
    text = str_trim(text);
    r->in_transcript = true;
    if (text.len < 3 || (text.ptr[0] != '4' && text.ptr[0] != '5') || str_starts(text, S("503")))
        return true;
    bool goes_on = r->pending.len > 0 && str_starts(text, str_slice(r->pending, 0, 3));
    if (goes_on) {
        r->pending =
            (str){r->pending.ptr, offset_of(r, text) + text.len - offset_of(r, r->pending)};
    } else {
        r->pending = text;
        r->pending_stage_known = r->stage_known;
        r->pending_stage = r->stage;
    }
    if (r->out->refusal.len == 0 || goes_on) {
        r->out->refusal = r->pending;
        r->out->stage_known = r->stage_known;
        r->out->stage = r->stage;
    }
    if (r->current && r->stage_known && r->stage == SMTP_STAGE_RCPT && !r->current->stage_known) {
        r->current->stage_known = true;
        r->current->stage = SMTP_STAGE_RCPT;
        r->from = goes_on ? r->from : offset_of(r, text);
    }
    r->to = line->end;
    return true;
}

/* "550 <bob@example.net>... User unknown", as sendmail sums up what came before it. */
static bool read_summary(struct reading *r, const struct line *line)
{
    str text = line->text, address;
    size_t from = offset_of(r, text);
    if (!r->in_transcript || text.len < 4 || (text.ptr[0] != '4' && text.ptr[0] != '5') ||
        !char_is_digit(text.ptr[1]) || !char_is_digit(text.ptr[2]) || text.ptr[3] != ' ')
        return false;
    size_t open = str_find(text, '<');
    if (open == STR_NONE || open > 16) /* behind a code and a status */
        return false;
    text = str_from(text, open);
    if (!outcome_notice_address_front(&text, &address) ||
        (!str_starts(text, S("...")) && !str_starts(text, S(","))))
        return false;
    begin_rcpt(r, line, address, from);
    r->indent = SIZE_MAX;
    if (r->pending.len > 0 && r->current && r->current->said.len == 0) {
        r->current->said =
            flatten(r, offset_of(r, r->pending), offset_of(r, r->pending) + r->pending.len, false);
        r->current->stage_known = r->pending_stage_known;
        r->current->stage = r->pending_stage;
    }
    r->pending = (str){0};
    return true;
}

/* ---- addresses that stand for themselves --------------------------------------------------- */

static str without_bullet(str text)
{
    static const str bullets[] = {
        {"* ",  2},
        {"- ",  2},
        {"-- ", 3},
        {"o ",  2}
    };
    for (size_t i = 0; i < ARRAY_LEN(bullets); i++)
        if (str_skip(&text, bullets[i]))
            return str_trim(text);
    return text;
}

/* May what follows an address at the head of a line follow a recipient? */
static bool follows_rcpt(const struct reading *r, str address, str rest)
{
    static const char *const closings[] = {":", "[", "...", "(", "<mailto:", "\t"};
    static const char *const words[] = {"on mon|tue|wed|thu|fri|sat|sun", "error|code",
                                        "failed|rejected|unknown|refused|undeliverable|invalid"};
    if (rest.len == 0 || STARTS_ANY(rest, closings))
        return true;
    if (rest.ptr[0] != ' ' || str_eq_nocase(address, r->own))
        return false;
    rest = str_trim(rest);
    if (STARTS_ANY(rest, closings) ||
        (str_starts(rest, S("on ")) && rest.len > 3 && char_is_digit(rest.ptr[3])))
        return true;
    struct outcome_words said = outcome_words_of(rest, r->arena);
    return HAVE_ANY(&said, words);
}

static bool read_front(struct reading *r, const struct line *line)
{
    str text = without_bullet(line->text), address;
    if (!outcome_notice_address_front(&text, &address))
        return false;
    if (r->current && line->indent > r->indent)
        return false;
    if (r->skip_next || !follows_rcpt(r, address, text))
        return false;
    if (str_starts(text, S("<mailto:")))
        text = str_from(text, str_find(text, '>') == STR_NONE ? 0 : str_find(text, '>') + 1);
    while (text.len > 0 && (text.ptr[0] == ':' || text.ptr[0] == ' '))
        text = str_from(text, 1);
    begin_rcpt(r, line, address, text.len ? offset_of(r, text) : line->end);
    return true;
}

static bool read_end(struct reading *r, const struct line *line)
{
    static const char *const about_rcpt[] = {
        "recipient|recipients|user|mailbox|account|userid|address|addresses",
        "deliver*|delivery|undeliver*|reach|failed|unknown|rejected|returned"};
    static const char *const about_others[] = {
        "contact|assistance|help|please|from|sender|by|support|reply|questions|subject|cc|date"};
    static const char *const undelivered[] = {
        "could|cannot|unable|not ~ deliver|delivered|delivering to", "delivery failed|failure"};
    str before, address;
    if (line->text.len == 0 || (r->current && line->indent > r->indent) ||
        !outcome_notice_address_end(line->text, &before, &address) || before.len == 0)
        return false;
    struct outcome_words words = outcome_words_of(before, r->arena);
    if (!HAVE_ANY(&words, about_rcpt) || HAVE_ANY(&words, about_others))
        return false;
    begin_rcpt(r, line, address, line->at);
    if (HAVE_ANY(&words, undelivered))
        r->out->says_undelivered = true;
    return true;
}

static bool read_middle(struct reading *r, const struct line *line)
{
    static const char *const phrases[] = {
        "unable|error|failed|could|cannot|trouble ~ deliver|delivering|delivered ~ to|for @",
        "rejected recipient @", "permanent|temporary|following error|errors @", "error address @"};
    str address;
    if ((r->current && line->indent > r->indent) || !HAVE_ANY(&line->words, phrases) ||
        !outcome_notice_address_find(line->text, &address))
        return false;
    begin_rcpt(r, line, address, line->at);
    r->out->says_undelivered = true;
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static void note_message_id(struct reading *r, str text)
{
    if (r->out->original_id.len == 0 && str_skip_nocase(&text, S("Message-ID:")))
        r->out->original_id = str_trim(text);
}

/* In what follows the notice's own words. */
static void note_original(struct reading *r, str text)
{
    note_message_id(r, text);
    if (r->out->original_to.len == 0 && str_skip_nocase(&text, S("To:")))
        r->out->original_to = str_trim(text);
}

static void go_on(struct reading *r, const struct line *line)
{
    bool section = str_starts(line->text, S("---")) || is_ruler(line->text);
    if (r->current == NULL) {
        if (r->out->rcpt_count == 0)
            r->before_to = line->end;
        return;
    }
    bool said =
        str_trim(str_slice(r->text, r->from, r->to > r->from ? r->to - r->from : 0)).len > 0;
    if (section && said)
        end_current(r);
    else if (section)
        r->from = r->to = line->end;
    else
        r->to = line->end;
}

static void read_line(struct reading *r, const struct line *line)
{
    static const char *const not_theirs[] = {
        "From:",      "To:",          "Cc:",           "Sender:",
        "Reply-To:",  "Subject:",     "Date:",         "Original Sender",
        "MAIL FROM:", "Return-Path:", "Delivered-To:", "Message-ID:",
        "X-"};
    static const char *const leads_to_sender[] = {"sent by", "message from"};
    bool skip = r->skip_next;
    if (outcome_words_have(&line->words, "transcript of ~ session") ||
        outcome_words_have(&line->words, "while talking to"))
        r->in_transcript = true;
    note_message_id(r, line->text);
    bool taken = read_command(r, line) || read_answer(r, line) || read_summary(r, line);
    if (!taken && !STARTS_ANY(line->text, not_theirs))
        taken = read_front(r, line) || read_end(r, line) || read_middle(r, line);
    if (!taken)
        go_on(r, line);
    if (line->words.count > 0)
        r->skip_next = !skip && line->words.count <= 6 && HAVE_ANY(&line->words, leads_to_sender);
}

void outcome_notice_text_read(str text, str own, struct arena *arena,
                              struct outcome_notice_text *ret_text)
{
    struct outcome_notice_text out = {
        .rcpts = ARENA_ARRAY(arena, struct outcome_notice_text_rcpt, OUTCOME_NOTICE_RCPTS_MAX)};
    struct reading r = {.arena = arena, .own = own, .out = &out};
    r.text = str_slice(text, 0, OUTCOME_NOTICE_TEXT_BYTES_MAX);
    struct line line;
    size_t at = 0, lines = 0;
    bool ended = false; /* only a Message-ID is looked for */
    while (lines++ < LINES_MAX && next_line(&r, &at, &line)) {
        if (!ended && begins_fields(&line)) {
            out.fields = str_from(r.text, line.at);
            ended = true;
        }
        ended = ended || begins_original(&r, &line);
        if (ended)
            note_original(&r, line.text);
        else
            read_line(&r, &line);
    }
    end_current(&r);
    out.before = flatten(&r, 0, r.before_to, true);
    *ret_text = out;
}

bool outcome_notice_text_stage(str said, struct arena *arena, enum smtp_stage *ret_stage)
{
    static const struct {
        const char *words;
        enum smtp_stage stage;
    } phrases[] = {
        {"end of data|message",                              SMTP_STAGE_BODY    },
        {"after i sent the message",                         SMTP_STAGE_BODY    },
        {"to|after|our|following|final|pipelined data|text", SMTP_STAGE_BODY    },
        {"data|text command|send|response",                  SMTP_STAGE_BODY    },
        {"command data",                                     SMTP_STAGE_BODY    },
        {"accept your message data",                         SMTP_STAGE_BODY    },
        {"to|after|our|following rcpt",                      SMTP_STAGE_RCPT    },
        {"rcpt to|command|response|host",                    SMTP_STAGE_RCPT    },
        {"not like recipient",                               SMTP_STAGE_RCPT    },
        {"to|after|our|following mail from|command",         SMTP_STAGE_MAIL    },
        {"mail from",                                        SMTP_STAGE_MAIL    },
        {"sender was rejected",                              SMTP_STAGE_MAIL    },
        {"my name was rejected",                             SMTP_STAGE_HELLO   },
        {"to|after|our|the helo|ehlo",                       SMTP_STAGE_HELLO   },
        {"initial connection",                               SMTP_STAGE_GREETING},
    };
    struct outcome_words words = outcome_words_of(said, arena);
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
        if (outcome_words_have(&words, phrases[i].words)) {
            *ret_stage = phrases[i].stage;
            return true;
        }
    return false;
}
