#include "personality/swaks_data.h"
#include "message/id.h"
#include "personality/swaks_dump.h"
#include "personality/swaks_mime.h"
#include <time.h>

enum {
    HEADERS_MAX = SWAKS_SETTINGS_MAX,
    TEXT_BYTES_MAX = 250 << 20, /* every pass: attachments in base64, and all else */
    DATE_BYTES = 64,
};

#define NEW_HEADERS "%NEW_HEADERS%"

/* ---- header ----------------------------------------------------------------------------- */

/* One line end off the front: "\r\n" or "\n". */
static str take_line(str *text)
{
    str line;
    str_split(*text, '\n', &line, text);
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The header ends before the first empty line; without one, everything is header. */
static str cut_header(str *text)
{
    str all = *text;
    for (size_t at = 0; at < all.len;) {
        str rest = str_from(all, at);
        size_t end = str_find(rest, '\n');
        if (end == STR_NONE)
            break;
        bool empty = end == 0 || (end == 1 && rest.ptr[0] == '\r');
        if (empty && at > 0) {
            *text = str_from(rest, end + 1);
            return str_slice(all, 0, at);
        }
        at += end + 1;
    }
    *text = (str){0};
    return all;
}

static str field_name(str line)
{
    size_t colon = str_find(line, ':');
    bool folded = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    return colon == STR_NONE || folded ? (str){0} : str_slice(line, 0, colon);
}

struct fields {
    const str *headers; /* to replace others */
    size_t header_count;
    bool *used; /* which of them stand in the message by now */
};

/* The last one given for this name, or NONE. */
static size_t replacement(const struct fields *f, str line)
{
    str name = field_name(line);
    for (size_t i = f->header_count; name.len && i > 0; i--)
        if (str_eq_nocase(field_name(f->headers[i - 1]), name))
            return i - 1;
    return STR_NONE;
}

static void mark_used(struct fields *f, str name)
{
    for (size_t i = 0; i < f->header_count; i++)
        if (str_eq_nocase(field_name(f->headers[i]), name))
            f->used[i] = true;
}

static err add_line(struct buf *out, str line)
{
    TRY(buf_add(out, line));
    return buf_add(out, S("\r\n"));
}

static err add_new(struct buf *out, const struct fields *f, const str *added, size_t added_count)
{
    for (size_t i = 0; i < added_count; i++)
        TRY(add_line(out, added[i]));
    for (size_t i = 0; i < f->header_count; i++)
        if (!f->used[i])
            TRY(add_line(out, f->headers[i]));
    return NULL;
}

static bool is_fold(str line) { return line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t'); }

/* The fields with their replacements; at the token (or at the end) those that are new. Behind the
 * token nothing is a field: it is the body of a template without an empty line. */
static err write_header(str header, struct fields *f, const str *added, size_t added_count,
                        struct buf *out)
{
    str rest = header;
    bool dropping = false, has_token = str_contains(header, S(NEW_HEADERS)), behind = false;
    while (rest.len && !str_starts(rest, S(NEW_HEADERS))) { /* which are replaced, before all */
        size_t i = replacement(f, take_line(&rest));
        if (i != STR_NONE)
            mark_used(f, field_name(f->headers[i]));
    }
    for (rest = header; rest.len;) {
        str line = take_line(&rest);
        size_t i = behind ? STR_NONE : replacement(f, line);
        bool token = !behind && str_starts(line, S(NEW_HEADERS));
        behind |= token;
        if (dropping && is_fold(line))
            continue;
        dropping = i != STR_NONE;
        if (token)
            TRY(add_new(out, f, added, added_count));
        if (token)
            line = str_from(line, sizeof NEW_HEADERS - 1);
        TRY(add_line(out, dropping ? f->headers[i] : line));
    }
    return has_token ? NULL : add_new(out, f, added, added_count);
}

/* ---- tokens ----------------------------------------------------------------------------- */

struct token {
    str name, value;
};

static err add_expanded(str text, const struct token *tokens, size_t count, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%' && text.ptr[i] != '\\')
            continue;
        str here = str_from(text, i);
        for (size_t k = 0; k < count; k++) {
            if (!str_starts(here, tokens[k].name))
                continue;
            TRY(buf_add(out, str_slice(text, from, i - from)));
            TRY(buf_add(out, tokens[k].value));
            i += tokens[k].name.len - 1;
            from = i + 1;
            break;
        }
    }
    return buf_add(out, str_from(text, from));
}

static err expand(str text, const struct swaks_tokens *t, struct buf *out)
{
    const struct token tokens[] = {
        {S("%FROM_ADDRESS%"),  t->from      },
        {S("%TO_ADDRESS%"),    t->to        },
        {S("%CC_ADDRESS%"),    t->cc        },
        {S("%BCC_ADDRESS%"),   t->bcc       },
        {S("%DATE%"),          t->date      },
        {S("%MESSAGEID%"),     t->message_id},
        {S("%SWAKS_VERSION%"), t->version   },
        {S("%NEWLINE%"),       S("\r\n")    },
        {S("\\n"),             S("\r\n")    },
    };
    return add_expanded(text, tokens, ARRAY_LEN(tokens), out);
}

/* ---- as it goes out --------------------------------------------------------------------- */

/* Without the dot that ends it, when it has one already. */
static str cut_final_dot(str text)
{
    str rest = text;
    if (rest.len && rest.ptr[rest.len - 1] == '\n')
        rest.len--;
    if (rest.len && rest.len < text.len && rest.ptr[rest.len - 1] == '\r')
        rest.len--;
    if (rest.len < 2 || rest.ptr[rest.len - 1] != '.' || rest.ptr[rest.len - 2] != '\n')
        return text;
    rest.len -= 2;
    if (rest.len && rest.ptr[rest.len - 1] == '\r')
        rest.len--;
    return rest;
}

/* CRLF everywhere, and a dot more where a line begins with one. */
static err add_stuffed(str text, struct buf *out)
{
    bool at_start = true;
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool lone = c == '\n' && (i == 0 || text.ptr[i - 1] != '\r');
        if (lone || (at_start && c == '.')) {
            TRY(buf_add(out, str_slice(text, from, i - from)));
            TRY(buf_add_char(out, lone ? '\r' : '.'));
            from = i;
        }
        at_start = c == '\n';
    }
    TRY(buf_add(out, str_from(text, from)));
    return buf_add(out, S("\r\n."));
}

static err finish(str text, const struct swaks_tokens *tokens, struct fields *f, const str *added,
                  size_t added_count, bool strip_from, struct buf *work, struct buf *out)
{
    str header = cut_header(&text);
    TRY(write_header(header, f, added, added_count, work));
    TRY(buf_add(work, S("\r\n")));
    TRY(buf_add(work, text));
    struct buf expanded;
    buf_init(&expanded, TEXT_BYTES_MAX);
    err e = expand(buf_str(work), tokens, &expanded);
    str whole = buf_str(&expanded);
    if (strip_from && str_starts(whole, S("From ")))
        whole = str_from(whole, str_find(whole, '\n') + 1);
    if (e == NULL)
        e = add_stuffed(cut_final_dot(whole), out);
    buf_release(&expanded);
    return e;
}

err personality_swaks_data_finish(str text, const struct swaks_tokens *tokens, const str *headers,
                                  size_t header_count, const str *added, size_t added_count,
                                  bool strip_from, struct buf *out)
{
    struct buf work;
    struct arena *arena = arena_open(HEADERS_MAX * 2);
    struct fields f = {headers, header_count, ARENA_ARRAY(arena, bool, header_count + 1)};
    buf_init(&work, TEXT_BYTES_MAX);
    err e = finish(text, tokens, &f, added, added_count, strip_from, &work, out);
    buf_release(&work);
    arena_close(arena);
    return e;
}

/* ---- from the options ------------------------------------------------------------------- */

/* A real line end in a header would begin another one behind the back of who wrote it, unless a
 * blank follows and folds it. */
static err check_header(str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool crlf = c == '\r' && i + 1 < value.len && value.ptr[i + 1] == '\n';
        bool folds =
            c == '\n' && i + 1 < value.len && (value.ptr[i + 1] == ' ' || value.ptr[i + 1] == '\t');
        if ((c == '\r' && !crlf) || (c == '\n' && !folds) || c == '\0')
            return err_new(ERR_CONFIG, "a header holds a line end, or NUL; two headers in one are "
                                       "written with the two characters \"\\n\" between them");
    }
    return NULL;
}

struct lists {
    str headers[HEADERS_MAX], added[HEADERS_MAX];
    size_t header_count, added_count;
};

static err add_header(str *list, size_t *count, str value)
{
    if (*count == HEADERS_MAX)
        return err_new(ERR_LIMIT, "more than %d headers", HEADERS_MAX);
    list[(*count)++] = value;
    return NULL;
}

/* "A: b\nC: d" are two. */
static err split_headers(str value, str *list, size_t *count)
{
    size_t from = 0;
    for (size_t i = 0; i + 1 < value.len; i++) {
        if (value.ptr[i] != '\\' || value.ptr[i + 1] != 'n')
            continue;
        TRY(add_header(list, count, str_slice(value, from, i - from)));
        from = i + 2;
    }
    return from < value.len ? add_header(list, count, str_from(value, from)) : NULL;
}

static err collect_headers(struct swaks_plan *p, struct lists *l)
{
    const struct swaks_settings *settings = p->values->settings;
    for (size_t i = 0; i < settings->count; i++) {
        enum swaks_key key = settings->list[i].option->key;
        str value;
        if (key != SWAKS_HEADER && key != SWAKS_ADD_HEADER)
            continue;
        TRY(personality_swaks_value_of(p->values, &settings->list[i], &value));
        TRY(check_header(value));
        if (key == SWAKS_HEADER)
            TRY(split_headers(value, l->headers, &l->header_count));
        else
            TRY(split_headers(value, l->added, &l->added_count));
    }
    return NULL;
}

static str date_here(struct arena *arena)
{
    char text[DATE_BYTES];
    time_t now = (time_t)(clock_real_ms() / 1000);
    struct tm parts;
    if (localtime_r(&now, &parts) == NULL ||
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S %z", &parts) == 0)
        return S("Thu, 01 Jan 1970 00:00:00 +0000");
    return arena_str(arena, str_of(text));
}

static struct swaks_tokens make_tokens(const struct swaks_plan *p)
{
    char unique[MESSAGE_UNIQUE_CHARS];
    str host = p->hostname.len ? p->hostname : S("localhost");
    message_id_unique(clock_real_ms(), unique);
    return (struct swaks_tokens){
        .from = p->from,
        .to = p->to,
        .cc = p->cc,
        .bcc = p->bcc,
        .date = date_here(p->arena),
        .message_id = arena_printf(p->arena, "%s@%.*s", unique, STR_ARG(host)),
        .version = S(SMTPTOOL_VERSION),
    };
}

static str template(const struct swaks_plan *p, str content_type)
{
    return arena_printf(p->arena,
                        "Date: %%DATE%%\nTo: %%TO_ADDRESS%%\n%sFrom: %%FROM_ADDRESS%%\n"
                        "Subject: test %%DATE%%\nMessage-Id: <%%MESSAGEID%%>\n"
                        "X-Mailer: smtptool %%SWAKS_VERSION%% (swaks)\n%.*s%s"
                        "\n%%BODY%%\n",
                        p->cc.len ? "Cc: %CC_ADDRESS%\n" : "", STR_ARG(content_type), NEW_HEADERS);
}

static err default_body(struct swaks_plan *p, str *ret_body)
{
    str sections = {0};
    *ret_body = S("This is a test mailing");
    if (personality_swaks_plan_given(p, SWAKS_BODY))
        return personality_swaks_plan_get(p, SWAKS_BODY, ret_body);
    bool shows_password = personality_swaks_plan_flag(p, SWAKS_DUMP_PASSWORD);
    if (!shows_password && !personality_swaks_plan_given(p, SWAKS_DUMP_AS_BODY))
        return NULL;
    TRY(personality_swaks_plan_get(p, SWAKS_DUMP_AS_BODY, &sections));
    return personality_swaks_dump_text(p, sections, shows_password, ret_body);
}

/* The template with its body: the one pass before all others, for a body may hold tokens, too. */
static err fill_template(struct swaks_plan *p, str data, str body, struct lists *l,
                         struct buf *text, struct buf *out)
{
    const struct token first[] = {
        {S("%BODY%"), body     },
        {S("\\n"),    S("\r\n")},
    };
    struct swaks_tokens tokens = make_tokens(p);
    struct buf whole;
    buf_init(&whole, TEXT_BYTES_MAX);
    err e = add_expanded(data, first, 1, &whole);
    if (e == NULL)
        e = add_expanded(buf_str(&whole), &first[1], 1, text);
    buf_release(&whole);
    bool strip = !personality_swaks_plan_flag(p, SWAKS_NO_STRIP_FROM);
    return e ? e
             : personality_swaks_data_finish(buf_str(text), &tokens, l->headers, l->header_count,
                                             l->added, l->added_count, strip, out);
}

static err build(struct swaks_plan *p, struct lists *l)
{
    str body, content_type = {0}, data = {0};
    struct buf text, out;
    TRY(default_body(p, &body));
    TRY(personality_swaks_mime_make(p, &body, &content_type));
    TRY(personality_swaks_plan_get(p, SWAKS_DATA, &data));
    if (data.len == 0)
        data = template(p, content_type);
    if (personality_swaks_plan_flag(p, SWAKS_NO_DATA_FIXUP)) {
        p->data = data;
        return NULL;
    }
    TRY(collect_headers(p, l));
    buf_init(&text, TEXT_BYTES_MAX);
    buf_init(&out, TEXT_BYTES_MAX);
    err e = fill_template(p, data, body, l, &text, &out);
    if (e == NULL)
        p->data = arena_str(p->arena, buf_str(&out));
    buf_release(&text);
    buf_release(&out);
    return e;
}

err personality_swaks_data_make(struct swaks_plan *p)
{
    struct lists *l = arena_alloc(p->arena, sizeof *l);
    return build(p, l);
}
