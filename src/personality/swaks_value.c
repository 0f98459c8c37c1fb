#include "personality/swaks_value.h"
#include "base/mem.h"
#include "personality/swaks_file.h"
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 1 << 20, PATH_BYTES = 1024, ASKED_MAX = 100 };

/* ---- asking ----------------------------------------------------------------------------- */

/* Byte by byte, so that nothing behind the line is taken from others who read stdin. */
static err read_line(struct buf *line)
{
    char c;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        TRY(buf_add_char(line, c));
    if (n <= 0 && line->len == 0)
        return err_new(ERR_CONFIG, "the input ended");
    return NULL;
}

static err read_answer(struct buf *line, bool secret)
{
    struct termios before, quiet;
    char *room;
    TRY(buf_reserve(line, 4096, &room)); /* so that a secret leaves no copies behind */
    bool hide = secret && isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (hide) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    err e = read_line(line);
    if (hide) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        putchar('\n');
    }
    return e;
}

err personality_swaks_value_ask(struct swaks_values *v, const char *prompt, bool secret,
                                bool may_be_empty, str *ret_answer)
{
    struct buf line;
    err e = NULL;
    buf_init(&line, ANSWER_BYTES_MAX);
    for (int i = 0; i < ASKED_MAX && e == NULL; i++) {
        buf_clear(&line);
        fputs(prompt, stdout);
        fflush(stdout);
        e = read_answer(&line, secret);
        if (e == NULL && (line.len || may_be_empty))
            break;
    }
    if (e)
        e = err_new(ERR_CONFIG, "the input ended where \"%s\" was asked", prompt);
    else
        *ret_answer = arena_str(v->arena, buf_str(&line));
    if (line.ptr)
        mem_wipe(line.ptr, line.cap);
    buf_release(&line);
    return e;
}

/* ---- files ------------------------------------------------------------------------------ */

static err read_file(struct swaks_values *v, str path, const char *option, str *ret_text)
{
    char chars[PATH_BYTES];
    struct buf text;
    if (!str_to_chars(path, chars, sizeof chars))
        return err_new(ERR_CONFIG, "the file's name is too long for option %s", option);
    buf_init(&text, SWAKS_FILE_BYTES_MAX - v->bytes_read);
    err e = personality_swaks_file_read(chars, &text);
    if (e)
        e = err_new(ERR_CONFIG,
                    "Option processing error: file %.100s not openable for option %s (%s)", chars,
                    option, e->kind == ERR_SYSTEM ? strerror(err_number(e)) : "it is too large");
    else
        *ret_text = arena_str(v->arena, buf_str(&text));
    v->bytes_read += text.len;
    buf_release(&text);
    return e;
}

static err read_stdin(struct swaks_values *v, const char *option, str *ret_text)
{
    if (!v->stdin_read)
        TRY(read_file(v, S("-"), option, &v->stdin_text));
    v->stdin_read = true;
    *ret_text = v->stdin_text;
    return NULL;
}

/* The old rule: what could be a file's name is one. --data takes any single line for that. */
static err guess_file(struct swaks_values *v, const struct swaks_setting *s, str *text)
{
    char path[PATH_BYTES];
    bool one_line = str_find(*text, '\n') == STR_NONE && !str_contains(*text, S("\\n")) &&
                    !str_contains(*text, S("%NEWLINE%"));
    bool is_data = s->option->key == SWAKS_DATA;
    if (!one_line || s->option->key == SWAKS_PROXY || !str_to_chars(*text, path, sizeof path) ||
        (!is_data && !personality_swaks_file_exists(path)))
        return NULL;
    v->deprecated(v->arg, s->name);
    return read_file(v, *text, s->option->names[0], text);
}

static err resolve(struct swaks_values *v, const struct swaks_setting *s, str given, str *ret_value)
{
    const char *option = s->option->names[0];
    if (str_eq(given, S("-")))
        TRY(read_stdin(v, option, &given));
    else if (str_starts(given, S("@@")))
        given = str_from(given, 1);
    else if (str_starts(given, S("@")))
        TRY(read_file(v, str_from(given, 1), option, &given));
    else
        TRY(guess_file(v, s, &given));
    *ret_value = given;
    return NULL;
}

err personality_swaks_value_of(struct swaks_values *v, const struct swaks_setting *s,
                               str *ret_value)
{
    str value = s->value;
    const struct swaks_option *o = s->option;
    if (value.len == 0 && o->takes == SWAKS_ASKS) {
        if (o->prompt == NULL)
            return err_new(ERR_CONFIG,
                           "Option processing error: option %s specified with no argument",
                           o->names[0]);
        bool may_be_empty = o->key == SWAKS_FROM || o->key == SWAKS_SERVER ||
                            o->key == SWAKS_HELO || o->key == SWAKS_LOCAL || o->key == SWAKS_DATA;
        TRY(personality_swaks_value_ask(v, o->prompt, o->traits & SWAKS_SECRET, may_be_empty,
                                        &value));
    }
    if (o->traits & SWAKS_FROM_FILE)
        TRY(resolve(v, s, value, &value));
    *ret_value = value;
    return NULL;
}

err personality_swaks_value_get(struct swaks_values *v, enum swaks_key key, str *ret_value)
{
    const struct swaks_setting *s = personality_swaks_option_find(v->settings, key);
    return s ? personality_swaks_value_of(v, s, ret_value) : NULL;
}
