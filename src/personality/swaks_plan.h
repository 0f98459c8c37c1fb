/* personality/swaks_plan.h -- what is to be done, once all options have been read
 *
 * A plan is data: nothing has been connected yet, and nothing is asked any more. Each part of it is
 * made by a file of its own: the target and the protocol here, TLS and login in swaks_secure.h,
 * XCLIENT and PROXY in swaks_client.h, the message in swaks_data.h.
 */
#pragma once
#include "personality/swaks_output.h"
#include "personality/swaks_value.h"
#include "runtime/tls_tool.h"

enum swaks_exit {
    SWAKS_EXIT_OK = 0,
    SWAKS_EXIT_OPTIONS = 1,
    SWAKS_EXIT_CONNECT = 2,
    SWAKS_EXIT_PIPE = 4,
    SWAKS_EXIT_CLOSED = 6,
    SWAKS_EXIT_MISSING = 10, /* we have no such thing */
    SWAKS_EXIT_BANNER = 21,
    SWAKS_EXIT_HELO = 22,
    SWAKS_EXIT_MAIL = 23,
    SWAKS_EXIT_RCPT = 24,
    SWAKS_EXIT_DATA = 25,
    SWAKS_EXIT_DOT = 26,
    SWAKS_EXIT_QUIT = 27,
    SWAKS_EXIT_AUTH = 28,
    SWAKS_EXIT_TLS = 29,
    SWAKS_EXIT_PRDR = 30,
    SWAKS_EXIT_HELO_TLS = 32,
    SWAKS_EXIT_XCLIENT = 33,
    SWAKS_EXIT_HELO_XCLIENT = 34,
    SWAKS_EXIT_PROXY_OPTIONS = 35,
    SWAKS_EXIT_PROXY = 36,
};

enum swaks_transport { SWAKS_INET, SWAKS_UNIX, SWAKS_CHILD };
enum swaks_protocol { SWAKS_SMTP, SWAKS_ESMTP, SWAKS_LMTP };
enum swaks_lapse { SWAKS_NO_LAPSE, SWAKS_LAPSE_FINE, SWAKS_LAPSE_SECONDS };

enum swaks_stop { /* in the order of the conversation */
                  SWAKS_STOP_NEVER,
                  SWAKS_STOP_PROXY,
                  SWAKS_STOP_CONNECT,
                  SWAKS_STOP_FIRST_HELO,
                  SWAKS_STOP_XCLIENT,
                  SWAKS_STOP_XCLIENT_HELO,
                  SWAKS_STOP_TLS,
                  SWAKS_STOP_HELO,
                  SWAKS_STOP_AUTH,
                  SWAKS_STOP_MAIL,
                  SWAKS_STOP_RCPT,
                  SWAKS_STOP_DATA,
                  SWAKS_STOP_DOT,
};

enum swaks_need {
    SWAKS_NOT_WANTED,
    SWAKS_REQUIRED,
    SWAKS_OPTIONAL, /* whatever becomes of it */
    SWAKS_STRICT,   /* optional, but once it was tried it must work */
};

enum swaks_login_kind {
    SWAKS_LOGIN_NONE,
    SWAKS_LOGIN_PLAIN,
    SWAKS_LOGIN_LOGIN,
    SWAKS_LOGIN_LOGIN_INITIAL, /* the user name in the same line */
    SWAKS_LOGIN_CRAM_MD5,
    SWAKS_LOGIN_CRAM_SHA1,
    SWAKS_LOGIN_SASL, /* SCRAM and tokens: sasl/client.h */
};

enum {
    SWAKS_RCPTS_MAX = 10000,
    SWAKS_LOGINS_MAX = 40,
    SWAKS_XCLIENTS_MAX = 100,
    SWAKS_LINE_BYTES_MAX = 64 << 10, /* of one value that goes into a command */
};

struct swaks_login {
    str name; /* as the server has it */
    str base; /* what it stands for */
    enum swaks_login_kind kind;
};

struct swaks_tls {
    enum swaks_need need;
    bool on_connect;
    struct tls_tool_options options;
    bool verify_host;           /* against the name of the target */
    bool show_cert, show_chain; /* print, or write to the path */
    str cert_path, chain_path;
    str protocols; /* as given */
};

struct swaks_auth {
    enum swaks_need need;
    struct swaks_login types[SWAKS_LOGINS_MAX];
    size_t type_count;
    bool any; /* nothing was named */
    bool unavailable;
    str user, password;
    bool show_plain, hide;
    str hidden; /* in place of the password */
    str extra, map;
};

struct swaks_xclient {
    enum swaks_need need;
    str strings[SWAKS_XCLIENTS_MAX];
    size_t string_count;
    str names[SWAKS_XCLIENTS_MAX]; /* attributes that must have been offered */
    size_t name_count;
    bool no_verify, early;
};

struct swaks_proxy {
    bool wanted;
    int version;
    str raw; /* what is sent behind the signature, or behind "PROXY " */
    str family, source, dest, source_port, dest_port, protocol, command;
    str bytes; /* all of it, as it goes out */
};

struct swaks_plan {
    struct arena *arena;
    struct swaks_values *values;
    struct swaks_output *output;
    int exit; /* for an err of planning */
    str hostname;

    enum swaks_transport transport;
    str server, local, copy_routing, socket, pipe;
    uint16_t port, local_port;
    bool ip4, ip6;
    str route; /* the domain whose MX is the server; empty: it is named */

    enum swaks_protocol protocol;
    str hello, from, to, cc, bcc;
    const str *rcpts;
    size_t rcpt_count;
    enum swaks_stop quit, drop, drop_send;
    str quit_word, drop_word, drop_send_word; /* as given, for --dump */
    bool server_only;
    int64_t timeout_ms; /* 0: none */
    bool pipeline, prdr, force_getpwuid;

    struct swaks_tls tls;
    struct swaks_auth auth;
    struct swaks_xclient xclient;
    struct swaks_proxy proxy;
    str data; /* dot-stuffed, with the final dot but without its line end */

    bool suppress_data, raw, protect_prompt;
    enum swaks_lapse lapse;
};

/* Read everything. ERR_CONFIG: the words to tell; then plan->exit is what to exit with. */
must_use err personality_swaks_plan_make(struct swaks_plan *);

/* Helpers for the files that make the parts. get: the value of an option, empty when not given.
 * line: the same, refused when it would end a line of the protocol. */
must_use err personality_swaks_plan_get(struct swaks_plan *, enum swaks_key, str *ret_value);
must_use err personality_swaks_plan_line(struct swaks_plan *, enum swaks_key, str *ret_value);
must_use err personality_swaks_plan_check_line(const char *option, str value);
bool personality_swaks_plan_flag(const struct swaks_plan *, enum swaks_key);
bool personality_swaks_plan_given(const struct swaks_plan *, enum swaks_key);
str personality_swaks_plan_lower(struct arena *, str);
str personality_swaks_plan_upper(struct arena *, str);
