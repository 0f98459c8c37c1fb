#include "message/compose_body.h"
#include "base/codec.h"
#include "message/crlf.h"
#include "message/file_type.h"
#include "message/flowed.h"
#include "message/id.h"
#include "message/lex.h"
#include "message/params.h"
#include "message/text.h"
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES_MAX = 998,
    SHORT_BYTES_MAX = 500,
    CONTENT_ID_BYTES_MAX = 200,
    TYPE_BYTES_MAX = 127
};

/* "=_" stands in no base64 and in no quoted-printable text, and what holds "--=_" is never written
 * as it stands: so no part can hold a boundary. */
#define BOUNDARY_MARK "--=_"

struct writer {
    const struct message_compose *c;
    struct buf *out;
    char boundary[MESSAGE_COMPOSE_BOUNDARY_BYTES_MAX + 1];
};

enum level { LEVEL_MIXED = 1, LEVEL_ALTERNATIVE, LEVEL_RELATED };

static bool holds_boundary(str text) { return str_contains(text, S(BOUNDARY_MARK)); }

/* Can it travel as it stands? Its lines end in CRLF. */
static bool is_7bit(str text)
{
    if (!str_is_ascii(text) || str_find(text, '\0') != STR_NONE)
        return false;
    for (str rest = text; rest.len > 0;) {
        size_t line = str_find(rest, '\n');
        if ((line == STR_NONE ? rest.len : line) > LINE_BYTES_MAX + 1)
            return false;
        rest = str_from(rest, line == STR_NONE ? rest.len : line + 1);
    }
    return !holds_boundary(text);
}

/* Quoted-printable can be read by people, so it is taken unless base64 is clearly shorter. */
static bool is_mostly_other(str text)
{
    size_t escaped = 0;
    for (size_t i = 0; i < text.len; i++)
        escaped += (unsigned char)text.ptr[i] > 126 || text.ptr[i] == '=';
    return text.len > SHORT_BYTES_MAX && escaped > text.len / 6;
}

/* CRLF lines, the last one ended. */
static err normalize(const char *name, str text, struct buf *lines)
{
    struct message_crlf state = {0};
    char *room;
    if (!str_is_utf8(text))
        return err_new(ERR_CONFIG, "%s: is not UTF-8", name);
    TRY(buf_reserve(lines, text.len + text.len / 16, &room)); /* so that it hardly ever moves */
    TRY(message_crlf_add(&state, text, lines));
    TRY(message_crlf_end(&state, lines));
    if (lines->len > 0 && lines->ptr[lines->len - 1] != '\n')
        TRY(buf_add(lines, S("\r\n")));
    return NULL;
}

static err add_encoded(str lines, struct buf *out)
{
    bool plain = is_7bit(lines), base64 = !plain && is_mostly_other(lines);
    TRY(buf_addf(out, "Content-Transfer-Encoding: %s\r\n\r\n",
                 plain    ? "7bit"
                 : base64 ? "base64"
                          : "quoted-printable"));
    if (base64)
        return codec_base64_encode_lines(lines, out);
    return plain ? buf_add(out, lines) : codec_qp_encode(lines, out);
}

static err add_text(struct writer *w)
{
    CLEANUP(buf_release) struct buf lines, flowed;
    buf_init(&lines, MESSAGE_COMPOSE_TEXT_BYTES_MAX * 2);
    buf_init(&flowed, MESSAGE_COMPOSE_TEXT_BYTES_MAX * 2);
    TRY(normalize("text", w->c->text, &lines));
    TRY(buf_addf(w->out, "Content-Type: text/plain; charset=utf-8%s\r\n",
                 w->c->flowed ? "; format=flowed" : ""));
    if (!w->c->flowed)
        return add_encoded(buf_str(&lines), w->out);
    TRY(message_flowed_add(buf_str(&lines), &flowed));
    return add_encoded(buf_str(&flowed), w->out);
}

static err add_html(struct writer *w)
{
    CLEANUP(buf_release) struct buf lines;
    buf_init(&lines, MESSAGE_COMPOSE_TEXT_BYTES_MAX * 2);
    TRY(normalize("html", w->c->html, &lines));
    TRY(buf_add(w->out, S("Content-Type: text/html; charset=utf-8\r\n")));
    return add_encoded(buf_str(&lines), w->out);
}

static err open_multipart(struct writer *w, const char *type, enum level level)
{
    return buf_addf(w->out, "Content-Type: multipart/%s;\r\n boundary=\"=_%s.%d\"\r\n\r\n", type,
                    w->boundary, level);
}

static err add_delimiter(struct writer *w, enum level level, bool last)
{
    return buf_addf(w->out, BOUNDARY_MARK "%s.%d%s\r\n", w->boundary, level, last ? "--" : "");
}

/* ---- files ------------------------------------------------------------------------------ */

static str without_folders(str name)
{
    for (size_t i = name.len; i-- > 0;)
        if (name.ptr[i] == '/' || name.ptr[i] == '\\')
            return str_from(name, i + 1);
    return name;
}

static bool is_type(str type)
{
    str head, tail;
    str_split(type, '/', &head, &tail);
    return type.len <= TYPE_BYTES_MAX && message_lex_is_token(head) && message_lex_is_token(tail) &&
           !str_eq_nocase(head, S("multipart"));
}

static err check_file(const struct message_compose_file *f, str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] < ' ' || name.ptr[i] == 127)
            return err_new(ERR_CONFIG, "file name: holds a control byte");
    if (!str_is_utf8(name) || name.len > MESSAGE_COMPOSE_NAME_BYTES_MAX)
        return err_new(ERR_CONFIG, "file name: no UTF-8, or more than %d bytes",
                       MESSAGE_COMPOSE_NAME_BYTES_MAX);
    if (f->type.len > 0 && !is_type(f->type))
        return err_new(ERR_CONFIG, "file type: \"%.*s\" is none that a file can have",
                       STR_ARG(str_slice(f->type, 0, TYPE_BYTES_MAX)));
    bool valid = f->content_id.len <= CONTENT_ID_BYTES_MAX;
    for (size_t i = 0; i < f->content_id.len; i++)
        valid = valid && f->content_id.ptr[i] > ' ' && f->content_id.ptr[i] < 127 &&
                strchr("<>()\\\"", f->content_id.ptr[i]) == NULL;
    return valid ? NULL : err_new(ERR_CONFIG, "content id: only ASCII without blanks and brackets");
}

err message_compose_body_check_file(const struct message_compose_file *f)
{
    return check_file(f, without_folders(f->name));
}

/* Old clients know no RFC 2231, so they get the name in ASCII first. */
static err add_names(str name, size_t column, struct buf *out)
{
    CLEANUP(buf_release) struct buf ascii;
    buf_init(&ascii, MESSAGE_COMPOSE_NAME_BYTES_MAX);
    for (str rest = name; rest.len > 0;) {
        uint32_t code;
        message_text_next(&rest, &code);
        TRY(buf_add_char(&ascii, code < 127 ? (char)code : '_'));
    }
    if (ascii.len != name.len)
        TRY(message_params_add("filename", buf_str(&ascii), &column, out));
    return message_params_add("filename", name, &column, out);
}

/* RFC 2046 section 5.2.1 allows no encoding of a message, so one that needs it travels as bytes. */
static bool is_plain_message(str type, str bytes)
{
    if (!str_starts(type, S("message/")) || !is_7bit(bytes) || !str_ends_nocase(bytes, S("\r\n")))
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        if ((bytes.ptr[i] == '\n' && (i == 0 || bytes.ptr[i - 1] != '\r')) ||
            (bytes.ptr[i] == '\r' && bytes.ptr[i + 1] != '\n'))
            return false;
    return true;
}

static err add_file(struct writer *w, const struct message_compose_file *f)
{
    str name = without_folders(f->name);
    TRY(check_file(f, name));
    str type = f->type.len ? f->type : message_file_type(name, f->bytes);
    bool plain = is_plain_message(type, f->bytes);
    if (!plain && str_starts_nocase(type, S("message/")))
        type = S("application/octet-stream");
    bool utf8 = str_starts_nocase(type, S("text/")) && str_is_utf8(f->bytes);
    TRY(buf_addf(w->out, "Content-Type: %.*s%s\r\n", STR_ARG(type), utf8 ? "; charset=utf-8" : ""));
    str lead =
        f->content_id.len ? S("Content-Disposition: inline") : S("Content-Disposition: attachment");
    TRY(buf_add(w->out, lead));
    if (name.len > 0)
        TRY(add_names(name, lead.len, w->out));
    TRY(buf_add(w->out, S("\r\n")));
    if (f->content_id.len > 0)
        TRY(buf_addf(w->out, "Content-ID: <%.*s>\r\n", STR_ARG(f->content_id)));
    TRY(buf_addf(w->out, "Content-Transfer-Encoding: %s\r\n\r\n", plain ? "7bit" : "base64"));
    if (plain)
        return buf_add(w->out, f->bytes);
    TRY(codec_base64_encode_lines(f->bytes, w->out));
    return f->bytes.len ? NULL : buf_add(w->out, S("\r\n"));
}

static size_t count_files(const struct message_compose *c, bool with_id)
{
    size_t count = 0;
    for (size_t i = 0; i < c->file_count; i++)
        count += (c->files[i].content_id.len > 0) == with_id;
    return count;
}

static err add_files(struct writer *w, bool with_id, enum level level)
{
    for (size_t i = 0; i < w->c->file_count; i++) {
        if ((w->c->files[i].content_id.len > 0) != with_id)
            continue;
        TRY(add_delimiter(w, level, false));
        TRY(add_file(w, &w->c->files[i]));
    }
    return NULL;
}

/* ---- the tree: mixed(alternative(text, related(html, images)), files) --------------------- */

static err add_related(struct writer *w)
{
    if (count_files(w->c, true) == 0)
        return add_html(w);
    TRY(buf_addf(w->out,
                 "Content-Type: multipart/related; type=\"text/html\";\r\n"
                 " boundary=\"=_%s.%d\"\r\n\r\n",
                 w->boundary, LEVEL_RELATED));
    TRY(add_delimiter(w, LEVEL_RELATED, false));
    TRY(add_html(w));
    TRY(add_files(w, true, LEVEL_RELATED));
    return add_delimiter(w, LEVEL_RELATED, true);
}

/* RFC 2046 section 5.1.4: the plainest first. */
static err add_alternative(struct writer *w)
{
    if (w->c->html.len == 0)
        return add_text(w);
    if (w->c->text.len == 0)
        return add_related(w);
    TRY(open_multipart(w, "alternative", LEVEL_ALTERNATIVE));
    TRY(add_delimiter(w, LEVEL_ALTERNATIVE, false));
    TRY(add_text(w));
    TRY(add_delimiter(w, LEVEL_ALTERNATIVE, false));
    TRY(add_related(w));
    return add_delimiter(w, LEVEL_ALTERNATIVE, true);
}

static err add_mixed(struct writer *w)
{
    if (count_files(w->c, false) == 0)
        return add_alternative(w);
    TRY(open_multipart(w, "mixed", LEVEL_MIXED));
    if (w->c->text.len > 0 || w->c->html.len > 0) {
        TRY(add_delimiter(w, LEVEL_MIXED, false));
        TRY(add_alternative(w));
    }
    TRY(add_files(w, false, LEVEL_MIXED));
    return add_delimiter(w, LEVEL_MIXED, true);
}

static err check_sizes(const struct message_compose *c)
{
    size_t bytes = 0;
    if (c->file_count > MESSAGE_COMPOSE_FILES_MAX)
        return err_new(ERR_LIMIT, "more than %d files", MESSAGE_COMPOSE_FILES_MAX);
    for (size_t i = 0; i < c->file_count; i++) {
        bytes += c->files[i].bytes.len;
        if (bytes > MESSAGE_COMPOSE_FILE_BYTES_MAX)
            return err_new(ERR_LIMIT, "files of more than %d bytes together",
                           MESSAGE_COMPOSE_FILE_BYTES_MAX);
    }
    if (c->html.len == 0 && count_files(c, true) > 0)
        return err_new(ERR_CONFIG, "content id: there is no HTML that could show the file");
    return NULL;
}

static err choose_boundary(struct writer *w)
{
    if (w->c->boundary.len == 0) {
        message_id_unique(w->c->now_ms, w->boundary);
        return NULL;
    }
    for (size_t i = 0; i < w->c->boundary.len; i++)
        if (!char_is_alnum(w->c->boundary.ptr[i]) && w->c->boundary.ptr[i] != '.')
            return err_new(ERR_CONFIG, "boundary: letters, digits and dots only");
    if (!str_to_chars(w->c->boundary, w->boundary, sizeof w->boundary))
        return err_new(ERR_CONFIG, "boundary: more than %d letters",
                       MESSAGE_COMPOSE_BOUNDARY_BYTES_MAX);
    return NULL;
}

err message_compose_body_add(const struct message_compose *c, struct buf *out)
{
    struct writer w = {.c = c, .out = out};
    TRY(check_sizes(c));
    TRY(choose_boundary(&w));
    TRY(buf_add(out, S("MIME-Version: 1.0\r\n")));
    return add_mixed(&w);
}
