/* cli/main.c -- the way in; the table of subcommands is commands.c */
#include "cli/cli.h"
#include <signal.h>

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv);
}
