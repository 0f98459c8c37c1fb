#include "mailauth/spf_macro.h"
#include <stdio.h>

static const char letters_everywhere[] = "slodiphv";
static const char letters_of_texts[] = "slodiphvcrt";
static const char delimiters_known[] = ".-+,/_=";

/* One macro, or the literal text up to the next one. */
struct piece {
    str literal; /* when the letter is '\0' */
    char letter; /* lower case */
    bool upper;  /* it stood in upper case: escaped as in a URL (section 7.3) */
    bool reverse;
    size_t keep; /* so many parts at the right; 0: all */
    str delimiters;
};

static bool is_of(char c, const char *set) { return c && str_find(str_of(set), c) != STR_NONE; }

static bool is_literal(char c, enum mailauth_spf_macro_place place)
{
    return (c > ' ' && c <= '~' && c != '%') || (c == ' ' && place == MAILAUTH_SPF_MACRO_TEXT);
}

static err take_literal(str *text, enum mailauth_spf_macro_place place, struct piece *p)
{
    size_t len = 0;
    while (len < text->len && is_literal(text->ptr[len], place))
        len++;
    if (len == 0)
        return err_new(ERR_PROTOCOL, "the byte %02x may not stand there",
                       (unsigned char)text->ptr[0]);
    p->literal = str_slice(*text, 0, len);
    *text = str_from(*text, len);
    return NULL;
}

/* Any number of digits: more parts than can be there are all of them. */
static err take_digits(str *text, struct piece *p)
{
    bool some = false;
    while (text->len > 0 && char_is_digit(text->ptr[0])) {
        some = true;
        p->keep = p->keep * 10 + (size_t)(text->ptr[0] - '0');
        if (p->keep > MAILAUTH_SPF_MACRO_PARTS_MAX)
            p->keep = MAILAUTH_SPF_MACRO_PARTS_MAX;
        *text = str_from(*text, 1);
    }
    if (some && p->keep == 0)
        return err_new(ERR_PROTOCOL, "a macro that keeps 0 parts");
    return NULL;
}

/* Behind "%{". */
static err take_braces(str *text, enum mailauth_spf_macro_place place, struct piece *p)
{
    char letter = text->len ? text->ptr[0] : '\0';
    p->letter = char_lower(letter);
    p->upper = p->letter != letter;
    if (!is_of(p->letter, letters_of_texts))
        return err_new(ERR_PROTOCOL, "\"%%{%.*s\" begins no macro",
                       STR_ARG(str_slice(*text, 0, 1)));
    if (place == MAILAUTH_SPF_MACRO_DOMAIN && !is_of(p->letter, letters_everywhere))
        return err_new(ERR_PROTOCOL, "%%{%c} stands in explanations only", letter);
    *text = str_from(*text, 1);
    TRY(take_digits(text, p));
    p->reverse = str_skip_nocase(text, S("r"));
    size_t count = 0;
    while (count < text->len && is_of(text->ptr[count], delimiters_known))
        count++;
    p->delimiters = str_slice(*text, 0, count);
    *text = str_from(*text, count);
    if (!str_skip(text, S("}")))
        return err_new(ERR_PROTOCOL, "the macro %%{%c has no end", letter);
    return NULL;
}

static err take_piece(str *text, enum mailauth_spf_macro_place place, struct piece *ret_piece)
{
    struct piece p = {0};
    if (text->ptr[0] != '%')
        TRY(take_literal(text, place, &p));
    else if (str_skip(text, S("%%")))
        p.literal = S("%");
    else if (str_skip(text, S("%_")))
        p.literal = S(" ");
    else if (str_skip(text, S("%-")))
        p.literal = S("%20");
    else if (str_skip(text, S("%{")))
        TRY(take_braces(text, place, &p));
    else
        return err_new(ERR_PROTOCOL, "\"%%\" begins no macro; a percent sign is \"%%%%\"");
    *ret_piece = p;
    return NULL;
}

/* RFC 7208 section 7.1: letters, digits and hyphens, and not digits alone. */
static bool is_toplabel(str label)
{
    bool all_digits = true;
    if (label.len == 0 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        if (!char_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return false;
        all_digits &= char_is_digit(label.ptr[i]);
    }
    return !all_digits;
}

/* The literal text behind the last macro must end in a dot and a top label, and one dot more at
 * will. */
static err check_end(str tail)
{
    if (tail.len > 0 && tail.ptr[tail.len - 1] == '.')
        tail.len--;
    size_t dot = str_find_last(tail, '.');
    if (dot == STR_NONE)
        return err_new(ERR_PROTOCOL, "a domain has at least two labels");
    if (!is_toplabel(str_from(tail, dot + 1)))
        return err_new(ERR_PROTOCOL, "a domain cannot end in \"%.*s\"",
                       STR_ARG(str_slice(str_from(tail, dot), 0, 20)));
    return NULL;
}

err mailauth_spf_macro_check(str text, enum mailauth_spf_macro_place place)
{
    str tail = text;
    bool ends_in_macro = false;
    while (text.len > 0) {
        struct piece p;
        bool macro = text.ptr[0] == '%';
        str from = text;
        TRY(take_piece(&text, place, &p));
        tail = macro ? (str){0} : from;
        ends_in_macro = macro;
    }
    if (place != MAILAUTH_SPF_MACRO_DOMAIN || ends_in_macro)
        return NULL;
    return check_end(tail);
}

/* ---- expanding ---- */

/* The next piece of a text that was checked. */
static struct piece next_piece(str *text)
{
    struct piece p = {0};
    err e = take_piece(text, MAILAUTH_SPF_MACRO_TEXT, &p);
    ASSERT(e == NULL);
    return p;
}

bool mailauth_spf_macro_uses(str text, char letter)
{
    while (text.len > 0)
        if (next_piece(&text).letter == letter)
            return true;
    return false;
}

bool mailauth_spf_macro_varies(str text)
{
    while (text.len > 0) {
        char letter = next_piece(&text).letter;
        if (letter && letter != 'd' && letter != 'r')
            return true;
    }
    return false;
}

/* "192.0.2.1", or the 32 digits of an IPv6 address with dots between (section 7.3). */
static size_t dotted(const struct address *a, char ret_text[ADDRESS_CHARS])
{
    static const char digits[] = "0123456789ABCDEF";
    if (a->family == ADDRESS_IP4) {
        address_format_ip(a, ret_text);
        return str_of(ret_text).len;
    }
    for (size_t i = 0; i < sizeof a->ip; i++) {
        ret_text[4 * i] = digits[a->ip[i] >> 4];
        ret_text[4 * i + 2] = digits[a->ip[i] & 0x0f];
        ret_text[4 * i + 1] = ret_text[4 * i + 3] = '.';
    }
    return 4 * sizeof a->ip - 1;
}

/* A view into v, or into the room. */
static str value_of(char letter, const struct mailauth_spf_macro_values *v,
                    char room[ADDRESS_CHARS])
{
    switch (letter) {
    case 's':
        return v->sender;
    case 'l':
        return v->local;
    case 'o':
        return v->sender_domain;
    case 'd':
        return v->domain;
    case 'h':
        return v->helo;
    case 'p':
        return v->validated;
    case 'r':
        return v->receiver;
    case 'v':
        return v->ip->family == ADDRESS_IP4 ? S("in-addr") : S("ip6");
    case 'i':
        return (str){room, dotted(v->ip, room)};
    case 'c':
        address_format_ip(v->ip, room);
        return str_of(room);
    default:
        ASSERT(letter == 't');
        return (str){room,
                     (size_t)snprintf(room, ADDRESS_CHARS, "%lld", (long long)(v->now_ms / 1000))};
    }
}

static err add_escaped(str s, bool escape, struct buf *out)
{
    if (!escape)
        return buf_add(out, s);
    for (size_t i = 0; i < s.len; i++) { /* RFC 3986 section 2.3: the unreserved ones stay */
        char c = s.ptr[i];
        if (char_is_alnum(c) || is_of(c, "-._~"))
            TRY(buf_add_char(out, c));
        else
            TRY(buf_addf(out, "%%%02X", (unsigned char)c));
    }
    return NULL;
}

/* Split at the delimiters; what is beyond the maximum stays one part. */
static size_t split(str value, str delimiters, str parts[MAILAUTH_SPF_MACRO_PARTS_MAX])
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i < value.len && count + 1 < MAILAUTH_SPF_MACRO_PARTS_MAX; i++) {
        if (str_find(delimiters, value.ptr[i]) == STR_NONE)
            continue;
        parts[count++] = str_slice(value, from, i - from);
        from = i + 1;
    }
    parts[count++] = str_from(value, from);
    return count;
}

static err add_parts(const struct piece *p, str value, str *parts, struct buf *out)
{
    size_t count = split(value, p->delimiters.len ? p->delimiters : S("."), parts);
    size_t keep = p->keep && p->keep < count ? p->keep : count;
    for (size_t i = count - keep; i < count; i++) {
        if (i > count - keep)
            TRY(buf_add_char(out, '.'));
        TRY(add_escaped(parts[p->reverse ? count - 1 - i : i], p->upper, out));
    }
    return NULL;
}

static err add_macro(const struct piece *p, const struct mailauth_spf_macro_values *v,
                     struct buf *out)
{
    char room[ADDRESS_CHARS];
    str value = value_of(p->letter, v, room);
    if (p->keep == 0 && !p->reverse && p->delimiters.len == 0)
        return add_escaped(value, p->upper, out);
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open(MAILAUTH_SPF_MACRO_PARTS_MAX * sizeof(str) + 256);
    str *parts = ARENA_ARRAY(arena, str, MAILAUTH_SPF_MACRO_PARTS_MAX);
    return add_parts(p, value, parts, out);
}

err mailauth_spf_macro_expand(str text, const struct mailauth_spf_macro_values *v, struct buf *out)
{
    while (text.len > 0) {
        struct piece p = next_piece(&text);
        TRY(p.letter ? add_macro(&p, v, out) : buf_add(out, p.literal));
    }
    return NULL;
}

err mailauth_spf_macro_expand_name(str text, const struct mailauth_spf_macro_values *v,
                                   struct buf *out, str *ret_name)
{
    TRY(mailauth_spf_macro_expand(text, v, out));
    str name = buf_str(out);
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    while (name.len > MAILAUTH_SPF_MACRO_NAME_BYTES_MAX && str_find(name, '.') != STR_NONE)
        name = str_from(name, str_find(name, '.') + 1);
    *ret_name = name;
    return NULL;
}
