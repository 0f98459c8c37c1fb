#include "message/lint.h"
#include "message/alignment.h"
#include "message/charset.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/envelope.h"
#include "message/lint_rules.h"
#include "message/mailbox.h"
#include "message/text.h"

enum {
    LINE_OCTETS_MAX = 998,
    LINE_OCTETS_WANTED = 78,
    DAY_MS = 24 * 60 * 60 * 1000,
    ADDRESSES_ARENA_BYTES = 32 << 20,
    IMAGES_MAX = 50, /* each one costs a look through all HTML */
};

struct linter {
    str message;
    int64_t now_ms;
    struct arena *arena;
    struct message_lint *lint;
    size_t *per_rule;
    uint32_t part;
    size_t images; /* looked for in the HTML so far */
};

static str clean_detail(struct linter *l, str detail)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, MESSAGE_LINT_DETAIL_BYTES_MAX * 4);
    err e = message_text_add_clean(str_trim(detail), MESSAGE_LINT_DETAIL_BYTES_MAX, true, &text);
    return e ? (str){0} : arena_str(l->arena, buf_str(&text));
}

static void report(struct linter *l, size_t rule, uint64_t at, str detail)
{
    struct message_lint *lint = l->lint;
    const struct message_lint_rule *r = &message_lint_rules_table[rule].rule;
    lint->worst = r->severity > lint->worst ? r->severity : lint->worst;
    if (lint->count == MESSAGE_LINT_FINDINGS_MAX ||
        ++l->per_rule[rule] > MESSAGE_LINT_PER_RULE_MAX) {
        lint->left_out++;
        return;
    }
    lint->findings[lint->count++] =
        (struct message_lint_finding){r, l->part, at, clean_detail(l, detail)};
}

static uint64_t offset_of(const struct linter *l, str piece)
{
    return (uint64_t)(piece.ptr - l->message.ptr);
}

static void report_field(struct linter *l, size_t rule, const struct message_field *f)
{
    report(l, rule, offset_of(l, f->raw), f->raw);
}

/* ---- the message's own header ------------------------------------------------------------- */

static void check_counts(struct linter *l, str header)
{
    static const char *const once[] = {"From",        "Sender",     "Reply-To", "To",
                                       "Cc",          "Bcc",        "Date",     "Message-ID",
                                       "In-Reply-To", "References", "Subject",  "MIME-Version"};
    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        if (message_header_count(header, str_of(once[i])) > 1)
            report(l, LINT_TWICE, 0, str_of(once[i]));
    if (message_header_count(header, S("From")) == 0)
        report(l, LINT_NO_FROM, 0, (str){0});
    if (message_header_count(header, S("Date")) == 0)
        report(l, LINT_NO_DATE, 0, (str){0});
    if (message_header_count(header, S("Message-ID")) == 0)
        report(l, LINT_NO_MESSAGE_ID, 0, (str){0});
    if (message_header_count(header, S("Subject")) == 0)
        report(l, LINT_NO_SUBJECT, 0, (str){0});
    if (message_header_count(header, S("To")) + message_header_count(header, S("Cc")) == 0)
        report(l, LINT_NO_RECIPIENT, 0, (str){0});
}

static bool holds_word(str address) { return str_contains(address, S("=?")); }

static void check_addresses(struct linter *l, str header, const struct message_field *f,
                            bool is_from)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ADDRESSES_ARENA_BYTES);
    struct message_mailboxes list;
    struct message_field sender;
    if (message_mailboxes_parse(f->value, arena, &list)) {
        report_field(l, is_from ? LINT_BAD_FROM : LINT_BAD_ADDRESS, f);
        err_forget();
        return;
    }
    if (is_from && list.count == 0)
        report_field(l, LINT_BAD_FROM, f);
    if (is_from && list.count > 1 && !message_header_find(header, S("Sender"), &sender))
        report_field(l, LINT_NO_SENDER, f);
    for (size_t i = 0; i < list.count; i++)
        if (holds_word(list.items[i].local) || holds_word(list.items[i].domain))
            report_field(l, LINT_WORD_IN_ADDRESS, f);
}

static void check_date(struct linter *l, const struct message_field *f)
{
    struct message_date date;
    if (!message_date_parse(f->value, &date)) {
        report_field(l, LINT_BAD_DATE, f);
        return;
    }
    if (date.flags & (DATE_ODD | DATE_OBSOLETE))
        report_field(l, LINT_ODD_DATE, f);
    if (date.flags & DATE_WRONG_WEEKDAY)
        report_field(l, LINT_WRONG_WEEKDAY, f);
    if (date.real_ms > l->now_ms + DAY_MS || date.real_ms < l->now_ms - DAY_MS)
        report_field(l, LINT_FAR_DATE, f);
}

static void check_message_id(struct linter *l, const struct message_field *f)
{
    str id = str_trim(f->value);
    size_t sign = str_find(id, '@');
    bool valid = id.len > 4 && id.ptr[0] == '<' && id.ptr[id.len - 1] == '>' && sign != STR_NONE &&
                 sign > 1 && sign + 2 < id.len && str_find_last(id, '@') == sign;
    for (size_t i = 1; i + 1 < id.len; i++)
        valid = valid && id.ptr[i] > ' ' && id.ptr[i] < 127 && id.ptr[i] != '<' && id.ptr[i] != '>';
    if (!valid)
        report_field(l, LINT_BAD_MESSAGE_ID, f);
}

static void check_unsubscribe(struct linter *l, str header, const struct message_field *post)
{
    struct message_field list;
    if (!message_header_find(header, S("List-Unsubscribe"), &list) ||
        !str_contains(list.value, S("<https://")))
        report_field(l, LINT_UNSUBSCRIBE, post);
}

static bool is_one_of(str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

static void check_known_field(struct linter *l, str header, const struct message_field *f)
{
    static const char *const addresses[] = {
        "Sender", "Reply-To", "To", "Cc", "Resent-From", "Resent-To", "Resent-Cc", "Resent-Sender"};
    if (str_eq_nocase(f->name, S("From")))
        check_addresses(l, header, f, true);
    else if (is_one_of(f->name, addresses, ARRAY_LEN(addresses)))
        check_addresses(l, header, f, false);
    else if (str_eq_nocase(f->name, S("Date")) || str_eq_nocase(f->name, S("Resent-Date")))
        check_date(l, f);
    else if (str_eq_nocase(f->name, S("Message-ID")))
        check_message_id(l, f);
    else if (str_eq_nocase(f->name, S("Bcc")) || str_eq_nocase(f->name, S("Resent-Bcc")))
        report_field(l, LINT_BCC, f);
    else if (str_eq_nocase(f->name, S("Return-Path")))
        report_field(l, LINT_RETURN_PATH, f);
    else if (str_eq_nocase(f->name, S("List-Unsubscribe-Post")))
        check_unsubscribe(l, header, f);
}

/* ---- every header --------------------------------------------------------------------------- */

static void check_lines(struct linter *l, const struct message_field *f)
{
    str rest = f->raw, line;
    size_t longest = 0;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        longest = line.len > longest ? line.len : longest;
    }
    if (longest > LINE_OCTETS_MAX)
        report_field(l, LINT_LONG_HEADER_LINE, f);
    else if (longest > LINE_OCTETS_WANTED && !str_eq_nocase(f->name, S("Message-ID")))
        report_field(l, LINT_WIDE_HEADER_LINE, f);
}

/* Addresses keep their words to themselves; MIME fields are looked at by their parameters. */
static uint8_t word_flags(const struct message_field *f)
{
    CLEANUP(buf_release) struct buf text;
    uint8_t flags = 0;
    buf_init(&text, f->raw.len * 4 + 64);
    if (message_encoded_word_decode(f->value, &text, &flags))
        return 0;
    if (!str_is_ascii(f->name))
        flags |= ENCODED_WORD_RAW;
    return str_starts_nocase(f->name, S("Content-")) ? flags & ENCODED_WORD_RAW : flags;
}

static void check_field(struct linter *l, const struct message_field *f)
{
    uint8_t words = word_flags(f);
    check_lines(l, f);
    for (size_t i = LINT_FLAGGED; i < message_lint_rules_count; i++) {
        const struct message_lint_rules_row *row = &message_lint_rules_table[i];
        if (row->field & f->flags || row->word & words)
            report_field(l, i, f);
    }
}

/* ---- bodies ------------------------------------------------------------------------------- */

static void check_charset(struct linter *l, const struct message_mime_part *part)
{
    CLEANUP(buf_release) struct buf bytes, text;
    const struct message_param *p = message_params_find(&part->content_type, S("charset"));
    bool exact = true;
    buf_init(&bytes, (size_t)(part->end - part->body_at) + 1);
    buf_init(&text, ((size_t)(part->end - part->body_at) + 1) * 4);
    if (message_mime_decode(part, l->message, &bytes) || str_is_ascii(buf_str(&bytes)))
        return;
    CLEANUP(message_charset_cleanup)
    struct message_charset *known = p ? message_charset_open(p->value) : NULL;
    if (p == NULL)
        report(l, LINT_NO_CHARSET, part->body_at, (str){0});
    else if (known == NULL)
        report(l, LINT_UNKNOWN_CHARSET, part->header_at, p->value);
    else if (message_charset_to_utf8(p->value, buf_str(&bytes), &text, &exact) == NULL && !exact)
        report(l, LINT_WRONG_CHARSET, part->body_at, p->value);
}

/* Its alternatives are the parts of the innermost multipart/alternative around it. */
static bool has_plain_beside(const struct message_lint *lint, uint32_t index)
{
    for (uint32_t i = index; i != 0; i = lint->parts[i].parent) {
        uint32_t parent = lint->parts[i].parent;
        if (!str_eq(lint->parts[parent].type, S("multipart/alternative")))
            continue;
        for (size_t j = parent + 1; j < lint->part_count; j++)
            if (lint->parts[j].parent == parent && str_eq(lint->parts[j].type, S("text/plain")))
                return true;
    }
    return false;
}

static bool is_attachment(const struct message_mime_part *part)
{
    return str_eq(part->content_disposition.value, S("attachment"));
}

/* Some HTML beside it says "cid:" and this part's name. */
static bool is_referred_to(struct linter *l, const struct message_mime_part *part)
{
    for (size_t i = 0; i < l->lint->part_count; i++) {
        const struct message_mime_part *html = &l->lint->parts[i];
        if (!str_eq(html->type, S("text/html")))
            continue;
        CLEANUP(buf_release) struct buf bytes;
        buf_init(&bytes, (size_t)(html->end - html->body_at) + 1);
        str reference = arena_printf(l->arena, "cid:%.*s", STR_ARG(part->content_id));
        if (message_mime_decode(html, l->message, &bytes) == NULL &&
            str_contains(buf_str(&bytes), reference))
            return true;
    }
    return false;
}

static void check_found(struct linter *l, const struct message_mime_part *part)
{
    bool is_encoded = part->encoding == ENCODING_QP || part->encoding == ENCODING_BASE64;
    if (part->found & FOUND_8BIT && !(part->flags & MIME_UNDECLARED_8BIT) && !is_encoded)
        report(l, LINT_8BIT_BODY, part->body_at, (str){0});
    if (part->found & FOUND_BINARY)
        report(l, LINT_BINARY_BODY, part->body_at, (str){0});
    if (part->found & FOUND_LONG_LINES)
        report(l, LINT_LONG_BODY_LINE, part->body_at, (str){0});
}

static void check_flags(struct linter *l, const struct message_mime_part *part)
{
    for (size_t i = LINT_FLAGGED; i < message_lint_rules_count; i++) {
        const struct message_lint_rules_row *row = &message_lint_rules_table[i];
        if (row->mime & part->flags || row->param & part->param_flags)
            report(l, i, part->header_at, part->type);
        if (row->decode & part->decode_flags)
            report(l, i, part->body_at, part->type);
    }
}

static void check_part(struct linter *l)
{
    const struct message_mime_part *part = &l->lint->parts[l->part];
    const struct message_mime_part *parent = &l->lint->parts[part->parent];
    str header = str_slice(l->message, part->header_at, part->header_end - part->header_at);
    struct message_field f;
    check_found(l, part);
    check_flags(l, part);
    while (message_header_next(&header, &f))
        check_field(l, &f);
    if (part->kind == MIME_LEAF && str_starts(part->type, S("text/")))
        check_charset(l, part);
    if (str_eq(part->type, S("text/html")) && !is_attachment(part) &&
        !has_plain_beside(l->lint, l->part))
        report(l, LINT_HTML_ONLY, part->body_at, (str){0});
    bool inside_related = l->part > 0 && str_eq(parent->type, S("multipart/related"));
    if (inside_related && part->content_id.len > 0 && !str_starts(part->type, S("text/html")) &&
        !is_attachment(part) && l->images++ < IMAGES_MAX && !is_referred_to(l, part))
        report(l, LINT_UNUSED_IMAGE, part->header_at, part->content_id);
}

static void check_alignment(struct linter *l, str header, str sender)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * ADDRESSES_ARENA_BYTES);
    struct message_alignment a;
    message_alignment_read(header, sender, arena, &a);
    if (a.from.len == 0)
        return; /* that is another rule's */
    if (!a.reply_to_agrees)
        report(l, LINT_REPLY_TO_ELSEWHERE, 0, a.reply_to);
    if (!a.sender_agrees)
        report(l, LINT_UNALIGNED_SENDER, 0, a.sender);
    if (!a.signature_agrees)
        report(l, LINT_UNALIGNED_SIGNATURE, 0, a.signatures[0]);
}

err message_lint(str message, int64_t now_ms, struct arena *arena, struct message_lint *ret_lint)
{
    return message_lint_sent(message, (str){0}, now_ms, arena, ret_lint);
}

err message_lint_sent(str message, str sender, int64_t now_ms, struct arena *arena,
                      struct message_lint *ret_lint)
{
    if (message.len > MESSAGE_LINT_MESSAGE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a message of %zu bytes", message.len);
    struct message_lint lint = {0};
    struct linter l = {.message = message, .now_ms = now_ms, .arena = arena, .lint = &lint};
    lint.findings = ARENA_ARRAY(arena, struct message_lint_finding, MESSAGE_LINT_FINDINGS_MAX);
    l.per_rule = ARENA_ARRAY(arena, size_t, message_lint_rules_count);
    lint.parts = message_mime_parse(message, arena, &lint.part_count);
    str header = str_slice(message, 0, lint.parts[0].header_end), rest = header;
    struct message_field f;
    check_counts(&l, header);
    check_alignment(&l, header, sender);
    while (message_header_next(&rest, &f))
        check_known_field(&l, header, &f);
    if (!str_ends_nocase(message, S("\r\n")))
        report(&l, LINT_NO_FINAL_LINE_END, message.len, (str){0});
    for (l.part = 0; l.part < lint.part_count; l.part++)
        check_part(&l);
    *ret_lint = lint;
    return NULL;
}

const struct message_lint_rule *message_lint_rule(size_t index)
{
    return index < message_lint_rules_count ? &message_lint_rules_table[index].rule : NULL;
}

const char *message_lint_severity_name(enum message_lint_severity severity)
{
    static const char *const names[] = {
        [LINT_NOTE] = "note", [LINT_WARNING] = "warning", [LINT_ERROR] = "error"};
    return names[severity];
}
