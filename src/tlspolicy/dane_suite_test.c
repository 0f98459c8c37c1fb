/* The certificates, records and results that OpenSSL tests its DANE with. Usages 0 and 1 are of no
 * use in SMTP: they are compared here, and dane.h must refuse them. */
#include "base/codec.h"
#include "base/mem.h"
#include "tests/test.h"
#include "tlspolicy/dane.h"
#include <openssl/pem.h>
#include <stdlib.h>

enum { RECORDS_MAX = 8, CERTIFICATES_MAX = 8, FILE_BYTES_MAX = 1 << 20, WANTED_BLOCKS = 54 };

struct block {
    int number, line;
    int record_count, certificate_count, no_names, error, depth;
    struct dns_record records[RECORDS_MAX];
    str chain[CERTIFICATES_MAX];
};

struct suite {
    struct arena *arena;
    struct tls_client *client;
    FILE *file;
    int line;
    char text[8192];
};

static bool next_line(struct suite *s)
{
    while (fgets(s->text, sizeof s->text, s->file)) {
        s->line++;
        str line = str_trim(str_of(s->text));
        if (line.len > 0 && line.ptr[0] != '#')
            return true;
    }
    return false;
}

static bool is_usable(const struct dns_tlsa *t)
{
    return t->usage <= 3 && t->selector <= 1 && t->matching <= 2 && t->data.len > 0;
}

static void read_record(struct suite *s, struct dns_record *r)
{
    struct buf bytes;
    str rest = str_trim(str_of(s->text)), word;
    uint64_t numbers[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        str_split(rest, ' ', &word, &rest);
        CHECK(str_to_u64(word, 255, &numbers[i]), s->text);
    }
    buf_init(&bytes, sizeof s->text);
    CHECK_DONE(codec_hex_decode(str_trim(rest), &bytes), s->text);
    r->type = DNS_TLSA;
    r->tlsa = (struct dns_tlsa){.usage = (uint8_t)numbers[0],
                                .selector = (uint8_t)numbers[1],
                                .matching = (uint8_t)numbers[2],
                                .data = arena_str(s->arena, buf_str(&bytes))};
    r->tlsa.usable = is_usable(&r->tlsa);
    buf_release(&bytes);
}

static str read_certificate(struct suite *s)
{
    long at = ftell(s->file);
    X509 *certificate = PEM_read_X509(s->file, NULL, NULL, NULL);
    uint8_t *der = NULL;
    int size = certificate ? i2d_X509(certificate, &der) : 0;
    CHECK(size > 0, "a certificate of the suite");
    str kept = arena_str(s->arena, (str){(char *)der, size > 0 ? (size_t)size : 0});
    OPENSSL_free(der);
    X509_free(certificate);
    CHECK(ftell(s->file) > at, "progress");
    return kept;
}

static bool read_block(struct suite *s, struct block *b)
{
    if (!next_line(s))
        return false;
    *b = (struct block){.number = b->number + 1, .line = s->line};
    int *const numbers[] = {&b->record_count, &b->certificate_count, &b->no_names, &b->error,
                            &b->depth};
    char *at = s->text;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        *numbers[i] = (int)strtol(at, &at, 10);
    CHECK(b->record_count <= RECORDS_MAX && b->certificate_count <= CERTIFICATES_MAX, s->text);
    for (int i = 0; i < b->record_count && next_line(s); i++)
        read_record(s, &b->records[i]);
    for (int i = 0; i < b->certificate_count; i++)
        b->chain[i] = read_certificate(s);
    return true;
}

/* What the suite says of the comparison. */
static bool compare(struct suite *s, const struct block *b)
{
    struct tls_dane_record records[RECORDS_MAX];
    static const str name = S("example.com");
    struct tls_dane_match match = {0};
    char label[40];
    snprintf(label, sizeof label, "block %d, line %d", b->number, b->line);
    for (int i = 0; i < b->record_count; i++) {
        const struct dns_tlsa *t = &b->records[i].tlsa;
        records[i] = (struct tls_dane_record){t->usage, t->selector, t->matching, t->data};
    }
    struct tls_dane d = {records, (size_t)b->record_count, &name, 1, !b->no_names};
    CHECK_DONE(tls_dane_check(s->client, b->chain, (size_t)b->certificate_count, &d, &match),
               label);
    CHECK(match.error == b->error, label);
    CHECK(match.fits == (b->error == 0), label);
    CHECK(match.depth == b->depth, label);
    return match.error == b->error && match.depth == b->depth;
}

/* What SMTP makes of the same records. */
static void judge(struct suite *s, const struct block *b)
{
    struct dns_answer a = {
        DNS_OK, DNS_SECURE, 60, S("x"), (struct dns_record *)b->records, (size_t)b->record_count};
    struct tlspolicy_dane d = tlspolicy_dane_judge(&a, s->arena);
    size_t wanted = 0;
    for (int i = 0; i < b->record_count; i++)
        wanted += b->records[i].tlsa.usage >= 2;
    CHECK(d.count == wanted, "usages 2 and 3 count, 0 and 1 do not");
    CHECK(d.verdict == (wanted ? TLSPOLICY_DANE_VERIFY : TLSPOLICY_DANE_ENCRYPT), "the verdict");
}

static void run_all(struct suite *s)
{
    struct block b = {0};
    int right = 0;
    while (read_block(s, &b)) {
        right += compare(s, &b);
        judge(s, &b);
    }
    CHECK(b.number == WANTED_BLOCKS, "all blocks were read");
    CHECK(right == WANTED_BLOCKS, "all blocks come out as the suite says");
}

TEST(tlspolicy_dane_suite)
{
    char folder[400], path[500];
    struct suite *s = NULL;
    if (test_suites("dane-openssl", folder, sizeof folder) == NULL)
        return;
    s = MEM_NEW(struct suite);
    s->arena = arena_open(8 << 20);
    snprintf(path, sizeof path, "%s/danetest.pem", folder);
    CHECK_DONE(tls_client_open(str_of(path), &s->client), path);
    snprintf(path, sizeof path, "%s/danetest.in", folder);
    s->file = fopen(path, "re");
    CHECK(s->file != NULL, path);
    if (s->client && s->file)
        run_all(s);
    if (s->file)
        fclose(s->file);
    tls_client_close(s->client);
    arena_close(s->arena);
    mem_free(s);
}
