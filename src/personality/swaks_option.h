/* personality/swaks_option.h -- the options of swaks: one table, and how words become settings
 *
 * A setting is an option as it was given: its value may be missing (then it is asked for, or has a
 * meaning of its own). "no-NAME" forgets what was set before it. Names may be cut short while they
 * stay unique, and have one dash or two. Where words come from is swaks_source.h; what a value
 * means is swaks_value.h.
 */
#pragma once
#include "base/arena.h"

enum swaks_key {
    SWAKS_ADD_HEADER,
    SWAKS_ATTACH,
    SWAKS_ATTACH_BODY,
    SWAKS_ATTACH_NAME,
    SWAKS_ATTACH_TYPE,
    SWAKS_AUTH,
    SWAKS_AUTH_EXTRA,
    SWAKS_AUTH_HIDE,
    SWAKS_AUTH_MAP,
    SWAKS_AUTH_OPTIONAL,
    SWAKS_AUTH_PASSWORD,
    SWAKS_AUTH_PLAINTEXT,
    SWAKS_AUTH_STRICT,
    SWAKS_AUTH_USER,
    SWAKS_BCC,
    SWAKS_BODY,
    SWAKS_CC,
    SWAKS_CONFIG,
    SWAKS_COPY_ROUTING,
    SWAKS_DATA,
    SWAKS_DROP,
    SWAKS_DROP_SEND,
    SWAKS_DUMP,
    SWAKS_DUMP_AS_BODY,
    SWAKS_DUMP_MAIL,
    SWAKS_DUMP_PASSWORD,
    SWAKS_FORCE_GETPWUID,
    SWAKS_FROM,
    SWAKS_HEADER,
    SWAKS_HELO,
    SWAKS_HELP,
    SWAKS_HIDE_ALL,
    SWAKS_HIDE_INFO,
    SWAKS_HIDE_RECEIVE,
    SWAKS_HIDE_SEND,
    SWAKS_IP4,
    SWAKS_IP6,
    SWAKS_LOCAL,
    SWAKS_LOCAL_PORT,
    SWAKS_NO_DATA_FIXUP,
    SWAKS_NO_HINTS,
    SWAKS_NO_INFO_HINTS,
    SWAKS_NO_RECEIVE_HINTS,
    SWAKS_NO_SEND_HINTS,
    SWAKS_NO_STRIP_FROM,
    SWAKS_OUTPUT,
    SWAKS_OUTPUT_STDERR,
    SWAKS_OUTPUT_STDOUT,
    SWAKS_PIPE,
    SWAKS_PIPELINE,
    SWAKS_PORT,
    SWAKS_PRDR,
    SWAKS_PROTECT_PROMPT,
    SWAKS_PROTOCOL,
    SWAKS_PROXY,
    SWAKS_PROXY_COMMAND,
    SWAKS_PROXY_DEST,
    SWAKS_PROXY_DEST_PORT,
    SWAKS_PROXY_FAMILY,
    SWAKS_PROXY_PROTOCOL,
    SWAKS_PROXY_SOURCE,
    SWAKS_PROXY_SOURCE_PORT,
    SWAKS_PROXY_VERSION,
    SWAKS_QUIT,
    SWAKS_RAW,
    SWAKS_SERVER,
    SWAKS_SILENT,
    SWAKS_SOCKET,
    SWAKS_SUPPORT,
    SWAKS_SUPPRESS_DATA,
    SWAKS_TIME_LAPSE,
    SWAKS_TIMEOUT,
    SWAKS_TLS,
    SWAKS_TLS_CA,
    SWAKS_TLS_CERT,
    SWAKS_TLS_CHAIN,
    SWAKS_TLS_CIPHER,
    SWAKS_TLS_CONNECT,
    SWAKS_TLS_KEY,
    SWAKS_TLS_OPTIONAL,
    SWAKS_TLS_PEER_CERT,
    SWAKS_TLS_PEER_CHAIN,
    SWAKS_TLS_PROTOCOL,
    SWAKS_TLS_SNI,
    SWAKS_TLS_STRICT,
    SWAKS_TLS_VERIFY,
    SWAKS_TLS_VERIFY_HOST,
    SWAKS_TLS_VERIFY_TARGET,
    SWAKS_TO,
    SWAKS_VERSION,
    SWAKS_XCLIENT,
    SWAKS_XCLIENT_ADDR,
    SWAKS_XCLIENT_DELIM,
    SWAKS_XCLIENT_DESTADDR,
    SWAKS_XCLIENT_DESTPORT,
    SWAKS_XCLIENT_EARLY,
    SWAKS_XCLIENT_HELO,
    SWAKS_XCLIENT_LOGIN,
    SWAKS_XCLIENT_NAME,
    SWAKS_XCLIENT_NO_VERIFY,
    SWAKS_XCLIENT_OPTIONAL,
    SWAKS_XCLIENT_PORT,
    SWAKS_XCLIENT_PROTO,
    SWAKS_XCLIENT_REVERSE_NAME,
    SWAKS_XCLIENT_STRICT,
    SWAKS_KEYS,
};

enum swaks_takes {
    SWAKS_NO_VALUE,
    SWAKS_MAY_TAKE,  /* the next word, unless it looks like an option; without: a meaning of its own
                      */
    SWAKS_ASKS,      /* the same, but without a value it is asked for, or an error */
    SWAKS_MUST_TAKE, /* the next word, whatever it is */
};

enum swaks_trait {
    SWAKS_FROM_FILE = 1, /* "-" is stdin, "@FILE" a file, "@@x" the text "@x" */
    SWAKS_LIST = 2,      /* each time it is given counts */
    SWAKS_SECRET = 4,    /* not echoed, wiped from the command line */
};

enum {
    SWAKS_NAMES_MAX = 4,
    SWAKS_SETTINGS_MAX = 2000,
    SWAKS_WORDS_MAX = 2 * SWAKS_SETTINGS_MAX,
    SWAKS_ARENA_BYTES_MAX = 1 << 30, /* message, attachments, and both again in base64 */
};

struct swaks_option {
    const char *names[SWAKS_NAMES_MAX]; /* the first is the long one */
    enum swaks_key key;
    enum swaks_takes takes;
    unsigned traits;
    const char *prompt; /* NULL: it is not asked for */
};

struct swaks_setting {
    const struct swaks_option *option;
    str name;  /* as it was given, in full */
    str value; /* empty: given without one, or with an empty one, which is the same */
};

struct swaks_settings {
    struct arena *arena;
    struct swaks_setting *list;
    size_t count;
    bool deprecated_g; /* -g was used */
};

void personality_swaks_option_init(struct swaks_settings *, struct arena *);

/* Take the words of one source, in order; later ones win. source: "command line", for errors.
 * ERR_CONFIG: unknown or ambiguous names (one a line, all of them), a missing value, a word that
 * belongs to no option. ERR_LIMIT: too many. */
must_use err personality_swaks_option_take(struct swaks_settings *, const str *words, size_t count,
                                           const char *source);

/* The last one given, or NULL. */
const struct swaks_setting *personality_swaks_option_find(const struct swaks_settings *,
                                                          enum swaks_key);
bool personality_swaks_option_given(const struct swaks_settings *, enum swaks_key);

/* By a name in full or cut short; NULL: none, or several. "no-" stands before some by nature. */
const struct swaks_option *personality_swaks_option_of(str name);

/* All options in the order of the table, for completion; NULL behind the last. */
const struct swaks_option *personality_swaks_option_at(size_t index);
