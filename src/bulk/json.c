#include "bulk/json.h"
#include <string.h>

struct node {
    struct node *next;
    struct template_member member;
};

/* A list or object that is open. */
struct level {
    bool object;
    size_t count;
    struct node *first, *last;
};

struct reader {
    str text, rest;
    const struct template_names *names;
    struct arena *arena;
    struct template_value *slots;
    struct level levels[BULK_JSON_DEPTH_MAX];
    int depth;
    size_t values;
    str key; /* of the member whose value comes next */
};

static err fail(const struct reader *r, const char *what)
{
    size_t at = r->rest.len ? (size_t)(r->rest.ptr - r->text.ptr) : r->text.len;
    return err_new(ERR_PROTOCOL, "byte %zu: %s", at + 1, what);
}

static void skip_blanks(struct reader *r)
{
    while (r->rest.len > 0 && r->rest.ptr[0] && strchr(" \t\r\n", r->rest.ptr[0]))
        r->rest = str_from(r->rest, 1);
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->rest.len == 0 || r->rest.ptr[0] != c)
        return false;
    r->rest = str_from(r->rest, 1);
    return true;
}

/* ---- strings ---------------------------------------------------------------------------- */

static bool read_hex(str text, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = i < text.len ? char_hex_value(text.ptr[i]) : -1;
        if (digit < 0)
            return false;
        code = code << 4 | (uint32_t)digit;
    }
    *ret_code = code;
    return true;
}

static size_t put_utf8(uint32_t c, char *at)
{
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1;) {
        at[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    at[0] = (char)(marks[len] | c);
    return len;
}

/* "\u00e9", or two of them: the rest begins behind the backslash. */
static err unicode(struct reader *r, char *at, size_t *ret_len)
{
    uint32_t code, low;
    if (!read_hex(str_from(r->rest, 1), &code))
        return fail(r, "four hexadecimal digits are wanted behind \\u");
    r->rest = str_from(r->rest, 5);
    if (code >= 0xDC00 && code <= 0xDFFF)
        return fail(r, "half of a character");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (!str_starts(r->rest, S("\\u")) || !read_hex(str_from(r->rest, 2), &low) ||
            low < 0xDC00 || low > 0xDFFF)
            return fail(r, "half of a character");
        r->rest = str_from(r->rest, 6);
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    *ret_len = put_utf8(code, at);
    return NULL;
}

static err escape(struct reader *r, char *at, size_t *ret_len)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    r->rest = str_from(r->rest, 1);
    if (r->rest.len == 0)
        return fail(r, "the text has no end");
    if (r->rest.ptr[0] == 'u')
        return unicode(r, at, ret_len);
    const char *found = r->rest.ptr[0] ? strchr(from, r->rest.ptr[0]) : NULL;
    if (found == NULL)
        return fail(r, "there is no such escape");
    at[0] = to[found - from];
    *ret_len = 1;
    r->rest = str_from(r->rest, 1);
    return NULL;
}

/* Behind its opening quote. What is unescaped is never longer than it was. */
static err string(struct reader *r, str *ret_text)
{
    size_t most = 0, len = 0;
    while (most < r->rest.len && r->rest.ptr[most] != '"')
        most += r->rest.ptr[most] == '\\' ? 2 : 1;
    char *out = arena_alloc(r->arena, most + 1);
    while (r->rest.len > 0 && r->rest.ptr[0] != '"') {
        size_t more = 1;
        char c = r->rest.ptr[0];
        if ((unsigned char)c < ' ')
            return fail(r, "a control character in a text");
        if (c == '\\') {
            TRY(escape(r, out + len, &more));
        } else {
            out[len] = c;
            r->rest = str_from(r->rest, 1);
        }
        len += more;
    }
    if (!take(r, '"'))
        return fail(r, "the text has no end");
    *ret_text = (str){out, len};
    return NULL;
}

/* ---- values ------------------------------------------------------------------------------ */

static err add(struct reader *r, struct template_value value)
{
    struct level *l = &r->levels[r->depth - 1];
    size_t slot;
    if (++r->values > BULK_JSON_VALUES_MAX)
        return fail(r, "too many values");
    if (r->depth == 1) {
        if (template_names_find(r->names, r->key, &slot))
            r->slots[slot] = value;
        l->count++;
        return NULL;
    }
    struct node *n = ARENA_NEW(r->arena, struct node);
    *n = (struct node){
        NULL, {r->key, value}
    };
    if (l->last)
        l->last->next = n;
    else
        l->first = n;
    l->last = n;
    l->count++;
    return NULL;
}

static struct template_value as_list(struct reader *r, const struct level *l)
{
    struct template_value *items = ARENA_ARRAY(r->arena, struct template_value, l->count + 1);
    size_t i = 0;
    for (const struct node *n = l->first; n; n = n->next)
        items[i++] = n->member.value;
    return (struct template_value){
        .kind = VALUE_LIST, .list = {items, l->count}
    };
}

static struct template_value as_object(struct reader *r, const struct level *l)
{
    struct template_member *members = ARENA_ARRAY(r->arena, struct template_member, l->count + 1);
    size_t i = 0;
    for (const struct node *n = l->first; n; n = n->next)
        members[i++] = n->member;
    return (struct template_value){
        .kind = VALUE_OBJECT, .object = {members, l->count}
    };
}

static err open_level(struct reader *r, bool object)
{
    if (r->depth == BULK_JSON_DEPTH_MAX)
        return fail(r, "nested too deeply");
    struct level *l = &r->levels[r->depth];
    *l = (struct level){.object = object};
    if (r->depth > 0) { /* its name waits until it closes */
        struct node *n = ARENA_NEW(r->arena, struct node);
        n->member.name = r->key;
        l->first = l->last = n;
    }
    r->depth++;
    return NULL;
}

static err close_level(struct reader *r)
{
    struct level l = r->levels[--r->depth];
    if (r->depth == 0)
        return NULL;
    r->key = l.first->member.name; /* the node that held it stands in front of the items */
    l.first = l.first->next;
    return add(r, l.object ? as_object(r, &l) : as_list(r, &l));
}

static err word(struct reader *r)
{
    size_t len = 0;
    while (len < r->rest.len && (char_is_alnum(r->rest.ptr[len]) ||
                                 (r->rest.ptr[len] && strchr("+-.", r->rest.ptr[len]))))
        len++;
    str text = str_slice(r->rest, 0, len);
    struct template_value v = {0};
    double number;
    if (str_eq(text, S("true")) || str_eq(text, S("false")))
        v = template_value_of_bool(text.ptr[0] == 't');
    else if (template_value_read_number(text, &number))
        v = template_value_of_text(arena_str(r->arena, text));
    else if (!str_eq(text, S("null")))
        return fail(r, "a value is wanted here");
    r->rest = str_from(r->rest, len);
    return add(r, v);
}

static err value(struct reader *r)
{
    if (take(r, '{'))
        return open_level(r, true);
    if (take(r, '['))
        return open_level(r, false);
    if (take(r, '"')) {
        str text;
        TRY(string(r, &text));
        return add(r, template_value_of_text(text));
    }
    return word(r);
}

/* A key, before its value. */
static err key(struct reader *r)
{
    if (!take(r, '"'))
        return fail(r, "a name in quotes is wanted here");
    TRY(string(r, &r->key));
    return take(r, ':') ? NULL : fail(r, "\":\" is wanted here");
}

static err step(struct reader *r)
{
    struct level *l = &r->levels[r->depth - 1];
    size_t items = l->count;
    if (take(r, l->object ? '}' : ']'))
        return close_level(r);
    if (items > 0 && !take(r, ','))
        return fail(r, "\",\" or the end is wanted here");
    if (l->object)
        TRY(key(r));
    return value(r);
}

err bulk_json_read(str line, const struct template_names *names, struct arena *arena,
                   struct template_value *slots)
{
    struct reader r = {.text = line, .rest = line, .names = names, .arena = arena, .slots = slots};
    if (!str_is_utf8(line))
        return err_new(ERR_PROTOCOL, "bytes that are no UTF-8");
    if (!take(&r, '{'))
        return fail(&r, "an object is wanted: {\"email\": ...}");
    TRY(open_level(&r, true));
    while (r.depth > 0)
        TRY(step(&r));
    skip_blanks(&r);
    return r.rest.len ? fail(&r, "something stands behind the object") : NULL;
}
