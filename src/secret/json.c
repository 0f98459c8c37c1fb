#include "secret/json.h"
#include "base/mem.h"
#include "base/nesting.h"

err secret_json_read(str text, json_t **ret_object)
{
    if (text.len == 0 || text.len > SECRET_JSON_BYTES_MAX ||
        !nesting_is_shallow(text, SECRET_JSON_DEPTH_MAX))
        return err_new(ERR_PROTOCOL, "an answer that is no JSON, or too deep");
    json_t *object = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return err_new(ERR_PROTOCOL, "an answer that is no JSON object");
    }
    *ret_object = object;
    return NULL;
}

static void wipe_text(json_t *value)
{
    if (json_is_string(value))
        mem_wipe((char *)json_string_value(value), json_string_length(value));
}

/* A walk that keeps its own stack: as deep as the text could be. */
struct level {
    json_t *in;
    void *member; /* of an object */
    size_t index; /* of an array */
};

static json_t *next_child(struct level *l)
{
    if (json_is_array(l->in))
        return json_array_get(l->in, l->index++);
    json_t *child = l->member ? json_object_iter_value(l->member) : NULL;
    l->member = l->member ? json_object_iter_next(l->in, l->member) : NULL;
    return child;
}

static void enter(struct level *l, json_t *in)
{
    *l = (struct level){.in = in};
    l->member = json_is_object(in) ? json_object_iter(in) : NULL;
}

void secret_json_close(json_t *object)
{
    struct level levels[SECRET_JSON_DEPTH_MAX + 1];
    size_t depth = 1;
    if (object == NULL)
        return;
    enter(&levels[0], object);
    while (depth > 0) {
        json_t *child = next_child(&levels[depth - 1]);
        wipe_text(child);
        if (child == NULL)
            depth--;
        else if ((json_is_object(child) || json_is_array(child)) && depth < ARRAY_LEN(levels))
            enter(&levels[depth++], child);
    }
    json_decref(object);
}

static str text_of(const json_t *value)
{
    return json_is_string(value) ? (str){json_string_value(value), json_string_length(value)}
                                 : (str){NULL, 0};
}

str secret_json_text(const json_t *object, const char *name)
{
    return text_of(json_object_get(object, name));
}

err secret_json_value(const json_t *object, str name, struct buf *out)
{
    char key[256];
    const json_t *value = str_to_chars(name, key, sizeof key) ? json_object_get(object, key) : NULL;
    if (json_is_string(value))
        return buf_add(out, text_of(value));
    if (json_is_integer(value))
        return buf_add_number(out, json_integer_value(value));
    if (json_is_boolean(value))
        return buf_add(out, json_is_true(value) ? S("true") : S("false"));
    return err_new(ERR_CONFIG, value ? "its field %.*s is no text" : "it has no field %.*s",
                   STR_ARG(name));
}
