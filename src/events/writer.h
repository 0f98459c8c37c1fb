/* events/writer.h -- events as lines in a file or on stderr, without ever holding up mail
 *
 * Any thread may emit. Lines wait in memory, up to a maximum, for one thread that writes them.
 * When the disk is full or a pipe is blocked, what finds no place is dropped and counted, and an
 * `events_dropped` line tells the number as soon as lines can be written again.
 */
#pragma once
#include "events/event.h"

struct events_writer_options {
    /* "stderr", or the path of a file that is made (0640) when absent and only ever appended to; a
     * symbolic link is refused. The file is opened anew when its name leads elsewhere. */
    str to;
    /* Before the file grows beyond this it becomes FILE.1, FILE.1 becomes FILE.2 and so on up to
     * `keep`; what was the last one is gone. Only a line that is longer than this alone makes a
     * larger file. 0: never. When it cannot be done the file grows, and the log says so, once. */
    int64_t rotate_bytes;
    int keep;
};

enum {
    EVENTS_KEEP_MAX = 999,
    EVENTS_WAITING_BYTES_MAX = 4 << 20,
    EVENTS_GATHER_MS = 20,          /* how long a line may wait for company */
    EVENTS_GATHER_BYTES = 64 << 10, /* … unless there is so much already */
    EVENTS_RETRY_MS = 1000,         /* after a failed write, and between looks at the file's name */
    EVENTS_CLOSE_MS = 2000,         /* how long closing waits for a reader that does not read */
};

struct events_writer;

must_use err events_writer_open(const struct events_writer_options *,
                                struct events_writer **ret_writer);

/* Writes what waits, then ends the thread. Accepts NULL. */
void events_writer_close(struct events_writer *);

const struct event_sink *events_writer_sink(struct events_writer *);
void events_writer_reopen(struct events_writer *);      /* on SIGHUP; from any thread */
uint64_t events_writer_dropped(struct events_writer *); /* since the start */
