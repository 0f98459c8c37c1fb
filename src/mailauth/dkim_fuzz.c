#include "mailauth/dkim_header.h"
#include "mailauth/dkim_key.h"
#include "mailauth/dkim_record.h"
#include "mailauth/dkim_signature.h"
#include "tests/fuzz.h"

/* A record is refused with a reason, or its key can be tried. */
static void check_record(str text, struct arena *arena)
{
    struct mailauth_dkim_record record;
    struct mailauth_dkim_key *key = NULL;
    unsigned bits = 0;
    mailauth_dkim_record_read(text, arena, &record);
    if (record.wrong.len > 0)
        return;
    ASSERT(record.key.len > 0);
    const char *why = mailauth_dkim_key_open(&record, arena, &key, &bits);
    ASSERT((why == NULL) == (key != NULL));
    if (key == NULL)
        return;
    ASSERT(bits == 256 || bits >= MAILAUTH_DKIM_KEY_BITS_MIN);
    ASSERT(bits <= MAILAUTH_DKIM_KEY_BITS_MAX);
    uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES] = {0};
    bool holds = mailauth_dkim_key_check(key, digest, text);
    ASSERT(!holds); /* text is no signature */
}

/* What is read without a complaint holds what the RFC asks for, and only b= is emptied. */
static void check_signature(const struct message_field *f, enum mailauth_dkim_kind kind,
                            struct arena *arena)
{
    struct mailauth_dkim_signature s;
    mailauth_dkim_signature_read(f, kind, arena, &s);
    if (s.wrong.len > 0)
        return;
    ASSERT(s.domain.len > 0);
    ASSERT(s.selector.len > 0);
    ASSERT(s.signature.len > 0);
    ASSERT(kind == MAILAUTH_DKIM_FIELD_ARC_SEAL || s.body_hash.len == MAILAUTH_DKIM_DIGEST_BYTES);
    struct message_field open = mailauth_dkim_signature_open(f, &s, arena);
    ASSERT(open.raw.len < f->raw.len);
    struct mailauth_tags tags;
    err e = mailauth_tag_parse(open.value, arena, &tags);
    ASSERT(e == NULL);
    ASSERT(tags.count == s.tags.count);
    ASSERT(mailauth_tag_value(&tags, S("b"), S("x")).len == 0);
}

/* Whatever the names, each field is taken at most once: no more than the header is hashed. */
static void check_names(str header, str names, struct arena *arena)
{
    struct mailauth_dkim_header *h;
    if (mailauth_dkim_header_open(header, arena, &h))
        return;
    mailauth_dkim_header_hash(h, names, MAILAUTH_CANON_RELAXED, NULL,
                              mailauth_dkim_digest_open(arena));
    for (size_t i = 0; i < mailauth_dkim_header_size(h); i++) {
        const struct message_field *f = mailauth_dkim_header_at(h, i);
        size_t count = mailauth_dkim_header_count(h, f->name);
        ASSERT(f->name.len == 0 || f->name.len > 998 || count > 0);
    }
}

FUZZ(input, arena)
{
    if (input.len > 1 << 16)
        return;
    check_record(input, arena);
    str rest = input;
    struct message_field f;
    for (int i = 0; i < 8 && message_header_next(&rest, &f); i++) {
        check_signature(&f, MAILAUTH_DKIM_FIELD_DKIM, arena);
        check_signature(&f, MAILAUTH_DKIM_FIELD_ARC_MESSAGE, arena);
        check_signature(&f, MAILAUTH_DKIM_FIELD_ARC_SEAL, arena);
        check_names(input, f.value, arena);
    }
}
