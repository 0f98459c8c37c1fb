/* outbound/transcript_store.h -- transcripts of attempts that failed, for some days, on the disk
 *
 * Files in one folder (STATE/transcripts), each up to 4 MiB, the oldest removed when they are older
 * than is asked for or when all together are too large. They are written by a thread of their own,
 * unsynced: a power cut may lose the last of them, and no mail. Who adds one never waits; when the
 * thread cannot keep up it is dropped and counted.
 *
 * A transcript shows addresses and what servers said, never a login or a content.
 */
#pragma once
#include "base/err.h"
#include "queue/id.h"

enum {
    OUTBOUND_TRANSCRIPT_STORE_FILE_BYTES = 4 << 20,
    OUTBOUND_TRANSCRIPT_STORE_PENDING_BYTES_MAX = 8 << 20,
    OUTBOUND_TRANSCRIPT_STORE_PATH_CHARS = 600,
};

struct outbound_transcript_store;

struct outbound_transcript_record {
    queue_id id;
    int64_t attempt, time_ms;
    str text;
};

/* Makes the folder. bytes_max: all files together; keep_ms as below. */
must_use err outbound_transcript_store_open(const char *folder, int64_t keep_ms, int64_t bytes_max,
                                            struct outbound_transcript_store **ret_store);
/* When nobody adds any more: what waits is written. Accepts NULL. */
void outbound_transcript_store_close(struct outbound_transcript_store *);
/* From now on; from any thread. */
void outbound_transcript_store_keep(struct outbound_transcript_store *, int64_t keep_ms,
                                    int64_t bytes_max);

/* A copy is kept. From any thread; never waits. */
void outbound_transcript_store_add(struct outbound_transcript_store *,
                                   const struct outbound_transcript_record *);
uint64_t outbound_transcript_store_dropped(struct outbound_transcript_store *);

/* Give those of a message to the callback, oldest first, until it gives false; their texts are good
 * during the call. *ret_count: how many there were. Blocks: for a command, or in a job; also beside
 * a running server. A folder that is not there has none. */
must_use err outbound_transcript_store_find(const char *folder, const queue_id *id,
                                            bool (*each)(void *arg,
                                                         const struct outbound_transcript_record *),
                                            void *arg, size_t *ret_count);
