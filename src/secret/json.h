/* secret/json.h -- answers of stores as JSON: bounded before they are parsed, wiped after use */
#pragma once
#include "base/buf.h"
#include <jansson.h>

enum { SECRET_JSON_DEPTH_MAX = 16, SECRET_JSON_BYTES_MAX = 1 << 20 };

/* An object. ERR_PROTOCOL: it is none; the err repeats nothing of it. */
must_use err secret_json_read(str text, json_t **ret_object);
void secret_json_close(json_t *); /* overwrites all texts in it; accepts NULL */
/* Empty: it has no such member, or it is no text. Good until it is closed. */
str secret_json_text(const json_t *object, const char *name);
/* The member a person meant: a text as it is, a number or a truth as JSON has it. */
must_use err secret_json_value(const json_t *object, str name, struct buf *out);
