#include "outbound/sign.h"
#include "account/keeper_signer.h"
#include "base/mem.h"
#include "base/table.h"
#include "dns/name.h"
#include "mailauth/canon_hash.h"
#include "mailauth/dkim_sign.h"
#include "mailauth/dmarc_from.h"
#include "message/header.h"
#include <assert.h>
#include <string.h>

enum {
    DOMAIN_BYTES = 4096, /* of memory, for one that is remembered with its keys */
    CACHE_BYTES_MAX = OUTBOUND_SIGN_DOMAINS_MAX * DOMAIN_BYTES,
    SCRATCH_BYTES_MAX = 64 << 20, /* views of all fields of the largest header, and its names */
    FIELDS_BYTES_MAX = 256 << 10,
    STEP_BYTES = 64 << 10, /* hashed before others have their turn */
};
static_assert((int)KEEPER_DKIM_KEYS_MAX <= (int)MAILAUTH_DKIM_SIGN_PLANS_MAX, "all keys sign");

struct known {
    str domain;
    struct keeper_dkim_keys keys;
};

struct outbound_sign {
    const struct keeper *keeper;
    struct arena *arena; /* of what is remembered */
    struct table known;
    deadline until; /* then it is asked for anew */
};

/* One message. */
struct signing {
    struct outbound_sign *sign;
    const struct envelope *envelope;
    const struct outbound_sign_source *source;
    struct arena *scratch;
    struct buf header;
    str rest; /* of the piece in which the header ended */
    str domain;
    struct keeper_dkim_keys keys;
    struct keeper_signer signers[KEEPER_DKIM_KEYS_MAX];
    struct mailauth_dkim_plan plans[KEEPER_DKIM_KEYS_MAX];
};

/* ---- which keys ------------------------------------------------------------------------------ */

static str domain_of_known(const void *object) { return ((const struct known *)object)->domain; }

struct outbound_sign *outbound_sign_open(const struct keeper *keeper)
{
    struct outbound_sign *s = MEM_NEW(struct outbound_sign);
    s->keeper = keeper;
    s->arena = arena_open(CACHE_BYTES_MAX);
    table_init(&s->known, domain_of_known);
    return s;
}

void outbound_sign_close(struct outbound_sign *s)
{
    if (s == NULL)
        return;
    table_release(&s->known);
    arena_close(s->arena);
    mem_free(s);
}

static void forget_keys(struct outbound_sign *s)
{
    table_release(&s->known);
    table_init(&s->known, domain_of_known);
    arena_reset(s->arena);
    s->until = deadline_after(OUTBOUND_SIGN_KEYS_MS);
}

static struct keeper_dkim_keys copy_keys(const struct keeper_dkim_keys *keys, struct arena *arena)
{
    struct keeper_dkim_keys copy = *keys;
    for (size_t i = 0; i < copy.count; i++)
        copy.list[i].selector = arena_str(arena, keys->list[i].selector);
    return copy;
}

static void remember(struct outbound_sign *s, str domain, const struct keeper_dkim_keys *keys)
{
    if (s->known.len >= OUTBOUND_SIGN_DOMAINS_MAX)
        forget_keys(s);
    if (table_find(&s->known, domain)) /* another fiber was faster */
        return;
    struct known *k = ARENA_NEW(s->arena, struct known);
    *k = (struct known){arena_str(s->arena, domain), copy_keys(keys, s->arena)};
    table_add(&s->known, k);
}

static err find_keys(struct signing *g, str domain, deadline until)
{
    struct outbound_sign *s = g->sign;
    if (domain.len == 0 || domain.len > DNS_NAME_BYTES_MAX)
        return NULL;
    if (deadline_passed(s->until))
        forget_keys(s);
    const struct known *k = table_find(&s->known, domain);
    if (k) {
        g->keys = copy_keys(&k->keys, g->scratch);
    } else {
        TRY(keeper_dkim_keys(s->keeper, domain, g->scratch, &g->keys, until));
        remember(s, domain, &g->keys);
    }
    if (g->keys.count > 0)
        g->domain = arena_str(g->scratch, domain);
    return NULL;
}

static bool is_ours(const struct envelope *env)
{
    return env->origin == ORIGIN_DSN || env->origin == ORIGIN_LOCAL;
}

/* What we write ourselves comes from our host's name, and the domain above it may have the keys:
 * relaxed alignment takes that. Others' mail is signed for the very domain or not at all. */
static err find_keys_above(struct signing *g, str domain, deadline until)
{
    TRY(find_keys(g, domain, until));
    while (g->keys.count == 0 && is_ours(g->envelope)) {
        size_t dot = str_find(domain, '.');
        if (dot == STR_NONE)
            return NULL;
        domain = str_from(domain, dot + 1);
        TRY(find_keys(g, domain, until));
    }
    return NULL;
}

static err choose_keys(struct signing *g, deadline until)
{
    str header = buf_str(&g->header), sender = g->envelope->sender;
    if (message_header_count(header, S("From")) == 1) { /* more are not signed: see there */
        struct mailauth_dmarc_from from = mailauth_dmarc_from_header(header, g->scratch);
        if (from.kind == MAILAUTH_DMARC_FROM_ONE)
            TRY(find_keys_above(g, from.domains[0], until));
    }
    size_t at = str_find_last(sender, '@');
    if (g->keys.count == 0 && at != STR_NONE)
        TRY(find_keys(g, str_from(sender, at + 1), until));
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* How long the header is with its empty line, or STR_NONE. */
static size_t header_end(str s, size_t from)
{
    if (str_starts(s, S("\r\n")))
        return 2;
    size_t start = from > 3 ? from - 3 : 0;
    const char *at = memmem(s.ptr + start, s.len - start, "\r\n\r\n", 4);
    return at ? (size_t)(at - s.ptr) + 4 : STR_NONE;
}

/* The header without its empty line; what of the body came with it is the rest, good until the
 * next read. *ret_fits: false when it is longer than is signed. */
static err read_header(struct signing *g, bool *ret_fits, deadline until)
{
    const struct outbound_sign_source *from = g->source;
    size_t end = STR_NONE;
    str piece;
    *ret_fits = true;
    while (end == STR_NONE) {
        size_t before = g->header.len;
        TRY(from->read(from->arg, &piece, until));
        if (piece.len == 0) /* a header alone */
            return NULL;
        str some = str_slice(piece, 0, g->header.max - before);
        TRY(buf_add(&g->header, some));
        end = header_end(buf_str(&g->header), before);
        if (end == STR_NONE && some.len < piece.len) {
            *ret_fits = false;
            return NULL;
        }
        if (end != STR_NONE)
            g->rest = str_from(piece, end - before);
    }
    g->header.len = end - 2;
    return NULL;
}

static err hash_body(struct signing *g, struct mailauth_canon_hash *hash, deadline until)
{
    const struct outbound_sign_source *from = g->source;
    str piece = g->rest;
    do {
        while (piece.len > 0) {
            str some = str_slice(piece, 0, STEP_BYTES);
            mailauth_canon_hash_add(hash, some);
            piece = str_from(piece, some.len);
        }
        TRY(from->read(from->arg, &piece, until));
    } while (piece.len > 0);
    return NULL;
}

/* ---- signing --------------------------------------------------------------------------------- */

static void make_plans(struct signing *g)
{
    str header = buf_str(&g->header);
    bool bulk = message_header_count(header, S("List-Id")) > 0 ||
                message_header_count(header, S("List-Unsubscribe")) > 0;
    for (size_t i = 0; i < g->keys.count; i++) {
        keeper_signer_init(&g->signers[i], g->sign->keeper, g->domain, &g->keys.list[i]);
        g->plans[i] = (struct mailauth_dkim_plan){
            .domain = g->domain,
            .selector = g->keys.list[i].selector,
            .purpose = bulk ? MAILAUTH_DKIM_BULK : MAILAUTH_DKIM_MAIL,
            .header_canon = MAILAUTH_CANON_RELAXED,
            .body_canon = MAILAUTH_CANON_RELAXED,
            .signer = &g->signers[i].signer,
        };
    }
}

static err make_fields(struct signing *g, struct arena *arena, struct outbound_sign_result *r,
                       deadline until)
{
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(g->scratch);
    struct mailauth_dkim_sign *sign = NULL;
    CLEANUP(buf_release) struct buf fields;
    buf_init(&fields, FIELDS_BYTES_MAX);
    make_plans(g);
    err e = mailauth_dkim_sign_open(buf_str(&g->header), g->plans, g->keys.count, hash, g->scratch,
                                    &sign);
    if (e && (e->kind == ERR_PROTOCOL || e->kind == ERR_LIMIT)) {
        r->unsigned_why = arena_str(arena, e->text);
        return NULL;
    }
    TRY(e);
    TRY(hash_body(g, hash, until));
    e = mailauth_dkim_sign_finish(sign, clock_real_ms() / 1000, &fields, until);
    if (e && e->kind == ERR_CONFIG)
        forget_keys(g->sign); /* they are others now */
    TRY(e);
    r->fields = arena_str(arena, buf_str(&fields));
    return NULL;
}

static err run(struct signing *g, struct arena *arena, struct outbound_sign_result *r,
               deadline until)
{
    bool fits;
    g->source->rewind(g->source->arg);
    TRY(read_header(g, &fits, until));
    if (!fits) {
        r->unsigned_why = S("its header is too long to be signed");
        return NULL;
    }
    TRY(choose_keys(g, until));
    return g->keys.count > 0 ? make_fields(g, arena, r, until) : NULL;
}

static err run_anew(struct outbound_sign *s, const struct envelope *env,
                    const struct outbound_sign_source *source, struct arena *arena,
                    struct outbound_sign_result *r, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES_MAX);
    struct signing *g = ARENA_NEW(scratch, struct signing);
    *g = (struct signing){.sign = s, .envelope = env, .source = source, .scratch = scratch};
    buf_init(&g->header, MESSAGE_HEADER_BYTES_MAX);
    err e = run(g, arena, r, until);
    buf_release(&g->header);
    return e;
}

err outbound_sign_run(struct outbound_sign *s, const struct envelope *env,
                      const struct outbound_sign_source *source, struct arena *arena,
                      struct outbound_sign_result *ret_result, deadline until)
{
    struct outbound_sign_result r = {0};
    if (s->keeper == NULL || s->keeper->dkim_keys == NULL || env->origin == ORIGIN_MX) {
        *ret_result = r;
        return NULL;
    }
    err e = run_anew(s, env, source, arena, &r, until);
    if (e && e->kind == ERR_CONFIG) /* keys were changed meanwhile: mail need not wait */
        e = run_anew(s, env, source, arena, &r, until);
    TRY(e);
    *ret_result = r;
    return NULL;
}
