#include "queue/directory.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

enum {
    PART_BYTES = 256 * 1024, /* only pages that are used cost memory */
    WORD = 8,                /* bytes are compared by so many */
    WORDS = QUEUE_DIRECTORY_FRONT_BYTES / WORD,
    LONG_META = 255, /* the length follows */
    LENGTH_BYTES_MAX = 5,
};

/* An entry: the length of its meta, a byte or LONG_META and four; for each word of its front a byte
 * that says which of its bytes differ from those of the entry before, and these; the rest. */
struct queue_directory_part {
    struct queue_directory_part *next;
    size_t used;
    char bytes[PART_BYTES - 2 * sizeof(void *)];
};
static_assert(sizeof(struct queue_directory_part) == PART_BYTES, "whole pages");
static_assert(LENGTH_BYTES_MAX + WORDS + QUEUE_DIRECTORY_FRONT_BYTES +
                      QUEUE_DIRECTORY_META_BYTES_MAX <=
                  PART_BYTES - 2 * sizeof(void *),
              "the largest entry fits in a part");
static_assert(QUEUE_DIRECTORY_HEAD_BYTES < QUEUE_DIRECTORY_FRONT_BYTES, "a front has all of it");

void queue_directory_init(struct queue_directory *d) { *d = (struct queue_directory){0}; }

void queue_directory_release(struct queue_directory *d)
{
    struct queue_directory_part *part = d->first;
    while (part) {
        struct queue_directory_part *next = part->next;
        mem_unmap(part, PART_BYTES);
        part = next;
    }
    queue_directory_init(d);
}

/* ---- packing --------------------------------------------------------------------------------- */

static char *room_for(struct queue_directory *d, size_t size)
{
    if (d->last == NULL || sizeof d->last->bytes - d->last->used < size) {
        struct queue_directory_part *part = mem_map(PART_BYTES);
        if (d->last)
            d->last->next = part;
        else
            d->first = part;
        d->last = part;
        memset(d->before, 0, sizeof d->before);
        d->taken += PART_BYTES;
    }
    return d->last->bytes + d->last->used;
}

static char *put_length(char *at, size_t len)
{
    bool is_long = len >= LONG_META;
    *at++ = (char)(unsigned char)(is_long ? LONG_META : len);
    for (int shift = 0; is_long && shift < 32; shift += 8)
        *at++ = (char)(unsigned char)(len >> shift);
    return at;
}

/* The bytes of a word that differ from those before. */
static char *put_word(char *at, const char *word, const char *before)
{
    char *mask = at++;
    unsigned differ = 0;
    if (memcmp(word, before, WORD) != 0)
        for (unsigned i = 0; i < WORD; i++)
            if (word[i] != before[i]) {
                differ |= 1u << i;
                *at++ = word[i];
            }
    *mask = (char)(unsigned char)differ;
    return at;
}

static size_t words_of(size_t front) { return (front + WORD - 1) / WORD; }

void queue_directory_add(struct queue_directory *d, const char head[QUEUE_DIRECTORY_HEAD_BYTES],
                         str meta)
{
    char front[QUEUE_DIRECTORY_FRONT_BYTES] = {0};
    size_t room = sizeof front - QUEUE_DIRECTORY_HEAD_BYTES;
    size_t in_front = meta.len < room ? meta.len : room;
    ASSERT(meta.len <= QUEUE_DIRECTORY_META_BYTES_MAX);
    memcpy(front, head, QUEUE_DIRECTORY_HEAD_BYTES);
    if (in_front)
        memcpy(front + QUEUE_DIRECTORY_HEAD_BYTES, meta.ptr, in_front);
    size_t words = words_of(QUEUE_DIRECTORY_HEAD_BYTES + in_front);
    char *start = room_for(d, LENGTH_BYTES_MAX + words + words * WORD + meta.len);
    char *at = put_length(start, meta.len);
    for (size_t i = 0; i < words; i++)
        at = put_word(at, front + i * WORD, d->before + i * WORD);
    at = str_put(at, str_from(meta, in_front));
    memcpy(d->before, front, sizeof front);
    d->last->used += (size_t)(at - start);
    d->len += QUEUE_DIRECTORY_HEAD_BYTES + meta.len;
}

/* ---- unpacking ------------------------------------------------------------------------------- */

struct queue_directory_walk queue_directory_begin(const struct queue_directory *d)
{
    return (struct queue_directory_walk){.part = d->first};
}

static size_t take_length(const char **at)
{
    size_t len = (unsigned char)*(*at)++;
    if (len < LONG_META)
        return len;
    len = 0;
    for (int shift = 0; shift < 32; shift += 8)
        len |= (size_t)(unsigned char)*(*at)++ << shift;
    return len;
}

static void take_word(const char **at, char *word)
{
    unsigned differ = (unsigned char)*(*at)++;
    for (unsigned i = 0; differ >> i; i++)
        if (differ & 1u << i)
            word[i] = *(*at)++;
}

err queue_directory_next(struct queue_directory_walk *w, struct buf *b, bool *ret_more)
{
    char *room;
    if (w->part && w->at == w->part->used)
        *w = (struct queue_directory_walk){.part = w->part->next, .before = {0}};
    *ret_more = w->part != NULL;
    if (w->part == NULL)
        return NULL;
    const char *at = w->part->bytes + w->at;
    size_t meta_len = take_length(&at), len = QUEUE_DIRECTORY_HEAD_BYTES + meta_len;
    TRY(buf_reserve(b, len, &room));
    size_t front = len < sizeof w->before ? len : sizeof w->before, words = words_of(front);
    for (size_t i = 0; i < words; i++)
        take_word(&at, w->before + i * WORD);
    memset(w->before + front, 0, sizeof w->before - front);
    memcpy(room, w->before, front);
    memcpy(room + front, at, len - front);
    at += len - front;
    b->len += len;
    w->at = (size_t)(at - w->part->bytes);
    ASSERT(w->at <= w->part->used);
    return NULL;
}

err queue_directory_unpack(const struct queue_directory *d, struct buf *ret_bytes)
{
    struct queue_directory_walk walk = queue_directory_begin(d);
    bool more = true;
    buf_clear(ret_bytes);
    while (more)
        TRY(queue_directory_next(&walk, ret_bytes, &more));
    ASSERT(ret_bytes->len == d->len);
    return NULL;
}
