#include "cli/use.h"
#include "cli/cli.h"
#include "shaping/ledger.h"

str cli_use_name(const struct client_options *c, struct arena *arena)
{
    str name = c->user.len > 0
                   ? arena_printf(arena, "%.*s at %.*s", STR_ARG(c->user), STR_ARG(c->hop.host))
                   : c->hop.host;
    name = arena_str(arena, str_slice(name, 0, WARMUP_NAME_BYTES_MAX));
    for (size_t i = 0; i < name.len; i++)
        ((char *)name.ptr)[i] = char_lower(name.ptr[i]);
    return name;
}

err cli_use_path(char ret_path[CLI_USER_FOLDER_CHARS])
{
    return cli_user_folder_file(CLI_USER_FOLDER_STATE, "use.db", ret_path);
}

static bool has_quota(const struct config_quota *q)
{
    return q->per_minute > 0 || q->per_hour > 0 || q->per_day > 0 || q->recipients_per_day > 0;
}

static void tell_full(struct shaping_ledger *l, const struct config_account *account)
{
    static const char *const spans[SHAPING_QUOTA_KINDS] = {"a minute", "an hour", "a day",
                                                           "recipients a day"};
    struct shaping_quota_use use;
    for (int kind = SHAPING_QUOTA_HOUR; kind < SHAPING_QUOTA_KINDS; kind++)
        if (shaping_ledger_look(l, (enum shaping_quota_kind)kind, &use) && use.used >= use.limit)
            cli_fail("account %.*s: %llu of %llu %s went out from here, so its server may refuse "
                     "more or close it",
                     STR_ARG(account->name), (unsigned long long)use.used,
                     (unsigned long long)use.limit, spans[kind]);
}

void cli_use_count(const struct config_account *account, const struct client_options *c,
                   size_t messages, size_t rcpts)
{
    char path[CLI_USER_FOLDER_CHARS];
    struct shaping_ledger *ledger = NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(16 << 10);
    if (!has_quota(&account->quota) || messages == 0)
        return;
    err e = cli_use_path(path);
    struct shaping_ledger_options o = {
        .path = path, .account = cli_use_name(c, arena), .quota = account->quota};
    if (e == NULL)
        e = shaping_ledger_open(&o, &ledger);
    if (e == NULL)
        e = shaping_ledger_count(ledger, messages, rcpts);
    if (e == NULL)
        tell_full(ledger, account);
    shaping_ledger_close(ledger);
    err_forget();
}
