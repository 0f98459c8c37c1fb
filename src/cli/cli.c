#include "cli/cli.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- telling ---------------------------------------------------------------------------- */

void cli_fail(const char *fmt, ...)
{
    va_list args;
    fputs("smtptool: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

void cli_fail_err(err e, const char *fmt, ...)
{
    char why[1024];
    va_list args;
    fputs("smtptool: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    err_describe(e, why, sizeof why);
    fprintf(stderr, ": %s\n", why);
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

/* -1: not a global option; 0: taken; 1: an error, told. */
static int take_global(struct parsing *p, str name, const char *attached)
{
    if (str_eq(name, S("C")) || str_eq(name, S("config"))) {
        const char *value = take_value(p, attached, "config");
        p->cli->config_path = str_of(value);
        return value == NULL;
    }
    if (str_eq(name, S("v")) || str_eq(name, S("verbose")))
        p->cli->verbose++;
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

err cli_read_password(const char *prompt, struct buf *ret_password)
{
    struct termios before, quiet;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        fprintf(stderr, "%s: ", prompt);
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    char c;
    err e = NULL;
    ssize_t n;
    while (e == NULL && (n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        e = buf_add_char(ret_password, c);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (e == NULL && ret_password->len > 0 && ret_password->ptr[ret_password->len - 1] == '\r')
        ret_password->len--;
    if (e == NULL && ret_password->len == 0)
        return err_new(ERR_CONFIG, "no password was given");
    return e;
}

/* ---- the way in ------------------------------------------------------------------------- */

static void show_help(void)
{
    puts("smtptool -- sends, receives, queues, tests and explains e-mail\n\n"
         "usage: smtptool [-C FILE] [-v] [-q] [--json] SUBCOMMAND ...\n");
    for (const struct cli_command *c = cli_commands; c->name; c++)
        printf("  %-10s %s\n", c->name, c->summary);
    puts("\n\"smtptool SUBCOMMAND --help\" tells more, with examples.");
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
    static const struct cli_command before = {"help", NULL, "", ""};
    struct parsing p = {&cli, &before, NULL, 0, argc, argv, 1, false};
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
        show_help();
        return p.help || help_word ? CLI_OK : CLI_USAGE;
    }
    const struct cli_command *command = find_command(argv[p.at]);
    if (command == NULL) {
        cli_fail("unknown subcommand \"%s\"; see \"smtptool --help\"", argv[p.at]);
        return CLI_USAGE;
    }
    return command->run(&cli, argc - p.at, argv + p.at);
}
