/* cli/commands.c -- the one table of subcommands */
#include "cli/commands.h"

/* In the order in which help shows them. */
/* clang-format off */
const struct cli_command cli_commands[] = {
    {"serve",  cmd_serve,  "run the server",                                    cmd_serve_help },
    {"send",   cmd_send,   "send one message and show what happened",           cmd_send_help  },
    {"queue",  cmd_queue,  "what waits, and why; hold, release, retry, remove", cmd_queue_help },
    {"trace",  cmd_trace,  "the life of one message",                           cmd_trace_help },
    {"user",   cmd_user,   "who may log in here",                               cmd_user_help  },
    {"config", cmd_config, "check, show and explain the configuration",         cmd_config_help},
    {"bench",  cmd_bench,  "load generator and sink, for measuring a server",   cmd_bench_help },
    {0},
};
/* clang-format on */
