#include "bulk/seen.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/file.h"
#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATE_BITS = 3,
    FRESH_BITS = 16,
    FRESH_SLOTS = 1 << FRESH_BITS,
    FRESH_MAX = FRESH_SLOTS / 4 * 3,
    PAGE_BITS = 9,
    PAGE_SLOTS = 1 << PAGE_BITS,
    PAGE_BYTES = PAGE_SLOTS * 8,
    WINDOW_PAGES = 16, /* as many are read and written at once */
    FIRST_PAGES_BITS = 8,
    PAGES_BITS_MAX = 20,
    FULL_PERCENT = 60, /* of all slots: a page of twice as much is a rarity */
};
static_assert((uint64_t)BULK_SEEN_MAX <= (1ULL << PAGES_BITS_MAX) * PAGE_SLOTS / 100 * FULL_PERCENT,
              "as many fit");
static_assert(1 << FIRST_PAGES_BITS >= WINDOW_PAGES, "whole windows");

/* A key's first bits are its page, the next ones its slot there: a table of twice the pages has the
 * same order. */
struct bulk_seen {
    char folder[400];
    uint64_t *fresh; /* those that were set last; 0: an empty slot */
    size_t fresh_count;
    struct file *file; /* NULL: all are fresh */
    int pages_bits;
    size_t filed;              /* keys in the file */
    size_t first_page;         /* of the window */
    bool window_read, dirty;   /* it is there; it was changed */
    uint64_t *window, *halves; /* WINDOW_PAGES, twice of them */
};

static uint64_t key_of(uint64_t slot) { return slot & ~(uint64_t)STATE_BITS; }

struct bulk_seen *bulk_seen_open(const char *folder)
{
    struct bulk_seen *s = MEM_NEW(struct bulk_seen);
    const char *place = getenv("TMPDIR");
    if (folder)
        place = folder;
    snprintf(s->folder, sizeof s->folder, "%s", place && *place ? place : "/var/tmp");
    s->fresh = mem_alloc(FRESH_SLOTS * sizeof *s->fresh);
    return s;
}

void bulk_seen_close(struct bulk_seen *s)
{
    if (s == NULL)
        return;
    file_close(s->file);
    mem_free(s->fresh);
    mem_free(s->window);
    mem_free(s->halves);
    mem_free(s);
}

uint64_t bulk_seen_key(str campaign, str address)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    uint64_t key;
    char text[1024];
    campaign = str_slice(campaign, 0, 400);
    address = str_slice(address, 0, 600);
    size_t len = (size_t)(str_put(text, campaign) - text);
    text[len++] = '\0';
    len = (size_t)(str_put(text + len, address) - text);
    SHA256((const unsigned char *)text, len, digest);
    memcpy(&key, digest, sizeof key);
    key &= ~(uint64_t)STATE_BITS;
    return key ? key : 4; /* 0 is an empty slot */
}

/* ---- those in memory ---------------------------------------------------------------------- */

static size_t fresh_place(const struct bulk_seen *s, uint64_t key)
{
    size_t at = (size_t)(key >> (64 - FRESH_BITS));
    while (s->fresh[at] != 0 && key_of(s->fresh[at]) != key)
        at = (at + 1) & (FRESH_SLOTS - 1);
    return at;
}

/* ---- pages -------------------------------------------------------------------------------- */

static size_t page_of(const struct bulk_seen *s, uint64_t key)
{
    return (size_t)(key >> (64 - s->pages_bits));
}

/* Where the key is on its page, or could be; PAGE_SLOTS: neither. */
static size_t page_place(const uint64_t *page, int pages_bits, uint64_t key)
{
    size_t first = (size_t)(key >> (64 - pages_bits - PAGE_BITS)) & (PAGE_SLOTS - 1);
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        size_t at = (first + i) & (PAGE_SLOTS - 1);
        if (page[at] == 0 || key_of(page[at]) == key)
            return at;
    }
    return PAGE_SLOTS;
}

static err read_pages(struct bulk_seen *s, size_t page, size_t count, uint64_t *to)
{
    size_t got, bytes = count * PAGE_BYTES;
    TRY(file_read_at(s->file, to, bytes, (uint64_t)page * PAGE_BYTES, &got));
    return got == bytes ? NULL : err_new(ERR_DAMAGED, "the set of recipients was cut off");
}

static err write_pages(struct bulk_seen *s, size_t page, size_t count, uint64_t *from)
{
    struct iovec part = {from, count * PAGE_BYTES};
    return file_write_at(s->file, &part, 1, (uint64_t)page * PAGE_BYTES);
}

static err put_window_back(struct bulk_seen *s)
{
    if (s->window_read && s->dirty)
        TRY(write_pages(s, s->first_page, WINDOW_PAGES, s->window));
    s->window_read = s->dirty = false;
    return NULL;
}

/* The window over that page. */
static err move_window(struct bulk_seen *s, size_t page)
{
    size_t first = page / WINDOW_PAGES * WINDOW_PAGES;
    if (s->window_read && s->first_page == first)
        return NULL;
    TRY(put_window_back(s));
    TRY(read_pages(s, first, WINDOW_PAGES, s->window));
    s->first_page = first;
    s->window_read = true;
    return NULL;
}

/* ---- the file ----------------------------------------------------------------------------- */

static err open_file(struct bulk_seen *s)
{
    char path[500];
    snprintf(path, sizeof path, "%s/.seen.%016llx", s->folder, (unsigned long long)rand_u64());
    TRY(file_open(path, FILE_WRITE | FILE_CREATE | FILE_NEW, &s->file));
    TRY(file_remove(path)); /* it lives as long as it is open */
    s->pages_bits = FIRST_PAGES_BITS;
    s->window = mem_alloc((size_t)WINDOW_PAGES * PAGE_BYTES);
    s->halves = mem_alloc((size_t)2 * PAGE_BYTES);
    return file_resize(s->file, (uint64_t)PAGE_BYTES << s->pages_bits);
}

/* A page becomes two: whatever is on it belongs to one of them. */
static void split(const uint64_t *page, int pages_bits, uint64_t *halves)
{
    memset(halves, 0, 2 * PAGE_BYTES);
    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        uint64_t *half = halves + (page[i] >> (64 - pages_bits) & 1) * PAGE_SLOTS;
        if (page[i])
            half[page_place(half, pages_bits, key_of(page[i]))] = page[i];
    }
}

/* From the last page on, so that none is overwritten before it was read. */
static err double_file(struct bulk_seen *s)
{
    TRY(put_window_back(s));
    if (s->pages_bits == PAGES_BITS_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", BULK_SEEN_MAX);
    int bits = s->pages_bits + 1;
    for (size_t page = (size_t)1 << s->pages_bits; page-- > 0;) {
        TRY(move_window(s, page));
        split(s->window + (page - s->first_page) * PAGE_SLOTS, bits, s->halves);
        TRY(write_pages(s, 2 * page, 2, s->halves));
    }
    s->window_read = false; /* what it holds has moved */
    s->pages_bits = bits;
    return NULL;
}

static err file_one(struct bulk_seen *s, uint64_t slot)
{
    for (;;) {
        TRY(move_window(s, page_of(s, slot)));
        uint64_t *page = s->window + (page_of(s, slot) - s->first_page) * PAGE_SLOTS;
        size_t at = page_place(page, s->pages_bits, key_of(slot));
        if (at == PAGE_SLOTS) {
            TRY(double_file(s));
            continue;
        }
        s->filed += page[at] == 0;
        page[at] = slot;
        s->dirty = true;
        return NULL;
    }
}

/* Those in memory are in the order of their pages, or nearly. */
static err merge(struct bulk_seen *s)
{
    if (s->file == NULL)
        TRY(open_file(s));
    if (s->filed + s->fresh_count > BULK_SEEN_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", BULK_SEEN_MAX);
    while (s->filed + s->fresh_count > ((size_t)PAGE_SLOTS << s->pages_bits) / 100 * FULL_PERCENT)
        TRY(double_file(s));
    for (size_t i = 0; i < FRESH_SLOTS; i++)
        if (s->fresh[i])
            TRY(file_one(s, s->fresh[i]));
    TRY(put_window_back(s));
    memset(s->fresh, 0, FRESH_SLOTS * sizeof *s->fresh);
    s->fresh_count = 0;
    return NULL;
}

/* ---- the set ------------------------------------------------------------------------------ */

err bulk_seen_get(struct bulk_seen *s, uint64_t key, enum bulk_seen_state *ret_state)
{
    uint64_t slot = s->fresh[fresh_place(s, key)];
    if (slot == 0 && s->file) {
        TRY(read_pages(s, page_of(s, key), 1, s->halves));
        size_t at = page_place(s->halves, s->pages_bits, key);
        slot = at == PAGE_SLOTS ? 0 : s->halves[at];
    }
    *ret_state = (enum bulk_seen_state)(slot & STATE_BITS);
    return NULL;
}

err bulk_seen_set(struct bulk_seen *s, uint64_t key, enum bulk_seen_state state)
{
    size_t at = fresh_place(s, key);
    if (s->fresh[at] == 0) {
        if (s->fresh_count == FRESH_MAX) {
            TRY(merge(s));
            at = fresh_place(s, key);
        }
        s->fresh_count++;
    }
    s->fresh[at] = key | state;
    return NULL;
}

static void count(const uint64_t *slots, size_t slot_count, uint64_t counts[STATE_BITS + 1])
{
    for (size_t i = 0; i < slot_count; i++)
        counts[slots[i] & STATE_BITS] += slots[i] != 0;
}

err bulk_seen_states(struct bulk_seen *s, uint64_t *ret_doubt, uint64_t *ret_later)
{
    uint64_t counts[STATE_BITS + 1] = {0};
    if (s->file)
        TRY(merge(s)); /* or those of whom both tell would count twice */
    else
        count(s->fresh, FRESH_SLOTS, counts);
    for (size_t page = 0; s->file && page < (size_t)1 << s->pages_bits; page += WINDOW_PAGES) {
        TRY(move_window(s, page));
        count(s->window, WINDOW_PAGES * PAGE_SLOTS, counts);
    }
    *ret_doubt = counts[BULK_SEEN_DOUBT];
    *ret_later = counts[BULK_SEEN_LATER];
    return NULL;
}
