/* mailauth/story.h -- how a result was reached, step by step
 *
 * People who ask "why" read it and the commands print it; nothing is decided by it. Lines are
 * printable: what came from the network is made harmless when it is added. A story is bounded;
 * when it is full the last line says so.
 */
#pragma once
#include "base/arena.h"

enum { MAILAUTH_STORY_LINES_MAX = 512, MAILAUTH_STORY_LINE_BYTES_MAX = 400 };

struct mailauth_step {
    unsigned depth; /* 0: a step of the check itself; 1: inside that, and so on */
    str text;
};

struct mailauth_story {
    struct arena *arena;
    struct mailauth_step *steps; /* of MAILAUTH_STORY_LINES_MAX */
    size_t count;
    unsigned depth; /* of what is told next; the teller moves it */
};

void mailauth_story_init(struct mailauth_story *, struct arena *);
/* A NULL story is told to nobody and costs nothing. */
void mailauth_story_tell(struct mailauth_story *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
