/* personality/swaks_talk.h -- lines to the server, replies from it, and what is shown of them
 *
 * A reply is as good as its code is the one that was hoped for; nothing here judges more. Lines
 * may be put off, to go out together (PIPELINING). Once the talk has ended, nothing is sent or
 * read any more, and exit is what to exit with.
 */
#pragma once
#include "personality/swaks_plan.h"
#include "runtime/net.h"

enum {
    SWAKS_PENDING_MAX = 100, /* lines in flight: neither side's buffers may fill up */
    SWAKS_REPLY_BYTES_MAX = 64 << 10,
};

enum swaks_stage { SWAKS_STAGE_ANY, SWAKS_STAGE_MAIL, SWAKS_STAGE_RCPT };

struct swaks_step {
    bool sends;   /* else only a reply is awaited */
    str line;     /* without its line end */
    str shown;    /* in place of the line; empty: the line */
    int hoped;    /* the code */
    int hoped_or; /* another that is as good; 0: none */
    enum swaks_stage stage;
    bool count_only; /* show how many lines were sent */
    bool no_line_end, no_reply;
    bool decode; /* show the base64 of the reply as text */
};

struct swaks_talk {
    struct swaks_plan *plan;
    struct net_conn *conn;
    struct swaks_step pending[SWAKS_PENDING_MAX];
    size_t pending_count;
    struct buf reply; /* the last one, its lines with '\n' */
    size_t raw_shown; /* bytes of net_input() that were shown already */
    bool pipelining;  /* lines may be put off */
    bool drop_before_reply;
    bool lost, may_lose, quit_sent, mail_refused;
    size_t rcpts, rcpts_refused;
    bool ended;
    int exit;
};

void personality_swaks_talk_init(struct swaks_talk *, struct swaks_plan *, struct net_conn *);
void personality_swaks_talk_release(struct swaks_talk *); /* closes the connection */

/* Send what was put off and this, and read the replies. True: the last one is what was hoped for,
 * and the talk goes on. */
bool personality_swaks_talk_do(struct swaks_talk *, const struct swaks_step *, deadline until);
/* Put it off if that is possible; else the same as do. */
bool personality_swaks_talk_defer(struct swaks_talk *, const struct swaks_step *, deadline until);
/* A line and the code that is hoped for. */
bool personality_swaks_talk_ask(struct swaks_talk *, int hoped, str line, deadline until);

void personality_swaks_talk_quit(struct swaks_talk *, int exit, deadline until); /* say QUIT */
void personality_swaks_talk_drop(struct swaks_talk *);                           /* just go */
void personality_swaks_talk_end(struct swaks_talk *, int exit);
deadline personality_swaks_talk_until(const struct swaks_plan *);
