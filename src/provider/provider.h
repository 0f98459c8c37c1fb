/* provider/provider.h -- a simulated mail provider: asked at each stage, it says what it says
 *
 * Pure: no clock, no socket, no chance but what the rules' seed gives, so a run can be had again.
 * The same judge stands behind `bench sink --rules` and in tests under virtual time. What it
 * remembers is bounded (provider/notes.h); one thread asks.
 */
#pragma once
#include "provider/rules.h"

enum {
    PROVIDER_NAME_BYTES_MAX = 320, /* of a sender, a recipient, a login: more is cut */
    PROVIDER_SAY_BYTES_MAX =
        PROVIDER_RULES_SAY_BYTES_MAX + 4 * ADDRESS_CHARS, /* braces filled in */
};

struct provider;

struct provider_name {
    char text[PROVIDER_NAME_BYTES_MAX];
    size_t len;
};

struct provider_session { /* one connection; the caller sets source, all else is 0 */
    struct address source;
    char source_text[ADDRESS_CHARS];
    struct provider_name sender; /* of the mail under way */
    struct provider_name login;  /* empty: none */
    int64_t messages;            /* taken on this connection */
    uint64_t held;               /* rules that count this connection */
    uint64_t marked;             /* rules that a recipient of this mail has met */
};

struct provider_verdict {
    str say; /* the refusal, without CRLF, good until the next question; empty: go on as usual */
    bool close;
    int64_t delay_ms;                /* before the reply */
    int64_t body_bytes;              /* a second, when the content is read; 0: as it comes */
    const struct provider_rule *why; /* NULL: nothing was refused */
};

struct provider_counts {                   /* of a stretch of time */
    uint64_t connections, connections_max; /* opened; the most at once */
    uint64_t offered, accepted;            /* messages: MAIL, and the final dot */
    uint64_t said[PROVIDER_KINDS];         /* refusals by the kind of their rule */
    uint64_t blocks;                       /* how often a block began */
};

/* The rules are held until close. */
struct provider *provider_open(const struct provider_rules *, int64_t now_ms);
void provider_close(struct provider *); /* accepts NULL */

/* what: the client's name at PROVIDER_HELLO, the login's at _AUTH, the address at _MAIL and _RCPT;
 * else empty. Time never goes back. A session begins with PROVIDER_CONNECT, and ends with
 * provider_leave(), also when it was refused. */
struct provider_verdict provider_judge(struct provider *, struct provider_session *,
                                       enum provider_stage, str what, int64_t now_ms);
void provider_leave(struct provider *, struct provider_session *);

/* What happened since the last time this was asked; connections_max starts anew with those that
 * are open. */
struct provider_counts provider_take_counts(struct provider *);
/* "Too fast" in some form: throttle, quota, connections, login. */
uint64_t provider_throttled(const struct provider_counts *);
void provider_counts_add(struct provider_counts *into, const struct provider_counts *more);
