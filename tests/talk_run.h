/* tests/talk_run.h -- one run of one scenario
 *
 * The first failure is the one that counts: it is kept with what was awaited and what came, and
 * everybody who waits then leaves. In a run that crashes, what breaks by the crash is no failure.
 */
#pragma once
#include "base/list.h"
#include "runtime/sim.h"
#include "tests/talk_script.h"
#include "tests/world.h"

enum {
    TALK_AWAIT_MS = 60 * 1000,      /* virtual time */
    TALK_AWAIT_REAL_MS = 10 * 1000, /* over real sockets */
    TALK_RUN_BYTES_MAX = 256 << 20,
    TALK_TRANSCRIPT_BYTES_MAX = 1 << 20,
};

struct talk_run {
    const struct talk_script *script;
    struct world world;
    struct arena *arena;
    bool real;
    bool failed, crash_wanted, crashed, crashed_ever, promised;
    int crash_mode;        /* enum sim_fs_crash_mode */
    struct sim_fs *next;   /* what the disk has after the crash */
    struct gate something; /* a connection, the end of a block, a crash */
    struct group fibers;
    struct list clients;    /* struct talk_actor */
    struct list peers;      /* struct talk_peer */
    struct talk_send *send; /* the newest one; NULL: none */
    struct tls_server *tls_server;
    struct tls_client *tls_client;
    int64_t began_ms;
    struct buf failure, transcript;
};

void talk_run_init(struct talk_run *); /* what is zero before it */

/* file:line: what. Only the first one is kept. */
void talk_run_fail(struct talk_run *, str file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A line of the transcript; bytes that cannot be shown are escaped. */
void talk_run_note(struct talk_run *, str who, const char *mark, str line);
/* The whole story. On a fiber; the world is open (and, where it is real, started). */
void talk_run_story(struct talk_run *);

/* How long one awaits by default. */
static inline int64_t talk_run_await_ms(const struct talk_run *run)
{
    return run->real ? TALK_AWAIT_REAL_MS : TALK_AWAIT_MS;
}
/* Whoever waits leaves: it failed, or the crash has come and was not yet survived. */
static inline bool talk_run_over(const struct talk_run *run) { return run->failed || run->crashed; }
