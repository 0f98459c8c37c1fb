#include "mailauth/arc.h"
#include "mailauth/dkim_lookup.h"
#include <string.h>

struct one { /* signature */
    struct mailauth_dkim_judgement judgement;
    size_t key, body;
};

struct mailauth_arc {
    struct arena *arena;
    struct mailauth_canon_hash *body;
    struct mailauth_dkim_header *header;
    struct mailauth_dkim_lookup *keys;
    struct mailauth_arc_sets sets;
    unsigned oldest; /* the message signatures from that one up are looked at */
    struct one messages[MAILAUTH_ARC_SETS_MAX], seals[MAILAUTH_ARC_SETS_MAX]; /* by number - 1 */
};

err mailauth_arc_open(str header, struct mailauth_canon_hash *body, struct arena *arena,
                      struct mailauth_arc **ret_arc)
{
    struct mailauth_arc *a = ARENA_NEW(arena, struct mailauth_arc);
    a->arena = arena;
    a->body = body;
    a->keys = mailauth_dkim_lookup_open(arena);
    TRY(mailauth_dkim_header_open(header, arena, &a->header));
    a->sets = mailauth_arc_set_collect(a->header, arena);
    a->oldest = a->sets.count > MAILAUTH_ARC_MESSAGES_MAX
                    ? a->sets.count - MAILAUTH_ARC_MESSAGES_MAX + 1
                    : 1;
    if (a->sets.wrong.len == 0)
        for (unsigned n = a->oldest; n <= a->sets.count; n++) {
            const struct mailauth_dkim_signature *s = &a->sets.items[n - 1].message_signature;
            TRY(mailauth_canon_hash_want(body, s->body_canon, s->length, &a->messages[n - 1].body));
        }
    *ret_arc = a;
    return NULL;
}

/* ---- message signatures ---------------------------------------------------------------------- */

static const char *judge_body(struct mailauth_arc *a, unsigned n)
{
    const struct mailauth_dkim_signature *s = &a->sets.items[n - 1].message_signature;
    size_t body = a->messages[n - 1].body;
    if (s->length != UINT64_MAX && s->length > mailauth_canon_hash_length(a->body, body))
        return "l= is more than there is of the body";
    const uint8_t *digest = mailauth_canon_hash_digest(a->body, body);
    return memcmp(digest, s->body_hash.ptr, MAILAUTH_DKIM_DIGEST_BYTES) == 0
               ? NULL
               : "the body was changed";
}

static void judge_message(struct mailauth_arc *a, unsigned n, struct mailauth_dkim_digest *digest)
{
    const struct mailauth_arc_set *set = &a->sets.items[n - 1];
    const struct mailauth_dkim_signature *s = &set->message_signature;
    struct one *one = &a->messages[n - 1];
    const char *why = judge_body(a, n);
    if (why != NULL) {
        one->judgement =
            (struct mailauth_dkim_judgement){.result = MAILAUTH_FAIL, .reason = str_of(why)};
        return;
    }
    struct message_field open = mailauth_dkim_signature_open(set->message, s, a->arena);
    mailauth_dkim_header_hash(a->header, s->names, s->header_canon, set->message, digest);
    mailauth_canon_field_open(s->header_canon, &open, mailauth_dkim_digest_take, digest);
    uint8_t bytes[MAILAUTH_DKIM_DIGEST_BYTES];
    mailauth_dkim_digest_end(digest, bytes);
    mailauth_dkim_lookup_judge(a->keys, one->key, s, bytes, &one->judgement);
}

/* ---- seals ----------------------------------------------------------------------------------- */

static void add_field(struct mailauth_dkim_digest *digest, const struct message_field *f)
{
    mailauth_canon_field(MAILAUTH_CANON_RELAXED, f, mailauth_dkim_digest_take, digest);
}

/* A seal signs all sets up to its own: what stands below is hashed once for all of them. */
static void judge_seals(struct mailauth_arc *a)
{
    struct mailauth_dkim_digest *below = mailauth_dkim_digest_open(a->arena);
    struct mailauth_dkim_digest *digest = mailauth_dkim_digest_open(a->arena);
    for (unsigned n = 1; n <= a->sets.count; n++) {
        const struct mailauth_arc_set *set = &a->sets.items[n - 1];
        const struct mailauth_dkim_signature *s = &set->seal_signature;
        struct message_field open = mailauth_dkim_signature_open(set->seal, s, a->arena);
        uint8_t bytes[MAILAUTH_DKIM_DIGEST_BYTES];
        add_field(below, set->results);
        add_field(below, set->message);
        mailauth_dkim_digest_copy(digest, below);
        mailauth_canon_field_open(MAILAUTH_CANON_RELAXED, &open, mailauth_dkim_digest_take, digest);
        mailauth_dkim_digest_end(digest, bytes);
        add_field(below, set->seal);
        struct one *one = &a->seals[n - 1];
        mailauth_dkim_lookup_judge(a->keys, one->key, s, bytes, &one->judgement);
    }
}

/* ---- the chain ------------------------------------------------------------------------------- */

static err want_keys(struct mailauth_arc *a)
{
    for (unsigned n = 1; n <= a->sets.count; n++) {
        const struct mailauth_dkim_signature *seal = &a->sets.items[n - 1].seal_signature;
        const struct mailauth_dkim_signature *message = &a->sets.items[n - 1].message_signature;
        TRY(mailauth_dkim_lookup_want(a->keys, seal->selector, seal->domain, &a->seals[n - 1].key));
        if (n >= a->oldest)
            TRY(mailauth_dkim_lookup_want(a->keys, message->selector, message->domain,
                                          &a->messages[n - 1].key));
    }
    return NULL;
}

/* What is not a pass settles the chain, unless it is settled already. */
static void settle(struct mailauth_arc *a, struct mailauth_arc_result *r, const char *what,
                   unsigned n, const struct mailauth_dkim_judgement *j)
{
    if (r->result != MAILAUTH_PASS || j->result == MAILAUTH_PASS)
        return;
    r->result = j->result == MAILAUTH_TEMPERROR ? MAILAUTH_TEMPERROR : MAILAUTH_FAIL;
    r->reason = arena_printf(a->arena, "%s i=%u: %.*s", what, n, STR_ARG(j->reason));
}

static err judge_chain(struct mailauth_arc *a, const struct mailauth_ask *ask,
                       struct mailauth_arc_result *r)
{
    unsigned newest = a->sets.count;
    TRY(want_keys(a));
    TRY(mailauth_dkim_lookup_run(a->keys, ask));
    struct mailauth_dkim_digest *digest = mailauth_dkim_digest_open(a->arena);
    r->oldest_pass = a->oldest > 1 ? a->oldest : 0;
    for (unsigned n = newest; n >= a->oldest; n--) {
        judge_message(a, n, digest);
        if (a->messages[n - 1].judgement.result != MAILAUTH_PASS) {
            r->oldest_pass = n + 1;
            break;
        }
    }
    judge_seals(a);
    const struct mailauth_dkim_signature *s = &a->sets.items[newest - 1].message_signature;
    r->partial = s->length < mailauth_canon_hash_length(a->body, a->messages[newest - 1].body);
    r->result = MAILAUTH_PASS;
    settle(a, r, "ARC-Message-Signature", newest, &a->messages[newest - 1].judgement);
    for (unsigned n = newest; n >= 1; n--)
        settle(a, r, "ARC-Seal", n, &a->seals[n - 1].judgement);
    return NULL;
}

static void tell(struct mailauth_story *story, const struct mailauth_arc *a,
                 const struct mailauth_arc_result *r)
{
    if (!a->sets.present)
        mailauth_story_tell(story, "no set of ARC fields");
    for (unsigned n = 1; n <= a->sets.count && a->sets.wrong.len == 0; n++) {
        const struct mailauth_arc_set *set = &a->sets.items[n - 1];
        const struct mailauth_dkim_judgement *j = &a->seals[n - 1].judgement;
        mailauth_story_tell(story, "set %u: sealed by d=%.*s s=%.*s: %.*s%s%.*s", n,
                            STR_ARG(set->seal_signature.domain),
                            STR_ARG(set->seal_signature.selector),
                            STR_ARG(mailauth_result_name(j->result)), j->reason.len > 0 ? ": " : "",
                            STR_ARG(j->reason));
    }
    if (r->oldest_pass > 0 && r->oldest_pass <= a->sets.count)
        mailauth_story_tell(story, "the message is as it was since set %u", r->oldest_pass);
    if (r->partial)
        mailauth_story_tell(story, "l= leaves bytes of the body unsigned");
    mailauth_story_tell(story, "%.*s%s%.*s", STR_ARG(mailauth_result_name(r->result)),
                        r->reason.len > 0 ? ": " : "", STR_ARG(r->reason));
}

err mailauth_arc_finish(struct mailauth_arc *a, const struct mailauth_ask *ask,
                        struct mailauth_story *story, struct mailauth_arc_result *ret_result)
{
    struct mailauth_arc_result r = {.count = a->sets.count, .sets = a->sets};
    mailauth_canon_hash_end(a->body);
    if (a->sets.wrong.len > 0) {
        r.result = MAILAUTH_FAIL;
        r.reason = a->sets.wrong;
    } else if (a->sets.present) {
        TRY(judge_chain(a, ask, &r));
    }
    tell(story, a, &r);
    *ret_result = r;
    return NULL;
}
