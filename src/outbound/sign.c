#include "outbound/sign.h"
#include "account/keeper_signer.h"
#include "mailauth/canon_hash.h"
#include "mailauth/dkim_sign.h"
#include "mailauth/dmarc_from.h"
#include "message/header.h"
#include "outbound/seal.h"
#include <assert.h>
#include <string.h>

enum {
    SCRATCH_BYTES_MAX = 64 << 20, /* views of all fields of the largest header, and its names */
    FIELDS_BYTES_MAX = 256 << 10,
    STEP_BYTES = 64 << 10, /* hashed before others have their turn */
};
static_assert((int)KEEPER_DKIM_KEYS_MAX <= (int)MAILAUTH_DKIM_SIGN_PLANS_MAX, "all keys sign");

/* One message. */
struct signing {
    struct outbound_sign_keys *known;
    const struct outbound_sign_mail *mail;
    struct arena *scratch;
    struct buf header;
    str rest; /* of the piece in which the header ended */
    str domain;
    struct keeper_dkim_keys keys;
    struct keeper_signer signers[KEEPER_DKIM_KEYS_MAX];
    struct mailauth_dkim_plan plans[KEEPER_DKIM_KEYS_MAX];
};

/* ---- which keys ------------------------------------------------------------------------------ */

static err find_keys(struct signing *g, str domain, deadline until)
{
    TRY(outbound_sign_keys_find(g->known, g->mail->config, domain, g->scratch, &g->keys, until));
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
    while (g->keys.count == 0 && is_ours(g->mail->envelope)) {
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
    str header = buf_str(&g->header), sender = g->mail->envelope->sender;
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

/* The header without its empty line; what of the body came with it is the rest, good until the
 * next read. *ret_fits: false when it is longer than is signed. */
static err read_header(struct signing *g, bool *ret_fits, deadline until)
{
    const struct outbound_sign_source *from = g->mail->source;
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
        end = message_header_length(buf_str(&g->header), before);
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
    const struct outbound_sign_source *from = g->mail->source;
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
        keeper_signer_init(&g->signers[i], outbound_sign_keys_keeper(g->known), g->domain,
                           &g->keys.list[i]);
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

/* No verifier would take one of such a message, and that will not change. */
static bool is_hopeless(err e) { return e && (e->kind == ERR_PROTOCOL || e->kind == ERR_LIMIT); }

static err finished(struct signing *g, err e)
{
    if (e && e->kind == ERR_CONFIG)
        outbound_sign_keys_forget(g->known); /* they are others now */
    return e;
}

static err make_signatures(struct signing *g, struct buf *fields, str *ret_why, deadline until)
{
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(g->scratch);
    struct mailauth_dkim_sign *sign = NULL;
    make_plans(g);
    err e = mailauth_dkim_sign_open(buf_str(&g->header), g->plans, g->keys.count, hash, g->scratch,
                                    &sign);
    if (is_hopeless(e)) {
        *ret_why = arena_str(g->scratch, e->text);
        return NULL;
    }
    TRY(e);
    TRY(hash_body(g, hash, until));
    return finished(g, mailauth_dkim_sign_finish(sign, clock_real_ms() / 1000, fields, until));
}

static err sign_it(struct signing *g, struct buf *fields, str *ret_why, deadline until)
{
    TRY(choose_keys(g, until));
    return g->keys.count > 0 ? make_signatures(g, fields, ret_why, until) : NULL;
}

/* ---- sealing --------------------------------------------------------------------------------- */

static err make_set(struct signing *g, const struct outbound_seal *s, struct buf *fields,
                    str *ret_why, deadline until)
{
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(g->scratch);
    struct mailauth_arc_seal *seal = NULL;
    struct keeper_signer signer;
    const struct keeper_dkim_key *key = outbound_seal_key(&g->keys);
    if (key == NULL) {
        *ret_why = arena_printf(g->scratch, "%.*s has no RSA key",
                                STR_ARG(g->mail->config->mailauth.seal));
        return NULL;
    }
    keeper_signer_init(&signer, outbound_sign_keys_keeper(g->known), g->domain, key);
    struct mailauth_arc_plan plan = {
        .domain = g->domain, .selector = key->selector, .signer = &signer.signer};
    err e = mailauth_arc_seal_open(buf_str(&g->header), &plan, hash, g->scratch, &seal);
    if (is_hopeless(e)) {
        *ret_why = arena_str(g->scratch, e->text);
        return NULL;
    }
    TRY(e);
    TRY(hash_body(g, hash, until));
    return finished(g, mailauth_arc_seal_finish(seal, &s->chain, s->results, clock_real_ms() / 1000,
                                                fields, until));
}

static err seal_it(struct signing *g, struct buf *fields, str *ret_why, deadline until)
{
    struct outbound_seal s;
    if (!outbound_seal_read(buf_str(&g->header), g->scratch, &s, ret_why))
        return NULL;
    TRY(find_keys(g, g->mail->config->mailauth.seal, until));
    return make_set(g, &s, fields, ret_why, until);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static err run(struct signing *g, struct buf *fields, str *ret_why, deadline until)
{
    bool fits;
    g->mail->source->rewind(g->mail->source->arg);
    TRY(read_header(g, &fits, until));
    if (!fits) {
        *ret_why = S("its header is too long");
        return NULL;
    }
    return g->mail->envelope->origin == ORIGIN_MX ? seal_it(g, fields, ret_why, until)
                                                  : sign_it(g, fields, ret_why, until);
}

static bool is_wanted(struct outbound_sign_keys *known, const struct outbound_sign_mail *mail)
{
    bool by_mx = mail->envelope->origin == ORIGIN_MX;
    return outbound_sign_keys_keeper(known) != NULL &&
           (!by_mx || mail->config->mailauth.seal.len > 0);
}

static err run_anew(struct outbound_sign_keys *known, const struct outbound_sign_mail *mail,
                    struct arena *arena, struct outbound_sign_result *ret_result, deadline until)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(SCRATCH_BYTES_MAX);
    CLEANUP(buf_release) struct buf fields;
    struct signing *g = ARENA_NEW(scratch, struct signing);
    str why = {0};
    *g = (struct signing){.known = known, .mail = mail, .scratch = scratch};
    buf_init(&g->header, MESSAGE_HEADER_BYTES_MAX);
    buf_init(&fields, FIELDS_BYTES_MAX);
    err e = run(g, &fields, &why, until);
    buf_release(&g->header);
    TRY(e);
    *ret_result =
        (struct outbound_sign_result){arena_str(arena, buf_str(&fields)), arena_str(arena, why)};
    return NULL;
}

err outbound_sign_run(struct outbound_sign_keys *known, const struct outbound_sign_mail *mail,
                      struct arena *arena, struct outbound_sign_result *ret_result, deadline until)
{
    if (!is_wanted(known, mail)) {
        *ret_result = (struct outbound_sign_result){0};
        return NULL;
    }
    err e = run_anew(known, mail, arena, ret_result, until);
    if (e && e->kind == ERR_CONFIG) /* keys were changed meanwhile: mail need not wait */
        e = run_anew(known, mail, arena, ret_result, until);
    return e;
}
