#include "sasl/refusal.h"
#include <jansson.h>

/* Their words in ours: nothing in them may end a line or move a cursor. */
static err add_value(const json_t *object, const char *key, const char *before, struct buf *out)
{
    const json_t *value = json_object_get(object, key);
    str text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || text.len == 0)
        return NULL;
    TRY(buf_addf(out, "%s%s ", out->len > 0 ? "; " : "of the token it says: ", before));
    for (size_t i = 0; i < text.len; i++)
        TRY(buf_add_char(out, text.ptr[i] < 0x20 || text.ptr[i] > 0x7e ? '?' : text.ptr[i]));
    return NULL;
}

err sasl_refusal_words(str json, struct buf *out)
{
    json_error_t why;
    struct buf words;
    if (json.len == 0 || json.len > SASL_REFUSAL_JSON_BYTES_MAX)
        return NULL;
    json_t *o = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &why);
    buf_init(&words, 2 * SASL_REFUSAL_JSON_BYTES_MAX);
    err e = add_value(o, "status", "status", &words);
    if (e == NULL)
        e = add_value(o, "scope", "it wants the scope", &words);
    if (e == NULL)
        e = add_value(o, "openid-configuration", "it takes tokens of", &words);
    if (e == NULL)
        e = buf_add(out, buf_str(&words));
    buf_release(&words);
    json_decref(o);
    return e;
}
