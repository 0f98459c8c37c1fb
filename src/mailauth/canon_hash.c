#include "mailauth/canon_hash.h"

struct wanted {
    enum mailauth_canon how;
    uint64_t limit;
    struct mailauth_dkim_digest *digest;
    uint8_t result[MAILAUTH_DKIM_DIGEST_BYTES];
};

struct form {
    struct mailauth_canon_hash *of;
    bool used;
    uint64_t length;
    struct mailauth_canon_body body;
};

struct mailauth_canon_hash {
    struct arena *arena;
    struct form forms[2]; /* by enum mailauth_canon */
    struct wanted *wanted[MAILAUTH_CANON_HASHES_MAX];
    size_t count;
    bool begun, ended;
};

static void take(void *arg, str bytes)
{
    struct form *f = arg;
    for (size_t i = 0; i < f->of->count; i++) {
        struct wanted *w = f->of->wanted[i];
        if (&f->of->forms[w->how] == f && f->length < w->limit)
            mailauth_dkim_digest_add(w->digest, str_slice(bytes, 0, w->limit - f->length));
    }
    f->length += bytes.len;
}

struct mailauth_canon_hash *mailauth_canon_hash_open(struct arena *arena)
{
    struct mailauth_canon_hash *h = ARENA_NEW(arena, struct mailauth_canon_hash);
    h->arena = arena;
    for (int how = MAILAUTH_CANON_SIMPLE; how <= MAILAUTH_CANON_RELAXED; how++) {
        h->forms[how].of = h;
        mailauth_canon_body_init(&h->forms[how].body, how, take, &h->forms[how]);
    }
    return h;
}

err mailauth_canon_hash_want(struct mailauth_canon_hash *h, enum mailauth_canon how, uint64_t limit,
                             size_t *ret_number)
{
    ASSERT(!h->begun);
    for (size_t i = 0; i < h->count; i++)
        if (h->wanted[i]->how == how && h->wanted[i]->limit == limit) {
            *ret_number = i;
            return NULL;
        }
    if (h->count == MAILAUTH_CANON_HASHES_MAX)
        return err_new(ERR_LIMIT, "more than %d different hashes of one body",
                       MAILAUTH_CANON_HASHES_MAX);
    struct wanted *w = ARENA_NEW(h->arena, struct wanted);
    *w = (struct wanted){.how = how, .limit = limit, .digest = mailauth_dkim_digest_open(h->arena)};
    h->forms[how].used = true;
    *ret_number = h->count;
    h->wanted[h->count++] = w;
    return NULL;
}

void mailauth_canon_hash_add(struct mailauth_canon_hash *h, str bytes)
{
    ASSERT(!h->ended);
    h->begun = true;
    for (size_t i = 0; i < 2; i++)
        if (h->forms[i].used)
            mailauth_canon_body_add(&h->forms[i].body, bytes);
}

void mailauth_canon_hash_end(struct mailauth_canon_hash *h)
{
    if (h->ended)
        return;
    h->begun = h->ended = true;
    for (size_t i = 0; i < 2; i++)
        if (h->forms[i].used)
            mailauth_canon_body_end(&h->forms[i].body);
    for (size_t i = 0; i < h->count; i++)
        mailauth_dkim_digest_end(h->wanted[i]->digest, h->wanted[i]->result);
}

const uint8_t *mailauth_canon_hash_digest(const struct mailauth_canon_hash *h, size_t number)
{
    ASSERT(h->ended);
    ASSERT(number < h->count);
    return h->wanted[number]->result;
}

uint64_t mailauth_canon_hash_length(const struct mailauth_canon_hash *h, size_t number)
{
    ASSERT(h->ended);
    ASSERT(number < h->count);
    return h->forms[h->wanted[number]->how].length;
}
