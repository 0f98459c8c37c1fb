#include "feedback/own.h"
#include <string.h>

#define PREFIX S("bounce")
#define MARK "bounce+"
#define DAY_MS (24LL * 3600 * 1000)

bool feedback_path_wanted(const struct config *c, const struct envelope *env)
{
    bool ours = env->origin == ORIGIN_SUBMISSION || env->origin == ORIGIN_RELAY ||
                env->origin == ORIGIN_LOCAL;
    return ours && env->sender.len > 0 && c->bounces.domain.len > 0 && c->bounces.verp;
}

static void note(struct feedback *f, const struct feedback_leaving *l)
{
    feedback_note_add(&f->notes, &(struct feedback_note){.kind = FEEDBACK_NOTE_SENT,
                                                         .time_ms = clock_real_ms(),
                                                         .rcpt = l->rcpt,
                                                         .queue_id = l->queue_id,
                                                         .recipient = l->recipient,
                                                         .sender = l->envelope->sender,
                                                         .flow = l->envelope->flow,
                                                         .way = l->way});
}

err feedback_path_write(struct feedback *f, const struct config *c,
                        const struct feedback_leaving *l, struct arena *arena, str *ret_address)
{
    struct outcome_verp path = {l->queue_id, l->rcpt, feedback_day(clock_real_ms())};
    struct outcome_verp_key keys[FEEDBACK_RING_MAX];
    struct buf out;
    buf_init(&out, OUTCOME_VERP_LOCAL_BYTES_MAX + 1 + c->bounces.domain.len);
    pthread_mutex_lock(&f->ring_lock);
    size_t count = feedback_ring_keys(&f->ring, keys);
    err e = count ? outcome_verp_write(PREFIX, &path, c->bounces.domain, &keys[count - 1], &out)
                  : err_new(ERR_CONFIG, "there is no key for return paths");
    pthread_mutex_unlock(&f->ring_lock);
    if (e == NULL) {
        *ret_address = arena_str(arena, buf_str(&out));
        note(f, l);
    }
    buf_release(&out);
    return e;
}

enum outcome_verp_result feedback_path_read(struct feedback *f, const struct config *c, str address,
                                            struct feedback_path *ret_path)
{
    struct outcome_verp_key keys[FEEDBACK_RING_MAX];
    struct outcome_verp path = {0};
    char id[OUTCOME_VERP_QUEUE_ID_BYTES_MAX];
    size_t at = str_find_last(address, '@');
    if (f == NULL || c->bounces.domain.len == 0 || at == STR_NONE ||
        !str_eq_nocase(str_from(address, at + 1), c->bounces.domain))
        return VERP_NONE;
    uint32_t days = (uint32_t)((c->bounces.keep_ms + DAY_MS - 1) / DAY_MS);
    pthread_mutex_lock(&f->ring_lock);
    size_t count = feedback_ring_keys(&f->ring, keys);
    enum outcome_verp_result r = outcome_verp_read(address, PREFIX, keys, count,
                                                   feedback_day(clock_real_ms()), days, id, &path);
    pthread_mutex_unlock(&f->ring_lock);
    *ret_path = (struct feedback_path){.rcpt = path.rcpt};
    if (r != VERP_NONE)
        memcpy(ret_path->queue_id, path.queue_id.ptr, path.queue_id.len);
    return r;
}

/* ---- return paths in a text ------------------------------------------------------------- */

static bool ends_address(char c)
{
    return (unsigned char)c <= ' ' || c == '>' || c == '<' || c == '"' || c == ',' || c == ';' ||
           c == ')' || c == '(' || c == '\'';
}

/* Where the next one may begin; STR_NONE: nowhere. */
static size_t find_mark(str text)
{
    for (size_t i = 0; i + sizeof MARK <= text.len; i++)
        if (char_lower(text.ptr[i]) == 'b' && str_starts_nocase(str_from(text, i), S(MARK)))
            return i;
    return STR_NONE;
}

bool feedback_path_find(struct feedback *f, const struct config *c, str text,
                        struct feedback_path *ret_path)
{
    for (int tries = 0; tries < FEEDBACK_PATHS_MAX; tries++) {
        size_t at = find_mark(text), len = 0;
        if (at == STR_NONE)
            return false;
        text = str_from(text, at);
        while (len < text.len && len < ENVELOPE_ADDRESS_BYTES_MAX && !ends_address(text.ptr[len]))
            len++;
        if (feedback_path_read(f, c, str_slice(text, 0, len), ret_path) == VERP_GOOD)
            return true;
        text = str_from(text, len);
    }
    return false;
}
