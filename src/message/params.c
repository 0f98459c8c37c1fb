#include "message/params.h"
#include "message/charset.h"
#include "message/encoded_word.h"
#include "message/lex.h"
#include "message/text.h"
#include <string.h>

enum { LINE_BYTES_WANTED = 76, NO_SECTION = -1, BAD_SECTION = -2, READINGS_MAX = 4 };

/* One "name*section*=value" as it stands. */
struct piece {
    str name, value;
    int section;
    bool extended;
    uint16_t flags;
};

struct reader {
    str rest;
    struct arena *scratch; /* until the end of the call */
    struct piece *pieces;
    size_t piece_count;
    struct message_param *items;
    size_t count;
    uint16_t flags; /* of the field */
};

static str lower_copy(struct arena *arena, str text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        copy[i] = char_lower(text.ptr[i]);
    return (str){copy, text.len};
}

static bool at(const struct reader *r, char c) { return r->rest.len > 0 && r->rest.ptr[0] == c; }

static void skip(struct reader *r)
{
    if (!message_lex_skip(&r->rest))
        r->flags |= PARAM_JUNK;
}

/* What stands before the parameters: words that a "/" joins, however they are spaced. */
static err read_value(struct reader *r, struct buf *value)
{
    for (;;) {
        skip(r);
        if (r->rest.len == 0 || at(r, ';'))
            return NULL;
        str before = r->rest;
        str run = message_lex_run(&r->rest, ";(=");
        if (at(r, '=')) { /* a parameter already */
            r->rest = before;
            r->flags |= value->len ? PARAM_NO_SEMICOLON : PARAM_JUNK;
            return NULL;
        }
        bool joins = value->len == 0 || value->ptr[value->len - 1] == '/' ||
                     (run.len > 0 && run.ptr[0] == '/');
        if (joins)
            TRY(buf_add(value, run));
        else
            r->flags |= PARAM_JUNK;
    }
}

/* "name", "name*", "name*3", "name*3*" */
static void split_name(struct reader *r, str written, struct piece *p)
{
    p->section = NO_SECTION;
    p->extended = written.len > 0 && written.ptr[written.len - 1] == '*';
    if (p->extended)
        written.len--;
    size_t star = str_find(written, '*');
    p->name = lower_copy(r->scratch, str_slice(written, 0, star));
    if (star == STR_NONE)
        return;
    uint64_t number;
    str digits = str_from(written, star + 1);
    bool odd = digits.len > 1 && digits.ptr[0] == '0';
    if (odd || !str_to_u64(digits, MESSAGE_PARAM_SECTION_MAX, &number)) {
        p->section = BAD_SECTION;
        p->flags |= PARAM_BAD_CONTINUATION;
        return;
    }
    p->section = (int)number;
}

static void add_item(struct reader *r, str name, str value, uint16_t flags)
{
    r->flags |= flags;
    r->items[r->count++] = (struct message_param){name, value, flags};
}

/* In one line of UTF-8. */
static err clean(struct reader *r, str raw, str *ret_text, uint16_t *flags)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, raw.len * 3 + 1);
    while (raw.len > 0) {
        str before = raw;
        uint32_t code;
        bool valid = message_text_next(&raw, &code);
        if (code > 127)
            *flags |= PARAM_RAW;
        if (!valid || code == 0)
            TRY(buf_add(&text, S("\xef\xbf\xbd")));
        else if (code != '\r' && code != '\n')
            TRY(buf_add(&text, str_slice(before, 0, before.len - raw.len)));
    }
    *ret_text = arena_str(r->scratch, buf_str(&text));
    return NULL;
}

/* The value as it stands; encoded words are for texts only, yet many clients decode them here. */
static err add_plain(struct reader *r, const struct piece *p, str value, uint16_t flags)
{
    str text;
    flags |= p->flags;
    TRY(clean(r, value, &text, &flags));
    if (text.len == 0)
        flags |= PARAM_EMPTY;
    CLEANUP(buf_release) struct buf decoded;
    buf_init(&decoded, text.len * 4 + 64);
    uint8_t odd;
    if (!str_contains(text, S("=?")) || message_encoded_word_decode(text, &decoded, &odd) ||
        str_eq(text, buf_str(&decoded))) {
        add_item(r, p->name, text, flags);
        return NULL;
    }
    flags |= PARAM_ENCODED_WORD;
    add_item(r, p->name, text, flags);
    add_item(r, p->name, arena_str(r->scratch, buf_str(&decoded)), flags | PARAM_GUESS);
    return NULL;
}

/* A parameter whose name says nothing of RFC 2231 is an item at once; others wait to be joined. */
static err add_piece(struct reader *r, struct piece *p, str value, uint16_t flags)
{
    p->flags |= flags & (uint16_t)~PARAM_GUESS;
    if (flags & PARAM_GUESS)
        return p->section == NO_SECTION && !p->extended ? add_plain(r, p, value, flags) : NULL;
    p->value = value;
    if (p->section == NO_SECTION && !p->extended)
        TRY(add_plain(r, p, value, 0));
    r->flags |= p->flags;
    r->pieces[r->piece_count++] = *p;
    return NULL;
}

static bool has_odd_pair(str quoted)
{
    for (size_t i = 0; i + 1 < quoted.len; i++) {
        if (quoted.ptr[i] != '\\')
            continue;
        i++;
        if (quoted.ptr[i] != '"' && quoted.ptr[i] != '\\')
            return true;
    }
    return false;
}

/* Without its end a quote may reach to the next ";" or to the end of the field. "C:\dir\file" is
 * meant, by those who write it, to keep its backslashes. */
static err read_quoted(struct reader *r, struct piece *p)
{
    CLEANUP(buf_release) struct buf text;
    bool ended;
    str written = str_from(r->rest, 1);
    buf_init(&text, r->rest.len + 1);
    TRY(message_lex_quoted(&r->rest, &text, &ended));
    written.len -= r->rest.len + ended;
    str value = arena_str(r->scratch, buf_str(&text));
    TRY(add_piece(r, p, value, ended ? 0 : PARAM_UNENDED_QUOTE));
    if (!ended && str_find(written, ';') != STR_NONE)
        TRY(add_piece(r, p, str_slice(written, 0, str_find(written, ';')), PARAM_GUESS));
    else if (has_odd_pair(written))
        TRY(add_piece(r, p, written, PARAM_GUESS));
    skip(r);
    if (r->rest.len > 0 && !at(r, ';'))
        r->flags |= PARAM_NO_SEMICOLON;
    return NULL;
}

static bool has_specials(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != '\0' && strchr("()<>@,;:\\\"/[]?=", text.ptr[i]))
            return true;
    return false;
}

/* A token; or, where somebody forgot the quotes, all up to the next ";". */
static err read_unquoted(struct reader *r, struct piece *p)
{
    str whole = str_trim(str_slice(r->rest, 0, str_find(r->rest, ';')));
    str token = message_lex_run(&r->rest, ";(");
    skip(r);
    if (r->rest.len == 0 || at(r, ';'))
        return add_piece(r, p, token, has_specials(token) && !p->extended ? PARAM_UNQUOTED : 0);
    if (str_find(str_from(whole, token.len), '=') != STR_NONE)
        return add_piece(r, p, token, PARAM_NO_SEMICOLON);
    r->rest = str_from(r->rest, str_find(r->rest, ';'));
    TRY(add_piece(r, p, whole, PARAM_UNQUOTED));
    return add_piece(r, p, token, PARAM_UNQUOTED | PARAM_GUESS);
}

static err read_param(struct reader *r)
{
    struct piece p = {0};
    str written = message_lex_run(&r->rest, ";=(\"");
    skip(r);
    if (!at(r, '=') || written.len == 0) {
        r->flags |= PARAM_JUNK;
        if (r->rest.len > 0 && !at(r, ';'))
            r->rest = str_from(r->rest, 1);
        return NULL;
    }
    r->rest = str_from(r->rest, 1);
    split_name(r, written, &p);
    skip(r);
    return at(r, '"') ? read_quoted(r, &p) : read_unquoted(r, &p);
}

static err read_params(struct reader *r)
{
    for (;;) {
        skip(r);
        if (r->rest.len == 0)
            return NULL;
        if (at(r, ';')) {
            r->rest = str_from(r->rest, 1);
            continue;
        }
        if (r->piece_count == MESSAGE_PARAMS_MAX) {
            r->flags |= PARAM_CUT;
            return NULL;
        }
        TRY(read_param(r));
    }
}

/* %XX; what is none stays. */
static err add_unescaped(str text, struct buf *out, uint16_t *flags)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int high = c == '%' && i + 2 < text.len ? char_hex_value(text.ptr[i + 1]) : -1;
        int low = c == '%' && i + 2 < text.len ? char_hex_value(text.ptr[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '%') {
            *flags |= PARAM_BAD_EXTENDED;
        }
        TRY(buf_add_char(out, c));
    }
    return NULL;
}

/* charset'language'text: the charset is cut off. */
static str take_charset(str *value, uint16_t *flags)
{
    str charset, behind, language, text;
    size_t first = str_find(*value, '\'');
    str_split(*value, '\'', &charset, &behind);
    bool two = first != STR_NONE && str_find(behind, '\'') != STR_NONE;
    if (!two) {
        *flags |= PARAM_BAD_EXTENDED;
        return (str){0};
    }
    str_split(behind, '\'', &language, &text);
    *value = text;
    return charset;
}

static err add_joined(struct reader *r, str name, str charset, str bytes, uint16_t flags)
{
    CLEANUP(buf_release) struct buf text;
    bool exact = true;
    str value;
    uint16_t ignored = 0;
    buf_init(&text, bytes.len * 4 + 64);
    TRY(message_charset_to_utf8(charset.len ? charset : S("utf-8"), bytes, &text, &exact));
    if (!exact)
        flags |= PARAM_BAD_EXTENDED;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ')
            flags |= PARAM_BAD_EXTENDED; /* a control byte, hidden by %XX */
    TRY(clean(r, buf_str(&text), &value, &ignored));
    add_item(r, name, value, flags | (value.len ? 0 : PARAM_EMPTY));
    return NULL;
}

/* name*= alone */
static err join_one(struct reader *r, const struct piece *p)
{
    CLEANUP(buf_release) struct buf bytes;
    uint16_t flags = p->flags | PARAM_EXTENDED;
    str value = p->value;
    buf_init(&bytes, value.len + 1);
    str charset = p->extended ? take_charset(&value, &flags) : (str){0};
    TRY(add_unescaped(value, &bytes, &flags));
    return add_joined(r, p->name, charset, buf_str(&bytes), flags);
}

/* The lowest section from that number on, the first of equals; NULL: there is none. */
static const struct piece *next_section(const struct reader *r, str name, int from)
{
    const struct piece *found = NULL;
    for (size_t i = 0; i < r->piece_count; i++) {
        const struct piece *p = &r->pieces[i];
        if (p->section >= from && (found == NULL || p->section < found->section) &&
            str_eq(p->name, name))
            found = p;
    }
    return found;
}

/* name*0, name*1 and so on. Behind a missing section some programs stop and some go on: the first
 * reading stops, a second one has all. */
static err join_sections(struct reader *r, str name)
{
    CLEANUP(buf_release) struct buf bytes;
    uint16_t flags = PARAM_CONTINUED;
    str charset = {0};
    bool gap = false;
    buf_init(&bytes, MESSAGE_PARAMS_BYTES_MAX);
    int wanted = 0;
    const struct piece *p;
    for (; (p = next_section(r, name, wanted)) != NULL; wanted = p->section + 1) {
        if (p->section != wanted) {
            flags |= PARAM_BAD_CONTINUATION;
            if (!gap && bytes.len > 0)
                TRY(add_joined(r, name, charset, buf_str(&bytes), flags));
            gap = true;
        }
        flags |= p->flags | (p->extended ? PARAM_EXTENDED : 0);
        str value = p->value;
        if (p->section == 0 && p->extended)
            charset = take_charset(&value, &flags);
        TRY(p->extended ? add_unescaped(value, &bytes, &flags) : buf_add(&bytes, value));
    }
    return add_joined(r, name, charset, buf_str(&bytes), flags | (gap ? PARAM_GUESS : 0));
}

static err join_pieces(struct reader *r)
{
    for (size_t i = 0; i < r->piece_count; i++) {
        const struct piece *p = &r->pieces[i];
        if (p->section == BAD_SECTION || (p->section == NO_SECTION && p->extended))
            TRY(join_one(r, p));
        if (p->section < 0)
            continue;
        bool first = true, twice = false;
        for (size_t j = 0; j < r->piece_count; j++) {
            bool same = r->pieces[j].section >= 0 && str_eq(r->pieces[j].name, p->name);
            first = first && !(same && j < i);
            twice = twice || (same && j != i && r->pieces[j].section == p->section);
        }
        if (twice)
            r->flags |= PARAM_BAD_CONTINUATION;
        if (first)
            TRY(join_sections(r, p->name));
    }
    return NULL;
}

static uint16_t form_of(const struct message_param *p)
{
    return p->flags & (PARAM_EXTENDED | PARAM_CONTINUED | PARAM_GUESS);
}

static void flag_duplicates(struct reader *r)
{
    for (size_t i = 0; i < r->count; i++)
        for (size_t j = 0; j < i; j++) {
            struct message_param *a = &r->items[j], *b = &r->items[i];
            if (form_of(a) != form_of(b) || form_of(a) & PARAM_GUESS || !str_eq(a->name, b->name))
                continue;
            a->flags |= PARAM_DUPLICATE;
            b->flags |= PARAM_DUPLICATE;
            r->flags |= PARAM_DUPLICATE;
        }
}

static size_t count_bound(str value)
{
    size_t count = 0;
    for (size_t i = 0; i < value.len && count < MESSAGE_PARAMS_MAX; i++)
        count += value.ptr[i] == '=';
    return count;
}

static void copy_items(const struct reader *r, struct arena *arena, struct message_params *params)
{
    params->items = ARENA_ARRAY(arena, struct message_param, r->count);
    params->count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        params->items[i] = r->items[i];
        params->items[i].name = arena_str(arena, r->items[i].name);
        params->items[i].value = arena_str(arena, r->items[i].value);
    }
}

err message_params_parse(str value, struct arena *arena, struct message_params *ret_params)
{
    if (value.len > MESSAGE_PARAMS_BYTES_MAX)
        return err_new(ERR_LIMIT, "a field of %zu bytes", value.len);
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(8 << 20);
    CLEANUP(buf_release) struct buf main_value;
    size_t bound = count_bound(value);
    struct reader r = {.rest = value, .scratch = scratch};
    r.pieces = ARENA_ARRAY(scratch, struct piece, bound + 1);
    r.items = ARENA_ARRAY(scratch, struct message_param, bound * READINGS_MAX + 1);
    buf_init(&main_value, value.len + 1);
    TRY(read_value(&r, &main_value));
    TRY(read_params(&r));
    TRY(join_pieces(&r));
    flag_duplicates(&r);
    struct message_params params = {.value = lower_copy(arena, buf_str(&main_value)),
                                    .flags = r.flags};
    copy_items(&r, arena, &params);
    *ret_params = params;
    return NULL;
}

const struct message_param *message_params_find(const struct message_params *params, str name)
{
    const struct message_param *found = NULL;
    for (size_t i = 0; i < params->count; i++) {
        const struct message_param *p = &params->items[i];
        if (!str_eq_nocase(p->name, name) || p->flags & PARAM_GUESS)
            continue;
        bool extended = p->flags & (PARAM_EXTENDED | PARAM_CONTINUED);
        if (found == NULL || (extended && !(found->flags & (PARAM_EXTENDED | PARAM_CONTINUED))))
            found = p;
    }
    return found;
}

size_t message_params_count(const struct message_params *params, str name)
{
    size_t count = 0;
    for (size_t i = 0; i < params->count; i++)
        count += str_eq_nocase(params->items[i].name, name);
    return count;
}

/* Text that begins on this line when there is room, else on the next. */
static err add_fitting(str text, size_t *column, struct buf *out)
{
    bool fits = *column + 2 + text.len <= LINE_BYTES_WANTED;
    TRY(buf_add(out, fits ? S("; ") : S(";\r\n ")));
    *column = (fits ? *column + 2 : 1) + text.len;
    return buf_add(out, text);
}

static bool is_printable(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > 126)
            return false;
    return true;
}

static err make_plain(const char *name, str value, struct buf *out)
{
    TRY(buf_addf(out, "%s=", name));
    if (message_lex_is_token(value))
        return buf_add(out, value);
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, value.ptr[i]));
    }
    return buf_add_char(out, '"');
}

/* attribute-char of RFC 2231 section 7 */
static bool is_bare(char c) { return char_is_alnum(c) || (c > ' ' && strchr("!#$&+-.^_`{|}~", c)); }

static err add_escaped(char c, struct buf *out)
{
    return is_bare(c) ? buf_add_char(out, c) : buf_addf(out, "%%%02X", (unsigned char)c);
}

/* name*=utf-8''text, or as many sections as lines are needed. */
static err add_extended(const char *name, str value, size_t *column, struct buf *out)
{
    CLEANUP(buf_release) struct buf text, whole;
    buf_init(&text, LINE_BYTES_WANTED * 4);
    buf_init(&whole, value.len * 3 + LINE_BYTES_WANTED * 2);
    TRY(buf_addf(&whole, "%s*=utf-8''", name));
    for (size_t i = 0; i < value.len; i++)
        TRY(add_escaped(value.ptr[i], &whole));
    if (whole.len < LINE_BYTES_WANTED)
        return add_fitting(buf_str(&whole), column, out);
    size_t i = 0;
    for (int section = 0; i < value.len; section++) {
        buf_clear(&text);
        TRY(buf_addf(&text, "%s*%d*=%s", name, section, section ? "" : "utf-8''"));
        do
            TRY(add_escaped(value.ptr[i++], &text));
        while (i < value.len && text.len + 3 < LINE_BYTES_WANTED - 1);
        TRY(add_fitting(buf_str(&text), column, out));
    }
    return NULL;
}

err message_params_add(const char *name, str value, size_t *column, struct buf *out)
{
    CLEANUP(buf_release) struct buf plain;
    size_t before = out->len, started = *column;
    buf_init(&plain, value.len * 2 + strlen(name) + 8);
    err e = make_plain(name, value, &plain);
    if (e == NULL && is_printable(value) && plain.len < LINE_BYTES_WANTED &&
        !str_contains(value, S("=?")))
        e = add_fitting(buf_str(&plain), column, out);
    else if (e == NULL)
        e = add_extended(name, value, column, out);
    if (e) {
        out->len = before;
        *column = started;
    }
    return e;
}
