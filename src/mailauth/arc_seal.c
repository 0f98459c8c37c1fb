#include "mailauth/arc_seal.h"
#include "mailauth/dkim_field.h"

struct mailauth_arc_seal {
    struct arena *arena;
    struct mailauth_canon_hash *body;
    struct mailauth_dkim_header *header;
    const struct mailauth_arc_plan *plan;
    str names;
    size_t hash;
};

struct round { /* what the three fields have in common */
    struct mailauth_arc_seal *seal;
    const struct mailauth_arc_result *chain;
    unsigned number;
    int64_t now_s;
    deadline until;
    struct mailauth_dkim_digest *digest;
    struct buf results, message, sealed; /* the fields */
};

static err add_names(struct mailauth_arc_seal *s, str header)
{
    TRY(mailauth_dkim_sign_names(header, MAILAUTH_DKIM_LISTED, s->arena, &s->names));
    for (size_t n = mailauth_dkim_header_count(s->header, S("DKIM-Signature")); n > 0; n--)
        s->names = arena_printf(s->arena, "%.*s:DKIM-Signature", STR_ARG(s->names));
    return NULL;
}

err mailauth_arc_seal_open(str header, const struct mailauth_arc_plan *plan,
                           struct mailauth_canon_hash *body, struct arena *arena,
                           struct mailauth_arc_seal **ret_seal)
{
    struct mailauth_arc_seal *s = ARENA_NEW(arena, struct mailauth_arc_seal);
    *s = (struct mailauth_arc_seal){
        .arena = arena, .body = body, .plan = plan, .names = plan->names};
    TRY(mailauth_dkim_header_open(header, arena, &s->header));
    if (s->names.len == 0)
        TRY(add_names(s, header));
    struct mailauth_dkim_plan as_dkim = {.domain = plan->domain, .selector = plan->selector};
    TRY(mailauth_dkim_sign_check(&as_dkim, s->names, arena));
    TRY(mailauth_canon_hash_want(body, MAILAUTH_CANON_RELAXED, MAILAUTH_CANON_WHOLE, &s->hash));
    *ret_seal = s;
    return NULL;
}

/* ---- the fields; their tags in the order of the alphabet ------------------------------------- */

static err begin(struct round *r, struct mailauth_dkim_field *f, const char *name)
{
    str algorithm = mailauth_dkim_field_algorithm(r->seal->plan->signer->algorithm);
    TRY(mailauth_dkim_field_begin(f, str_of(name)));
    TRY(mailauth_dkim_field_tag(f, "a", algorithm));
    return mailauth_dkim_field_mark(f);
}

static err end(struct round *r, struct mailauth_dkim_field *f)
{
    TRY(mailauth_dkim_field_number(f, "i", r->number));
    TRY(mailauth_dkim_field_tag(f, "s", r->seal->plan->selector));
    return mailauth_dkim_field_number(f, "t", r->now_s);
}

static err write_message(struct round *r, struct mailauth_dkim_field *f)
{
    struct mailauth_arc_seal *s = r->seal;
    str hash = {(const char *)mailauth_canon_hash_digest(s->body, s->hash),
                MAILAUTH_DKIM_DIGEST_BYTES};
    TRY(begin(r, f, "ARC-Message-Signature"));
    TRY(mailauth_dkim_field_bytes(f, "bh", hash));
    TRY(mailauth_dkim_field_tag(f, "c", S("relaxed/relaxed")));
    TRY(mailauth_dkim_field_tag(f, "d", s->plan->domain));
    TRY(mailauth_dkim_field_names(f, s->names));
    TRY(end(r, f));
    mailauth_dkim_header_hash(s->header, s->names, MAILAUTH_CANON_RELAXED, NULL, r->digest);
    return mailauth_dkim_field_sign(f, MAILAUTH_CANON_RELAXED, r->digest, s->plan->signer,
                                    &r->message, r->until);
}

static void hash_text(struct mailauth_dkim_digest *digest, const struct buf *text)
{
    struct message_field field;
    str rest = buf_str(text);
    bool is_field = message_header_next(&rest, &field);
    ASSERT(is_field);
    mailauth_canon_field(MAILAUTH_CANON_RELAXED, &field, mailauth_dkim_digest_take, digest);
}

/* A seal that says "fail" signs its own set alone: the sets below may not even be whole (RFC 8617
 * section 5.1.2). */
static void hash_chain(struct round *r, bool failed)
{
    for (unsigned n = 1; n < r->number && !failed; n++) {
        const struct mailauth_arc_set *set = &r->chain->sets.items[n - 1];
        const struct message_field *fields[] = {set->results, set->message, set->seal};
        for (size_t i = 0; i < 3; i++)
            mailauth_canon_field(MAILAUTH_CANON_RELAXED, fields[i], mailauth_dkim_digest_take,
                                 r->digest);
    }
    hash_text(r->digest, &r->results);
    hash_text(r->digest, &r->message);
}

static err write_seal(struct round *r, struct mailauth_dkim_field *f)
{
    enum mailauth_result result = r->chain->result;
    bool failed = result != MAILAUTH_NONE && result != MAILAUTH_PASS;
    TRY(begin(r, f, "ARC-Seal"));
    TRY(mailauth_dkim_field_tag(f, "cv", failed ? S("fail") : mailauth_result_name(result)));
    TRY(mailauth_dkim_field_tag(f, "d", r->seal->plan->domain));
    TRY(end(r, f));
    hash_chain(r, failed);
    return mailauth_dkim_field_sign(f, MAILAUTH_CANON_RELAXED, r->digest, r->seal->plan->signer,
                                    &r->sealed, r->until);
}

static err write_field(struct round *r, err (*write)(struct round *, struct mailauth_dkim_field *))
{
    struct mailauth_dkim_field field;
    mailauth_dkim_field_open(&field);
    field.one_piece = r->seal->plan->one_piece;
    err e = write(r, &field);
    mailauth_dkim_field_release(&field);
    return e;
}

/* One field, whatever the text: each line but the first begins with a blank. */
static err check_results(str results)
{
    for (size_t i = 0; i < results.len; i++) {
        char c = results.ptr[i], next = i + 1 < results.len ? results.ptr[i + 1] : '\0';
        bool bad = c == '\0' || (c == '\r' && next != '\n') ||
                   (c == '\n' && next != ' ' && next != '\t') ||
                   (c == '\n' && (i == 0 || results.ptr[i - 1] != '\r'));
        if (bad)
            return err_new(ERR_CONFIG, "the text of the results is not one field");
    }
    return NULL;
}

static err write_all(struct round *r, str results, struct buf *out)
{
    TRY(check_results(results));
    TRY(buf_addf(&r->results, "ARC-Authentication-Results: i=%u; %.*s\r\n", r->number,
                 STR_ARG(results)));
    TRY(write_field(r, write_message));
    TRY(write_field(r, write_seal));
    TRY(buf_add(out, buf_str(&r->sealed)));
    TRY(buf_add(out, buf_str(&r->message)));
    return buf_add(out, buf_str(&r->results));
}

bool mailauth_arc_seal_is_possible(const struct mailauth_arc_result *chain)
{
    return !chain->sets.ended && chain->count < MAILAUTH_ARC_SETS_MAX;
}

err mailauth_arc_seal_finish(struct mailauth_arc_seal *s, const struct mailauth_arc_result *chain,
                             str results, int64_t now_s, struct buf *out_fields, deadline until)
{
    mailauth_canon_hash_end(s->body);
    if (!mailauth_arc_seal_is_possible(chain))
        return NULL;
    struct round r = {.seal = s,
                      .chain = chain,
                      .number = chain->count + 1,
                      .now_s = now_s,
                      .until = until,
                      .digest = mailauth_dkim_digest_open(s->arena)};
    buf_init(&r.results, MAILAUTH_DKIM_FIELD_BYTES_MAX);
    buf_init(&r.message, MAILAUTH_DKIM_FIELD_BYTES_MAX);
    buf_init(&r.sealed, MAILAUTH_DKIM_FIELD_BYTES_MAX);
    err e = write_all(&r, results, out_fields);
    buf_release(&r.results);
    buf_release(&r.message);
    buf_release(&r.sealed);
    return e;
}
