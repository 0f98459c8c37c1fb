#include "cli/send_sign.h"
#include "cli/send_login.h"
#include "config/value.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_sign.h"
#include "message/header.h"
#include "secret/secret.h"

enum { SIGN_ARENA_BYTES = 8 << 20, FIELDS_BYTES_MAX = 1 << 20 };

static err read_private(struct cli_send *run, str word, struct arena *arena,
                        struct mailauth_dkim_private **ret_private)
{
    CLEANUP(secret_wipe) struct buf pem;
    buf_init(&pem, SECRET_BYTES_MAX);
    str reference = word;
    if (config_value_secret(word)) /* no reference, so a path */
        reference =
            arena_printf(arena, "file:%s%.*s", str_starts(word, S("/")) ? "" : "./", STR_ARG(word));
    err_forget();
    TRY(cli_send_login_reference(run, reference, &pem));
    return mailauth_dkim_private_read(buf_str(&pem), arena, ret_private);
}

static err read_key(struct cli_send *run, const char *text, struct arena *arena,
                    struct cli_send_sign_key *ret_key)
{
    str rest, word;
    str_split(str_of(text), ':', &ret_key->domain, &rest);
    str_split(rest, ':', &ret_key->selector, &word);
    if (ret_key->domain.len == 0 || ret_key->selector.len == 0 || word.len == 0)
        return err_new(ERR_CONFIG,
                       "--dkim: \"%.100s\" is not DOMAIN:SELECTOR:KEY, like "
                       "example.com:s2026:/etc/keys/s2026.pem",
                       text);
    err e = read_private(run, word, arena, &ret_key->private);
    return e ? err_wrap(e, "--dkim %.*s:%.*s", STR_ARG(ret_key->domain), STR_ARG(ret_key->selector))
             : NULL;
}

err cli_send_sign_keys(struct cli_send *run, struct arena *arena,
                       struct cli_send_sign_key *ret_keys)
{
    if (run->keys.count > CLI_SEND_KEYS_MAX)
        return err_new(ERR_CONFIG, "--dkim: more than %d keys", CLI_SEND_KEYS_MAX);
    for (size_t i = 0; i < run->keys.count; i++)
        TRY(read_key(run, run->keys.items[i], arena, &ret_keys[i]));
    return NULL;
}

static void split(str message, str *ret_header, str *ret_body)
{
    struct message_field field;
    str rest = message;
    while (message_header_next(&rest, &field))
        continue;
    *ret_header = str_slice(message, 0, message.len - rest.len);
    message_header_end(&rest);
    *ret_body = rest;
}

static err make_fields(const struct cli_send_sign_key *keys, size_t count, str message,
                       struct arena *arena, struct buf *fields)
{
    struct mailauth_dkim_plan *plans =
        ARENA_ARRAY(arena, struct mailauth_dkim_plan, CLI_SEND_KEYS_MAX);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(arena);
    struct mailauth_dkim_sign *signing;
    str header, body;
    for (size_t i = 0; i < count; i++)
        plans[i] = (struct mailauth_dkim_plan){
            .domain = keys[i].domain,
            .selector = keys[i].selector,
            .header_canon = MAILAUTH_CANON_RELAXED,
            .body_canon = MAILAUTH_CANON_RELAXED,
            .signer = mailauth_dkim_private_signer(keys[i].private),
        };
    split(message, &header, &body);
    TRY(mailauth_dkim_sign_open(header, plans, count, hash, arena, &signing));
    mailauth_canon_hash_add(hash, body);
    return mailauth_dkim_sign_finish(signing, clock_real_ms() / 1000, fields, DEADLINE_NEVER);
}

err cli_send_sign_by(const struct cli_send_sign_key *keys, size_t count, struct buf *content)
{
    if (count == 0)
        return NULL;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SIGN_ARENA_BYTES);
    CLEANUP(buf_release) struct buf fields;
    buf_init(&fields, FIELDS_BYTES_MAX + content->max);
    TRY(make_fields(keys, count, buf_str(content), arena, &fields));
    TRY(buf_add(&fields, buf_str(content)));
    struct buf before = *content;
    *content = fields;
    fields = before;
    return NULL;
}

err cli_send_sign(struct cli_send *run, struct buf *content)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SIGN_ARENA_BYTES);
    struct cli_send_sign_key keys[CLI_SEND_KEYS_MAX];
    if (run->keys.count == 0)
        return NULL;
    TRY(cli_send_sign_keys(run, arena, keys));
    return cli_send_sign_by(keys, run->keys.count, content);
}
