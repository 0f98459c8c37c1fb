#include "cli/profiles.h"
#include "cli/user_folder.h"
#include "runtime/file.h"
#include <string.h>
#include <unistd.h>

#define HEADING                                                                                 \
    "# Accounts of smtptool: `smtptool account` shows and changes them. The keys are those of " \
    "`accounts:`\n# in smtptool-config(1); secrets are named here and kept elsewhere.\n"

enum {
    TEXT_BYTES_MAX = 1 << 20, /* what a configuration may have */
    LOCK_TRIES = 50,
    LOCK_WAIT_US = 100000,
};

bool cli_profiles_is_name(str name)
{
    bool good = name.len > 0 && name.len <= CLI_PROFILES_NAME_BYTES_MAX;
    for (size_t i = 0; i < name.len && good; i++)
        good = (char_is_alnum(name.ptr[i]) && char_lower(name.ptr[i]) == name.ptr[i]) ||
               (i > 0 && (name.ptr[i] == '.' || name.ptr[i] == '_' || name.ptr[i] == '-'));
    return good;
}

/* ---- the text --------------------------------------------------------------------------- */

/* Whole lines: "accounts:", with nothing but blanks or a comment behind it. */
static bool is_key(str line, str key)
{
    if (!str_skip(&line, key) || !str_skip(&line, S(":")))
        return false;
    line = str_trim(line);
    return line.len == 0 || line.ptr[0] == '#';
}

static bool is_entry(str line, str name) { return str_skip(&line, S("  ")) && is_key(line, name); }

/* Still of the entry above: deeper than its name. */
static bool is_inside(str line) { return str_starts(line, S("   ")) && str_trim(line).len > 0; }

static err add_line(struct buf *out, str line)
{
    TRY(buf_add(out, line));
    return buf_add_char(out, '\n');
}

static err add_entry(struct buf *out, str name, str keys)
{
    return buf_addf(out, "  %.*s:\n%.*s", STR_ARG(name), STR_ARG(keys));
}

err cli_profiles_text_add(str text, str name, str keys, struct buf *out)
{
    bool done = false;
    if (text.len == 0)
        TRY(buf_add(out, S(HEADING)));
    while (text.len > 0) {
        str line;
        str_split(text, '\n', &line, &text);
        TRY(add_line(out, line));
        if (!done && is_key(line, S("accounts"))) {
            TRY(add_entry(out, name, keys));
            done = true;
        }
    }
    if (done)
        return NULL;
    TRY(add_line(out, S("accounts:")));
    return add_entry(out, name, keys);
}

/* True: another entry stands below "accounts:" beside that one. */
static bool has_others(str text, str name)
{
    bool inside = false, found = false;
    while (text.len > 0) {
        str line;
        str_split(text, '\n', &line, &text);
        if (is_key(line, S("accounts")))
            inside = true;
        else if (line.len > 0 && line.ptr[0] != ' ' && line.ptr[0] != '#')
            inside = false;
        else if (inside && str_starts(line, S("  ")) && !is_inside(line) && line.ptr[2] != '#')
            found |= str_trim(line).len > 0 && !is_entry(line, name);
    }
    return found;
}

static bool is_default_of(str line, str name)
{
    if (!str_skip(&line, S("default_account:")))
        return false;
    line = str_trim(line);
    if (line.len > 1 && line.ptr[0] == '"' && line.ptr[line.len - 1] == '"')
        line = str_slice(line, 1, line.len - 2);
    return name.len == 0 || str_eq(line, name);
}

err cli_profiles_text_remove(str text, str name, struct buf *out)
{
    bool skipping = false, found = false, others = has_others(text, name);
    while (text.len > 0) {
        str line;
        str_split(text, '\n', &line, &text);
        if (skipping && is_inside(line))
            continue;
        skipping = !found && is_entry(line, name);
        found |= skipping;
        if (skipping || is_default_of(line, name) || (!others && is_key(line, S("accounts"))))
            continue;
        TRY(add_line(out, line));
    }
    return found ? NULL
                 : err_new(ERR_CONFIG, "there is no account \"%.*s\" in it, written as we write it",
                           STR_ARG(name));
}

err cli_profiles_text_default(str text, str name, struct buf *out)
{
    if (text.len == 0)
        TRY(buf_add(out, S(HEADING)));
    bool heading = true, told = name.len == 0;
    while (text.len > 0) {
        str line;
        str_split(text, '\n', &line, &text);
        if (is_default_of(line, (str){0}))
            continue;
        heading &= line.len > 0 && line.ptr[0] == '#';
        if (!heading && !told) {
            TRY(buf_addf(out, "default_account: %.*s\n", STR_ARG(name)));
            told = true;
        }
        TRY(add_line(out, line));
    }
    return told ? NULL : buf_addf(out, "default_account: %.*s\n", STR_ARG(name));
}

static err add_quoted(struct buf *out, const char *key, str value)
{
    TRY(buf_add_char(out, '"'));
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return err_new(ERR_CONFIG, "%s: a control character", key);
        if (c == '"' || c == '\\')
            TRY(buf_add_char(out, '\\'));
        TRY(buf_add_char(out, c));
    }
    return buf_add_char(out, '"');
}

err cli_profiles_text_key(struct buf *out, const char *key, str value)
{
    if (value.len == 0)
        return NULL;
    TRY(buf_addf(out, "    %s: ", key));
    TRY(add_quoted(out, key, value));
    return buf_add_char(out, '\n');
}

err cli_profiles_text_list(struct buf *out, const char *key, str value)
{
    if (value.len == 0)
        return NULL;
    TRY(buf_addf(out, "    %s: [", key));
    TRY(add_quoted(out, key, value));
    return buf_add(out, S("]\n"));
}

/* ---- the file --------------------------------------------------------------------------- */

static err read_text(const char *path, struct buf *out)
{
    if (!file_exists(path))
        return NULL;
    return cli_read_file(path, out);
}

static void tell(struct config_errors *errors)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    if (config_errors_print(errors, &text) == NULL)
        fputs(buf_chars(&text), stderr);
}

/* The text, with the folder of presets that the configuration has: at its end, where it moves no
 * line. */
static err with_share(const struct config *config, str text, struct buf *out)
{
    bool own = config == NULL || config->share.len == 0;
    TRY(buf_add(out, text));
    while (text.len > 0 && !own) {
        str line;
        str_split(text, '\n', &line, &text);
        own = str_starts(line, S("share:"));
    }
    return own ? NULL : buf_addf(out, "\nshare: '%.*s'\n", STR_ARG(config->share));
}

static err read_config(const struct config *config, str text, str path, struct config **ret_own)
{
    CLEANUP(buf_release) struct buf whole;
    struct config_errors errors;
    buf_init(&whole, TEXT_BYTES_MAX + CLI_USER_FOLDER_CHARS);
    TRY(with_share(config, text, &whole));
    config_errors_init(&errors);
    err e = config_from_text(buf_str(&whole), path, ret_own, &errors);
    if (e)
        tell(&errors);
    config_errors_release(&errors);
    return e;
}

err cli_profiles_read(const struct config *config, struct config **ret_own)
{
    char path[CLI_USER_FOLDER_CHARS];
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    if (cli_user_folder_path(CLI_USER_FOLDER_CONFIG, "accounts.yaml", path) != NULL) {
        err_forget(); /* who has no home has no accounts */
        path[0] = '\0';
    }
    if (path[0])
        TRY(read_text(path, &text));
    return read_config(config, buf_str(&text), str_of(path), ret_own);
}

static err lock(const char *path, struct file **ret_lock)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * CLI_USER_FOLDER_CHARS);
    struct file *f;
    str beside = arena_printf(arena, "%s.lock", path);
    TRY(file_open(arena_chars(arena, beside), FILE_WRITE | FILE_CREATE, &f));
    err e = file_lock(f);
    for (int i = 0; e && e->kind == ERR_LIMIT && i < LOCK_TRIES; i++) {
        err_forget();
        usleep(LOCK_WAIT_US);
        e = file_lock(f);
    }
    if (e)
        file_close(f);
    else
        *ret_lock = f;
    return e;
}

/* A text that we cannot read back is not written. */
static err check(const struct config *config, str text, const char *path)
{
    struct config *own = NULL;
    err_forget(); /* there may be many mistakes */
    err e = read_config(config, text, str_of(path), &own);
    config_close(own);
    return e ? err_new(ERR_CONFIG, "%s would be wrong, and was left as it is", path) : NULL;
}

/* The path becomes that of its folder. */
static err write_text(const struct config *config, char *path, str text)
{
    TRY(check(config, text, path));
    TRY(file_replace(path, FILE_WRITE | FILE_CREATE, text));
    *strrchr(path, '/') = '\0';
    return folder_sync(path);
}

struct change {
    const struct config *config;
    enum { ADD, REMOVE, DEFAULT } what;
    str name, keys;
    bool make_default;
};

static err change_text(const struct change *c, str text, struct buf *out)
{
    if (c->what == REMOVE)
        return cli_profiles_text_remove(text, c->name, out);
    if (c->what == DEFAULT)
        return cli_profiles_text_default(text, c->name, out);
    if (!c->make_default)
        return cli_profiles_text_add(text, c->name, c->keys, out);
    CLEANUP(buf_release) struct buf added;
    buf_init(&added, TEXT_BYTES_MAX);
    TRY(cli_profiles_text_add(text, c->name, c->keys, &added));
    return cli_profiles_text_default(buf_str(&added), c->name, out);
}

static err change_file(const struct change *c, char *path)
{
    CLEANUP(buf_release) struct buf before, after;
    buf_init(&before, TEXT_BYTES_MAX);
    buf_init(&after, TEXT_BYTES_MAX);
    TRY(read_text(path, &before));
    TRY(change_text(c, buf_str(&before), &after));
    return write_text(c->config, path, buf_str(&after));
}

static err change(const struct change *c)
{
    char path[CLI_USER_FOLDER_CHARS];
    struct file *held;
    TRY(cli_user_folder_file(CLI_USER_FOLDER_CONFIG, "accounts.yaml", path));
    TRY(lock(path, &held));
    err e = change_file(c, path);
    file_close(held);
    return e;
}

err cli_profiles_add(const struct config *config, str name, str keys, bool make_default)
{
    return change(&(struct change){config, ADD, name, keys, make_default});
}

err cli_profiles_remove(const struct config *config, str name)
{
    return change(&(struct change){.config = config, .what = REMOVE, .name = name});
}

err cli_profiles_set_default(const struct config *config, str name)
{
    return change(&(struct change){.config = config, .what = DEFAULT, .name = name});
}

/* ---- use -------------------------------------------------------------------------------- */

static const struct config_account *find(const struct config *config, str name)
{
    for (size_t i = 0; config && i < config->account_count; i++)
        if (str_eq(config->accounts[i].name, name))
            return &config->accounts[i];
    return NULL;
}

str cli_profiles_default(const struct config *config, const struct config *own)
{
    if (own && own->default_account.len > 0)
        return own->default_account;
    if (config && config->default_account.len > 0)
        return config->default_account;
    return own && own->account_count == 1 ? own->accounts[0].name : (str){0};
}

const struct config_account *cli_profiles_find(const struct config *config,
                                               const struct config *own, str name)
{
    str wanted = name.len > 0 ? name : cli_profiles_default(config, own);
    const struct config_account *found = wanted.len > 0 ? find(config, wanted) : NULL;
    return found || wanted.len == 0 ? found : find(own, wanted);
}
