/* bulk/journal.h -- what became of each recipient, on the disk before it matters
 *
 * A file of records of 24 bytes, each with its CRC, that only grows. "About to send" is synced
 * before the final dot of a mail goes out; what the server said follows it. Who finds the one
 * without the other knows that nobody knows: the recipient is in doubt.
 *
 * Records are collected, and go to the file in their order, many with one write and one sync: so
 * what the server said of a mail is there before "about to send" of the next one by the same
 * connection. Zeros are written ahead of them, for a sync is cheaper in a file that does not grow.
 *
 * Each record tells how many before it were synced when it was made. Unreadable ones behind all
 * those were never relied on, and are cut off with what follows; one among them is ERR_DAMAGED.
 */
#pragma once
#include "base/clock.h"
#include "bulk/seen.h"
#include "runtime/fiber.h"

enum bulk_entry_kind {
    BULK_ENTRY_BEGIN = 1, /* a run: value is 0 */
    BULK_ENTRY_TRY,       /* about to send */
    BULK_ENTRY_SENT,
    BULK_ENTRY_REFUSED, /* for good */
    BULK_ENTRY_LATER,   /* for now, or never tried */
    BULK_ENTRY_END,     /* the list was worked off */
};

struct bulk_entry {
    enum bulk_entry_kind kind;
    uint16_t code; /* of the reply; 0: none */
    uint8_t group; /* of the report's segments */
    uint64_t key;  /* bulk_seen_key() */
    uint32_t at_s; /* since 1970 */
};

struct bulk_journal;

/* Reads what there is: each(arg, entry) for every record. Blocks. campaign: whose it must be
 * (ERR_CONFIG: of another one). ERR_LIMIT: another process has it. */
must_use err bulk_journal_open(const char *path, str campaign,
                               void (*each)(void *arg, const struct bulk_entry *), void *arg,
                               struct bulk_journal **ret_journal);
/* Only reads, beside a process that writes; *ret_running: there is one. */
must_use err bulk_journal_read(const char *path, void (*each)(void *arg, const struct bulk_entry *),
                               void *arg, bool *ret_running);
void bulk_journal_close(struct bulk_journal *); /* syncs; accepts NULL */

/* Collected, to be written by the next sync or flush. *ret_place (may be NULL) is for
 * bulk_journal_sync(). */
must_use err bulk_journal_add(struct bulk_journal *, const struct bulk_entry *,
                              uint64_t *ret_place);
/* Until all up to that place is on the disk. On a fiber: one of them syncs for all who wait. */
must_use err bulk_journal_sync(struct bulk_journal *, uint64_t place, deadline until);
uint64_t bulk_journal_end(const struct bulk_journal *); /* the place of the last record */
/* So many fibers may wait for a sync at a time. It begins when all of them do, or after a moment:
 * a sync costs as much as several mails, however many it is for. 1 at first. */
void bulk_journal_set_crew(struct bulk_journal *, int fibers);
/* Write what was collected, so that it outlives the process; not synced. Blocks for a moment. */
must_use err bulk_journal_flush(struct bulk_journal *);
