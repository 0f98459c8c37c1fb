/* queue/once_file.h -- files of keys: what the log will say no more (docs/spool.md)
 *
 * SPOOL/once/NNNNNNNN.keys are filled with zeros when they are made, so that a full disk does not
 * keep a segment from being freed, and then only get slots of 32 bytes, each with its CRC. A key
 * is written here once its mail is durable, and before the segment goes that says so. A file goes
 * when all of its keys are over. All of it on the supply thread, or while the spool is opened.
 */
#pragma once
#include "queue/inside.h"

enum {
    QUEUE_ONCE_FILE_SLOT_BYTES = 32,
    QUEUE_ONCE_FILE_SLOTS = 1 << 15,
    QUEUE_ONCE_FILE_BYTES = QUEUE_ONCE_FILE_SLOT_BYTES * QUEUE_ONCE_FILE_SLOTS,
    QUEUE_ONCE_FILE_WHEN = 1 << 13, /* so many are written without a need */
};

/* Loads what they say. */
must_use err queue_once_file_open(struct queue *);
void queue_once_file_close(struct queue *);
/* Every key that is kept stands in a file, synced. */
must_use err queue_once_file_save(struct queue *);
/* Now and then: makes room ahead, saves when there are many, removes what is over. */
void queue_once_file_tend(struct queue *);
