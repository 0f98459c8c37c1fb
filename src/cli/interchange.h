/* cli/interchange.h -- one run of `smtptool config import` or `config export`: what was asked for
 *
 * For cmd_config.c and the interchange_*.c; what the files of others mean is interchange/'s.
 */
#pragma once
#include "cli/cli.h"
#include "config/preset.h"

struct cli_interchange_run {
    struct cli *cli;
    const char *account, *name, *keep;                 /* import */
    const char *user, *secret, *host, *from, *ca_file; /* export */
    bool make_default, dry_run;
    /* What both need, once it is opened. */
    struct arena *arena;
    const struct config *config;
    struct config *own;
    struct config_presets presets;
};

/* path may be NULL: where the program has its file. */
int cli_interchange_import(struct cli_interchange_run *, const char *program, const char *path);
/* what: an account's name, or "preset:NAME". */
int cli_interchange_export(struct cli_interchange_run *, const char *program, const char *what);

/* The configuration, the user's accounts and the presets. False: told. */
bool cli_interchange_open(struct cli_interchange_run *);
void cli_interchange_close(struct cli_interchange_run *);
