#include "smtp/reply.h"
#include <assert.h>
#include <string.h>

static_assert(SMTP_REPLY_LINE_BYTES_WRITE_MAX <= SMTP_REPLY_LINE_BYTES_MAX,
              "we read what we write");

/* ---- reading ---- */

/* Digits at the start of s, at most three; 0: none, or more. */
static size_t number_length(str s)
{
    size_t i = 0;
    while (i < s.len && char_is_digit(s.ptr[i]))
        i++;
    return i <= 3 ? i : 0;
}

str smtp_reply_cut_enhanced(int code, str *text)
{
    str rest = *text;
    bool class_fits = rest.len > 0 &&
                      (rest.ptr[0] == '2' || rest.ptr[0] == '4' || rest.ptr[0] == '5') &&
                      (code == 0 || rest.ptr[0] - '0' == code / 100);
    if (!class_fits)
        return (str){0};
    rest = str_from(rest, 1);
    for (int part = 0; part < 2; part++) {
        if (!str_skip(&rest, S(".")) || number_length(rest) == 0)
            return (str){0};
        rest = str_from(rest, number_length(rest));
    }
    str enhanced = str_slice(*text, 0, text->len - rest.len);
    if (rest.len > 0 && !str_skip(&rest, S(" ")))
        return (str){0};
    *text = rest;
    return enhanced;
}

/* A line in the making: can what is there still become a reply line? */
static err check_start(str part)
{
    for (size_t i = 0; i < part.len && i < 3; i++)
        if (!char_is_digit(part.ptr[i]))
            return err_new(ERR_PROTOCOL, "not a reply: no code");
    if (part.len > 0 && (part.ptr[0] < '2' || part.ptr[0] > '5'))
        return err_new(ERR_PROTOCOL, "not a reply: code out of range");
    if (part.len > 3 && part.ptr[3] != ' ' && part.ptr[3] != '-' && part.ptr[3] != '\r')
        return err_new(ERR_PROTOCOL, "no blank or hyphen after the reply code");
    if (str_find(part, '\0') != STR_NONE)
        return err_new(ERR_PROTOCOL, "NUL in a reply");
    return NULL;
}

struct line {
    str text; /* behind the code */
    int code;
    bool last;
};

/* Cut one line off. *ret_complete false: it has not arrived whole. */
static err take_line(str *rest, bool *ret_complete, struct line *ret_line)
{
    size_t lf = str_find(*rest, '\n');
    str part = lf == STR_NONE ? *rest : str_slice(*rest, 0, lf);
    if (part.len >= SMTP_REPLY_LINE_BYTES_MAX)
        return err_new(ERR_LIMIT, "reply line above %d bytes", SMTP_REPLY_LINE_BYTES_MAX);
    TRY(check_start(part));
    size_t cr = str_find(part, '\r');
    bool cr_is_last = cr != STR_NONE && cr + 1 == part.len;
    if (cr != STR_NONE && !cr_is_last)
        return err_new(ERR_PROTOCOL, "CR alone in a reply");
    *ret_complete = lf != STR_NONE;
    if (lf == STR_NONE)
        return NULL;
    if (!cr_is_last)
        return err_new(ERR_PROTOCOL, "LF alone in a reply");
    if (cr < 3)
        return err_new(ERR_PROTOCOL, "not a reply: no code");
    const char *p = part.ptr;
    ret_line->code = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
    ret_line->last = p[3] != '-';
    ret_line->text = cr > 4 ? str_slice(part, 4, cr - 4) : (str){0};
    *rest = str_from(*rest, lf + 1);
    return NULL;
}

/* Check all lines that are there; *ret_lines and *ret_bytes measure a complete reply. */
static err measure(str input, bool *ret_complete, int *ret_lines, size_t *ret_bytes)
{
    str rest = input;
    int code = 0;
    for (int n = 1; n <= SMTP_REPLY_LINES_MAX; n++) {
        struct line line;
        bool complete = false;
        TRY(take_line(&rest, &complete, &line));
        if (input.len - rest.len > SMTP_REPLY_BYTES_MAX)
            return err_new(ERR_LIMIT, "reply above %d bytes", SMTP_REPLY_BYTES_MAX);
        if (!complete) {
            *ret_complete = false;
            return NULL;
        }
        if (code != 0 && line.code != code)
            return err_new(ERR_PROTOCOL, "reply lines with codes %d and %d", code, line.code);
        code = line.code;
        if (line.last) {
            *ret_complete = true;
            *ret_lines = n;
            *ret_bytes = input.len - rest.len;
            return NULL;
        }
    }
    return err_new(ERR_LIMIT, "more than %d reply lines", SMTP_REPLY_LINES_MAX);
}

static char readable(char c)
{
    return (unsigned char)c < ' ' && c != '\t' ? '?' : c == 127 ? '?' : c;
}

err smtp_reply_parse(str *input, struct arena *arena, bool *ret_complete,
                     struct smtp_reply *ret_reply)
{
    bool complete = false;
    int lines = 0;
    size_t bytes = 0, used = 0;
    TRY(measure(*input, &complete, &lines, &bytes));
    *ret_complete = complete;
    if (!complete)
        return NULL;

    struct smtp_reply reply = {0};
    char *text = arena_alloc(arena, bytes);
    for (int n = 0; n < lines; n++) {
        struct line line = {0};
        TRY(take_line(input, &complete, &line)); /* cannot fail: measured above */
        reply.code = line.code;
        str enhanced = smtp_reply_cut_enhanced(line.code, &line.text);
        if (reply.enhanced.len == 0)
            reply.enhanced = arena_str(arena, enhanced);
        if (n > 0)
            text[used++] = '\n';
        for (size_t i = 0; i < line.text.len; i++)
            text[used++] = readable(line.text.ptr[i]);
    }
    reply.text = (str){text, used};
    *ret_reply = reply;
    return NULL;
}

/* ---- writing ---- */

/* Cut the next line off *text: up to '\n', or as much as fits, between two words if there are. */
static str next_line(str *text, size_t room)
{
    size_t lf = str_find(*text, '\n');
    size_t len = lf == STR_NONE ? text->len : lf;
    if (len <= room) {
        str line = str_slice(*text, 0, len);
        *text = str_from(*text, len + 1);
        return line;
    }
    size_t blank = str_find_last(str_slice(*text, 0, room + 1), ' ');
    bool between_words = blank != STR_NONE && blank > 0;
    str line = str_slice(*text, 0, between_words ? blank : room);
    *text = str_from(*text, between_words ? blank + 1 : room);
    return line;
}

static err add_line(struct buf *out, int code, bool last, const char *enhanced, str line)
{
    const char *mark = last ? " " : "-", *blank = enhanced[0] && line.len > 0 ? " " : "";
    TRY(buf_addf(out, "%03d%s%s%s", code, mark, enhanced, blank));
    for (size_t i = 0; i < line.len; i++) {
        bool printable = line.ptr[i] >= ' ' && line.ptr[i] <= '~';
        TRY(buf_add_char(out, printable ? line.ptr[i] : '?'));
    }
    return buf_add(out, S("\r\n"));
}

err smtp_reply_format(struct buf *out, int code, const char *enhanced, str text)
{
    ASSERT(code >= 200);
    ASSERT(code <= 599);
    size_t before = out->len;
    if (enhanced == NULL)
        enhanced = "";
    ASSERT(strlen(enhanced) <= SMTP_REPLY_ENHANCED_BYTES_MAX);
    size_t room = SMTP_REPLY_LINE_BYTES_WRITE_MAX - strlen("250 ") - strlen(enhanced) -
                  strlen(" ") - strlen("\r\n");
    for (int n = 1; n <= SMTP_REPLY_LINES_MAX; n++) {
        str line = next_line(&text, room);
        bool last = text.len == 0 || n == SMTP_REPLY_LINES_MAX;
        err e = add_line(out, code, last, enhanced, line);
        if (e) {
            out->len = before;
            return e;
        }
        if (last)
            break;
    }
    return NULL;
}
