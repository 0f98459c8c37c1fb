#include "runtime/sim_fs_content.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

enum {
    CHUNK = SIM_FS_CONTENT_CHUNK_BYTES,
    CHUNK_BLOCKS = SIM_FS_CONTENT_CHUNK_BYTES / SIM_FS_BLOCK_BYTES,
};
static_assert(CHUNK_BLOCKS == 16, "the bits of a slot");

struct sim_fs_content_chunk {
    size_t shares;
    char bytes[CHUNK];
};

static void chunk_drop(struct sim_fs_content_chunk *chunk)
{
    if (chunk && --chunk->shares == 0)
        mem_free(chunk);
}

/* The bytes of a slot, in a chunk that is shared with nobody. */
static char *slot_own(struct sim_fs_content_slot *slot)
{
    if (slot->chunk && slot->chunk->shares == 1)
        return slot->chunk->bytes;
    struct sim_fs_content_chunk *own = MEM_NEW(struct sim_fs_content_chunk);
    own->shares = 1;
    if (slot->chunk)
        memcpy(own->bytes, slot->chunk->bytes, CHUNK);
    chunk_drop(slot->chunk);
    slot->chunk = own;
    return own->bytes;
}

void sim_fs_content_release(struct sim_fs_content *c)
{
    for (size_t i = 0; i < c->slot_count; i++)
        chunk_drop(c->slots[i].chunk);
    mem_free(c->slots);
    *c = (struct sim_fs_content){0};
}

static void set_slot_count(struct sim_fs_content *c, size_t count)
{
    for (size_t i = count; i < c->slot_count; i++) {
        chunk_drop(c->slots[i].chunk);
        c->blocks -= (unsigned)__builtin_popcount(c->slots[i].blocks);
    }
    c->slots = mem_resize(c->slots, (count ? count : 1) * sizeof *c->slots);
    if (count > c->slot_count)
        memset(c->slots + c->slot_count, 0, (count - c->slot_count) * sizeof *c->slots);
    c->slot_count = count;
}

void sim_fs_content_share(struct sim_fs_content *to, const struct sim_fs_content *from)
{
    if (to->slot_count != from->slot_count)
        set_slot_count(to, from->slot_count);
    for (size_t i = 0; i < from->slot_count; i++) {
        if (from->slots[i].chunk)
            from->slots[i].chunk->shares++;
        chunk_drop(to->slots[i].chunk);
        to->slots[i] = from->slots[i];
    }
    to->size = from->size;
    to->blocks = from->blocks;
}

/* How many of the left bytes lie in the chunk that at is in. */
static size_t part_at(uint64_t at, uint64_t left)
{
    uint64_t room = CHUNK - at % CHUNK;
    return (size_t)(left < room ? left : room);
}

size_t sim_fs_content_read(const struct sim_fs_content *c, void *to, size_t size, uint64_t offset)
{
    if (offset >= c->size)
        return 0;
    if (size > c->size - offset)
        size = (size_t)(c->size - offset);
    for (size_t done = 0, part; done < size; done += part) {
        uint64_t at = offset + done;
        size_t i = (size_t)(at / CHUNK);
        part = part_at(at, size - done);
        if (i < c->slot_count && c->slots[i].chunk)
            memcpy((char *)to + done, c->slots[i].chunk->bytes + at % CHUNK, part);
        else
            memset((char *)to + done, 0, part);
    }
    return size;
}

static void take_blocks(struct sim_fs_content *c, struct sim_fs_content_slot *slot, size_t from,
                        size_t size)
{
    for (size_t b = from / SIM_FS_BLOCK_BYTES; b * SIM_FS_BLOCK_BYTES < from + size; b++) {
        if (!(slot->blocks & (1u << b)))
            c->blocks++;
        slot->blocks = (uint16_t)(slot->blocks | (1u << b));
    }
}

static void slot_zero(struct sim_fs_content_slot *slot, size_t from, size_t size)
{
    if (slot->chunk == NULL)
        return;
    if (size < CHUNK) {
        memset(slot_own(slot) + from, 0, size);
        return;
    }
    chunk_drop(slot->chunk);
    slot->chunk = NULL;
}

void sim_fs_content_write(struct sim_fs_content *c, const char *bytes, uint64_t size,
                          uint64_t offset)
{
    if (size == 0)
        return;
    size_t count = (size_t)((offset + size + CHUNK - 1) / CHUNK);
    if (count > c->slot_count)
        set_slot_count(c, count);
    size_t part;
    for (uint64_t done = 0; done < size; done += part) {
        struct sim_fs_content_slot *slot = &c->slots[(offset + done) / CHUNK];
        size_t from = (size_t)((offset + done) % CHUNK);
        part = part_at(offset + done, size - done);
        if (bytes)
            memcpy(slot_own(slot) + from, bytes + done, part);
        else
            slot_zero(slot, from, part);
        take_blocks(c, slot, from, part);
    }
    if (offset + size > c->size)
        c->size = offset + size;
}

void sim_fs_content_resize(struct sim_fs_content *c, uint64_t size)
{
    c->size = size;
    size_t count = (size_t)((size + CHUNK - 1) / CHUNK);
    if (count > c->slot_count)
        return;
    set_slot_count(c, count);
    size_t kept = (size_t)(size % CHUNK);
    if (kept == 0)
        return;
    struct sim_fs_content_slot *last = &c->slots[count - 1];
    slot_zero(last, kept, CHUNK - kept); /* else a later growth would show the old bytes */
    unsigned keep_mask = (2u << ((kept - 1) / SIM_FS_BLOCK_BYTES)) - 1;
    c->blocks -= (unsigned)__builtin_popcount(last->blocks & ~keep_mask);
    last->blocks = (uint16_t)(last->blocks & keep_mask);
}

static bool block_taken(const struct sim_fs_content *c, uint64_t block)
{
    size_t i = (size_t)(block / CHUNK_BLOCKS);
    return i < c->slot_count && (c->slots[i].blocks & (1u << block % CHUNK_BLOCKS));
}

uint64_t sim_fs_content_fit(const struct sim_fs_content *c, uint64_t size, uint64_t offset,
                            uint64_t free_blocks)
{
    uint64_t at = offset;
    while (at < offset + size) {
        uint64_t block = at / SIM_FS_BLOCK_BYTES;
        if (!block_taken(c, block) && free_blocks-- == 0)
            break;
        at = (block + 1) * SIM_FS_BLOCK_BYTES;
    }
    return at < offset + size ? at - offset : size;
}
