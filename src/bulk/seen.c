#include "bulk/seen.h"
#include "base/mem.h"
#include <openssl/sha.h>
#include <string.h>

enum { FIRST_SLOTS = 1024, STATE_BITS = 3 };

struct bulk_seen {
    uint64_t *slots; /* 0: empty */
    size_t cap, len;
};

struct bulk_seen *bulk_seen_open(void)
{
    struct bulk_seen *s = MEM_NEW(struct bulk_seen);
    s->cap = FIRST_SLOTS;
    s->slots = mem_alloc(s->cap * sizeof *s->slots);
    return s;
}

void bulk_seen_close(struct bulk_seen *s)
{
    if (s == NULL)
        return;
    mem_free(s->slots);
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

static size_t place(const struct bulk_seen *s, uint64_t key)
{
    size_t at = (size_t)(key >> 2) & (s->cap - 1);
    while (s->slots[at] != 0 && (s->slots[at] & ~(uint64_t)STATE_BITS) != key)
        at = (at + 1) & (s->cap - 1);
    return at;
}

enum bulk_seen_state bulk_seen_get(const struct bulk_seen *s, uint64_t key)
{
    return (enum bulk_seen_state)(s->slots[place(s, key)] & STATE_BITS);
}

static void grow(struct bulk_seen *s)
{
    struct bulk_seen old = *s;
    s->cap *= 2;
    s->slots = mem_alloc(s->cap * sizeof *s->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i])
            s->slots[place(s, old.slots[i] & ~(uint64_t)STATE_BITS)] = old.slots[i];
    mem_free(old.slots);
}

bool bulk_seen_set(struct bulk_seen *s, uint64_t key, enum bulk_seen_state state)
{
    size_t at = place(s, key);
    if (s->slots[at] == 0) {
        if (s->len == BULK_SEEN_MAX)
            return false;
        if (s->len + s->len / 3 >= s->cap) {
            grow(s);
            at = place(s, key);
        }
        s->len++;
    }
    s->slots[at] = key | state;
    return true;
}

size_t bulk_seen_count(const struct bulk_seen *s) { return s->len; }

void bulk_seen_states(const struct bulk_seen *s, uint64_t *ret_doubt, uint64_t *ret_later)
{
    uint64_t counts[STATE_BITS + 1] = {0};
    for (size_t i = 0; i < s->cap; i++)
        counts[s->slots[i] & STATE_BITS] += s->slots[i] != 0;
    *ret_doubt = counts[BULK_SEEN_DOUBT];
    *ret_later = counts[BULK_SEEN_LATER];
}
