#include "message/mailbox.h"
#include <string.h>

/* One walk over the field's value. */
struct reader {
    str rest;
    struct arena *arena;
    struct buf *display, *local, *domain; /* of the mailbox being read */
    bool in_group;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool at(const struct reader *r, char c) { return r->rest.len > 0 && r->rest.ptr[0] == c; }

/* RFC 5322 section 3.2.3, and 8-bit bytes (RFC 6532). */
static bool is_atext(char c)
{
    return char_is_alnum(c) || (unsigned char)c > 127 ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* What text in quotes, comments and literals never holds bare; other controls are obsolete. */
static bool is_forbidden(char c) { return c == '\0' || c == '\r' || c == '\n'; }

/* Blanks, and a line end when a blank follows it. True: something was skipped. */
static bool skip_blanks(struct reader *r)
{
    size_t before = r->rest.len;
    for (;;) {
        if (r->rest.len > 0 && is_blank(r->rest.ptr[0]))
            r->rest = str_from(r->rest, 1);
        else if (!at(r, '\r'))
            return r->rest.len < before;
        else if (str_starts(r->rest, S("\r\n ")) || str_starts(r->rest, S("\r\n\t")))
            r->rest = str_from(r->rest, 3);
        else
            return r->rest.len < before;
    }
}

/* The comment in front, with those inside it: a counter, for a peer chooses the depth. */
static err skip_comment(struct reader *r)
{
    size_t depth = 0;
    do {
        if (skip_blanks(r))
            continue;
        if (r->rest.len == 0)
            break;
        char c = r->rest.ptr[0];
        if (is_forbidden(c))
            return err_new(ERR_PROTOCOL, "control byte in a comment");
        if (c == '\\' && r->rest.len < 2)
            break;
        depth += c == '(';
        depth -= c == ')';
        r->rest = str_from(r->rest, c == '\\' ? 2 : 1);
    } while (depth > 0);
    return depth > 0 ? err_new(ERR_PROTOCOL, "comment without an end") : NULL;
}

/* Blanks and comments. *ret_skipped, when asked for: there were some. */
static err skip_between(struct reader *r, bool *ret_skipped)
{
    size_t before = r->rest.len;
    do {
        skip_blanks(r);
        if (at(r, '('))
            TRY(skip_comment(r));
    } while (at(r, '(') || (r->rest.len > 0 && is_blank(r->rest.ptr[0])));
    skip_blanks(r);
    if (ret_skipped)
        *ret_skipped = r->rest.len < before;
    return NULL;
}

/* Add what stands up to the closing quote, without quotes and backslashes. */
static err read_quoted(struct reader *r, struct buf *out)
{
    r->rest = str_from(r->rest, 1);
    while (r->rest.len > 0) {
        if (str_starts(r->rest, S("\r\n ")) || str_starts(r->rest, S("\r\n\t"))) {
            r->rest = str_from(r->rest, 2); /* a fold is not part of the text, its blank is */
            continue;
        }
        char c = r->rest.ptr[0];
        bool pair = c == '\\';
        if (pair && r->rest.len < 2)
            break;
        if (!pair && is_forbidden(c))
            return err_new(ERR_PROTOCOL, "control byte in a quoted text");
        str text = str_slice(r->rest, pair ? 1 : 0, 1);
        r->rest = str_from(r->rest, pair ? 2 : 1);
        if (c == '"')
            return NULL;
        TRY(buf_add(out, text));
    }
    return err_new(ERR_PROTOCOL, "quoted text without an end");
}

static str read_atom(struct reader *r)
{
    size_t len = 0;
    while (len < r->rest.len && is_atext(r->rest.ptr[len]))
        len++;
    str atom = str_slice(r->rest, 0, len);
    r->rest = str_from(r->rest, len);
    return atom;
}

static err read_literal(struct reader *r)
{
    TRY(buf_add_char(r->domain, '['));
    r->rest = str_from(r->rest, 1);
    while (r->rest.len > 0) {
        if (skip_blanks(r))
            continue;
        char c = r->rest.ptr[0];
        size_t len = c == '\\' ? 2 : 1;
        if (is_forbidden(c) || c == '[' || r->rest.len < len)
            break;
        TRY(buf_add(r->domain, str_slice(r->rest, 0, len)));
        r->rest = str_from(r->rest, len);
        if (c == ']')
            return NULL;
    }
    return err_new(ERR_PROTOCOL, "domain literal without an end");
}

/* Everything behind the "@", with blanks and comments on both sides. */
static err read_domain(struct reader *r)
{
    buf_clear(r->domain);
    TRY(skip_between(r, NULL));
    if (at(r, '[')) {
        TRY(read_literal(r));
        return skip_between(r, NULL);
    }
    for (;;) {
        str label = read_atom(r);
        if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
            return err_new(ERR_PROTOCOL, "not a domain");
        TRY(buf_add(r->domain, label));
        TRY(skip_between(r, NULL));
        if (!at(r, '.'))
            return NULL;
        TRY(buf_add_char(r->domain, '.'));
        r->rest = str_from(r->rest, 1);
        TRY(skip_between(r, NULL));
    }
}

/* Words, as they may stand before "<", ":" or "@". */
struct words {
    size_t count;
    bool joined;   /* by one dot between any two, as a local part needs it */
    bool dot_last; /* a dot came behind the last word */
};

static err read_word(struct reader *r, struct words *w)
{
    size_t display = r->display->len;
    bool quoted = at(r, '"');
    if (quoted) {
        TRY(read_quoted(r, r->display));
    } else {
        str atom = read_atom(r);
        if (atom.len == 0)
            return err_new(ERR_PROTOCOL, "unexpected byte %d in an address",
                           (unsigned char)r->rest.ptr[0]);
        TRY(buf_add(r->display, atom));
    }
    TRY(buf_add(r->local, str_from(buf_str(r->display), display)));
    if (w->count > 0 && !w->dot_last)
        w->joined = false;
    w->count++;
    w->dot_last = false;
    return NULL;
}

static err read_dot(struct reader *r, struct words *w)
{
    if (w->count == 0 || w->dot_last)
        w->joined = false;
    w->dot_last = true;
    r->rest = str_from(r->rest, 1);
    TRY(buf_add_char(r->local, '.'));
    return buf_add_char(r->display, '.');
}

/* Up to one of < @ : , ; > or the end. The local part and the display text are both kept, for only
 * what follows tells which of them it was. */
static err read_words(struct reader *r, struct words *ret_words)
{
    struct words w = {.joined = true};
    buf_clear(r->display);
    buf_clear(r->local);
    TRY(skip_between(r, NULL));
    while (r->rest.len > 0 && str_find(S("<@:,;>"), r->rest.ptr[0]) == STR_NONE) {
        if (at(r, '.'))
            TRY(read_dot(r, &w));
        else
            TRY(read_word(r, &w));
        bool apart;
        TRY(skip_between(r, &apart));
        if (apart)
            TRY(buf_add_char(r->display, ' '));
    }
    *ret_words = w;
    return NULL;
}

/* The obsolete route in "<@a,@b:c@d>" says nothing about the mailbox. */
static err skip_route(struct reader *r)
{
    TRY(skip_between(r, NULL));
    if (!at(r, '@') && !at(r, ','))
        return NULL;
    while (!at(r, ':')) {
        if (at(r, '@')) {
            r->rest = str_from(r->rest, 1);
            TRY(read_domain(r));
            if (at(r, ':'))
                break;
        }
        if (!at(r, ','))
            return err_new(ERR_PROTOCOL, "not a route");
        r->rest = str_from(r->rest, 1);
        TRY(skip_between(r, NULL));
    }
    r->rest = str_from(r->rest, 1);
    return NULL;
}

/* The words were the local part; the "@" is in front. */
static err read_address(struct reader *r, const struct words *w)
{
    if (w->count == 0 || !w->joined || w->dot_last)
        return err_new(ERR_PROTOCOL, "not a local part");
    if (!at(r, '@'))
        return err_new(ERR_PROTOCOL, "an address without a domain");
    r->rest = str_from(r->rest, 1);
    TRY(read_domain(r));
    if (!str_is_utf8(buf_str(r->local)) || !str_is_utf8(buf_str(r->domain)))
        return err_new(ERR_PROTOCOL, "an address that is not UTF-8");
    return NULL;
}

static err read_angle(struct reader *r, str *ret_display)
{
    str display = arena_str(r->arena, str_trim(buf_str(r->display)));
    struct words w;
    r->rest = str_from(r->rest, 1);
    TRY(skip_route(r));
    TRY(read_words(r, &w));
    TRY(read_address(r, &w));
    if (!at(r, '>'))
        return err_new(ERR_PROTOCOL, "no '>' behind the address");
    r->rest = str_from(r->rest, 1);
    TRY(skip_between(r, NULL));
    *ret_display = display;
    return NULL;
}

static err add_mailbox(struct reader *r, str display, struct message_mailboxes *list)
{
    if (list->count == MESSAGE_MAILBOXES_MAX)
        return err_new(ERR_LIMIT, "more than %d addresses", MESSAGE_MAILBOXES_MAX);
    list->items[list->count++] = (struct message_mailbox){
        display, arena_str(r->arena, buf_str(r->local)), arena_str(r->arena, buf_str(r->domain))};
    return NULL;
}

static err open_group(struct reader *r, const struct words *w, struct message_mailboxes *list)
{
    if (r->in_group || w->count == 0)
        return err_new(ERR_PROTOCOL, "':' out of place");
    r->in_group = true;
    r->rest = str_from(r->rest, 1);
    list->groups++;
    return NULL;
}

/* A mailbox, the head of a group, or nothing (the obsolete ",,"). */
static err read_element(struct reader *r, struct message_mailboxes *list)
{
    struct words w;
    str display = {0};
    TRY(read_words(r, &w));
    if (at(r, ':'))
        return open_group(r, &w, list);
    if (w.count == 0 && !w.dot_last && (r->rest.len == 0 || at(r, ',') || at(r, ';')))
        return NULL;
    if (at(r, '<'))
        TRY(read_angle(r, &display));
    else
        TRY(read_address(r, &w));
    if (r->rest.len > 0 && !at(r, ',') && !at(r, ';'))
        return err_new(ERR_PROTOCOL, "unexpected byte behind an address");
    return add_mailbox(r, display, list);
}

/* What stands between two elements. */
static err read_separator(struct reader *r)
{
    if (at(r, ';')) {
        if (!r->in_group)
            return err_new(ERR_PROTOCOL, "';' outside of a group");
        r->in_group = false;
        r->rest = str_from(r->rest, 1);
        TRY(skip_between(r, NULL));
        if (r->rest.len > 0 && !at(r, ','))
            return err_new(ERR_PROTOCOL, "unexpected byte behind a group");
    }
    if (at(r, ','))
        r->rest = str_from(r->rest, 1);
    return NULL;
}

static err read_list(struct reader *r, struct message_mailboxes *list)
{
    while (r->rest.len > 0) {
        bool in_group = r->in_group;
        TRY(read_element(r, list));
        if (r->in_group == in_group) /* behind "name:" its first member follows at once */
            TRY(read_separator(r));
    }
    if (r->in_group)
        return err_new(ERR_PROTOCOL, "a group without an end");
    if (list->count == 0 && list->groups == 0)
        return err_new(ERR_PROTOCOL, "no address");
    return NULL;
}

/* No more mailboxes than "@" signs. */
static size_t count_bound(str value)
{
    size_t count = 0;
    for (size_t i = 0; i < value.len && count < MESSAGE_MAILBOXES_MAX; i++)
        count += value.ptr[i] == '@';
    return count;
}

err message_mailboxes_parse(str value, struct arena *arena, struct message_mailboxes *ret_mailboxes)
{
    if (value.len > MESSAGE_MAILBOXES_BYTES_MAX)
        return err_new(ERR_LIMIT, "an address list of %zu bytes", value.len);
    CLEANUP(buf_release) struct buf display, local, domain;
    buf_init(&display, value.len * 2 + 1); /* text, and a blank behind each word */
    buf_init(&local, value.len + 1);
    buf_init(&domain, value.len + 1);
    struct reader r = {value, arena, &display, &local, &domain, false};
    struct message_mailboxes list = {0};
    list.items = ARENA_ARRAY(arena, struct message_mailbox, count_bound(value));
    TRY(read_list(&r, &list));
    *ret_mailboxes = list;
    return NULL;
}

static bool is_dot_atom(str s)
{
    if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_atext(s.ptr[i]) && !(s.ptr[i] == '.' && s.ptr[i - 1] != '.'))
            return false;
    return true;
}

static err add_quoted(str text, struct buf *out)
{
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, text.ptr[i]));
    }
    return buf_add_char(out, '"');
}

static bool has_control(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
            return true;
    return false;
}

static err add_address(const struct message_mailbox *m, struct buf *out)
{
    if (is_dot_atom(m->local))
        TRY(buf_add(out, m->local));
    else
        TRY(add_quoted(m->local, out));
    TRY(buf_add_char(out, '@'));
    for (size_t i = 0; i < m->domain.len; i++)
        TRY(buf_add_char(out, char_lower(m->domain.ptr[i])));
    return NULL;
}

err message_mailbox_add_address(const struct message_mailbox *m, struct buf *out)
{
    if (has_control(m->local) || has_control(m->domain))
        return err_new(ERR_PROTOCOL, "control byte in an address");
    size_t before = out->len;
    err e = add_address(m, out);
    if (e)
        out->len = before;
    return e;
}
