#include "interchange/secret.h"
#include "base/mem.h"
#include "interchange/quote.h"
#include "secret/command.h"
#include "secret/reference.h"

enum { LINE_BYTES_MAX = 8192 };

/* "before WORD", quoted. */
static err add(struct buf *out, const char *before, str word)
{
    TRY(buf_add(out, str_of(before)));
    return interchange_quote_sh(out, word);
}

/* The words of "command:" have quotes of their own, so each is quoted anew. */
static err add_words(struct buf *out, str text)
{
    char *words[SECRET_COMMAND_WORDS_MAX + 1], *chars = mem_alloc(SECRET_COMMAND_BYTES_MAX);
    err e = secret_command_split(text, chars, words);
    for (size_t i = 0; e == NULL && words[i]; i++)
        e = add(out, i ? " " : "", str_of(words[i]));
    mem_free(chars);
    return e;
}

static err add_keyring(struct buf *out, str rest)
{
    str service, user;
    str_split(rest, '/', &service, &user);
    TRY(add(out, "secret-tool lookup service ", service));
    return add(out, " username ", user);
}

/* Python has the one reader of it that is everywhere. */
static err add_netrc(struct buf *out, str rest)
{
    str host, user;
    str_split(rest, '/', &host, &user);
    TRY(add(out,
            "python3 -c 'import netrc, sys; print(netrc.netrc().authenticators(sys.argv[1])[2])' ",
            host));
    return NULL;
}

static err add_vault(struct buf *out, str rest)
{
    str path, field;
    str_split(rest, '#', &path, &field);
    if (field.len == 0)
        return err_new(ERR_CONFIG, "vault: without a #FIELD nobody else knows which one it is");
    TRY(add(out, "vault kv get -field=", field));
    return add(out, " ", path);
}

static err add_aws(struct buf *out, str rest)
{
    str name, field;
    str_split(rest, '#', &name, &field);
    TRY(add(out,
            "aws secretsmanager get-secret-value --query SecretString --output text "
            "--secret-id ",
            name));
    if (field.len == 0)
        return NULL;
    TRY(add(out, " | jq -r --arg f ", field));
    return buf_add(out, S(" '.[$f]'"));
}

static err add_sealed(struct buf *out, str rest)
{
    str path, name;
    str_split(rest, '#', &path, &name);
    TRY(add(out, "smtptool secret get ", path));
    return add(out, " ", name);
}

static err add_command(struct buf *out, str reference)
{
    str rest;
    if (str_skip(&reference, S("oauth:")))
        return add(out, "smtptool oauth token ", reference);
    switch (secret_reference_split(reference, &rest)) {
    case SECRET_REFERENCE_FILE:
        return add(out, "cat ", rest);
    case SECRET_REFERENCE_COMMAND:
        return add_words(out, rest);
    case SECRET_REFERENCE_KEYRING:
        return add_keyring(out, rest);
    case SECRET_REFERENCE_NETRC:
        return add_netrc(out, rest);
    case SECRET_REFERENCE_VAULT:
        return add_vault(out, rest);
    case SECRET_REFERENCE_AWS:
        return add_aws(out, rest);
    case SECRET_REFERENCE_CREDENTIAL:
        return add(out, "cat \"$CREDENTIALS_DIRECTORY\"/", rest);
    case SECRET_REFERENCE_ENCRYPTED:
        return add_sealed(out, rest);
    default:
        return NULL;
    }
}

err interchange_secret_command(str reference, struct arena *arena, str *ret_command)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, LINE_BYTES_MAX);
    TRY(interchange_quote_check("secret", reference));
    TRY(add_command(&out, reference));
    *ret_command = arena_str(arena, buf_str(&out));
    return NULL;
}

static bool is_variable(str name)
{
    bool good = name.len > 0 && !char_is_digit(name.ptr[0]);
    for (size_t i = 0; i < name.len && good; i++)
        good = char_is_alnum(name.ptr[i]) || name.ptr[i] == '_';
    return good;
}

str interchange_secret_variable(str reference, const char *other)
{
    str name = reference;
    return str_skip(&name, S("env:")) && is_variable(name) ? name : str_of(other);
}

/* Nothing in it that a shell would do and our words would not. */
static bool is_simple(str line)
{
    char quote = 0;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        if (str_find(S("$`\\~*?[]|&;<>(){}!#\n\r"), c) != STR_NONE)
            return false;
        if (quote == c)
            quote = 0;
        else if (quote == 0 && (c == '\'' || c == '"'))
            quote = c;
    }
    str word, rest;
    str_split(line, ' ', &word, &rest);
    return quote == 0 && str_find(word, '=') == STR_NONE; /* NAME=value before a command */
}

err interchange_secret_of_shell(str line, struct arena *arena, str *ret_reference)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, LINE_BYTES_MAX);
    line = str_trim(line);
    if (line.len == 0)
        return err_new(ERR_CONFIG, "an empty command");
    TRY(interchange_quote_check("the command", line));
    TRY(buf_add(&out, S("command:")));
    if (is_simple(line))
        TRY(buf_add(&out, line));
    else
        TRY(add(&out, "/bin/sh -c ", line));
    if (out.len >= SECRET_COMMAND_BYTES_MAX / 2)
        return err_new(ERR_CONFIG, "a command above %d bytes", SECRET_COMMAND_BYTES_MAX / 2);
    *ret_reference = arena_str(arena, buf_str(&out));
    return NULL;
}
