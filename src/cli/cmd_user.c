/* cli/cmd_user.c -- smtptool user: who may log in here */
#include "account/store.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "secret/secret.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char cmd_user_help[] =
    "usage: smtptool user add NAME [--senders LIST] [--password-file F]\n"
    "       smtptool user list\n"
    "       smtptool user rm NAME\n"
    "       smtptool user password NAME [--password-file F]\n"
    "       smtptool user senders NAME PATTERN...\n"
    "       smtptool user disable NAME | enable NAME\n"
    "       smtptool user second-factor NAME on|off\n"
    "       smtptool user app-password add NAME --label TEXT [--scope submission|mailbox]\n"
    "       smtptool user app-password list NAME\n"
    "       smtptool user app-password revoke NAME ID\n\n"
    "A user logs in by AUTH and sends as the addresses that match a sender pattern:\n"
    "  own             the login itself (login@hostname when it has no \"@\"); the default\n"
    "  a@example.com   this address\n"
    "  @example.com    every address of this domain\n"
    "  *               every address\n\n"
    "With second-factor on, only app passwords log in. The token of a new app password is\n"
    "printed once, on stdout.\n\n"
    "options:\n"
    "  --senders LIST       patterns, commas between them\n"
    "  --password-file F    the password is this file's text (nobody else may read the file);\n"
    "                       without it: a prompt, or the first line of stdin\n"
    "  --label TEXT         what the app password is for: \"phone\"\n"
    "  --scope WORD         what it may be used for; default submission\n"
    "  -C, --config F       whose users: the store is accounts.db in its state folder\n"
    "  --json               list, app-password: one JSON object a line\n\n"
    "There is no option that takes a password itself: what stands on a command line can be\n"
    "read by every program of this machine.\n\n"
    "examples:\n"
    "  smtptool user add alice@example.com\n"
    "  smtptool user add shop --senders own,@shop.example < password.txt\n"
    "  smtptool user app-password add alice@example.com --label phone\n";

enum { USER_PASSWORD_BYTES_MAX = SECRET_BYTES_MAX, USER_LIST_BYTES_MAX = 256 << 20 };

struct user_run {
    struct cli *cli;
    const char *senders, *password_file, *label, *scope, *password;
    const struct config *config;
    struct account_store *store;
};

/* ---- asking for what is needed ---------------------------------------------------------- */

static err ask_twice(struct buf *ret_password)
{
    struct buf again;
    TRY(cli_read_password("New password", ret_password));
    if (!isatty(STDIN_FILENO))
        return NULL;
    buf_init(&again, USER_PASSWORD_BYTES_MAX);
    err e = cli_read_password("Once more", &again);
    if (e == NULL && !str_eq(buf_str(ret_password), buf_str(&again)))
        e = err_new(ERR_CONFIG, "the two are not the same; nothing was changed");
    secret_wipe(&again);
    return e;
}

static err get_password(const struct user_run *run, struct buf *ret_password)
{
    if (run->password_file == NULL)
        return ask_twice(ret_password);
    struct buf reference;
    buf_init(&reference, SECRET_PATH_BYTES_MAX);
    char *absolute = realpath(run->password_file, NULL);
    const char *path = absolute ? absolute : run->password_file;
    err e = buf_addf(&reference, "file:%s", path);
    if (e == NULL)
        e = secret_read(buf_str(&reference), ret_password);
    mem_free(absolute);
    buf_release(&reference);
    return e;
}

static int tell(err e, const char *name)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "user %s", name);
    return cli_exit_of(e);
}

static void note(const struct user_run *run, const char *name, const char *what)
{
    if (!run->cli->quiet)
        fprintf(stderr, "%s: %s\n", name, what);
}

/* ---- users ------------------------------------------------------------------------------ */

/* Adds to the list; one above the maximum stands for "too many". */
static void split_patterns(const char *list, str patterns[ACCOUNT_SENDERS_MAX + 1], size_t *count)
{
    str rest = str_of(list), head;
    while (rest.len && *count <= ACCOUNT_SENDERS_MAX) {
        str_split(rest, ',', &head, &rest);
        head = str_trim(head);
        if (head.len)
            patterns[(*count)++] = head;
    }
}

static err check_patterns(const str *patterns, size_t count)
{
    if (count == 0)
        return err_new(ERR_CONFIG, "no sender pattern: such a user could send nothing");
    if (count > ACCOUNT_SENDERS_MAX)
        return err_new(ERR_CONFIG, "more than %d sender patterns", ACCOUNT_SENDERS_MAX);
    for (size_t i = 0; i < count; i++)
        TRY(account_sender_check(patterns[i]));
    return NULL;
}

static int run_add(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    struct buf password;
    str name = str_of(argv[0]), patterns[ACCOUNT_SENDERS_MAX + 1];
    size_t count = 0;
    (void)argc;
    if (run->senders)
        split_patterns(run->senders, patterns, &count);
    err e = run->senders ? check_patterns(patterns, count) : NULL;
    if (e)
        return tell(e, argv[0]);
    buf_init(&password, USER_PASSWORD_BYTES_MAX);
    e = get_password(run, &password);
    if (e == NULL)
        e = account_store_add(run->store, name, buf_str(&password), run->config->sasl.cram_md5);
    secret_wipe(&password);
    if (e == NULL && run->senders)
        e = account_store_set_senders(run->store, name, patterns, count);
    if (e == NULL)
        note(run, argv[0], "added");
    return tell(e, argv[0]);
}

static int run_password(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    struct buf password;
    (void)argc;
    buf_init(&password, USER_PASSWORD_BYTES_MAX);
    err e = get_password(run, &password);
    if (e == NULL)
        e = account_store_set_password(run->store, str_of(argv[0]), buf_str(&password),
                                       run->config->sasl.cram_md5);
    secret_wipe(&password);
    if (e == NULL)
        note(run, argv[0], "the password was changed");
    return tell(e, argv[0]);
}

static int run_rm(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    (void)argc;
    err e = account_store_remove(run->store, str_of(argv[0]));
    if (e == NULL)
        note(run, argv[0], "removed, with all app passwords");
    return tell(e, argv[0]);
}

static int run_senders(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    str patterns[ACCOUNT_SENDERS_MAX + 1];
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        split_patterns(argv[i], patterns, &count);
    err e = check_patterns(patterns, count);
    if (e == NULL)
        e = account_store_set_senders(run->store, str_of(argv[0]), patterns, count);
    if (e == NULL)
        note(run, argv[0], "the sender patterns were changed");
    return tell(e, argv[0]);
}

static int run_disable(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    (void)argc;
    err e = account_store_set_disabled(run->store, str_of(argv[0]), true);
    if (e == NULL)
        note(run, argv[0], "disabled: no login until it is enabled");
    return tell(e, argv[0]);
}

static int run_enable(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    (void)argc;
    err e = account_store_set_disabled(run->store, str_of(argv[0]), false);
    if (e == NULL)
        note(run, argv[0], "enabled");
    return tell(e, argv[0]);
}

static int run_second_factor(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    bool on = strcmp(argv[1], "on") == 0;
    (void)argc;
    if (!on && strcmp(argv[1], "off") != 0) {
        cli_fail("second-factor is \"on\" or \"off\", not \"%s\"", argv[1]);
        return CLI_USAGE;
    }
    err e = account_store_set_second_factor(run->store, str_of(argv[0]), on);
    if (e == NULL)
        note(run, argv[0], on ? "only app passwords log in now" : "the password logs in again");
    return tell(e, argv[0]);
}

/* ---- lists ------------------------------------------------------------------------------ */

static json_t *time_json(int64_t ms)
{
    char text[CLOCK_RFC3339_BYTES];
    if (ms == 0)
        return json_null();
    clock_rfc3339(ms, text);
    return json_string(text);
}

static void print_user_json(const struct account_user *u)
{
    json_t *senders = json_array();
    for (size_t i = 0; i < u->sender_count; i++)
        json_array_append_new(senders, cli_json_str(u->senders[i]));
    cli_print_json(json_pack("{so,sb,sb,sb,so,so}", "name", cli_json_str(u->name), "disabled",
                             u->disabled, "second_factor", u->second_factor, "cram_secret",
                             u->cram_secret, "created", time_json(u->created_ms), "senders",
                             senders));
}

static void print_user(const struct account_user *u)
{
    cli_print_clean(stdout, u->name);
    printf("%*s%-9s", u->name.len < 32 ? 32 - (int)u->name.len : 1, "",
           u->disabled ? "disabled" : (u->second_factor ? "app-only" : "active"));
    for (size_t i = 0; i < u->sender_count; i++) {
        fputs(i ? "," : " ", stdout);
        cli_print_clean(stdout, u->senders[i]);
    }
    putchar('\n');
}

static int run_list(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    struct arena *arena = arena_open(USER_LIST_BYTES_MAX);
    struct account_user *users;
    size_t count = 0;
    (void)argc, (void)argv;
    err e = account_store_list(run->store, arena, &users, &count);
    if (e == NULL && count == 0 && !run->cli->quiet)
        fputs("there are no users yet: \"smtptool user add NAME\"\n", stderr);
    for (size_t i = 0; e == NULL && i < count; i++) {
        if (run->cli->json)
            print_user_json(&users[i]);
        else
            print_user(&users[i]);
    }
    arena_close(arena);
    return tell(e, "list");
}

/* ---- app passwords ---------------------------------------------------------------------- */

static const char *const scopes[] = {
    [KEEPER_SUBMISSION] = "submission",
    [KEEPER_MAILBOX] = "mailbox",
};

static int run_app_add(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    char token[ACCOUNT_APP_PASSWORD_CHARS];
    enum keeper_scope scope = KEEPER_SUBMISSION;
    int64_t id;
    (void)argc;
    if (run->label == NULL) {
        cli_fail("--label TEXT says what the app password is for");
        return CLI_USAGE;
    }
    if (run->scope && strcmp(run->scope, scopes[KEEPER_MAILBOX]) == 0) {
        scope = KEEPER_MAILBOX;
    } else if (run->scope && strcmp(run->scope, scopes[KEEPER_SUBMISSION]) != 0) {
        cli_fail("--scope is submission or mailbox, not \"%s\"", run->scope);
        return CLI_USAGE;
    }
    err e =
        account_store_app_add(run->store, str_of(argv[0]), str_of(run->label), scope, token, &id);
    if (e)
        return tell(e, argv[0]);
    if (run->cli->json)
        cli_print_json(json_pack("{sI,ss}", "id", (json_int_t)id, "token", token));
    else
        puts(token);
    if (!run->cli->quiet)
        fprintf(stderr, "%s: app password %lld for \"%s\"; it is not shown again\n", argv[0],
                (long long)id, run->label);
    return CLI_OK;
}

static void print_app_json(const struct account_app_password *p)
{
    cli_print_json(json_pack("{sI,so,ss,so,so,so}", "id", (json_int_t)p->id, "label",
                             cli_json_str(p->label), "scope", scopes[p->scope], "created",
                             time_json(p->created_ms), "last_used", time_json(p->last_used_ms),
                             "revoked", time_json(p->revoked_ms)));
}

static void print_app(const struct account_app_password *p)
{
    char used[CLOCK_RFC3339_BYTES] = "never";
    if (p->last_used_ms)
        clock_rfc3339(p->last_used_ms, used);
    printf("%6lld  %-10s  %-8s  last used %-24s  ", (long long)p->id, scopes[p->scope],
           p->revoked_ms ? "revoked" : "active", used);
    cli_print_clean(stdout, p->label);
    putchar('\n');
}

static int run_app_list(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    struct arena *arena = arena_open(USER_LIST_BYTES_MAX);
    struct account_app_password *list;
    size_t count = 0;
    (void)argc;
    err e = account_store_app_list(run->store, str_of(argv[0]), arena, &list, &count);
    for (size_t i = 0; e == NULL && i < count; i++) {
        if (run->cli->json)
            print_app_json(&list[i]);
        else
            print_app(&list[i]);
    }
    arena_close(arena);
    return tell(e, argv[0]);
}

static int run_app_revoke(void *arg, int argc, char **argv)
{
    struct user_run *run = arg;
    uint64_t id;
    (void)argc;
    if (!str_to_u64(str_of(argv[1]), INT64_MAX, &id)) {
        cli_fail("\"%s\" is no number; \"smtptool user app-password list %s\" shows them", argv[1],
                 argv[0]);
        return CLI_USAGE;
    }
    err e = account_store_app_revoke(run->store, str_of(argv[0]), (int64_t)id);
    if (e == NULL)
        note(run, argv[0], "the app password was revoked");
    return tell(e, argv[0]);
}

static int run_app(void *arg, int argc, char **argv)
{
    static const struct cli_verb verbs[] = {
        {"add",    run_app_add,    1, 1, "NAME --label TEXT [--scope submission|mailbox]"},
        {"list",   run_app_list,   1, 1, "NAME"                                          },
        {"revoke", run_app_revoke, 2, 2, "NAME ID"                                       },
    };
    struct user_run *run = arg;
    return cli_run_verb(run->cli, verbs, ARRAY_LEN(verbs), arg, argc, argv);
}

/* ---- the way in ------------------------------------------------------------------------- */

const struct cli_verb cmd_user_verbs[] = {
    {"add",           run_add,           1, 1,  "NAME [--senders LIST] [--password-file F]"},
    {"list",          run_list,          0, 0,  ""                                         },
    {"rm",            run_rm,            1, 1,  "NAME"                                     },
    {"password",      run_password,      1, 1,  "NAME [--password-file F]"                 },
    {"senders",       run_senders,       2, -1, "NAME PATTERN..."                          },
    {"disable",       run_disable,       1, 1,  "NAME"                                     },
    {"enable",        run_enable,        1, 1,  "NAME"                                     },
    {"second-factor", run_second_factor, 2, 2,  "NAME on|off"                              },
    {"app-password",  run_app,           1, -1, "add|list|revoke NAME ..."                 },
    {NULL,            NULL,              0, 0,  NULL                                       },
};

static err open_store(struct user_run *run)
{
    char path[ACCOUNT_STORE_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%.*s/accounts.db", STR_ARG(run->config->state));
    if (n < 0 || (size_t)n >= sizeof path)
        return err_new(ERR_CONFIG, "the state folder's name is too long");
    TRY(cli_make_state(run->config));
    return account_store_open(str_of(path), &run->store);
}

int cmd_user(struct cli *cli, int argc, char **argv)
{
    struct user_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "password", .value = &run.password, .refused = true},
        {.name = "senders",                  .value = &run.senders                       },
        {.name = "password-file",                  .value = &run.password_file},
        {.name = "label",                  .value = &run.label                               },
        {.name = "scope",                  .value = &run.scope},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (run.password) {
        cli_fail("there is no --password: every program of this machine can read command lines; "
                 "use the prompt, stdin or --password-file");
        return CLI_USAGE;
    }
    if (first == argc) /* before anything is made */
        return cli_run_verb(cli, cmd_user_verbs, ARRAY_LEN(cmd_user_verbs) - 1, &run, 0, NULL);
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    err e = open_store(&run);
    if (e) {
        cli_fail_err(e, "the user store");
        code = cli_exit_of(e);
    } else {
        code = cli_run_verb(cli, cmd_user_verbs, ARRAY_LEN(cmd_user_verbs) - 1, &run, argc - first,
                            argv + first);
    }
    account_store_close(run.store);
    config_close(run.config);
    return code;
}
