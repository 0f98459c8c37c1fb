#include "feedback/ring.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "runtime/file.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert((int)FEEDBACK_RING_KEY_BYTES >= (int)OUTCOME_VERP_KEY_BYTES_MIN, "strong enough");
static_assert((int)FEEDBACK_RING_MAX * 2 <= (int)OUTCOME_VERP_KEY_IDS, "an id is not soon reused");

/* ---- text ------------------------------------------------------------------------------- */

static bool parse_key(str line, struct feedback_ring *r)
{
    str id, day, hex;
    uint64_t id_number = 0, day_number = 0;
    str_split(line, ' ', &id, &line);
    str_split(line, ' ', &day, &hex);
    if (r->count == FEEDBACK_RING_MAX || !str_to_u64(id, OUTCOME_VERP_KEY_IDS - 1, &id_number) ||
        !str_to_u64(day, OUTCOME_VERP_DAYS_MAX - 1, &day_number))
        return false;
    struct buf secret;
    buf_init(&secret, FEEDBACK_RING_KEY_BYTES);
    bool good = codec_hex_decode(hex, &secret) == NULL && secret.len == FEEDBACK_RING_KEY_BYTES;
    if (good) {
        r->keys[r->count].id = (uint8_t)id_number;
        r->keys[r->count].day = (uint32_t)day_number;
        memcpy(r->keys[r->count++].secret, secret.ptr, FEEDBACK_RING_KEY_BYTES);
        mem_wipe(secret.ptr, secret.len);
    }
    buf_release(&secret);
    return good;
}

err feedback_ring_parse(str text, struct feedback_ring *ret_ring)
{
    struct feedback_ring r = {0};
    str line;
    for (int number = 1; text.len > 0; number++) {
        str_split(text, '\n', &line, &text);
        if (!parse_key(line, &r))
            return err_new(ERR_DAMAGED, "the keys of return paths: line %d is none", number);
    }
    *ret_ring = r;
    return NULL;
}

err feedback_ring_write(const struct feedback_ring *r, struct buf *out)
{
    for (size_t i = 0; i < r->count; i++) {
        str secret = {(const char *)r->keys[i].secret, FEEDBACK_RING_KEY_BYTES};
        TRY(buf_addf(out, "%u %u ", r->keys[i].id, r->keys[i].day));
        TRY(codec_hex_encode(secret, out));
        TRY(buf_add_char(out, '\n'));
    }
    return NULL;
}

/* ---- turning ---------------------------------------------------------------------------- */

static void drop_oldest(struct feedback_ring *r)
{
    r->count--;
    memmove(&r->keys[0], &r->keys[1], r->count * sizeof r->keys[0]);
    mem_wipe(&r->keys[r->count], sizeof r->keys[0]);
}

/* A date that was set back makes a new key as well: what it signs must not be from tomorrow. */
static bool is_stale(const struct feedback_ring *r, uint32_t today)
{
    if (r->count == 0)
        return true;
    uint32_t day = r->keys[r->count - 1].day;
    return today >= day + FEEDBACK_RING_DAYS;
}

bool feedback_ring_turn(struct feedback_ring *r, uint32_t today, uint32_t days_kept)
{
    bool changed = false;
    while (r->count > 1 && today > r->keys[1].day + days_kept + 1) { /* the next one signed since */
        drop_oldest(r);
        changed = true;
    }
    if (!is_stale(r, today))
        return changed;
    uint8_t id = r->count ? (uint8_t)((r->keys[r->count - 1].id + 1) % OUTCOME_VERP_KEY_IDS) : 0;
    if (r->count == FEEDBACK_RING_MAX)
        drop_oldest(r);
    r->keys[r->count].id = id;
    r->keys[r->count].day = today;
    rand_bytes(r->keys[r->count].secret, FEEDBACK_RING_KEY_BYTES);
    r->count++;
    return true;
}

/* ---- the file --------------------------------------------------------------------------- */

static err read_file(const char *path, char *text, size_t size, size_t *ret_len)
{
    struct file *file;
    TRY(file_open(path, 0, &file));
    err e = file_read_at(file, text, size, 0, ret_len);
    file_close(file);
    return e;
}

static err read_ring(const char *path, struct feedback_ring *ret_ring)
{
    char text[FEEDBACK_RING_TEXT_BYTES_MAX];
    size_t len = 0;
    TRY(read_file(path, text, sizeof text, &len));
    err e = feedback_ring_parse((str){text, len}, ret_ring);
    mem_wipe(text, sizeof text);
    return e;
}

/* Beside it first: a key that is lost makes strangers of our own bounces. */
static err write_ring(const char *path, const struct feedback_ring *r)
{
    struct buf text;
    buf_init(&text, FEEDBACK_RING_TEXT_BYTES_MAX);
    err e = feedback_ring_write(r, &text);
    if (e == NULL)
        e = file_replace(path, 0, buf_str(&text));
    if (text.ptr)
        mem_wipe(text.ptr, text.len);
    buf_release(&text);
    return e;
}

err feedback_ring_load(const char *path, uint32_t today, uint32_t days_kept,
                       struct feedback_ring *ret_ring)
{
    struct feedback_ring r = {0};
    if (file_exists(path))
        TRY(read_ring(path, &r));
    if (feedback_ring_turn(&r, today, days_kept))
        TRY(write_ring(path, &r));
    *ret_ring = r;
    return NULL;
}

size_t feedback_ring_keys(const struct feedback_ring *r,
                          struct outcome_verp_key ret_keys[FEEDBACK_RING_MAX])
{
    for (size_t i = 0; i < r->count; i++)
        ret_keys[i] = (struct outcome_verp_key){
            r->keys[i].id, {(const char *)r->keys[i].secret, FEEDBACK_RING_KEY_BYTES}
        };
    return r->count;
}
