#include "cli/account_token.h"
#include "cli/commands.h"
#include "cli/oauth_logins.h"
#include "config/value.h"
#include "oauth/provider.h"

static const struct oauth_provider *provider_of(struct cli_account_run *run, str server)
{
    struct oauth_providers all;
    struct config_errors errors;
    struct config_hop hop;
    config_errors_init(&errors);
    bool good = config_value_hop(server, run->arena, &hop) == NULL &&
                oauth_provider_read_all(run->config->share, run->arena, &errors, &all);
    config_errors_release(&errors);
    err_forget();
    return good ? oauth_provider_of_host(&all, hop.host) : NULL;
}

void cli_account_token_show(struct cli_account_run *run, const struct cli_account_token *t,
                            FILE *out)
{
    const struct oauth_provider *p = provider_of(run, t->server);
    if (p) {
        fprintf(out, "  first    smtptool oauth setup %.*s      how to get a client ID\n",
                STR_ARG(p->key));
        fputs("  then     smtptool account add ", out);
        cli_print_clean(out, t->address);
        fputs(" --client-id ID\n", out);
        return;
    }
    fprintf(out,
            "  first    smtptool oauth login %.*s --provider https://ISSUER --client-id ID --scope "
            "SCOPES\n",
            STR_ARG(t->name));
    fputs("  then     smtptool account add ", out);
    cli_print_clean(out, t->address);
    fprintf(out, " --oauth %.*s\n", STR_ARG(t->name));
}

int cli_account_token_login(struct cli_account_run *run, const struct cli_account_token *t)
{
    struct cli *cli = run->cli;
    const struct cli_command *mine = cli->command;
    const struct oauth_provider *p = provider_of(run, t->server);
    if (p == NULL) {
        cli_fail("account add: --client-id: nobody is known whose tokens this server takes: make "
                 "a login by `smtptool oauth login`, and give it by --oauth");
        return CLI_USAGE;
    }
    const char *words[16] = {"oauth",
                             "login",
                             arena_chars(run->arena, t->name),
                             "--provider",
                             arena_chars(run->arena, p->key),
                             "--user",
                             arena_chars(run->arena, t->address),
                             "--client-id"};
    int count = 8;
    words[count++] = run->client_id;
    if (run->client_secret_ref)
        words[count++] = "--client-secret-ref", words[count++] = run->client_secret_ref;
    if (run->ca_file)
        words[count++] = "--ca-file", words[count++] = run->ca_file;
    bool quiet = cli->quiet;
    cli->quiet = true; /* what comes next is ours to say */
    for (cli->command = cli_commands; cli->command->run != cmd_oauth;)
        cli->command++;
    int code = cmd_oauth(cli, count, (char **)(uintptr_t)words);
    cli->command = mine;
    cli->quiet = quiet;
    return code;
}

static bool has(const struct config *server, str name, struct arena *arena)
{
    struct oauth_store *store = NULL;
    str *names = NULL;
    size_t count = 0;
    err e = cli_oauth_logins_open(server, &store);
    if (e == NULL)
        e = oauth_store_names(store, arena, &names, &count);
    bool there = e != NULL; /* it cannot be read: who knows? */
    for (size_t i = 0; i < count; i++)
        there |= str_eq(names[i], name);
    err_forget();
    oauth_store_close(store);
    return there;
}

bool cli_account_token_exists(struct cli_account_run *run, str name)
{
    return has(NULL, name, run->arena) || has(run->config, name, run->arena);
}
