/* cli/cmd_secret.c -- smtptool secret: sealed files, and where any secret comes from */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/secret_edit.h"
#include "config/value.h"
#include "secret/file.h"
#include "secret/reference.h"
#include "secret/resolver.h"
#include "secret/sealed.h"
#include "secret/sealed_text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char cmd_secret_help[] =
    "usage: smtptool secret set FILE NAME\n"
    "       smtptool secret edit FILE NAME\n"
    "       smtptool secret get [--check] FILE NAME\n"
    "       smtptool secret ls FILE\n"
    "       smtptool secret rm FILE NAME\n"
    "       smtptool secret rekey FILE\n"
    "       smtptool secret test REFERENCE...\n\n"
    "A sealed file holds secrets under names, fit for a repository: names are in clear, values "
    "are\n"
    "not. In a configuration, one is named encrypted:/path/FILE#NAME.\n\n"
    "  set       the value comes from a prompt, or is all of stdin without its last line end; "
    "makes\n"
    "            the file when it is not there\n"
    "  edit      the value in $VISUAL or $EDITOR, in a file in memory that is wiped afterwards\n"
    "  get       the value on stdout, when that is no terminal; --check: only whether it is there\n"
    "  ls, rm    the names; take one out\n"
    "  rekey     another lock, named by the options; all values are sealed anew, and the file is\n"
    "            replaced whole. What opened it before opens it no more, but stays where it is\n"
    "  test      where a secret of any kind comes from, how long it is and how long it is kept;\n"
    "            never the secret itself\n\n"
    "options, for what unlocks the file (without one: what the file says, docs/secrets.md):\n"
    "  --passphrase        a passphrase, from a prompt\n"
    "  --passphrase-file F rekey: the new one is what stands in this file\n"
    "  --keyring NAME      a key in the desktop's keyring\n"
    "  --credential NAME   a key that systemd hands the service\n"
    "  --key-file F        a key in a file; made when it is not there\n"
    "  --json              ls, test: one JSON object a line\n\n"
    "There is no option that takes a secret: every program of this machine can read command "
    "lines.\n\n"
    "exit: 0 done; 1 test: one of them cannot be had; 64 usage; 65 the file is not as it was "
    "sealed;\n"
    "78 no such name, not unlocked\n\n"
    "examples:\n"
    "  smtptool secret set secrets.sealed relay\n"
    "  smtptool secret set --key-file /etc/smtptool/key secrets.sealed dkim < key.pem\n"
    "  smtptool secret test vault:secret/relay#password env:RELAY\n";

struct secret_run {
    struct cli *cli;
    bool passphrase, check;
    const char *keyring, *credential, *key_file, *passphrase_file;
    struct buf asked; /* a passphrase from the prompt */
    struct secret_unlock unlock;
    struct secret_sealed *file;
};

static int tell(err e, const char *what)
{
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "secret: %s", what);
    return e->kind == ERR_DAMAGED ? CLI_DATA : e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

/* ---- unlocking ---------------------------------------------------------------------------- */

static err ask_passphrase(struct secret_run *run, bool twice)
{
    struct buf again;
    if (!isatty(STDIN_FILENO))
        return err_new(ERR_CONFIG, "a passphrase is asked for on a terminal; without one it comes "
                                   "from the file $SMTPTOOL_PASSPHRASE_FILE");
    TRY(cli_read_password(twice ? "New passphrase" : "Passphrase", &run->asked));
    run->unlock = (struct secret_unlock){SECRET_UNLOCK_PASSPHRASE, buf_str(&run->asked)};
    if (!twice)
        return NULL;
    buf_init(&again, SECRET_BYTES_MAX);
    err e = cli_read_password("Once more", &again);
    if (e == NULL && !str_eq(buf_str(&run->asked), buf_str(&again)))
        e = err_new(ERR_CONFIG, "the two are not the same; nothing was made");
    secret_wipe(&again);
    return e;
}

static err choose(struct secret_run *run, bool there, bool *ret_chosen)
{
    *ret_chosen = true;
    if (run->passphrase)
        return ask_passphrase(run, !there);
    if (run->keyring)
        run->unlock = (struct secret_unlock){SECRET_UNLOCK_KEYRING, str_of(run->keyring)};
    else if (run->credential)
        run->unlock = (struct secret_unlock){SECRET_UNLOCK_CREDENTIAL, str_of(run->credential)};
    else if (run->key_file)
        run->unlock = (struct secret_unlock){SECRET_UNLOCK_KEY_FILE, str_of(run->key_file)};
    else
        *ret_chosen = false;
    return NULL;
}

/* A person at a terminal is asked for what nothing else says. */
static err ask_when_wanted(struct secret_run *run, str path, bool *ret_chosen)
{
    CLEANUP(buf_release) struct buf name;
    enum secret_unlock_kind kind;
    buf_init(&name, SECRET_SEALED_LOCK_CHARS);
    TRY(secret_sealed_look(path, &kind, &name));
    *ret_chosen = kind == SECRET_UNLOCK_PASSPHRASE && isatty(STDIN_FILENO) &&
                  getenv("SMTPTOOL_PASSPHRASE_FILE") == NULL &&
                  getenv("CREDENTIALS_DIRECTORY") == NULL;
    return *ret_chosen ? ask_passphrase(run, false) : NULL;
}

static err check_key_file(const struct secret_run *run)
{
    if (run->key_file && run->key_file[0] != '/')
        return err_new(ERR_CONFIG, "--key-file: an absolute path, for the sealed file keeps it");
    return NULL;
}

static err open_file(struct secret_run *run, const char *path, bool make)
{
    bool chosen, there = access(path, F_OK) == 0;
    int ways = run->passphrase + (run->keyring != NULL) + (run->credential != NULL) +
               (run->key_file != NULL);
    if (ways > 1)
        return err_new(ERR_CONFIG, "one of --passphrase, --keyring, --credential, --key-file");
    TRY(check_key_file(run));
    TRY(choose(run, there, &chosen));
    if (!chosen && there)
        TRY(ask_when_wanted(run, str_of(path), &chosen));
    return secret_sealed_open(str_of(path), chosen ? &run->unlock : NULL, make, &run->file);
}

/* ---- sealed files ------------------------------------------------------------------------- */

static void note(const struct secret_run *run, char **argv, const char *what)
{
    char *absolute = realpath(argv[0], NULL);
    if (!run->cli->quiet)
        fprintf(stderr, "encrypted:%s#%s: %s\n", absolute ? absolute : argv[0], argv[1], what);
    mem_free(absolute);
}

static err read_value(const char *name, struct buf *ret_value)
{
    char prompt[SECRET_SEALED_NAME_CHARS + 16], *room;
    if (isatty(STDIN_FILENO)) {
        snprintf(prompt, sizeof prompt, "Value of %s", name);
        return cli_read_password(prompt, ret_value);
    }
    TRY(buf_reserve(ret_value, ret_value->max, &room)); /* never moved */
    TRY(cli_read_file("-", ret_value));
    secret_trim(ret_value);
    return ret_value->len > 0 ? NULL : err_new(ERR_CONFIG, "stdin is empty: no value");
}

static int run_set(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    struct buf value;
    (void)argc;
    buf_init(&value, SECRET_BYTES_MAX);
    err e = secret_sealed_text_is_name(str_of(argv[1]))
                ? open_file(run, argv[0], true)
                : err_new(ERR_CONFIG, "a name has no blank and no \"#\"");
    if (e == NULL)
        e = read_value(argv[1], &value);
    if (e == NULL)
        e = secret_sealed_set(run->file, str_of(argv[1]), buf_str(&value));
    secret_wipe(&value);
    if (e == NULL)
        note(run, argv, "set");
    return tell(e, argv[0]);
}

static int run_edit(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    struct buf before, after;
    (void)argc;
    buf_init(&before, SECRET_BYTES_MAX);
    buf_init(&after, SECRET_BYTES_MAX);
    err e = open_file(run, argv[0], false);
    if (e == NULL)
        e = secret_sealed_get(run->file, str_of(argv[1]), &before);
    if (e == NULL)
        e = cli_secret_edit(buf_str(&before), &after);
    bool same = str_eq(buf_str(&before), buf_str(&after));
    if (e == NULL && !same)
        e = secret_sealed_set(run->file, str_of(argv[1]), buf_str(&after));
    secret_wipe(&before);
    secret_wipe(&after);
    if (e == NULL)
        note(run, argv, same ? "as it was" : "changed");
    return tell(e, argv[0]);
}

static int run_get(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    struct buf value;
    (void)argc;
    if (!run->check && isatty(STDOUT_FILENO)) {
        cli_fail("secret get: stdout is a terminal, where a secret would stay to be read: send it "
                 "into a pipe, or look with --check");
        return CLI_USAGE;
    }
    buf_init(&value, SECRET_BYTES_MAX);
    err e = open_file(run, argv[0], false);
    if (e == NULL)
        e = secret_sealed_get(run->file, str_of(argv[1]), &value);
    if (e == NULL && run->check)
        printf("%s: %zu bytes\n", argv[1], value.len);
    else if (e == NULL) {
        setvbuf(stdout, NULL, _IONBF, 0); /* no copy in a buffer of stdio */
        if (fwrite(value.ptr, 1, value.len, stdout) != value.len)
            e = err_new(ERR_SYSTEM, "write");
    }
    secret_wipe(&value);
    return tell(e, argv[0]);
}

static err print_name(void *arg, str name)
{
    const struct secret_run *run = arg;
    if (run->cli->json) {
        cli_print_json(json_pack("{so}", "name", cli_json_str(name)));
        return NULL;
    }
    cli_print_clean(stdout, name);
    putchar('\n');
    return NULL;
}

static int run_ls(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    (void)argc;
    err e = open_file(run, argv[0], false);
    if (e == NULL)
        e = secret_sealed_names(run->file, print_name, run);
    return tell(e, argv[0]);
}

static int run_rm(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    (void)argc;
    err e = open_file(run, argv[0], false);
    if (e == NULL)
        e = secret_sealed_remove(run->file, str_of(argv[1]));
    if (e == NULL)
        note(run, argv, "removed");
    return tell(e, argv[0]);
}

/* What shall open it from now on. */
static err choose_new(struct secret_run *run)
{
    bool chosen;
    if (run->passphrase_file) {
        TRY(secret_file_read(str_of(run->passphrase_file), SECRET_FILE_NOT_OTHERS, &run->asked));
        secret_trim(&run->asked);
        run->unlock = (struct secret_unlock){SECRET_UNLOCK_PASSPHRASE, buf_str(&run->asked)};
        return NULL;
    }
    return choose(run, false, &chosen);
}

static int run_rekey(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    bool asked;
    (void)argc;
    int ways = run->passphrase + (run->keyring != NULL) + (run->credential != NULL) +
               (run->key_file != NULL) + (run->passphrase_file != NULL);
    if (ways != 1) {
        cli_fail("secret rekey: what is to open it then? One of --passphrase, --passphrase-file, "
                 "--keyring, --credential, --key-file");
        return CLI_USAGE;
    }
    err e = check_key_file(run);
    if (e == NULL)
        e = ask_when_wanted(run, str_of(argv[0]), &asked);
    if (e == NULL)
        e = secret_sealed_open(str_of(argv[0]), asked ? &run->unlock : NULL, false, &run->file);
    secret_wipe(&run->asked);
    buf_init(&run->asked, SECRET_BYTES_MAX);
    if (e == NULL)
        e = choose_new(run);
    if (e == NULL)
        e = secret_sealed_rekey(run->file, &run->unlock);
    if (e == NULL && !run->cli->quiet)
        fprintf(stderr, "%s: locked anew\n", argv[0]);
    return tell(e, argv[0]);
}

/* ---- any secret --------------------------------------------------------------------------- */

static void print_tested(const struct secret_run *run, const char *shown, size_t len,
                         const struct secret_resolver_told *told)
{
    if (run->cli->json) {
        cli_print_json(json_pack("{ss,sb,sI,ss,sI}", "reference", shown, "ok", 1, "bytes",
                                 (json_int_t)len, "origin", told->origin, "kept_ms",
                                 (json_int_t)told->lease_ms));
        return;
    }
    printf("%s: %zu bytes%s%s", shown, len, told->origin[0] ? ", from " : "", told->origin);
    if (told->lease_ms > 0)
        printf("; kept for %lld s\n", (long long)(told->lease_ms / 1000));
    else
        puts("; asked each time");
}

static void print_failed(const struct secret_run *run, const char *shown, err e)
{
    char why[512];
    cli_describe(e, why, sizeof why);
    if (run->cli->json)
        cli_print_json(
            json_pack("{ss,sb,so}", "reference", shown, "ok", 0, "why", cli_json_str(str_of(why))));
    else
        printf("%s: %s\n", shown, why);
}

static int test_one(const struct secret_run *run, const struct config *config, const char *word)
{
    char shown[SECRET_REFERENCE_SHOWN_CHARS];
    struct secret_resolver_told told = {0};
    struct buf value;
    secret_reference_show(str_of(word), shown);
    buf_init(&value, SECRET_BYTES_MAX);
    err e = config_value_secret(str_of(word));
    if (e == NULL)
        e = secret_resolver_once(config, str_of(word), &value, &told);
    size_t len = value.len;
    secret_wipe(&value);
    if (e)
        print_failed(run, shown, e);
    else
        print_tested(run, shown, len, &told);
    err_forget();
    return e ? CLI_FINDINGS : CLI_OK;
}

static int run_test(void *arg, int argc, char **argv)
{
    struct secret_run *run = arg;
    int code = CLI_OK;
    const struct config *config = cli_config(run->cli);
    if (config == NULL)
        return CLI_CONFIG;
    for (int i = 0; i < argc; i++)
        if (test_one(run, config, argv[i]) != CLI_OK)
            code = CLI_FINDINGS;
    config_close(config);
    return code;
}

/* ---- the way in --------------------------------------------------------------------------- */

const struct cli_verb cmd_secret_verbs[] = {
    {"set",   run_set,   2, 2,  "FILE NAME"          },
    {"edit",  run_edit,  2, 2,  "FILE NAME"          },
    {"get",   run_get,   2, 2,  "[--check] FILE NAME"},
    {"ls",    run_ls,    1, 1,  "FILE"               },
    {"rm",    run_rm,    2, 2,  "FILE NAME"          },
    {"rekey", run_rekey, 1, 1,  "FILE"               },
    {"test",  run_test,  1, -1, "REFERENCE..."       },
    {NULL,    NULL,      0, 0,  NULL                 },
};

int cmd_secret(struct cli *cli, int argc, char **argv)
{
    struct secret_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "passphrase",      .flag = &run.passphrase      },
        {.name = "passphrase-file", .value = &run.passphrase_file},
        {.name = "keyring",         .value = &run.keyring        },
        {.name = "credential",      .value = &run.credential     },
        {.name = "key-file",        .value = &run.key_file       },
        {.name = "check",           .flag = &run.check           },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    buf_init(&run.asked, SECRET_BYTES_MAX);
    code = cli_run_verb(cli, cmd_secret_verbs, ARRAY_LEN(cmd_secret_verbs) - 1, &run, argc - first,
                        argv + first);
    secret_sealed_close(run.file);
    secret_wipe(&run.asked);
    return code;
}
