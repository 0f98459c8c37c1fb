#include "mailauth/dkim_signature.h"
#include "base/codec.h"
#include "dns/name.h"
#include "mailauth/dkim_digest.h"
#include <idn2.h>
#include <string.h>

enum {
    SECONDS_MAX_DIGITS = 12, /* of t= and x= */
    NAME_BYTES_MAX = 253,
    VALUE_BLANKS_MAX = 256,
    START_CHARS = 8, /* of b=: enough to tell the signatures of one message apart */
};

#define SECONDS_MAX 999999999999

struct reading {
    struct mailauth_dkim_signature *s;
    enum mailauth_dkim_kind kind;
    struct arena *arena;
};

/* Each of these gives the reason why the value cannot be used, or NULL. */
typedef const char *read_tag(struct reading *, str value);

static const char *read_version(struct reading *r, str value)
{
    (void)r;
    return str_eq(value, S("1")) ? NULL : "v= is not 1";
}

static const char *read_algorithm(struct reading *r, str value)
{
    r->s->algorithm_name = value;
    r->s->algorithm = MAILAUTH_DKIM_RSA;
    if (str_eq(value, S("rsa-sha256")))
        return NULL;
    if (str_eq(value, S("rsa-sha1")))
        return "a=rsa-sha1 is no longer to be trusted (RFC 8301)";
    r->s->algorithm = MAILAUTH_DKIM_ED25519;
    return str_eq(value, S("ed25519-sha256")) ? NULL : "a= names an algorithm that is not known";
}

/* False: not base64, or more than max bytes. Blanks count: what is mostly blanks is not read. */
static bool decode(struct reading *r, str value, size_t max, str *ret_bytes)
{
    struct buf out;
    if (value.len > 4 * max + VALUE_BLANKS_MAX)
        return false;
    buf_init(&out, max);
    bool fine = codec_base64_decode(mailauth_tag_squeeze(value, r->arena), &out) == NULL;
    if (fine)
        *ret_bytes = arena_str(r->arena, buf_str(&out));
    buf_release(&out);
    return fine;
}

static const char *read_signature(struct reading *r, str value)
{
    const struct mailauth_tag *tag = mailauth_tag_find(&r->s->tags, S("b"));
    r->s->signature_tag = tag->raw;
    str front = str_slice(value, 0, 4 * START_CHARS); /* a fold or two do not matter */
    r->s->signature_start = str_slice(mailauth_tag_squeeze(front, r->arena), 0, START_CHARS);
    if (!decode(r, value, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX, &r->s->signature))
        return "b= is not base64";
    return r->s->signature.len > 0 ? NULL : "b= is empty";
}

static const char *read_body_hash(struct reading *r, str value)
{
    if (!decode(r, value, MAILAUTH_DKIM_DIGEST_BYTES, &r->s->body_hash))
        return "bh= is not base64 of a SHA-256 hash";
    return r->s->body_hash.len == MAILAUTH_DKIM_DIGEST_BYTES ? NULL
                                                             : "bh= has not the length of a hash";
}

static bool read_canon(str name, enum mailauth_canon *ret_how)
{
    bool relaxed = str_eq(name, S("relaxed"));
    *ret_how = relaxed ? MAILAUTH_CANON_RELAXED : MAILAUTH_CANON_SIMPLE;
    return relaxed || str_eq(name, S("simple"));
}

static const char *read_canons(struct reading *r, str value)
{
    str header = value, body = S("simple");
    if (str_find(value, '/') != STR_NONE)
        str_split(value, '/', &header, &body);
    if (!read_canon(header, &r->s->header_canon) || !read_canon(body, &r->s->body_canon))
        return "c= names a canonicalization that is not known";
    return NULL;
}

/* Labels of letters, digits, "-" and "_" with dots between. A selector may be all digits, which no
 * host's name is. */
static bool is_name(str name)
{
    size_t label = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '.' && label == 0)
            return false;
        if (c != '.' && !char_is_alnum(c) && c != '-' && c != '_')
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > DNS_LABEL_BYTES_MAX)
            return false;
    }
    return label > 0 && name.len <= NAME_BYTES_MAX;
}

/* U-labels to A-labels (RFC 8616 section 4); the rest in lower case. Empty: not a name. */
static str ascii_name(str name, struct arena *arena)
{
    char chars[4 * NAME_BYTES_MAX];
    if (name.len == 0 || !str_to_chars(name, chars, sizeof chars))
        return (str){0};
    if (!str_is_ascii(name)) {
        uint8_t *ascii = NULL;
        if (idn2_lookup_u8((uint8_t *)chars, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL))
            return (str){0};
        name = arena_str(arena, str_of((char *)ascii));
        idn2_free(ascii);
    }
    if (!is_name(name))
        return (str){0};
    char *lower = arena_alloc(arena, name.len);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = char_lower(name.ptr[i]);
    return (str){lower, name.len};
}

static const char *read_domain(struct reading *r, str value)
{
    r->s->domain = ascii_name(value, r->arena);
    if (r->s->domain.len == 0)
        return "d= is not the name of a domain";
    return str_find(r->s->domain, '.') != STR_NONE ? NULL : "d= has only one label";
}

static const char *read_selector(struct reading *r, str value)
{
    r->s->selector = ascii_name(value, r->arena);
    return r->s->selector.len > 0 ? NULL : "s= is not a selector";
}

static const char *read_names(struct reading *r, str value)
{
    r->s->names = value;
    str rest = value, name;
    bool from = r->kind != MAILAUTH_DKIM_FIELD_DKIM;
    while (mailauth_tag_next(&rest, ':', &name)) {
        from = from || str_eq_nocase(name, S("from"));
        if (r->kind == MAILAUTH_DKIM_FIELD_ARC_MESSAGE && str_eq_nocase(name, S("arc-seal")))
            return "h= names ARC-Seal (RFC 8617 section 4.1.2)";
    }
    return from ? NULL : "h= does not name From";
}

/* domain is below above, or the same. */
static bool is_at_or_below(str domain, str above)
{
    if (domain.len == above.len)
        return str_eq_nocase(domain, above);
    return domain.len > above.len && domain.ptr[domain.len - above.len - 1] == '.' &&
           str_ends_nocase(domain, above);
}

static const char *read_identity(struct reading *r, str value)
{
    r->s->identity = value;
    size_t at = str_find_last(value, '@');
    if (at == STR_NONE)
        return "i= has no \"@\"";
    str domain = ascii_name(str_from(value, at + 1), r->arena);
    if (domain.len == 0 || !is_at_or_below(domain, r->s->domain))
        return "i= is not in the domain of d=";
    r->s->identity_is_below = domain.len != r->s->domain.len;
    return NULL;
}

static const char *read_length(struct reading *r, str value)
{
    return str_to_u64(value, UINT64_MAX - 1, &r->s->length) ? NULL : "l= is not a number";
}

static const char *read_query(struct reading *r, str value)
{
    (void)r;
    str method;
    while (mailauth_tag_next(&value, ':', &method))
        if (str_eq(method, S("dns/txt")) || str_eq(method, S("dns")))
            return NULL; /* "dns" alone: what drafts and old signers wrote */
    return "q= names no way to the key that is known";
}

static bool read_seconds(str value, int64_t *ret_seconds)
{
    uint64_t seconds;
    if (value.len > SECONDS_MAX_DIGITS || !str_to_u64(value, SECONDS_MAX, &seconds))
        return false;
    *ret_seconds = (int64_t)seconds;
    return true;
}

static const char *read_time(struct reading *r, str value)
{
    return read_seconds(value, &r->s->signed_s) ? NULL : "t= is not a time";
}

static const char *read_expiry(struct reading *r, str value)
{
    if (!read_seconds(value, &r->s->expires_s))
        return "x= is not a time";
    return r->s->expires_s > r->s->signed_s ? NULL : "x= is not after t=";
}

static const char *refuse_names(struct reading *r, str value)
{
    (void)r;
    (void)value;
    return "h= has no place in a seal (RFC 8617 section 4.1.3)";
}

enum {
    DKIM = MAILAUTH_DKIM_FIELD_DKIM,
    MESSAGE = MAILAUTH_DKIM_FIELD_ARC_MESSAGE,
    SEAL = MAILAUTH_DKIM_FIELD_ARC_SEAL,
};

/* The order matters: i= needs d=, x= needs t=; and what tells who signed is read early. */
static const struct {
    const char *name;
    unsigned needed, known; /* in which fields */
    read_tag *read;
} table[] = {
    {"d",  DKIM | MESSAGE | SEAL, DKIM | MESSAGE | SEAL, read_domain   },
    {"s",  DKIM | MESSAGE | SEAL, DKIM | MESSAGE | SEAL, read_selector },
    {"b",  DKIM | MESSAGE | SEAL, DKIM | MESSAGE | SEAL, read_signature},
    {"a",  DKIM | MESSAGE | SEAL, DKIM | MESSAGE | SEAL, read_algorithm},
    {"v",  DKIM,                  DKIM,                  read_version  },
    {"i",  0,                     DKIM,                  read_identity },
    {"c",  0,                     DKIM | MESSAGE,        read_canons   },
    {"h",  DKIM | MESSAGE,        DKIM | MESSAGE,        read_names    },
    {"h",  0,                     SEAL,                  refuse_names  },
    {"bh", DKIM | MESSAGE,        DKIM | MESSAGE,        read_body_hash},
    {"l",  0,                     DKIM | MESSAGE,        read_length   },
    {"q",  0,                     DKIM | MESSAGE,        read_query    },
    {"t",  0,                     DKIM | MESSAGE | SEAL, read_time     },
    {"x",  0,                     DKIM | MESSAGE,        read_expiry   },
};

/* All tags, also behind one that is wrong; the first reason is kept. */
static void read_tags(struct reading *r)
{
    struct mailauth_dkim_signature *s = r->s;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(table[i].known & r->kind))
            continue;
        const struct mailauth_tag *tag = mailauth_tag_find(&s->tags, str_of(table[i].name));
        const char *why = tag ? table[i].read(r, tag->value) : NULL;
        if (why != NULL && s->wrong.len == 0)
            s->wrong = str_of(why);
        if (tag == NULL && (table[i].needed & r->kind) && s->wrong.len == 0)
            s->wrong = arena_printf(r->arena, "there is no %s=", table[i].name);
    }
    if (s->identity.len == 0 && s->domain.len > 0)
        s->identity = arena_printf(r->arena, "@%.*s", STR_ARG(s->domain));
}

void mailauth_dkim_signature_read(const struct message_field *field, enum mailauth_dkim_kind kind,
                                  struct arena *arena, struct mailauth_dkim_signature *ret)
{
    *ret = (struct mailauth_dkim_signature){
        .length = UINT64_MAX, .signed_s = -1, .expires_s = -1, .identity = S("")};
    /* Without c= a DKIM-Signature is simple/simple. RFC 8617 does not say it for ARC, whose fields
     * survive no relay in that form: all its software and its test suite take them as relaxed. */
    if (kind != MAILAUTH_DKIM_FIELD_DKIM)
        ret->header_canon = ret->body_canon = MAILAUTH_CANON_RELAXED;
    struct reading r = {ret, kind, arena};
    err e = mailauth_tag_parse(field->value, arena, &ret->tags);
    if (e) /* a full ring of errs has no words */
        ret->wrong = e->text.len > 0 ? arena_str(arena, e->text) : S("not a list of tags");
    else
        read_tags(&r);
}

struct message_field mailauth_dkim_signature_open(const struct message_field *field,
                                                  const struct mailauth_dkim_signature *s,
                                                  struct arena *arena)
{
    size_t from = (size_t)(s->signature_tag.ptr - field->raw.ptr);
    from += str_find(s->signature_tag, '=') + 1;
    size_t value_at = (size_t)(field->value.ptr - field->raw.ptr);
    str behind = str_slice(field->raw, from, value_at + field->value.len - from);
    size_t len = str_find(behind, ';');
    str rest = len == STR_NONE ? (str){0} : str_from(behind, len);
    char *joined = arena_alloc(arena, from + rest.len + 1);
    memcpy(joined, field->raw.ptr, from);
    if (rest.len > 0)
        memcpy(joined + from, rest.ptr, rest.len);
    str raw = {joined, from + rest.len};
    struct message_field open = *field;
    open.name = str_slice(raw, (size_t)(field->name.ptr - field->raw.ptr), field->name.len);
    open.value = str_from(raw, value_at);
    open.raw = raw;
    return open;
}
