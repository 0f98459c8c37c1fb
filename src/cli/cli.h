/* cli/cli.h -- what every subcommand shares: the global options, help, exit codes
 *
 *     smtptool [-C FILE] [-v] [-q] [--json] SUBCOMMAND ...
 *
 * The global options may stand before or behind the subcommand. Results go to stdout, talk and
 * progress to stderr. A subcommand is one file cmd_NAME.c with one function and one row in the
 * table of commands.c; its help text is a constant beside it.
 */
#pragma once
#include "config/config.h"
#include <jansson.h>
#include <stdio.h>

enum cli_exit { /* sysexits, for sending; 0, 1, 2 for checks */
                CLI_OK = 0,
                CLI_FINDINGS = 1,
                CLI_UNKNOWN = 2,      /* could not determine */
                CLI_USAGE = 64,       /* EX_USAGE */
                CLI_DATA = 65,        /* EX_DATAERR: the message cannot be sent as it is */
                CLI_NO_INPUT = 66,    /* EX_NOINPUT */
                CLI_NO_USER = 67,     /* EX_NOUSER: a recipient was refused */
                CLI_NO_HOST = 68,     /* EX_NOHOST: no such server in the DNS */
                CLI_UNAVAILABLE = 69, /* EX_UNAVAILABLE: refused for good */
                CLI_SOFTWARE = 70,
                CLI_OS = 71,
                CLI_CANNOT_CREATE = 73,
                CLI_IO = 74,
                CLI_TEMPORARY = 75, /* EX_TEMPFAIL: try again later */
                CLI_PROTOCOL = 76,
                CLI_NO_PERMISSION = 77,
                CLI_CONFIG = 78, /* EX_CONFIG */
};

struct cli_listing;

struct cli {
    str config_path; /* -C; empty: the search order of config_load() */
    int verbose;     /* -v, counted */
    bool quiet, json;
    const struct cli_command *command; /* the one that runs */
    /* Not NULL: nothing runs; cli_parse() tells the options of the subcommand, and that is all. */
    const struct cli_listing *listing;
};

struct cli_command {
    const char *name;
    int (*run)(struct cli *, int argc, char **argv); /* argv[0] is the subcommand */
    const char *summary;                             /* one line */
    const char *help;                                /* usage, options, examples */
    const struct cli_verb *verbs; /* words that may follow it; ends with a NULL name; NULL: none */
    const char *group;            /* it is the first of this group in the table; NULL: it is not */
};
extern const struct cli_command cli_commands[]; /* ends with a NULL name */
void cli_show_commands(FILE *);                 /* "smtptool --help" */

/* Options of a subcommand as a table: long names with one or two dashes, "--name value" and
 * "--name=value", "--" ends them; the global options are taken out on the way. */
struct cli_option {
    const char *name;                           /* "server" */
    char letter;                                /* 0: none */
    const char **value;                         /* where a value goes; NULL: a flag */
    bool *flag;                                 /* set for a flag */
    void (*each)(void *arg, const char *value); /* for options that may stand several times */
    void *arg;
    bool refused; /* known so that we can say why not: no shell offers it */
};
struct cli_listing {
    void (*option)(void *arg, const struct cli_option *);
    void *arg;
};
enum { CLI_GLOBALS = 5 };
extern const struct cli_option cli_globals[CLI_GLOBALS]; /* -C, -v, -q, --json, -h: names only */
/* Returns the index of the first operand in argv (operands are moved behind the options), or -1
 * after an error or --help was shown: then *ret_exit is what to exit with. */
int cli_parse(struct cli *, const struct cli_command *, const struct cli_option *, size_t count,
              int argc, char **argv, int *ret_exit);

void cli_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* "smtptool: …" */
void cli_fail_err(err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What went wrong, for a person: with -v also where in the source. */
void cli_describe(err, char *ret_text, size_t size);
/* Read the configuration, telling all that is wrong with it. NULL: told; exit with CLI_CONFIG. */
const struct config *cli_config(struct cli *);
/* main() without main: finds the subcommand, shows help and version. */
int cli_main(int argc, char **argv);
bool cli_color(int fd); /* a terminal, and NO_COLOR is not set */
/* Give each operand word from the table its function: "user add", "queue hold". */
struct cli_verb {
    const char *name;
    int (*run)(void *arg, int argc, char **argv); /* argv[0] is behind the verb */
    int least, most;                              /* operands behind it; most < 0: any number */
    const char *operands;                         /* for the usage line: "NAME [on|off]" */
};
/* Runs the verb in argv[0], or tells what is wrong: CLI_USAGE. */
int cli_run_verb(const struct cli *, const struct cli_verb *, size_t count, void *arg, int argc,
                 char **argv);

/* What to exit with after an err that was told. */
int cli_exit_of(err);
/* One JSON object as one line on stdout; takes the object over. */
void cli_print_json(json_t *);
json_t *cli_json_str(str); /* bytes that are no UTF-8 become U+FFFD */
/* Other people's text for a terminal: control bytes become '?'. */
void cli_print_clean(FILE *, str);

/* A password from a prompt on the terminal (no echo), or the first line of stdin when it is none.
 * ERR_CANCELED: Ctrl-C. The buf is to be wiped: secret_wipe(). */
must_use err cli_read_password(const char *prompt, struct buf *ret_password);
/* All of a file, or of stdin for "-". ERR_LIMIT: above the buf's maximum. */
must_use err cli_read_file(const char *path, struct buf *out);
/* The state folder and those above it, mode 0700, when they are not there. */
must_use err cli_make_state(const struct config *);
