#include "base/mem.h"
#include "base/rand.h"
#include "runtime/file.h"
#include "runtime/tls_inside.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, SERIAL_BYTES = 16 };

/* ---- reading ---------------------------------------------------------------------------- */

static err read_all(struct file *f, str path, struct buf *out)
{
    struct file_facts facts;
    TRY(file_facts(f, &facts));
    if (!facts.regular)
        return err_new(ERR_CONFIG, "%.*s is not a file", STR_ARG(path));
    if (facts.size > out->max)
        return err_new(ERR_CONFIG, "%.*s is larger than %zu bytes", STR_ARG(path), out->max);
    char *room;
    TRY(buf_reserve(out, (size_t)facts.size + 1, &room));
    size_t count = 0;
    TRY(file_read_at(f, room, (size_t)facts.size, 0, &count));
    out->len += count;
    return NULL;
}

err tls_certificate_read_file(str path, struct buf *out)
{
    char *chars = mem_alloc(path.len + 1);
    struct file *f;
    err e = str_to_chars(path, chars, path.len + 1) && path.len < PATH_BYTES_MAX
                ? file_open(chars, FILE_FOLLOW, &f)
                : err_new(ERR_CONFIG, "no path");
    mem_free(chars);
    if (e)
        return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "cannot read %.*s", STR_ARG(path));
    e = read_all(f, path, out);
    file_close(f);
    if (e && e->kind == ERR_CONFIG)
        return e;
    return e ? err_make(ERR_CONFIG, e, __FILE__, __LINE__, "cannot read %.*s", STR_ARG(path))
             : NULL;
}

static int no_password(char *to, int size, int writing, void *arg)
{
    (void)to, (void)size, (void)writing, (void)arg;
    return -1; /* else OpenSSL would ask on the terminal */
}

static err read_key(str path, EVP_PKEY **ret_key)
{
    struct buf bytes;
    buf_init(&bytes, TLS_FILE_BYTES_MAX);
    err e = tls_certificate_read_file(path, &bytes);
    EVP_PKEY *key = NULL;
    if (e == NULL) {
        BIO *pem = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
        ASSERT(pem != NULL);
        key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
        BIO_free(pem);
        ERR_clear_error();
        mem_wipe(bytes.ptr, bytes.len);
    }
    buf_release(&bytes);
    if (e)
        return e;
    if (key == NULL)
        return err_new(ERR_CONFIG, "%.*s: no private key in it, or it needs a password",
                       STR_ARG(path));
    *ret_key = key;
    return NULL;
}

static err parse_chain(BIO *pem, str path, STACK_OF(X509) * chain)
{
    X509 *one;
    while ((one = PEM_read_bio_X509(pem, NULL, no_password, NULL)) != NULL) {
        if (sk_X509_num(chain) > TLS_CHAIN_MAX || sk_X509_push(chain, one) == 0) {
            X509_free(one);
            return err_new(ERR_CONFIG, "%.*s: more than %d certificates", STR_ARG(path),
                           TLS_CHAIN_MAX + 1);
        }
    }
    unsigned long last = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (sk_X509_num(chain) == 0)
        return err_new(ERR_CONFIG, "%.*s: no certificate in it", STR_ARG(path));
    if (!at_end)
        return err_new(ERR_CONFIG, "%.*s: damaged after certificate %d", STR_ARG(path),
                       sk_X509_num(chain));
    return NULL;
}

static err read_chain(str path, STACK_OF(X509) * chain)
{
    struct buf bytes;
    buf_init(&bytes, TLS_FILE_BYTES_MAX);
    err e = tls_certificate_read_file(path, &bytes);
    if (e == NULL) {
        BIO *pem = BIO_new_mem_buf(bytes.ptr, (int)bytes.len);
        ASSERT(pem != NULL);
        e = parse_chain(pem, path, chain);
        BIO_free(pem);
    }
    buf_release(&bytes);
    return e;
}

int64_t tls_certificate_time_ms(const ASN1_TIME *when)
{
    ASN1_TIME *start = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;
    bool known = start && ASN1_TIME_diff(&days, &seconds, start, when) == 1;
    ASN1_TIME_free(start);
    ERR_clear_error();
    return known ? ((int64_t)days * 86400 + seconds) * 1000 : INT64_MAX;
}

/* ---- loading ---------------------------------------------------------------------------- */

static err check_pair(const struct tls_certificate *c, X509 *leaf, EVP_PKEY *key)
{
    bool pair = X509_check_private_key(leaf, key) == 1;
    ERR_clear_error();
    if (!pair)
        return err_new(ERR_CONFIG, "the key in %.*s does not belong to the certificate in %.*s",
                       STR_ARG(c->key), STR_ARG(c->certificate));
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) < 2048)
        return err_new(ERR_CONFIG, "%.*s: an RSA key of %d bits; it must have 2048 or more",
                       STR_ARG(c->key), EVP_PKEY_get_bits(key));
    return NULL;
}

static err use_pair(SSL_CTX *context, const struct tls_certificate *c, STACK_OF(X509) * chain,
                    EVP_PKEY *key)
{
    X509 *leaf = sk_X509_value(chain, 0);
    TRY(check_pair(c, leaf, key));
    (void)sk_X509_shift(chain);
    ERR_clear_error();
    bool used = SSL_CTX_use_cert_and_key(context, leaf, key, chain, 1) == 1;
    (void)sk_X509_unshift(chain, leaf);
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    return used ? NULL : err_new(ERR_CONFIG, "%.*s: %s", STR_ARG(c->certificate), why);
}

err tls_certificate_load(SSL_CTX *context, const struct tls_certificate *c, int64_t *expires_ms)
{
    ERR_clear_error();
    EVP_PKEY *key = NULL;
    STACK_OF(X509) *chain = sk_X509_new_null();
    ASSERT(chain != NULL);
    err e = read_chain(c->certificate, chain);
    if (e == NULL)
        e = read_key(c->key, &key);
    if (e == NULL)
        e = use_pair(context, c, chain, key);
    for (int i = 0; e == NULL && i < sk_X509_num(chain); i++) {
        int64_t ms = tls_certificate_time_ms(X509_get0_notAfter(sk_X509_value(chain, i)));
        *expires_ms = ms < *expires_ms ? ms : *expires_ms;
    }
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
    return e;
}

/* ---- names ------------------------------------------------------------------------------ */

bool tls_certificate_name_fits(str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && !strchr("-_.", name.ptr[i]))
            return false;
    return name.len > 0 && memchr(name.ptr, '\0', name.len) == NULL;
}

static void tell_name(const GENERAL_NAME *name, char ret_text[ADDRESS_CHARS])
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    ret_text[0] = '\0';
    if (kind != GEN_DNS && kind != GEN_IPADD)
        return;
    str bytes = {(const char *)ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
    if (kind == GEN_IPADD) {
        struct address ip = {.family = bytes.len == 4 ? ADDRESS_IP4 : ADDRESS_IP6};
        memcpy(ip.ip, bytes.ptr, bytes.len <= sizeof ip.ip ? bytes.len : sizeof ip.ip);
        address_format_ip(&ip, ret_text);
        return;
    }
    bytes = str_slice(bytes, 0, ADDRESS_CHARS - 1);
    for (size_t i = 0; i < bytes.len; i++)
        ret_text[i] = bytes.ptr[i] > ' ' && bytes.ptr[i] < 0x7f ? bytes.ptr[i] : '?';
    ret_text[bytes.len] = '\0';
}

void tls_certificate_names(const X509 *certificate, char *ret_text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int told = 0;
    size_t used = 0;
    snprintf(ret_text, size, "nobody");
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && told < TLS_SUBJECTS_TOLD_MAX; i++) {
        char name[ADDRESS_CHARS];
        tell_name(sk_GENERAL_NAME_value(names, i), name);
        size_t needed = strlen(name) + (told ? 2 : 0);
        if (name[0] == '\0' || used + needed + 1 > size)
            continue;
        snprintf(ret_text + used, size - used, "%s%s", told ? ", " : "", name);
        used += needed;
        told++;
    }
    GENERAL_NAMES_free(names);
}

/* ---- making one ------------------------------------------------------------------------- */

static void add_subject_name(GENERAL_NAMES *names, str name)
{
    struct address ip;
    bool is_ip = address_parse_ip(name, &ip) == NULL;
    ASN1_STRING *value = is_ip ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASSERT(value && entry);
    int set = is_ip ? ASN1_STRING_set(value, ip.ip, ip.family == ADDRESS_IP4 ? 4 : 16)
                    : ASN1_STRING_set(value, name.ptr, (int)name.len);
    ASSERT(set == 1);
    GENERAL_NAME_set0_value(entry, is_ip ? GEN_IPADD : GEN_DNS, value);
    sk_GENERAL_NAME_push(names, entry);
}

/* The name, and this machine's own: whoever tries a new server out calls it localhost. */
static bool add_subject_names(X509 *x, str name)
{
    const str all[] = {name, S("localhost"), S("127.0.0.1"), S("::1")};
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    ASSERT(names);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (i == 0 || !str_eq_nocase(all[i], name))
            add_subject_name(names, all[i]);
    bool added = X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
    GENERAL_NAMES_free(names);
    return added;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool added = extension && X509_add_ext(x, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_BYTES];
    rand_bytes(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x3f) | 0x40); /* positive, and always as long */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return set;
}

static bool set_subject(X509 *x, str name)
{
    enum { COMMON_NAME_BYTES_MAX = 64 };
    str common = name.len <= COMMON_NAME_BYTES_MAX ? name : S("mail server");
    X509_NAME *subject = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)common.ptr,
                                      (int)common.len, -1, 0) == 1 &&
           X509_set_issuer_name(x, subject) == 1;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key, str name)
{
    time_t now = (time_t)(clock_real_ms() / 1000);
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_subject(x, name) &&
           ASN1_TIME_adj(X509_getm_notBefore(x), now, -1, 0) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), now, TLS_CERTIFICATE_DAYS, 0) != NULL &&
           X509_set_pubkey(x, key) == 1 && add_subject_names(x, name) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
}

static err write_new(const char *path, BIO *pem)
{
    char *bytes;
    long size = BIO_get_mem_data(pem, &bytes);
    return file_put(path, FILE_NEW, (str){bytes, (size_t)size});
}

static err sync_folder_of(const char *path)
{
    char *folder = mem_copy_chars(path), *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    err e = folder_sync(slash ? folder : ".");
    mem_free(folder);
    return e;
}

static err write_pair(const char *certificate_path, BIO *certificate, const char *key_path,
                      BIO *key)
{
    TRY(write_new(key_path, key));
    err e = write_new(certificate_path, certificate);
    if (e) {
        err ignored = file_remove(key_path); /* else the next try would stumble over it */
        (void)ignored;
        return e;
    }
    TRY(sync_folder_of(key_path));
    return sync_folder_of(certificate_path);
}

err tls_certificate_make(str name, const char *certificate_path, const char *key_path)
{
    struct address ip;
    if (!tls_certificate_name_fits(name) && address_parse_ip(name, &ip) != NULL)
        return err_new(ERR_CONFIG, "\"%.*s\" cannot be the name in a certificate",
                       STR_ARG(str_slice(name, 0, TLS_NAME_BYTES_MAX)));
    if (name.len >= TLS_NAME_BYTES_MAX)
        return err_new(ERR_CONFIG, "a name of %zu bytes", name.len);
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *certificate_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_secmem());
    bool made = key && x && certificate_pem && key_pem && fill_certificate(x, key, name) &&
                PEM_write_bio_X509(certificate_pem, x) == 1 &&
                PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) == 1;
    char why[TLS_REASON_BYTES];
    tls_drain_errors(why, sizeof why);
    err e = made ? write_pair(certificate_path, certificate_pem, key_path, key_pem)
                 : err_new(ERR_CONFIG, "OpenSSL makes no certificate: %s", why);
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    X509_free(x);
    EVP_PKEY_free(key);
    return e;
}
