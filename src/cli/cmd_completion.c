#include "cli/commands.h"
#include "cli/completion.h"

const char cmd_completion_help[] =
    "usage: smtptool completion bash|zsh|fish\n"
    "\n"
    "Prints a script that lets the shell complete smtptool's subcommands and options. \"make\n"
    "install\" puts the same scripts where the shells look for them.\n"
    "\n"
    "examples:\n"
    "  source <(smtptool completion bash)\n"
    "  smtptool completion zsh > ~/.zfunc/_smtptool\n"
    "  smtptool completion fish > ~/.config/fish/completions/smtptool.fish\n";

static int run_shell(void *arg, int argc, char **argv)
{
    struct buf script;
    (void)argc, (void)argv;
    buf_init(&script, CLI_COMPLETION_BYTES_MAX);
    err e = cli_completion_write(str_of(arg), &script);
    ASSERT(e == NULL); /* the verbs are the shells, and our tables are small */
    fwrite(script.ptr, 1, script.len, stdout);
    buf_release(&script);
    return CLI_OK;
}

const struct cli_verb cmd_completion_verbs[] = {
    {"bash", run_shell, 0, 0, ""  },
    {"zsh",  run_shell, 0, 0, ""  },
    {"fish", run_shell, 0, 0, ""  },
    {NULL,   NULL,      0, 0, NULL},
};

int cmd_completion(struct cli *cli, int argc, char **argv)
{
    int code;
    int first = cli_parse(cli, cli->command, NULL, 0, argc, argv, &code);
    if (first < 0)
        return code;
    return cli_run_verb(cli, cmd_completion_verbs, ARRAY_LEN(cmd_completion_verbs) - 1,
                        first < argc ? argv[first] : NULL, argc - first, argv + first);
}
