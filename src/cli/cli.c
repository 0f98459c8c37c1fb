#include "cli/cli.h"
#include "base/mem.h"
#include "cli/local_server.h"
#include "personality/personality.h"
#include "runtime/file.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- telling ---------------------------------------------------------------------------- */

enum { FAIL_TEXT_BYTES_MAX = 1024, FAIL_LINE_BYTES_MAX = 2 * FAIL_TEXT_BYTES_MAX + 100 };

/* Control bytes become '?', and so do bytes that are no UTF-8. */
static err add_clean(struct buf *out, str s)
{
    bool utf8 = str_is_utf8(s);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool c1 = c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0;
        bool shown = c >= 0x20 && c != 0x7f && (c < 0x80 || utf8) && !c1;
        TRY(buf_add_char(out, shown ? (char)c : '?'));
        i += c1 && utf8; /* C1 controls are two bytes of UTF-8 */
    }
    return NULL;
}

/* What is wrong may quote an argument or a server: it stays one line, and no terminal acts on it.
 * It goes out in one write: stderr has no buffer, and others may write there, too. */
static void fail_line(const char *fmt, va_list args, const char *why)
{
    char text[FAIL_TEXT_BYTES_MAX];
    struct buf line;
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    buf_init(&line, FAIL_LINE_BYTES_MAX);
    err e = buf_add(&line, S("smtptool: "));
    if (e == NULL)
        e = add_clean(&line, (str){text, len});
    if (e == NULL && why)
        e = buf_add(&line, S(": "));
    if (e == NULL)
        e = add_clean(&line, str_of(why));
    if (e == NULL)
        e = buf_add_char(&line, '\n');
    ASSERT(e == NULL); /* both texts are cut to fit */
    fwrite(line.ptr, 1, line.len, stderr);
    buf_release(&line);
}

void cli_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail_line(fmt, args, NULL);
    va_end(args);
}

static bool show_places; /* -v: the line of source that an err comes from */

/* Cut " [net.c:214]" out, wherever it stands. */
static void cut_places(char *text)
{
    for (char *at = text; (at = strstr(at, " [")) != NULL;) {
        size_t len = strcspn(at + 2, " ]");
        bool place = at[2 + len] == ']' && memmem(at, len, ".c:", 3) != NULL;
        if (place)
            memmove(at, at + len + 3, strlen(at + len + 3) + 1);
        else
            at += 2;
    }
}

void cli_describe(err e, char *ret_text, size_t size)
{
    err_describe(e, ret_text, size);
    if (!show_places)
        cut_places(ret_text);
}

void cli_fail_err(err e, const char *fmt, ...)
{
    char why[FAIL_TEXT_BYTES_MAX];
    va_list args;
    cli_describe(e, why, sizeof why);
    va_start(args, fmt);
    fail_line(fmt, args, why);
    va_end(args);
}

bool cli_color(int fd)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fd) && (no == NULL || *no == '\0');
}

/* ---- options ---------------------------------------------------------------------------- */

struct parsing {
    struct cli *cli;
    const struct cli_command *command;
    const struct cli_option *options;
    size_t count;
    int argc;
    char **argv;
    int at;
    bool help;
};

static const char *take_value(struct parsing *p, const char *attached, const char *name)
{
    if (attached)
        return attached;
    if (p->at + 1 < p->argc)
        return p->argv[++p->at];
    cli_fail("--%s needs a value; see \"smtptool %s --help\"", name, p->command->name);
    return NULL;
}

static const struct cli_option *find_option(const struct parsing *p, str name)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct cli_option *o = &p->options[i];
        if (str_eq(str_of(o->name), name) ||
            (name.len == 1 && o->letter && o->letter == name.ptr[0]))
            return o;
    }
    return NULL;
}

static const char *no_value;
static bool no_flag;
const struct cli_option cli_globals[CLI_GLOBALS] = {
    {.name = "config",  .letter = 'C',    .value = &no_value},
    {.name = "verbose", .letter = 'v',    .flag = &no_flag  },
    {.name = "quiet",   .letter = 'q',    .flag = &no_flag  },
    {.name = "json",    .flag = &no_flag},
    {.name = "help",    .letter = 'h', .flag = &no_flag                  },
};

/* -1: not a global option; 0: taken; 1: an error, told. */
static int take_global(struct parsing *p, str name, const char *attached)
{
    if (str_eq(name, S("C")) || str_eq(name, S("config"))) {
        const char *value = take_value(p, attached, "config");
        p->cli->config_path = str_of(value);
        return value == NULL;
    }
    if (str_eq(name, S("v")) || str_eq(name, S("verbose")))
        show_places = ++p->cli->verbose > 0;
    else if (str_eq(name, S("q")) || str_eq(name, S("quiet")))
        p->cli->quiet = true;
    else if (str_eq(name, S("json")))
        p->cli->json = true;
    else if (str_eq(name, S("h")) || str_eq(name, S("help")))
        p->help = true;
    else
        return -1;
    return 0;
}

static bool take_option(struct parsing *p, const struct cli_option *o, const char *attached)
{
    if (o->value == NULL && o->each == NULL) {
        if (attached) {
            cli_fail("--%s takes no value", o->name);
            return false;
        }
        *o->flag = true;
        return true;
    }
    const char *value = take_value(p, attached, o->name);
    if (value == NULL)
        return false;
    if (o->each)
        o->each(o->arg, value);
    else
        *o->value = value;
    return true;
}

static bool take_word(struct parsing *p)
{
    const char *word = p->argv[p->at];
    str name = str_of(word + (word[1] == '-' ? 2 : 1)), head, tail;
    str_split(name, '=', &head, &tail);
    bool has_value = str_find(name, '=') != STR_NONE;
    const char *attached = has_value ? head.ptr + head.len + 1 : NULL;
    const struct cli_option *o = find_option(p, head);
    if (o)
        return take_option(p, o, attached);
    int global = take_global(p, head, attached);
    if (global < 0)
        cli_fail("unknown option %s; see \"smtptool %s --help\"", word, p->command->name);
    return global == 0;
}

/* Operands are moved to the end, in order. */
static int sort_operands(struct parsing *p)
{
    char **operands = mem_alloc(((size_t)p->argc + 1) * sizeof(char *));
    int count = 0;
    bool ok = true;
    for (p->at = 1; p->at < p->argc && ok; p->at++) {
        const char *word = p->argv[p->at];
        if (strcmp(word, "--") == 0) {
            while (++p->at < p->argc)
                operands[count++] = p->argv[p->at];
        } else if (word[0] == '-' && word[1] != '\0') {
            ok = take_word(p);
        } else {
            operands[count++] = p->argv[p->at];
        }
    }
    int first = p->argc - count;
    for (int i = 0; i < count && ok; i++)
        p->argv[first + i] = operands[i];
    mem_free(operands);
    return ok ? first : -1;
}

int cli_parse(struct cli *cli, const struct cli_command *command, const struct cli_option *options,
              size_t count, int argc, char **argv, int *ret_exit)
{
    struct parsing p = {cli, command, options, count, argc, argv, 0, false};
    if (cli->listing) {
        for (size_t i = 0; i < count; i++)
            cli->listing->option(cli->listing->arg, &options[i]);
        *ret_exit = CLI_OK;
        return -1;
    }
    int first = sort_operands(&p);
    if (first < 0) {
        *ret_exit = CLI_USAGE;
        return -1;
    }
    if (p.help) {
        printf("smtptool %s -- %s\n\n%s", command->name, command->summary, command->help);
        *ret_exit = CLI_OK;
        return -1;
    }
    return first;
}

/* ---- shared steps ----------------------------------------------------------------------- */

const struct config *cli_config(struct cli *cli)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors);
    err e = config_load(cli->config_path, &config, &errors);
    if (e) {
        struct buf text;
        buf_init(&text, 1 << 20);
        if (config_errors_print(&errors, &text) == NULL)
            fputs(buf_chars(&text), stderr);
        buf_release(&text);
    }
    config_errors_release(&errors);
    return e ? NULL : config;
}

enum { CTRL_C = 3 };

static err read_line_bytes(struct buf *line)
{
    char c;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
        if (c == CTRL_C)
            return err_new(ERR_CANCELED, "interrupted");
        TRY(buf_add_char(line, c));
    }
    if (n < 0)
        return err_new(ERR_SYSTEM, "read from stdin");
    if (line->len > 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return line->len ? NULL : err_new(ERR_CONFIG, "no password was given");
}

err cli_read_password(const char *prompt, struct buf *ret_password)
{
    struct termios before, quiet;
    char *room;
    TRY(buf_reserve(ret_password, 1024, &room)); /* so that growing leaves no copies behind */
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fprintf(stderr, "%s: ", prompt);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG); /* a signal would leave the terminal mute */
        quiet.c_cc[VEOL] = CTRL_C;                 /* so that it arrives without a line end */
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    err e = read_line_bytes(ret_password);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    return e;
}

enum { READ_BYTES = 64 << 10 };

static err read_stream(FILE *from, const char *path, struct buf *out)
{
    char *room;
    size_t n;
    do {
        size_t space = out->max - out->len;
        size_t want = space < READ_BYTES ? space + 1 : READ_BYTES;
        if (space == 0)
            return fgetc(from) == EOF ? NULL
                                      : err_new(ERR_LIMIT, "%s is above %zu bytes", path, out->max);
        want = space < want ? space : want;
        TRY(buf_reserve(out, want, &room));
        n = fread(room, 1, want, from);
        out->len += n;
    } while (n > 0);
    return ferror(from) ? err_new(ERR_SYSTEM, "read %s", path) : NULL;
}

err cli_read_file(const char *path, struct buf *out)
{
    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "stdin", out);
    FILE *from = fopen(path, "rbe");
    if (from == NULL)
        return err_new(ERR_SYSTEM, "open %s", path);
    err e = read_stream(from, path, out);
    fclose(from);
    return e;
}

err cli_make_state(const struct config *config)
{
    char path[1024];
    if (!str_to_chars(config->state, path, sizeof path))
        return err_new(ERR_CONFIG, "the state folder's name is too long");
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (!file_exists(path))
            TRY(folder_make(path));
        *at = '/';
    }
    return folder_make(path);
}

/* ---- results ---------------------------------------------------------------------------- */

int cli_exit_of(err e)
{
    switch (e->kind) {
    case ERR_SYSTEM:
        if (err_number(e) == EACCES || err_number(e) == EPERM)
            return CLI_NO_PERMISSION;
        return err_number(e) == ENOENT ? CLI_NO_INPUT : CLI_IO;
    case ERR_TIMEOUT:
    case ERR_CANCELED:
    case ERR_CLOSED:
        return CLI_TEMPORARY;
    case ERR_DAMAGED:
        return CLI_SOFTWARE;
    default:
        return CLI_DATA;
    }
}

void cli_print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(object);
}

json_t *cli_json_str(str s)
{
    if (s.len == 0)
        return json_string("");
    json_t *whole = json_stringn(s.ptr, s.len);
    if (whole)
        return whole;
    struct buf mended;
    buf_init(&mended, s.len * 3 + 1);
    for (size_t i = 0; i < s.len; i++) {
        bool plain = (unsigned char)s.ptr[i] < 0x80;
        err e = buf_add(&mended, plain ? (str){s.ptr + i, 1} : S("\xef\xbf\xbd"));
        ASSERT(e == NULL);
    }
    json_t *text = json_stringn(mended.ptr, mended.len);
    buf_release(&mended);
    return text;
}

void cli_print_clean(FILE *out, str s)
{
    struct buf clean;
    buf_init(&clean, s.len + 1);
    err e = add_clean(&clean, s);
    ASSERT(e == NULL); /* it gets no longer */
    fwrite(buf_chars(&clean), 1, clean.len, out);
    buf_release(&clean);
}

/* ---- the way in ------------------------------------------------------------------------- */

void cli_show_commands(FILE *out)
{
    fputs("smtptool -- sends, receives, queues, tests and explains e-mail\n\n"
          "usage: smtptool [-C FILE] [-v] [-q] [--json] SUBCOMMAND ...\n",
          out);
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        if (c->group)
            fprintf(out, "\n%s:\n", c->group);
        fprintf(out, "  %-14s %s\n", c->name, c->summary);
    }
    fputs("\n\"smtptool SUBCOMMAND --help\" tells more, with examples.\n"
          "A first mail begins with \"smtptool account add me@example.com\": it tells the rest.\n",
          out);
}

int cli_run_verb(const struct cli *cli, const struct cli_verb *verbs, size_t count, void *arg,
                 int argc, char **argv)
{
    if (argc == 0) {
        cli_fail("%s what? see \"smtptool %s --help\"", cli->command->name, cli->command->name);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cli_verb *v = &verbs[i];
        if (strcmp(v->name, argv[0]) != 0)
            continue;
        if (argc - 1 >= v->least && (v->most < 0 || argc - 1 <= v->most))
            return v->run(arg, argc - 1, argv + 1);
        cli_fail("usage: smtptool %s %s %s", cli->command->name, v->name, v->operands);
        return CLI_USAGE;
    }
    cli_fail("unknown word \"%s\"; see \"smtptool %s --help\"", argv[0], cli->command->name);
    return CLI_USAGE;
}

static const struct cli_command *find_command(const char *name)
{
    for (const struct cli_command *c = cli_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    static const struct cli_command before = {.name = "help", .summary = "", .help = ""};
    struct parsing p = {&cli, &before, NULL, 0, argc, argv, 1, false};
    const struct personality *other = argc > 0 ? personality_find(str_of(argv[0])) : NULL;
    personality_server_set(&cli_local_server);
    if (other) /* called by another program's name */
        return other->run(argc, argv);
    for (; p.at < argc && argv[p.at][0] == '-'; p.at++) {
        if (strcmp(argv[p.at], "--version") == 0) {
            puts("smtptool " SMTPTOOL_VERSION);
            return CLI_OK;
        }
        if (!take_word(&p))
            return CLI_USAGE;
    }
    bool help_word = p.at < argc && strcmp(argv[p.at], "help") == 0;
    if (help_word && p.at + 1 < argc && find_command(argv[p.at + 1])) {
        const struct cli_command *c = find_command(argv[p.at + 1]);
        printf("smtptool %s -- %s\n\n%s", c->name, c->summary, c->help);
        return CLI_OK;
    }
    if (p.help || help_word || p.at == argc) {
        cli_show_commands(stdout);
        return p.help || help_word ? CLI_OK : CLI_USAGE;
    }
    const struct cli_command *command = find_command(argv[p.at]);
    if (command == NULL) {
        cli_fail("unknown subcommand \"%s\"; see \"smtptool --help\"", argv[p.at]);
        return CLI_USAGE;
    }
    cli.command = command;
    int code = command->run(&cli, argc - p.at, argv + p.at);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE) /* "| head" has what it wanted */
            cli_fail("cannot write to stdout: %s", strerror(errno));
        return CLI_IO;
    }
    return code;
}
