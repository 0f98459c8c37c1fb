#include "secret/vault_answer.h"
#include "secret/json.h"

enum { LEASE_S_MAX = 10 * 365 * 86400, WHY_CHARS = 200, TOKEN_BYTES_MAX = 16 * 1024 };

static int64_t lease_of(const json_t *object)
{
    json_int_t seconds = json_integer_value(json_object_get(object, "lease_duration"));
    return seconds <= 0 ? 0 : (seconds > LEASE_S_MAX ? LEASE_S_MAX : seconds) * 1000;
}

/* Without a name: the only field. */
static err take_field(json_t *fields, str field, struct buf *out)
{
    void *only = json_object_iter(fields);
    if (field.len > 0)
        return secret_json_value(fields, field, out);
    if (json_object_size(fields) != 1)
        return err_new(ERR_CONFIG, "it has %zu fields: say which, as in vault:PATH#FIELD",
                       json_object_size(fields));
    return secret_json_value(fields, str_of(json_object_iter_key(only)), out);
}

static err take_secret(const json_t *root, str field, struct buf *out,
                       struct secret_vault_answer *a)
{
    const json_t *data = json_object_get(root, "data");
    const json_t *meta = json_object_get(data, "metadata");
    json_t *fields = json_object_get(data, "data");
    if (json_is_object(data) && json_is_null(fields))
        return err_new(ERR_CONFIG, "its newest version was deleted");
    if (!json_is_object(fields) || !json_is_object(meta))
        return err_new(ERR_PROTOCOL, "not the answer of a KV engine of version 2");
    TRY(take_field(fields, field, out));
    json_int_t version = json_integer_value(json_object_get(meta, "version"));
    a->version = version > 0 && version < INT32_MAX ? (int)version : 0;
    a->lease_ms = lease_of(root);
    return NULL;
}

err secret_vault_answer_secret(str body, str field, struct buf *out,
                               struct secret_vault_answer *ret_answer)
{
    json_t *root;
    struct secret_vault_answer a = {0};
    TRY(secret_json_read(body, &root));
    err e = take_secret(root, field, out, &a);
    secret_json_close(root);
    if (e == NULL)
        *ret_answer = a;
    return e;
}

bool secret_vault_answer_deleted(str body)
{
    json_t *root = NULL;
    err e = secret_json_read(body, &root);
    if (e)
        return false;
    const json_t *meta = json_object_get(json_object_get(root, "data"), "metadata");
    bool deleted = secret_json_text(meta, "deletion_time").len > 0 ||
                   json_is_true(json_object_get(meta, "destroyed"));
    secret_json_close(root);
    return deleted;
}

err secret_vault_answer_login(str body, struct buf *out, struct secret_vault_answer *ret_answer)
{
    json_t *root;
    struct secret_vault_answer a = {0};
    TRY(secret_json_read(body, &root));
    const json_t *auth = json_object_get(root, "auth");
    str token = secret_json_text(auth, "client_token");
    a.lease_ms = lease_of(auth);
    err e = token.len > 0 && token.len <= TOKEN_BYTES_MAX
                ? buf_add(out, token)
                : err_new(ERR_PROTOCOL, "the answer to a login has no token");
    secret_json_close(root);
    if (e == NULL)
        *ret_answer = a;
    return e;
}

str secret_vault_answer_why(str body, struct arena *arena)
{
    json_t *root = NULL;
    str why = {NULL, 0};
    err e = secret_json_read(body, &root);
    if (e)
        return why;
    const json_t *errors = json_object_get(root, "errors");
    const json_t *first = json_array_get(errors, 0);
    if (json_is_string(first))
        why = arena_str(arena, str_slice((str){json_string_value(first), json_string_length(first)},
                                         0, WHY_CHARS));
    secret_json_close(root);
    return why;
}
