/* tests/talk_script.h -- a .talk file as data
 *
 * The language stands in tests/talk/README.md. A script is parsed whole before anything runs, so a
 * word that nobody knows is told with its file and line. `use NAME` is resolved here.
 */
#pragma once
#include "base/arena.h"

enum {
    TALK_SCRIPT_BYTES_MAX = 4 << 20,
    TALK_SCRIPT_CRASH_POINTS_MAX = 16,
    TALK_SCRIPT_USES_MAX = 8, /* a lib file that uses another, and so on */
    TALK_SCRIPT_TIMES_MAX = 10000000,
};

enum talk_word {
    TALK_SEND,          /* text and CRLF */
    TALK_SEND_BYTES,    /* text as it is */
    TALK_SEND_MESSAGE,  /* text, dot-stuffed and ended */
    TALK_SEND_CHUNK,    /* BDAT n LAST and the text */
    TALK_AWAIT,         /* text is a pattern */
    TALK_AWAIT_MESSAGE, /* up to the final dot; ends with text */
    TALK_AWAIT_CONTENT, /* up to the final dot; holds each of the texts between " & " */
    TALK_AWAIT_CHUNK,   /* as many bytes as the BDAT before said; ends with text */
    TALK_LOGIN,         /* text: AUTH PLAIN with its argument; awaits 235 */
    TALK_TLS,
    TALK_SILENT,   /* for ms nothing comes and nothing ends */
    TALK_WITHIN,   /* what is awaited next comes within ms */
    TALK_ANYTHING, /* something comes and is thrown away */
    TALK_CLOSED,   /* the other side closes */
    TALK_CLOSE,    /* we do */
    TALK_END,      /* we end our side and read on */
    TALK_RESET,    /* we break the connection */
};

struct talk_step {
    enum talk_word word;
    str file;
    int line;
    str text;
    bool joined;   /* goes out in the packet of the step before */
    bool promised; /* "as promised": from here on we answer for the message */
    int times;
    int64_t ms;
    struct talk_step *next;
};

struct talk_block {
    bool peer, any;     /* any: serves each connection that has no block of its own */
    bool reached, done; /* the story has come here; its steps are over */
    str name;           /* of the client; of the peer's host */
    str listener, from; /* client */
    int port, nth;      /* peer: 0 is the port where MX hosts listen */
    str file;
    int line;
    struct talk_step *first, *last;
    struct talk_block *next; /* peer: on the same connection */
};

enum talk_item_word {
    TALK_ITEM_BLOCK,
    TALK_ITEM_THEN,
    TALK_ITEM_AFTER,
    TALK_ITEM_INJECT,
    TALK_ITEM_SEND, /* our own client */
    TALK_ITEM_RESTART,
    TALK_ITEM_FAULT,
    TALK_ITEM_CLEAR, /* the faults */
    TALK_ITEM_NETWORK,
    TALK_ITEM_AWAY,
    TALK_ITEM_DATE,
    TALK_ITEM_DISK,
};

struct talk_item {
    enum talk_item_word word;
    str file;
    int line;
    str text;
    int64_t ms;
    struct talk_block *block;
    struct talk_item *next;
};

struct talk_account {
    str user, password;
    struct talk_account *next;
};

struct talk_script {
    str path, title, why, spec, config, dns;
    struct talk_item *first, *last;
    str crash_points[TALK_SCRIPT_CRASH_POINTS_MAX];
    size_t crash_point_count;
    struct talk_account *accounts;
    bool logs_in;             /* the default account is needed */
    const char *virtual_only; /* why it cannot run over real sockets; NULL: it can */
};

/* ERR_CONFIG: "file:line: what". Everything lives in the arena. */
must_use err talk_script_read(const char *path, struct arena *, struct talk_script **ret_script);

/* "5m", "30s", "500ms", "4h", "5d". */
bool talk_script_duration(str text, int64_t *ret_ms);

/* A word, and what stands behind it without the blanks between. */
str talk_script_word(str *rest);

/* tests/talk/data/NAME beside the script, its lines ending in CRLF. */
must_use err talk_script_data(const struct talk_script *, str name, struct arena *,
                              str *ret_content);
