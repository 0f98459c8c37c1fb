/* http/client.h -- one HTTP request of ours, and its answer
 *
 * libcurl, opened when first used. HTTPS, verified, TLS 1.2 or newer; http:// only to a loopback
 * address or with allow_clear. No redirect is followed; no proxy, cookie or netrc is taken from the
 * environment. It blocks: in a job, in the keeper or in a command, never on a fiber.
 */
#pragma once
#include "base/arena.h"

enum {
    HTTP_CLIENT_BODY_BYTES_MAX = 1 << 20, /* of an answer, when the request names no other bound */
    HTTP_CLIENT_FIELDS_MAX = 64,
    HTTP_CLIENT_HEADER_BYTES_MAX = 64 * 1024, /* of an answer: all fields */
    HTTP_CLIENT_URL_CHARS = 4096,
    HTTP_CLIENT_FIELD_BYTES_MAX = 32 * 1024, /* one of a request: its name and value */
    HTTP_CLIENT_MS_MAX = 30 * 1000,
    /* What an answer takes in an arena beside its body. */
    HTTP_CLIENT_ANSWER_BYTES_MAX = 2 * HTTP_CLIENT_HEADER_BYTES_MAX,
};

struct http_client_field {
    str name, value;
};

struct http_client_request {
    str method; /* "GET", "POST" ...; empty: "GET" */
    str url;
    const struct http_client_field *fields; /* no line end, no control character in either */
    size_t field_count;
    str body;
    str ca_file;           /* PEM, the only roots then; empty: the system's */
    bool allow_clear;      /* http:// to anybody */
    int64_t ms_max;        /* 0: HTTP_CLIENT_MS_MAX, for all of it */
    size_t body_bytes_max; /* 0: HTTP_CLIENT_BODY_BYTES_MAX */
};

struct http_client_answer {
    int status;
    str type, body;
    struct http_client_field *fields; /* as they came; those of an interim answer are left out */
    size_t field_count;
};

/* Any status is an answer, a redirect too. Texts live in the arena, which has room for the body and
 * HTTP_CLIENT_ANSWER_BYTES_MAX more. No other copy of the request or the body of ours stays behind.
 * ERR_TIMEOUT; ERR_LIMIT: too much came; ERR_CONFIG: no libcurl, a URL or a field that is none,
 * http:// to somebody far; ERR_TLS: not trusted; ERR_SYSTEM (no connection) or ERR_PROTOCOL. They
 * name host and cause; no err holds a field's value, a path or the body. */
must_use err http_client_call(const struct http_client_request *, struct arena *,
                              struct http_client_answer *ret_answer);
/* The value of the first field of that name, whatever its case; empty: there is none. */
str http_client_field_of(const struct http_client_answer *, str name);
/* "store.example:8200" of a URL, for messages; empty: it is none that we take. */
str http_client_url_host(str url);
