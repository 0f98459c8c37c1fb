#include "personality/swaks_output.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { SAID_BYTES_MAX = 4096, HEX_LINE = 16, PATH_BYTES = 1024 };

void personality_swaks_output_init(struct swaks_output *o)
{
    *o = (struct swaks_output){.out = stdout, .err = stderr};
}

void personality_swaks_output_release(struct swaks_output *o)
{
    for (size_t i = 0; i < ARRAY_LEN(o->files); i++)
        if (o->files[i])
            fclose(o->files[i]);
    personality_swaks_output_init(o);
}

static err open_output(struct swaks_output *o, str name, FILE **ret_file)
{
    char path[PATH_BYTES];
    size_t i = 0;
    if (name.len == 0)
        return NULL;
    if (str_eq(name, S("&STDOUT")) || str_eq(name, S("&STDERR"))) {
        *ret_file = str_eq(name, S("&STDOUT")) ? stdout : stderr;
        return NULL;
    }
    FILE *file = str_to_chars(name, path, sizeof path) ? fopen(path, "wbe") : NULL;
    if (file == NULL)
        return err_new(ERR_CONFIG, "Unable to open %.*s for writing (%s)",
                       STR_ARG(str_slice(name, 0, 150)), strerror(errno));
    while (o->files[i])
        i++;
    o->files[i] = file;
    *ret_file = file;
    return NULL;
}

err personality_swaks_output_redirect(struct swaks_output *o, str both, str to_stdout,
                                      str to_stderr)
{
    FILE *all = NULL;
    if (to_stdout.len == 0 || to_stderr.len == 0)
        TRY(open_output(o, both, &all));
    if (all)
        o->out = o->err = all;
    TRY(open_output(o, to_stdout, &o->out));
    return open_output(o, to_stderr, &o->err);
}

static bool is_error(enum swaks_mark mark)
{
    return mark == SWAKS_FAILS || mark == SWAKS_RECEIVED_BAD;
}

static bool is_hidden(struct swaks_output *o, enum swaks_mark mark)
{
    bool sent = mark == SWAKS_SENT || mark == SWAKS_SENT_RAW;
    bool received =
        mark == SWAKS_RECEIVED || mark == SWAKS_RECEIVED_BAD || mark == SWAKS_RECEIVED_RAW;
    if ((o->hide_send && sent) || (o->hide_receive && received) ||
        (o->hide_says && mark == SWAKS_SAYS) || o->hide_all)
        return true;
    o->error_seen |= is_error(mark);
    if (o->silence == SWAKS_SILENT_UNTIL_ERROR)
        return !o->error_seen;
    if (o->silence == SWAKS_SILENT_BUT_ERRORS)
        return !is_error(mark);
    return o->silence == SWAKS_SILENT_ALWAYS;
}

static const char *hint_of(const struct swaks_output *o, enum swaks_mark mark)
{
    switch (mark) {
    case SWAKS_SAYS:
        return o->bare_says ? "" : "=== ";
    case SWAKS_FAILS:
        return o->bare_says ? "" : "*** ";
    case SWAKS_SENT:
        return o->bare_send ? "" : o->tls ? " ~> " : " -> ";
    case SWAKS_SENT_RAW:
        return o->bare_send ? "" : "  > ";
    case SWAKS_RECEIVED:
        return o->bare_receive ? "" : o->tls ? "<~  " : "<-  ";
    case SWAKS_RECEIVED_BAD:
        return o->bare_receive ? "" : o->tls ? "<~* " : "<** ";
    default:
        return o->bare_receive ? "" : "<   ";
    }
}

static void print_line(FILE *to, const char *hint, str line)
{
    fputs(hint, to);
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        bool at_end = c == '\r' && i + 1 == line.len;
        if (!at_end)
            putc(c >= 0x20 ? (c == 0x7f ? '?' : c) : c == '\t' ? c : '?', to);
    }
    putc('\n', to);
}

void personality_swaks_output_text(struct swaks_output *o, enum swaks_mark mark, str text)
{
    if (is_hidden(o, mark))
        return;
    FILE *to = mark == SWAKS_FAILS ? o->err : o->out;
    const char *hint = hint_of(o, mark);
    bool more;
    do {
        str line;
        more = str_find(text, '\n') != STR_NONE;
        str_split(text, '\n', &line, &text);
        print_line(to, hint, line);
    } while (more);
    fflush(to);
}

void personality_swaks_output_say(struct swaks_output *o, enum swaks_mark mark, const char *fmt,
                                  ...)
{
    char text[SAID_BYTES_MAX / 4];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    personality_swaks_output_text(o, mark, (str){text, len});
}

void personality_swaks_output_count(struct swaks_output *o, str text)
{
    size_t lines = 1;
    for (size_t i = 0; i + 1 < text.len; i++)
        lines += text.ptr[i] == '\n';
    personality_swaks_output_say(o, SWAKS_SENT, "%zu lines sent", lines);
}

static void add_hex_line(struct buf *out, size_t at, str bytes)
{
    char text[HEX_LINE + 1] = {0};
    err e = buf_addf(out, "%s%04zu:", at ? "\n" : "", at);
    for (size_t i = 0; i < HEX_LINE && e == NULL; i++) {
        unsigned char c = i < bytes.len ? (unsigned char)bytes.ptr[i] : ' ';
        if (i % 4 == 0)
            e = buf_add_char(out, ' ');
        if (e == NULL)
            e = i < bytes.len ? buf_addf(out, "%02X ", c) : buf_add(out, S("   "));
        if (i < bytes.len)
            text[i] = c > 0x20 && c < 0x7f ? (char)c : '.';
    }
    if (e == NULL)
        e = buf_addf(out, "   %-16s", text);
    ASSERT(e == NULL); /* six bytes for each are enough */
}

void personality_swaks_output_hex(struct swaks_output *o, enum swaks_mark mark, str bytes)
{
    struct buf text;
    buf_init(&text, bytes.len * 6 + 200);
    for (size_t at = 0; at < bytes.len; at += HEX_LINE)
        add_hex_line(&text, at, str_slice(bytes, at, HEX_LINE));
    personality_swaks_output_text(o, mark, buf_str(&text));
    buf_release(&text);
}
