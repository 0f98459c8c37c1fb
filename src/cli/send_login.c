#include "cli/send_login.h"
#include "cli/oauth_logins.h"
#include "cli/send_compose.h"
#include "config/value.h"
#include "sasl/mechanism.h"
#include "secret/command.h"
#include <string.h>
#include <unistd.h>

static bool uses_stdin(const struct cli_send *run)
{
    for (size_t i = 0; i < run->files.count; i++)
        if (strcmp(run->files.items[i], "-") == 0)
            return true;
    return cli_send_compose_stdin_count(&run->message) > 0;
}

err cli_send_login_reference(struct cli_send *run, str reference, struct buf *ret_secret)
{
    TRY(config_value_secret(reference));
    return cli_oauth_logins_read(run->config, reference, ret_secret);
}

static err read_reference(struct cli_send *run, str reference)
{
    run->token |= str_starts(reference, S("oauth:"));
    return cli_send_login_reference(run, reference, &run->password);
}

static err read_account(struct cli_send *run)
{
    const struct config_account *sender = run->sender;
    run->options.user = sender->user;
    run->options.mechanism = sender->mechanism;
    run->token |= config_account_has_token(sender);
    return sender->user.len > 0 ? read_reference(run, sender->secret) : NULL;
}

static err ask_password(struct cli_send *run)
{
    if (!isatty(STDIN_FILENO) && uses_stdin(run))
        return err_new(ERR_CONFIG, "--user: stdin holds the message, so the password must come by "
                                   "--password-file, --password-command or --secret");
    return cli_read_password("Password", &run->password);
}

err cli_send_login_check(struct cli_send *run)
{
    struct client_options *o = &run->options;
    int ways = (run->password_file != NULL) + (run->password_command != NULL) +
               (run->secret != NULL) + (run->account != NULL);
    if (ways > 1)
        return err_new(ERR_CONFIG, "--password-file, --password-command, --secret, --account: "
                                   "one of them");
    if (ways > 0 && run->user == NULL && run->account == NULL)
        return err_new(ERR_CONFIG, "--user is needed to log in");
    if (run->account && run->user)
        return err_new(ERR_CONFIG, "--account: the user is the account's, so without --user");
    if (run->account)
        TRY(read_account(run));
    else if (run->user)
        o->user = str_of(run->user);
    if (run->mechanism)
        o->mechanism = str_of(run->mechanism);
    if (o->mechanism.len && sasl_mechanism_of(o->mechanism) == SASL_NONE)
        return err_new(ERR_CONFIG,
                       "--mechanism: \"%s\" is none of PLAIN, LOGIN, CRAM-MD5, "
                       "SCRAM-SHA-1, SCRAM-SHA-256, these two with -PLUS, OAUTHBEARER, XOAUTH2",
                       run->mechanism);
    return NULL;
}

err cli_send_login_read(struct cli_send *run)
{
    CLEANUP(buf_release) struct buf reference;
    buf_init(&reference, SECRET_COMMAND_BYTES_MAX);
    if (run->password_file)
        TRY(buf_addf(&reference, "file:%s%s", run->password_file[0] == '/' ? "" : "./",
                     run->password_file));
    else if (run->password_command)
        TRY(buf_addf(&reference, "command:%s", run->password_command));
    else if (run->secret)
        TRY(buf_addf(&reference, "%s", run->secret));
    if (run->password_file)
        TRY(secret_read(buf_str(&reference), &run->password));
    else if (reference.len)
        TRY(read_reference(run, buf_str(&reference)));
    else if (run->user)
        TRY(ask_password(run));
    run->options.secret = buf_str(&run->password);
    run->options.token = run->token;
    return NULL;
}
