/* cli/commands.h -- the subcommands: each is a file of its own, cmd_NAME.c */
#pragma once
#include "cli/cli.h"
