/* account/rotation.h -- a domain's new signing keys take the place of the old ones, over days
 *
 * The steps are few, and a person (or a program) has to publish records between them, so what has
 * been reached is kept in a file beside the keys, STATE/dkim/NAME/rotation, and
 * account_rotation_step() says what follows from it, from what the DNS says and from the time. It
 * is a function and no more: whoever calls it keeps the new state before he acts on it, and each
 * act may be done twice.
 *
 *     NONE -> PUBLISH   the new keys are made (SELECTOR.pem.new); nobody signs with them
 *     -> SPREAD         every server of the zone has their records; caches may not have
 *     -> SWITCH         "there is none" is forgotten everywhere: the files become SELECTOR.pem, the
 *                       old ones SELECTOR.pem.old, and the server is told
 *     -> KEEP           the new keys sign; the old records stay for mail that is under way
 *     -> RETIRE         the old keys are removed; their records may be
 *     -> NONE           they are gone, or revoked (an empty p=)
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    ACCOUNT_ROTATION_KEYS_MAX = 8,
    ACCOUNT_ROTATION_USED_MAX = 256, /* selectors that are never taken again; then the oldest go */
    ACCOUNT_ROTATION_SELECTOR_BYTES_MAX = 63,
    ACCOUNT_ROTATION_FILE_BYTES_MAX = 64 << 10,
    ACCOUNT_ROTATION_KEEP_DAYS = 7,
    ACCOUNT_ROTATION_SLOW_DAYS = 7, /* a rotation that nobody goes on with is told after so long */
    ACCOUNT_ROTATION_CLOCK_SLACK_MS = 60 * 1000, /* what a clock may be set back unnoticed */
};

enum account_rotation_phase {
    ACCOUNT_ROTATION_NONE,
    ACCOUNT_ROTATION_PUBLISH,
    ACCOUNT_ROTATION_SPREAD,
    ACCOUNT_ROTATION_SWITCH,
    ACCOUNT_ROTATION_KEEP,
    ACCOUNT_ROTATION_RETIRE,
    ACCOUNT_ROTATION_PHASES,
};

struct account_rotation {
    enum account_rotation_phase phase;
    int64_t begun_ms; /* all in real time */
    int64_t since_ms; /* it has been in this phase */
    int64_t until_ms; /* SPREAD, KEEP: when the waiting ends */
    int64_t last_ms;  /* when it was last looked at */
    str old[ACCOUNT_ROTATION_KEYS_MAX], fresh[ACCOUNT_ROTATION_KEYS_MAX]; /* selectors */
    size_t old_count, fresh_count;
    str used[ACCOUNT_ROTATION_USED_MAX]; /* of all rotations, the oldest first */
    size_t used_count;
};

/* What is published of a set of keys. */
enum account_rotation_records {
    ACCOUNT_ROTATION_UNKNOWN, /* of one of them at least it could not be found out */
    ACCOUNT_ROTATION_LIVE,    /* all of them, and every server that was asked says so */
    ACCOUNT_ROTATION_GONE,    /* none of them; an empty p= counts as none */
    ACCOUNT_ROTATION_MIXED,   /* some, or something else */
};

struct account_rotation_look {
    enum account_rotation_records fresh, old;
    uint32_t old_ttl;      /* seconds; the longest of the old records' */
    uint32_t negative_ttl; /* seconds for which "there is none" is remembered */
    bool told; /* SWITCH, KEEP: a running server signs with the keys in the folder, or none runs */
};

/* At most one step from the phase that it is in, and the time noted. A clock that was set back has
 * the waiting begin anew: nobody knows how much of it is over. */
void account_rotation_step(struct account_rotation *, const struct account_rotation_look *,
                           int64_t now_ms);

/* NONE -> PUBLISH. The texts must outlive it. ERR_CONFIG: a selector was used before, or is none.
 * ERR_LIMIT: too many keys. */
must_use err account_rotation_begin(struct account_rotation *, const str *old, size_t old_count,
                                    const str *fresh, size_t fresh_count, int64_t now_ms);
bool account_rotation_selector(str); /* letters, digits, _ and, inside, - and single dots */
bool account_rotation_used(const struct account_rotation *, str selector);

/* Give it up: before the switch the new keys are forgotten (NONE), after it the old ones sign again
 * (SWITCH, the two sets with their parts exchanged). ERR_CONFIG: nothing is under way; the old
 * records are not all published; the old keys are gone. */
must_use err account_rotation_abort(struct account_rotation *, const struct account_rotation_look *,
                                    int64_t now_ms);

/* Does somebody have to go on with it? Then why, in words, with the command that does; false: no.
 */
bool account_rotation_overdue(const struct account_rotation *, str domain, int64_t now_ms,
                              char *ret_why, size_t size);

const char *account_rotation_phase_name(enum account_rotation_phase); /* "publish" */

/* ---- the file; all of these block ------------------------------------------------------------ */

/* ERR_DAMAGED: not such a text, or a part of one. Texts live in the arena. */
must_use err account_rotation_parse(str text, struct arena *, struct account_rotation *);
must_use err account_rotation_format(const struct account_rotation *, struct buf *out);

/* folder: STATE/dkim/NAME. Without a file there it is NONE. */
must_use err account_rotation_read(const char *folder, struct arena *, struct account_rotation *);
/* Whole, or as it was before: a new file takes its place. When this is done it is on disk. */
must_use err account_rotation_write(const char *folder, const struct account_rotation *);
