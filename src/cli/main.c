/* cli/main.c -- one table, and the way into it */
#include "cli/cli.h"
#include "cli/commands.h"
#include <signal.h>

/* In the order in which help shows them. */
const struct cli_command cli_commands[] = {
    {"serve",           cmd_serve, "run the server", cmd_serve_help},
    {0},
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv);
}
