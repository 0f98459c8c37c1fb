/* cli/commands.h -- the subcommands: each is a file of its own, cmd_NAME.c */
#pragma once
#include "cli/cli.h"

int cmd_serve(struct cli *, int argc, char **argv);
extern const char cmd_serve_help[];
