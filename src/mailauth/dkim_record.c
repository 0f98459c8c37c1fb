#include "mailauth/dkim_record.h"
#include "base/codec.h"

enum { TEXT_BYTES_MAX = 2 * MAILAUTH_DKIM_RECORD_KEY_BYTES_MAX }; /* base64, and some blanks */

static bool list_has(str list, str one, str other)
{
    str part;
    while (mailauth_tag_next(&list, ':', &part))
        if (str_eq(part, one) || str_eq(part, other))
            return true;
    return false;
}

static const char *read_version(const struct mailauth_tags *tags)
{
    const struct mailauth_tag *v = mailauth_tag_find(tags, S("v"));
    if (v == NULL)
        return NULL;
    if (!str_eq(v->value, S("DKIM1")))
        return "v= is not DKIM1";
    return v == tags->items ? NULL : "v= is not the first tag";
}

static const char *read_type(const struct mailauth_tags *tags,
                             enum mailauth_dkim_algorithm *ret_algorithm)
{
    str type = mailauth_tag_value(tags, S("k"), S("rsa"));
    *ret_algorithm = str_eq(type, S("ed25519")) ? MAILAUTH_DKIM_ED25519 : MAILAUTH_DKIM_RSA;
    if (!str_eq(type, S("rsa")) && !str_eq(type, S("ed25519")))
        return "k= names a kind of key that is not known";
    if (!list_has(mailauth_tag_value(tags, S("h"), S("sha256")), S("sha256"), S("sha256")))
        return "h= does not allow SHA-256";
    if (!list_has(mailauth_tag_value(tags, S("s"), S("*")), S("*"), S("email")))
        return "s= says that the key is not for mail";
    return NULL;
}

static const char *read_key(const struct mailauth_tags *tags, struct arena *arena,
                            struct mailauth_dkim_record *r)
{
    const struct mailauth_tag *p = mailauth_tag_find(tags, S("p"));
    if (p == NULL)
        return "there is no p=";
    if (p->value.len > TEXT_BYTES_MAX)
        return "p= is too long for a key";
    str text = mailauth_tag_squeeze(p->value, arena);
    r->revoked = text.len == 0;
    if (r->revoked)
        return "the key was revoked (p= is empty)";
    struct buf out;
    buf_init(&out, MAILAUTH_DKIM_RECORD_KEY_BYTES_MAX);
    err e = codec_base64_decode(text, &out);
    if (e == NULL)
        r->key = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return e ? "p= is not base64" : NULL;
}

static const char *read_all(const struct mailauth_tags *tags, struct arena *arena,
                            struct mailauth_dkim_record *r)
{
    const char *why = read_version(tags);
    if (why == NULL)
        why = read_type(tags, &r->algorithm);
    if (why == NULL)
        why = read_key(tags, arena, r);
    str flags = mailauth_tag_value(tags, S("t"), S(""));
    r->testing = list_has(flags, S("y"), S("y"));
    r->strict = list_has(flags, S("s"), S("s"));
    return why;
}

void mailauth_dkim_record_read(str text, struct arena *arena, struct mailauth_dkim_record *ret)
{
    *ret = (struct mailauth_dkim_record){0};
    struct mailauth_tags tags;
    if (mailauth_tag_parse(text, arena, &tags) || tags.count == 0)
        ret->wrong = S("not a list of tags");
    else
        ret->wrong = str_of(read_all(&tags, arena, ret));
}
