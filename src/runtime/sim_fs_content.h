/* runtime/sim_fs_content.h -- what a simulated file holds: sparse bytes, copied on write
 *
 * Content is cut into chunks. Two contents may share a chunk until one of them writes to it, so
 * that a snapshot costs one pointer a chunk. A chunk of zeros has no memory, whether it is a hole
 * or was written: which blocks are taken on the disk is kept beside it.
 */
#pragma once
#include "runtime/sim_fs.h"

enum { SIM_FS_CONTENT_CHUNK_BYTES = 1 << 16 };

struct sim_fs_content_slot {
    struct sim_fs_content_chunk *chunk; /* NULL: zeros */
    uint16_t blocks;                    /* one bit for each that takes space */
};

struct sim_fs_content { /* all zero: empty */
    uint64_t size;
    uint64_t blocks; /* taken */
    struct sim_fs_content_slot *slots;
    size_t slot_count; /* behind them is a hole */
};

void sim_fs_content_release(struct sim_fs_content *); /* empty afterwards */
void sim_fs_content_share(struct sim_fs_content *to, const struct sim_fs_content *from);

size_t sim_fs_content_read(const struct sim_fs_content *, void *to, size_t size, uint64_t offset);
void sim_fs_content_write(struct sim_fs_content *, const char *bytes, uint64_t size,
                          uint64_t offset); /* bytes NULL: zeros */
void sim_fs_content_resize(struct sim_fs_content *, uint64_t size);
/* How many of the bytes can be written when only so many more blocks may be taken. */
uint64_t sim_fs_content_fit(const struct sim_fs_content *, uint64_t size, uint64_t offset,
                            uint64_t free_blocks);
