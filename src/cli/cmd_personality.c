#include "cli/commands.h"
#include "personality/personality.h"

/* For the shells: its options in the words of ours. */
static void list_options(const struct cli_listing *listing, const struct personality *p)
{
    struct personality_option o;
    static const char *no_value;
    static bool no_flag;
    for (size_t i = 0; p->option_at(i, &o); i++) {
        struct cli_option option = {.name = o.name, .letter = o.letter};
        if (o.takes_value)
            option.value = &no_value;
        else
            option.flag = &no_flag;
        listing->option(listing->arg, &option);
    }
}

/* Every row of commands.c that is another program by its name. */
int cmd_personality(struct cli *cli, int argc, char **argv)
{
    const struct personality *p = personality_find(str_of(cli->command->name));
    ASSERT(p != NULL);
    if (cli->listing == NULL)
        return p->run(argc, argv);
    list_options(cli->listing, p);
    return CLI_OK;
}
