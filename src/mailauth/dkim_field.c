#include "mailauth/dkim_field.h"
#include "base/codec.h"

void mailauth_dkim_field_open(struct mailauth_dkim_field *f)
{
    *f = (struct mailauth_dkim_field){0};
    buf_init(&f->text, MAILAUTH_DKIM_FIELD_BYTES_MAX);
}

void mailauth_dkim_field_release(struct mailauth_dkim_field *f) { buf_release(&f->text); }

static err put(struct mailauth_dkim_field *f, str text)
{
    f->column += text.len;
    return buf_add(&f->text, text);
}

static err fold(struct mailauth_dkim_field *f)
{
    f->column = 0;
    TRY(buf_add(&f->text, S("\r\n")));
    return put(f, S(" "));
}

/* The next tag begins: on this line, if len bytes more fit. */
static err next_tag(struct mailauth_dkim_field *f, size_t len)
{
    if (f->begun)
        TRY(put(f, S(";")));
    bool fits = f->column + 1 + len + 1 <= MAILAUTH_DKIM_FIELD_COLUMNS; /* with ";" behind it */
    bool new_line = f->new_line || (f->begun && !fits);
    f->begun = true;
    f->new_line = false;
    return new_line ? fold(f) : put(f, S(" "));
}

err mailauth_dkim_field_begin(struct mailauth_dkim_field *f, str name)
{
    TRY(put(f, name));
    return put(f, S(":"));
}

err mailauth_dkim_field_tag(struct mailauth_dkim_field *f, const char *name, str value)
{
    str tag = str_of(name);
    TRY(next_tag(f, tag.len + 1 + value.len));
    TRY(put(f, tag));
    TRY(put(f, S("=")));
    return put(f, value);
}

err mailauth_dkim_field_number(struct mailauth_dkim_field *f, const char *name, int64_t number)
{
    struct buf text;
    buf_init(&text, 32);
    err e = buf_add_number(&text, number);
    if (e == NULL)
        e = mailauth_dkim_field_tag(f, name, buf_str(&text));
    buf_release(&text);
    return e;
}

err mailauth_dkim_field_bytes(struct mailauth_dkim_field *f, const char *name, str bytes)
{
    struct buf text;
    buf_init(&text, 2 * MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
    err e = codec_base64_encode(bytes, &text);
    if (e == NULL)
        e = mailauth_dkim_field_tag(f, name, buf_str(&text));
    buf_release(&text);
    return e;
}

err mailauth_dkim_field_names(struct mailauth_dkim_field *f, str names)
{
    str name;
    bool first = true;
    while (mailauth_tag_next(&names, ':', &name)) {
        if (first)
            TRY(mailauth_dkim_field_tag(f, "h", name));
        else if (f->column + 1 + name.len + 1 > MAILAUTH_DKIM_FIELD_COLUMNS)
            TRY(fold(f));
        if (!first) {
            TRY(put(f, S(":")));
            TRY(put(f, name));
        }
        first = false;
    }
    return NULL;
}

err mailauth_dkim_field_mark(struct mailauth_dkim_field *f)
{
    f->new_line = true;
    TRY(mailauth_dkim_field_tag(f, "b", S("")));
    f->signature_at = f->text.len;
    f->new_line = true;
    return NULL;
}

static err hash_itself(struct mailauth_dkim_field *f, enum mailauth_canon how,
                       struct mailauth_dkim_digest *digest)
{
    TRY(buf_add(&f->text, S("\r\n")));
    struct message_field field;
    str text = buf_str(&f->text);
    bool is_field = message_header_next(&text, &field);
    ASSERT(is_field);
    mailauth_canon_field_open(how, &field, mailauth_dkim_digest_take, digest);
    return NULL;
}

/* The signature in lines, between what stands before and behind it. */
static err assemble(const struct mailauth_dkim_field *f, str base64, struct buf *out)
{
    str text = buf_str(&f->text);
    size_t room = f->one_piece ? base64.len
                               : MAILAUTH_DKIM_FIELD_COLUMNS - 4; /* " b=" in front, ";" behind */
    TRY(buf_add(out, str_slice(text, 0, f->signature_at)));
    for (size_t at = 0; at < base64.len; at += room) {
        if (at > 0)
            TRY(buf_add(out, S("\r\n ")));
        TRY(buf_add(out, str_slice(base64, at, room)));
    }
    return buf_add(out, str_from(text, f->signature_at));
}

static err sign(struct mailauth_dkim_digest *digest, struct mailauth_dkim_signer *signer,
                struct buf *signature, struct buf *base64, deadline until)
{
    uint8_t bytes[MAILAUTH_DKIM_DIGEST_BYTES];
    mailauth_dkim_digest_end(digest, bytes);
    TRY(signer->sign(signer, bytes, signature, until));
    return codec_base64_encode(buf_str(signature), base64);
}

err mailauth_dkim_field_sign(struct mailauth_dkim_field *f, enum mailauth_canon how,
                             struct mailauth_dkim_digest *digest,
                             struct mailauth_dkim_signer *signer, struct buf *out, deadline until)
{
    ASSERT(f->signature_at > 0);
    struct buf signature, base64;
    buf_init(&signature, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
    buf_init(&base64, 2 * MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
    err e = hash_itself(f, how, digest);
    if (e == NULL)
        e = sign(digest, signer, &signature, &base64, until);
    if (e == NULL)
        e = assemble(f, buf_str(&base64), out);
    buf_release(&signature);
    buf_release(&base64);
    return e;
}

str mailauth_dkim_field_algorithm(enum mailauth_dkim_algorithm algorithm)
{
    return algorithm == MAILAUTH_DKIM_RSA ? S("rsa-sha256") : S("ed25519-sha256");
}
