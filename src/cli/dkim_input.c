#include "cli/dkim_input.h"
#include "message/crlf.h"
#include "message/header.h"
#include "secret/reference.h"
#include "secret/resolver.h"
#include <string.h>

void cli_dkim_input_open(struct cli_dkim_input *in, struct cli *cli)
{
    *in = (struct cli_dkim_input){.cli = cli, .arena = arena_open(CLI_DKIM_INPUT_ARENA_BYTES_MAX)};
    buf_init(&in->message, CLI_DKIM_INPUT_MESSAGE_BYTES_MAX);
    mailauth_story_init(&in->story, in->arena);
}

void cli_dkim_input_close(struct cli_dkim_input *in)
{
    buf_release(&in->message);
    arena_close(in->arena);
}

void cli_dkim_input_add_key(void *input, const char *value)
{
    struct cli_dkim_input *in = input;
    if (in->word_count == CLI_DKIM_INPUT_KEYS_MAX)
        in->too_many = true;
    else
        in->words[in->word_count++] = value;
}

/* ---- the message ---- */

static err read_message(struct cli_dkim_input *in, const char *path)
{
    struct buf file;
    struct message_crlf crlf = {0};
    buf_init(&file, CLI_DKIM_INPUT_MESSAGE_BYTES_MAX);
    err e = cli_read_file(path, &file);
    if (e == NULL)
        e = message_crlf_add(&crlf, buf_str(&file), &in->message);
    if (e == NULL)
        e = message_crlf_end(&crlf, &in->message);
    buf_release(&file);
    return e;
}

static void split(struct cli_dkim_input *in)
{
    str message = buf_str(&in->message), rest = message;
    struct message_field field;
    while (message_header_next(&rest, &field))
        continue;
    in->header = str_slice(message, 0, message.len - rest.len);
    message_header_end(&rest);
    in->body = rest;
}

int cli_dkim_input_read(struct cli_dkim_input *in, const char *path)
{
    uint64_t seconds = 0;
    if (in->time && !str_to_u64(str_of(in->time), INT32_MAX * 100ULL, &seconds)) {
        cli_fail("--time: \"%s\" is not a number of seconds since 1970", in->time);
        return CLI_USAGE;
    }
    in->now_s = in->time ? (int64_t)seconds : clock_real_ms() / 1000;
    err e = read_message(in, path);
    if (e) {
        cli_fail_err(e, "%s", path);
        return cli_exit_of(e);
    }
    split(in);
    return CLI_OK;
}

/* ---- keys ---- */

/* What is a reference as in the configuration is one; all else is a path. */
static err read_key(struct cli_dkim_input *in, const char *word,
                    struct mailauth_dkim_private **ret_private)
{
    struct buf pem;
    str reference = str_of(word), rest;
    if (secret_reference_split(reference, &rest) == SECRET_REFERENCE_NONE)
        reference = arena_printf(in->arena, "file:%s%s", word[0] == '/' ? "" : "./", word);
    buf_init(&pem, SECRET_BYTES_MAX);
    err e = secret_resolver_once(NULL, reference, &pem, NULL);
    if (e == NULL)
        e = mailauth_dkim_private_read(buf_str(&pem), in->arena, ret_private);
    secret_wipe(&pem);
    return e;
}

int cli_dkim_input_key(struct cli_dkim_input *in, const char *reference,
                       struct mailauth_dkim_private **ret_private)
{
    err e = read_key(in, reference, ret_private);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "--key %s", reference);
    return CLI_CONFIG;
}

int cli_dkim_input_keys(struct cli_dkim_input *in)
{
    if (in->domain == NULL || in->word_count == 0) {
        cli_fail("--domain and --key are needed; see \"smtptool %s --help\"",
                 in->cli->command->name);
        return CLI_USAGE;
    }
    if (in->too_many) {
        cli_fail("more than %d keys", CLI_DKIM_INPUT_KEYS_MAX);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < in->word_count; i++) {
        const char *equals = strchr(in->words[i], '=');
        if (equals == NULL) {
            cli_fail("--key %s: it is SELECTOR=FILE", in->words[i]);
            return CLI_USAGE;
        }
        in->keys[i].selector = (str){in->words[i], (size_t)(equals - in->words[i])};
        int code = cli_dkim_input_key(in, equals + 1, &in->keys[i].private);
        if (code != CLI_OK)
            return code;
    }
    return CLI_OK;
}

/* ---- asking and telling ---- */

int cli_dkim_input_ask(struct cli_dkim_input *in, void (*entry)(void *arg), void *arg,
                       struct dns_resolver **ret_resolver)
{
    int code = cli_ask_dns_open(in->cli, in->dns_zone, ret_resolver);
    if (code != CLI_OK)
        return code;
    cli_ask_dns_run(in->cli->command->name, entry, arg);
    dns_resolver_close(*ret_resolver);
    return CLI_OK;
}

void cli_dkim_input_print_story(const struct mailauth_story *story, unsigned depth)
{
    for (size_t i = 0; i < story->count; i++) {
        printf("%*s", (int)(2 * (depth + story->steps[i].depth)), "");
        cli_print_clean(stdout, story->steps[i].text);
        putchar('\n');
    }
}

json_t *cli_dkim_input_story_json(const struct mailauth_story *story)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < story->count; i++)
        json_array_append_new(steps, json_pack("{si,so}", "depth", (int)story->steps[i].depth,
                                               "text", cli_json_str(story->steps[i].text)));
    return steps;
}
