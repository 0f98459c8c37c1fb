#include "mailauth/dkim.h"
#include "mailauth/dkim_header.h"
#include "mailauth/dkim_lookup.h"
#include <string.h>

struct one { /* signature */
    const struct message_field *field;
    struct mailauth_dkim_signature signature;
    size_t body, key; /* their numbers */
};

struct mailauth_dkim {
    struct arena *arena;
    struct mailauth_canon_hash *body;
    struct mailauth_dkim_header *header;
    struct mailauth_dkim_lookup *keys;
    struct one ones[MAILAUTH_DKIM_SIGNATURES_MAX];
    struct mailauth_dkim_result *results; /* as many */
    size_t count, ignored;
};

bool mailauth_dkim_result_counts(const struct mailauth_dkim_result *r)
{
    return r->result == MAILAUTH_PASS && !r->partial;
}

static err add_signature(struct mailauth_dkim *d, const struct message_field *field)
{
    struct one *one = &d->ones[d->count];
    struct mailauth_dkim_signature *s = &one->signature;
    one->field = field;
    mailauth_dkim_signature_read(field, MAILAUTH_DKIM_FIELD_DKIM, d->arena, s);
    if (s->wrong.len == 0)
        TRY(mailauth_canon_hash_want(d->body, s->body_canon, s->length, &one->body));
    d->count++;
    return NULL;
}

static err find_signatures(struct mailauth_dkim *d)
{
    for (size_t i = 0; i < mailauth_dkim_header_size(d->header); i++) {
        const struct message_field *f = mailauth_dkim_header_at(d->header, i);
        if (!str_eq_nocase(f->name, S("DKIM-Signature")))
            continue;
        if (d->count < MAILAUTH_DKIM_SIGNATURES_MAX)
            TRY(add_signature(d, f));
        else
            d->ignored++;
    }
    return NULL;
}

err mailauth_dkim_open(str header, struct mailauth_canon_hash *body, struct arena *arena,
                       struct mailauth_dkim **ret_dkim)
{
    struct mailauth_dkim *d = ARENA_NEW(arena, struct mailauth_dkim);
    d->arena = arena;
    d->body = body;
    d->keys = mailauth_dkim_lookup_open(arena);
    TRY(mailauth_dkim_header_open(header, arena, &d->header));
    TRY(find_signatures(d));
    d->results = ARENA_ARRAY(arena, struct mailauth_dkim_result, d->count + 1);
    *ret_dkim = d;
    return NULL;
}

/* ---- what can be said without the key -----------------------------------------------------------
 */

static void settle(struct mailauth_dkim_result *r, enum mailauth_result result, str reason)
{
    r->result = result;
    r->reason = reason;
}

/* Two From: RFC 6376 section 8.15. */
static void judge_from(struct mailauth_dkim *d, struct mailauth_dkim_result *r)
{
    size_t count = mailauth_dkim_header_count(d->header, S("From"));
    if (count == 0)
        settle(r, MAILAUTH_PERMERROR, S("the message has no From field"));
    else if (count > 1)
        settle(r, MAILAUTH_FAIL, arena_printf(d->arena, "the message has %zu From fields", count));
}

static void judge_body(struct mailauth_dkim *d, const struct one *one,
                       struct mailauth_dkim_result *r)
{
    const struct mailauth_dkim_signature *s = &one->signature;
    uint64_t length = mailauth_canon_hash_length(d->body, one->body);
    if (s->length != UINT64_MAX && s->length > length) {
        settle(r, MAILAUTH_PERMERROR, S("l= is more than there is of the body"));
        return;
    }
    r->partial = s->length < length;
    r->unsigned_bytes = r->partial ? length - s->length : 0;
    const uint8_t *digest = mailauth_canon_hash_digest(d->body, one->body);
    if (memcmp(digest, s->body_hash.ptr, MAILAUTH_DKIM_DIGEST_BYTES) != 0)
        settle(r, MAILAUTH_FAIL, S("the body was changed"));
}

static void judge_without_key(struct mailauth_dkim *d, const struct one *one,
                              struct mailauth_dkim_result *r)
{
    r->signature = &one->signature;
    r->result = MAILAUTH_NONE;
    if (one->signature.wrong.len > 0)
        settle(r, MAILAUTH_PERMERROR, one->signature.wrong);
    if (r->result == MAILAUTH_NONE)
        judge_from(d, r);
    if (r->result == MAILAUTH_NONE)
        judge_body(d, one, r);
}

/* ---- and with it ----------------------------------------------------------------------------- */

static void judge_time(const struct mailauth_dkim_signature *s, int64_t now_s,
                       struct mailauth_dkim_result *r)
{
    if (s->expires_s >= 0 && now_s > s->expires_s)
        settle(r, MAILAUTH_POLICY, S("the signature has expired (x=)"));
    else if (s->signed_s > now_s + MAILAUTH_DKIM_SKEW_S)
        settle(r, MAILAUTH_POLICY, S("the signature comes from the future (t=)"));
}

static void judge_with_key(struct mailauth_dkim *d, const struct one *one,
                           struct mailauth_dkim_digest *digest, int64_t now_s,
                           struct mailauth_dkim_result *r)
{
    const struct mailauth_dkim_signature *s = &one->signature;
    struct message_field open = mailauth_dkim_signature_open(one->field, s, d->arena);
    mailauth_dkim_header_hash(d->header, s->names, s->header_canon, one->field, digest);
    mailauth_canon_field_open(s->header_canon, &open, mailauth_dkim_digest_take, digest);
    uint8_t bytes[MAILAUTH_DKIM_DIGEST_BYTES];
    mailauth_dkim_digest_end(digest, bytes);

    struct mailauth_dkim_judgement j;
    mailauth_dkim_lookup_judge(d->keys, one->key, s, bytes, &j);
    r->key_bits = j.key_bits;
    r->testing = j.testing;
    settle(r, j.result, j.reason);
    if (r->result == MAILAUTH_PASS)
        judge_time(s, now_s, r);
}

/* ---- the story ------------------------------------------------------------------------------- */

static void tell_notes(struct mailauth_story *story, const struct mailauth_dkim_result *r)
{
    if (r->partial)
        mailauth_story_tell(story, "l= leaves %llu bytes of the body unsigned: it does not count",
                            (unsigned long long)r->unsigned_bytes);
    if (r->testing)
        mailauth_story_tell(story, "the key's record says that the domain is testing (t=y)");
    if (r->key_bits > 0)
        mailauth_story_tell(story, "a key of %u bits%s", r->key_bits,
                            r->key_bits < 2048 && r->signature->algorithm == MAILAUTH_DKIM_RSA
                                ? ": fewer than the 2048 that are advised"
                                : "");
}

static void tell(struct mailauth_story *story, const struct mailauth_dkim *d)
{
    if (story == NULL)
        return;
    if (d->count == 0)
        mailauth_story_tell(story, "no DKIM-Signature");
    for (size_t i = 0; i < d->count; i++) {
        const struct mailauth_dkim_result *r = &d->results[i];
        const struct mailauth_dkim_signature *s = r->signature;
        mailauth_story_tell(story, "signature %zu: d=%.*s s=%.*s a=%.*s", i + 1, STR_ARG(s->domain),
                            STR_ARG(s->selector), STR_ARG(s->algorithm_name));
        story->depth++;
        tell_notes(story, r);
        mailauth_story_tell(story, "%.*s%s%.*s", STR_ARG(mailauth_result_name(r->result)),
                            r->reason.len > 0 ? ": " : "", STR_ARG(r->reason));
        story->depth--;
    }
    if (d->ignored > 0)
        mailauth_story_tell(story, "%zu more signatures were not looked at", d->ignored);
}

err mailauth_dkim_finish(struct mailauth_dkim *d, const struct mailauth_ask *ask,
                         struct mailauth_story *story, struct mailauth_dkim_verdict *ret_verdict)
{
    mailauth_canon_hash_end(d->body);
    for (size_t i = 0; i < d->count; i++) {
        struct one *one = &d->ones[i];
        judge_without_key(d, one, &d->results[i]);
        if (d->results[i].result == MAILAUTH_NONE)
            TRY(mailauth_dkim_lookup_want(d->keys, one->signature.selector, one->signature.domain,
                                          &one->key));
    }
    TRY(mailauth_dkim_lookup_run(d->keys, ask));
    struct mailauth_dkim_digest *digest = mailauth_dkim_digest_open(d->arena);
    for (size_t i = 0; i < d->count; i++)
        if (d->results[i].result == MAILAUTH_NONE)
            judge_with_key(d, &d->ones[i], digest, ask->now_ms / 1000, &d->results[i]);
    tell(story, d);
    *ret_verdict = (struct mailauth_dkim_verdict){d->results, d->count, d->ignored};
    return NULL;
}
