/* config/type.h -- how the value of a key is read, written and described
 *
 * A type turns the text of a YAML scalar into a field and back: what config_type's write() gives,
 * its read() takes.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct config_schema_key;

struct config_type {
    const char *noun; /* "a duration such as 30s" */
    const char *json; /* a JSON Schema of it; NULL: made from the key's choices or numbers */
    bool literal;     /* a number or a boolean: written without quotes */
    bool (*empty)(const void *field); /* an optional value that is not there; NULL: never */
    err (*read)(const struct config_schema_key *, str text, struct arena *, void *ret_field);
    err (*write)(const struct config_schema_key *, const void *field, struct buf *out);
};

/* The fields' types are named behind each. */
extern const struct config_type config_type_bool;      /* bool */
extern const struct config_type config_type_int;       /* int */
extern const struct config_type config_type_cap;       /* int; 0: not given, -1: none */
extern const struct config_type config_type_rate;      /* int64_t, messages a day; so, too */
extern const struct config_type config_type_size;      /* int64_t */
extern const struct config_type config_type_duration;  /* int64_t */
extern const struct config_type config_type_choice;    /* an enum or a bool */
extern const struct config_type config_type_word;      /* str, one of the choices */
extern const struct config_type config_type_text;      /* str */
extern const struct config_type config_type_name;      /* str */
extern const struct config_type config_type_path;      /* str */
extern const struct config_type config_type_sink;      /* str */
extern const struct config_type config_type_host;      /* str */
extern const struct config_type config_type_pattern;   /* str */
extern const struct config_type config_type_recipient; /* str */
extern const struct config_type config_type_secret;    /* str */
extern const struct config_type config_type_server;    /* str, an IP address with or without port */
extern const struct config_type config_type_hop;       /* struct config_hop */
extern const struct config_type config_type_way;       /* struct config_hop, or account:NAME */
extern const struct config_type config_type_hop_ref;   /* struct config_hop * */
extern const struct config_type config_type_address;   /* struct address */
extern const struct config_type config_type_network;   /* struct network */
extern const struct config_type config_type_ip;        /* struct address, without a port */
extern const struct config_type config_type_proxy_ref; /* struct config_proxy * */

extern const struct config_type config_type_date;  /* int, days since 1970 */
extern const struct config_type config_type_zone;  /* int, minutes east of UTC */
extern const struct config_type config_type_hours; /* int, a bit for each hour of a day */

/* A text as YAML: in quotes unless it is harmless without. */
must_use err config_type_write_text(str text, struct buf *out);
/* A name of our own giving: letters, digits, ".", "_", "-"; at most 64 bytes. */
bool config_type_is_name(str text);
