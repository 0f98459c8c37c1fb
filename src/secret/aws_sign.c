#include "secret/aws_sign.h"
#include "base/codec.h"
#include "base/mem.h"
#include "secret/secret.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <time.h>

enum { HASH_BYTES = 32, CANONICAL_BYTES_MAX = 128 * 1024, KEY_BYTES_MAX = 1024 };

static const char algorithm[] = "AWS4-HMAC-SHA256";

void secret_aws_sign_time(int64_t real_ms, char ret_time[SECRET_AWS_TIME_CHARS])
{
    struct tm t;
    time_t seconds = (time_t)(real_ms / 1000);
    gmtime_r(&seconds, &t);
    strftime(ret_time, SECRET_AWS_TIME_CHARS, "%Y%m%dT%H%M%SZ", &t);
}

static err add_hash(str bytes, struct buf *out)
{
    uint8_t hash[HASH_BYTES];
    int done = EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, hash, NULL, EVP_sha256(), NULL);
    ASSERT(done == 1);
    return codec_hex_encode((str){(const char *)hash, sizeof hash}, out);
}

static void hmac(const void *key, size_t size, str text, uint8_t ret_mac[HASH_BYTES])
{
    unsigned n = 0;
    uint8_t mac[HASH_BYTES];
    HMAC(EVP_sha256(), key, (int)size, (const uint8_t *)text.ptr, text.len, mac, &n);
    ASSERT(n == HASH_BYTES);
    memcpy(ret_mac, mac, sizeof mac);
}

/* ---- the canonical request ---------------------------------------------------------------- */

static str lower_name(str name, char room[128])
{
    name = str_slice(name, 0, 127);
    for (size_t i = 0; i < name.len; i++)
        room[i] = char_lower(name.ptr[i]);
    return (str){room, name.len};
}

static int compare_names(str a, str b)
{
    char one[128], two[128];
    return str_compare(lower_name(a, one), lower_name(b, two));
}

/* The order of their names; fields of one name keep theirs. */
static void sort_fields(const struct secret_aws_request *r,
                        const struct secret_aws_field *sorted[SECRET_AWS_FIELDS_MAX])
{
    for (size_t i = 0; i < r->field_count; i++) {
        size_t at = i;
        while (at > 0 && compare_names(sorted[at - 1]->name, r->fields[i].name) > 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = &r->fields[i];
    }
}

/* Without blanks at its ends, and with one wherever there were more. */
static err add_value(str value, struct buf *out)
{
    char before = 0;
    value = str_trim(value);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != ' ' || before != ' ')
            TRY(buf_add_char(out, value.ptr[i]));
        before = value.ptr[i];
    }
    return NULL;
}

static bool same_as_before(const struct secret_aws_field *const *sorted, size_t i)
{
    return i > 0 && compare_names(sorted[i - 1]->name, sorted[i]->name) == 0;
}

static err add_fields(const struct secret_aws_field *const *sorted, size_t count, struct buf *out)
{
    char room[128];
    for (size_t i = 0; i < count; i++) {
        if (same_as_before(sorted, i))
            TRY(buf_add_char(out, ','));
        else
            TRY(buf_addf(out, "%s%.*s:", i ? "\n" : "",
                         STR_ARG(lower_name(sorted[i]->name, room))));
        TRY(add_value(sorted[i]->value, out));
    }
    return buf_add_char(out, '\n');
}

static err add_names(const struct secret_aws_field *const *sorted, size_t count, struct buf *out)
{
    char room[128];
    for (size_t i = 0; i < count; i++)
        if (!same_as_before(sorted, i))
            TRY(buf_addf(out, "%s%.*s", i ? ";" : "", STR_ARG(lower_name(sorted[i]->name, room))));
    return NULL;
}

static err add_canonical(const struct secret_aws_request *r,
                         const struct secret_aws_field *const *sorted, struct buf *out)
{
    TRY(buf_addf(out, "%.*s\n%.*s\n%.*s\n", STR_ARG(r->method), STR_ARG(r->path),
                 STR_ARG(r->query)));
    TRY(add_fields(sorted, r->field_count, out));
    TRY(buf_add_char(out, '\n'));
    TRY(add_names(sorted, r->field_count, out));
    TRY(buf_add_char(out, '\n'));
    return add_hash(r->body, out);
}

/* ---- the signature ------------------------------------------------------------------------ */

/* A key for this day, region and service only. */
static err derive(const struct secret_aws_credentials *c, str day, str region, str service,
                  uint8_t ret_key[HASH_BYTES])
{
    char first[KEY_BYTES_MAX];
    if (c->secret.len + 4 > sizeof first)
        return err_new(ERR_LIMIT, "a secret key of AWS above %d bytes", KEY_BYTES_MAX - 4);
    char *end = str_put(str_put(first, S("AWS4")), c->secret);
    hmac(first, (size_t)(end - first), day, ret_key);
    hmac(ret_key, HASH_BYTES, region, ret_key);
    hmac(ret_key, HASH_BYTES, service, ret_key);
    hmac(ret_key, HASH_BYTES, S("aws4_request"), ret_key);
    mem_wipe(first, sizeof first);
    return NULL;
}

static err sign(const struct secret_aws_request *r, const struct secret_aws_credentials *c,
                str region, str service, const char *time, struct buf *canonical, struct buf *text,
                struct buf *out)
{
    const struct secret_aws_field *sorted[SECRET_AWS_FIELDS_MAX];
    uint8_t key[HASH_BYTES], mac[HASH_BYTES];
    str day = {time, 8};
    sort_fields(r, sorted);
    TRY(add_canonical(r, sorted, canonical));
    TRY(buf_addf(text, "%s\n%s\n%.*s/%.*s/%.*s/aws4_request\n", algorithm, time, STR_ARG(day),
                 STR_ARG(region), STR_ARG(service)));
    TRY(add_hash(buf_str(canonical), text));
    TRY(derive(c, day, region, service, key));
    hmac(key, sizeof key, buf_str(text), mac);
    mem_wipe(key, sizeof key);
    TRY(buf_addf(out, "%s Credential=%.*s/%.*s/%.*s/%.*s/aws4_request, SignedHeaders=", algorithm,
                 STR_ARG(c->key_id), STR_ARG(day), STR_ARG(region), STR_ARG(service)));
    TRY(add_names(sorted, r->field_count, out));
    TRY(buf_add(out, S(", Signature=")));
    return codec_hex_encode((str){(const char *)mac, sizeof mac}, out);
}

err secret_aws_sign(const struct secret_aws_request *r, const struct secret_aws_credentials *c,
                    str region, str service, const char time[SECRET_AWS_TIME_CHARS],
                    struct buf *out)
{
    struct buf canonical, text;
    if (r->field_count > SECRET_AWS_FIELDS_MAX)
        return err_new(ERR_LIMIT, "more than %d fields to sign", SECRET_AWS_FIELDS_MAX);
    buf_init(&canonical, CANONICAL_BYTES_MAX);
    buf_init(&text, CANONICAL_BYTES_MAX);
    err e = sign(r, c, region, service, time, &canonical, &text, out);
    secret_wipe(&canonical); /* a session's token is in it */
    secret_wipe(&text);
    return e;
}
