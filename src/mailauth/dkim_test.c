#include "base/codec.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_field.h"
#include "mailauth/dkim_header.h"
#include "mailauth/dkim_keys_test.h"
#include "mailauth/dkim_lookup.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_sign.h"
#include "runtime/fiber.h"
#include "tests/test.h"

enum { RFC8463_S = 1528637909, DAY_S = 86400 };

#define DOMAIN "football.example.com"

static void open_with_keys(struct dkim_bench *b)
{
    dkim_bench_open(b);
    b->now_s = RFC8463_S;
    dkim_bench_txt(b, S("brisbane._domainkey." DOMAIN), str_of(dkim_keys_ed25519_record));
    dkim_bench_txt(b, S("test._domainkey." DOMAIN), str_of(dkim_keys_rsa_record));
}

static struct mailauth_dkim_signer *signer_of(struct dkim_bench *b, const char *pem)
{
    struct mailauth_dkim_private *p = NULL;
    CHECK_DONE(mailauth_dkim_private_read(str_of(pem), b->arena, &p), "a key");
    return mailauth_dkim_private_signer(p);
}

static str join(struct dkim_bench *b, str one, str two)
{
    return arena_printf(b->arena, "%.*s%.*s", STR_ARG(one), STR_ARG(two));
}

/* text with the first what replaced by with. */
static str replaced(struct dkim_bench *b, str text, const char *what, const char *with)
{
    const char *at = memmem(text.ptr, text.len, what, strlen(what));
    CHECK(at != NULL, what);
    if (at == NULL)
        return text;
    size_t before = (size_t)(at - text.ptr);
    str rest = str_from(text, before + strlen(what));
    return arena_printf(b->arena, "%.*s%s%.*s", (int)before, text.ptr, with, STR_ARG(rest));
}

static str rfc8463(struct dkim_bench *b)
{
    return join(b, str_of(dkim_keys_rfc8463_signatures), str_of(dkim_keys_rfc8463_message));
}

TEST(mailauth_dkim_rfc8463)
{
    struct dkim_bench b;
    open_with_keys(&b);
    for (b.chunk = 0; b.chunk < 60; b.chunk += 7) {
        struct mailauth_dkim_verdict v = dkim_bench_verify(&b, rfc8463(&b));
        CHECK_STR(dkim_bench_names(&b, &v), "pass pass", "RFC 8463 appendix A");
        CHECK(v.results[0].key_bits == 256 && v.results[1].key_bits == 1024,
              "attack 116: 1024 bits pass, and the number is told");
        CHECK(mailauth_dkim_result_counts(&v.results[0]), "it counts");
        CHECK_STR(v.results[0].signature->identity, "@" DOMAIN, "i=");
        CHECK_STR(v.results[0].signature->signature_start, "/gCrinpc", "the start of b=");
    }
    dkim_bench_close(&b);
}

/* ---- what changes a verdict ------------------------------------------------------------------ */

/* A signature with these tags besides v a d s h bh b, over the given message. */
static str crafted(struct dkim_bench *b, const char *tags, uint64_t length, str message)
{
    str header, body;
    dkim_bench_split(message, &header, &body);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(b->arena);
    size_t number;
    CHECK_DONE(mailauth_canon_hash_want(hash, MAILAUTH_CANON_RELAXED, length, &number), "want");
    mailauth_canon_hash_add(hash, body);
    mailauth_canon_hash_end(hash);
    struct mailauth_dkim_header *h = NULL;
    CHECK_DONE(mailauth_dkim_header_open(header, b->arena, &h), "header");
    struct mailauth_dkim_digest *digest = mailauth_dkim_digest_open(b->arena);
    struct mailauth_dkim_field f;
    struct buf out;
    buf_init(&out, 1 << 16);
    mailauth_dkim_field_open(&f);
    CHECK_DONE(mailauth_dkim_field_begin(&f, S("DKIM-Signature")), "begin");
    CHECK_DONE(mailauth_dkim_field_tag(&f, "v", S("1")), "v");
    CHECK_DONE(mailauth_dkim_field_tag(&f, "a", S("ed25519-sha256")), "a");
    str rest = str_of(tags), tag, name, value;
    while (mailauth_tag_next(&rest, ';', &tag)) {
        str_split(tag, '=', &name, &value);
        CHECK_DONE(mailauth_dkim_field_tag(&f, arena_chars(b->arena, name), value), "tag");
    }
    CHECK_DONE(mailauth_dkim_field_names(&f, S("from:to:subject")), "h");
    str bytes = {(const char *)mailauth_canon_hash_digest(hash, number),
                 MAILAUTH_DKIM_DIGEST_BYTES};
    CHECK_DONE(mailauth_dkim_field_bytes(&f, "bh", bytes), "bh");
    CHECK_DONE(mailauth_dkim_field_mark(&f), "b");
    mailauth_dkim_header_hash(h, S("from:to:subject"), MAILAUTH_CANON_RELAXED, NULL, digest);
    CHECK_DONE(mailauth_dkim_field_sign(&f, MAILAUTH_CANON_RELAXED, digest,
                                        signer_of(b, dkim_keys_ed25519_pem), &out, DEADLINE_NEVER),
               "sign");
    str signed_message = join(b, buf_str(&out), message);
    mailauth_dkim_field_release(&f);
    buf_release(&out);
    return signed_message;
}

TEST(mailauth_dkim_tags)
{
    static const struct {
        const char *label, *tags, *want;
        uint64_t length;
        bool counts;
    } cases[] = {
        {"plain",                             "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane",                    "pass",      UINT64_MAX, true },
        {"attack 115: l= is shorter",         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;l=3",                "pass",      3,
         false                                                                                                                              },
        {"attack 115: l=0",                   "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;l=0",                "pass",      0,          false},
        {"l= is all",                         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;l=54",               "pass",      54,         true },
        {"l= is more than there is",          "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;l=55",               "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"attack 121: x= has passed",         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;t=1;x=1528637908",
         "policy",                                                                                                         UINT64_MAX, false},
        {"x= is now",                         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;t=1;x=1528637909",   "pass",
         UINT64_MAX,                                                                                                                   true },
        {"attack 121: t= is the future",      "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;t=1528724310",
         "policy",                                                                                                         UINT64_MAX, false},
        {"t= is a time zone ahead",           "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;t=1528724309",
         "pass",                                                                                                           UINT64_MAX, true },
        {"i= below d=",                       "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;i=x@a." DOMAIN,      "pass",
         UINT64_MAX,                                                                                                                   true },
        {"attack 119: i= outside d=",         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;i=x@example.com",
         "permerror",                                                                                                      UINT64_MAX, false},
        {"attack 119: i= ends like d=",       "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;i=x@evil" DOMAIN,
         "permerror",                                                                                                      UINT64_MAX, false},
        {"attack 119: %0a in d=",             "c=relaxed/relaxed;d=" DOMAIN "%0a;s=brisbane",                 "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"attack 119: ( in d=",               "c=relaxed/relaxed;d=" DOMAIN "(x);s=brisbane",                 "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"attack 119: a label that is empty", "c=relaxed/relaxed;d=.com;s=brisbane",                          "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"attack 119: s= reaches up",         "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane.",                   "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"attack 119: no key at s=a.b",       "c=relaxed/relaxed;d=" DOMAIN ";s=a.b",                         "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"d= in capitals",                    "c=relaxed/relaxed;d=FOOTBALL.Example.com;s=BRISBANE",          "pass",
         UINT64_MAX,                                                                                                                   true },
        {"unknown tags",                      "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;zz=1;z=From:x|To:y", "pass",
         UINT64_MAX,                                                                                                                   true },
        {"q=",                                "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;q=x/y:dns/txt",      "pass",      UINT64_MAX, true },
        {"q= of another kind",                "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;q=x/y",              "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"no key",                            "c=relaxed/relaxed;d=" DOMAIN ";s=nobody",                      "permerror", UINT64_MAX, false},
        {"the key is of another kind",        "c=relaxed/relaxed;d=" DOMAIN ";s=test",                        "permerror",
         UINT64_MAX,                                                                                                                   false},
        {"the wrong body hash",               "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane",                    "fail",      7,          false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        open_with_keys(&b);
        str message =
            crafted(&b, cases[i].tags, cases[i].length, str_of(dkim_keys_rfc8463_message));
        struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
        CHECK_STR(dkim_bench_names(&b, &v), cases[i].want, cases[i].label);
        CHECK(v.count == 1 && mailauth_dkim_result_counts(&v.results[0]) == cases[i].counts,
              cases[i].label);
        CHECK(v.count == 1 &&
                  (v.results[0].result == MAILAUTH_PASS) == (v.results[0].reason.len == 0),
              cases[i].label);
        dkim_bench_close(&b);
    }
}

TEST(mailauth_dkim_appended_html)
{
    struct dkim_bench b;
    open_with_keys(&b);
    str message = crafted(&b, "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;l=54", 54,
                          str_of(dkim_keys_rfc8463_message));
    message = join(&b, message, S("<h1>pay here</h1>\r\n"));
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
    CHECK(v.count == 1 && v.results[0].result == MAILAUTH_PASS, "attack 115: it holds");
    CHECK(v.results[0].partial && v.results[0].unsigned_bytes == 19, "attack 115: and is partial");
    CHECK(!mailauth_dkim_result_counts(&v.results[0]), "attack 115: and does not count");
    dkim_bench_close(&b);
}

TEST(mailauth_dkim_changes)
{
    static const struct {
        const char *label, *what, *with, *want;
    } cases[] = {
        {"a fold in a field",               "Is dinner ready?",              "Is\r\n  dinner ready?",                   "pass pass"          },
        {"another case of a field's name",  "Subject:",                      "SUBJECT:",                                "pass pass"          },
        {"a field that nobody signed",      "To: Suzie",                     "X-New: y\r\nTo: Suzie",                   "pass pass"          },
        {"blanks in the body",              "the game.  Are",                "the game. Are",                           "pass pass"          },
        {"empty lines at the end",          "Joe.\r\n",                      "Joe.\r\n\r\n\r\n",                        "pass pass"          },
        {"a letter in the body",            "hungry",                        "Hungry",                                  "fail fail"          },
        {"a letter in the header",          "Is dinner",                     "Is Dinner",                               "fail fail"          },
        {"a signed field is gone",          "Subject: Is dinner ready?\r\n", "",                                        "fail fail"          },
        {"a letter of one b=",              "b=/gCrinpc",                    "b=/gCrinpC",                              "fail pass"          },
        {"a letter of one bh=",             "bh=2jUS",                       "bh=3jUS",                                 "fail pass"          },
        {"a tag of one",                    "t=1528637909",                  "t=1528637908",                            "fail pass"          },
        {"a blank in b=",                   "b=/gCr",                        "b= /gC r",                                "pass pass"          },
        {"attack 117: a second Subject",    "To: Suzie",                     "Subject: x\r\nTo: Suzie",                 "fail fail"          },
        {"attack 117: a second From above", "From: Joe",                     "From: eve@example.com\r\nFrom: Joe",
         "fail fail"                                                                                                                         },
        {"attack 117: a second From below", "To: Suzie",                     "From: eve@example.com\r\nTo: Suzie",
         "fail fail"                                                                                                                         },
        {"attack 118: From with a blank",   "To: Suzie",                     "From : eve@example.com\r\nTo: Suzie",
         "fail fail"                                                                                                                         },
        {"attack 118: From, folded",        "To: Suzie",                     "From\r\n : eve@example.com\r\nTo: Suzie",
         "fail fail"                                                                                                                         },
        {"attack 118: FROM with a tab",     "To: Suzie",                     "FROM\t: eve@example.com\r\nTo: Suzie",
         "fail fail"                                                                                                                         },
        {"no From",                         "From: Joe",                     "Frim: Joe",                               "permerror permerror"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        open_with_keys(&b);
        str message = replaced(&b, rfc8463(&b), cases[i].what, cases[i].with);
        struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
        CHECK_STR(dkim_bench_names(&b, &v), cases[i].want, cases[i].label);
        dkim_bench_close(&b);
    }
}

/* A first line that begins with a blank is a field to nobody or to everybody: From it is not twice.
 */
TEST(mailauth_dkim_leading_blank)
{
    struct dkim_bench b;
    open_with_keys(&b);
    str message = join(&b, S(" From: eve@example.com\r\n"), rfc8463(&b));
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
    CHECK_STR(dkim_bench_names(&b, &v), "fail fail", "attack 118: a leading blank");
    dkim_bench_close(&b);
}

TEST(mailauth_dkim_many)
{
    struct dkim_bench b;
    open_with_keys(&b);
    str message = str_of(dkim_keys_rfc8463_message);
    str rest = str_of(dkim_keys_rfc8463_signatures);
    struct message_field first;
    CHECK(message_header_next(&rest, &first), "the first signature");
    for (int i = 0; i < 50; i++) {
        const char *selector = arena_printf(b.arena, "s=s%d", i).ptr;
        message = join(&b, replaced(&b, first.raw, "s=brisbane", selector), message);
    }
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
    CHECK(v.count == MAILAUTH_DKIM_SIGNATURES_MAX, "attack 114: ten of fifty");
    CHECK(v.ignored == 40, "attack 114: and the others are counted");
    CHECK(b.questions == 10, "attack 114: one question each");
    dkim_bench_close(&b);
}

/* A header that is all signatures takes no more memory than was said. */
TEST(mailauth_dkim_flood)
{
    static const char *const fields[] = {
        "DKIM-Signature: a=;b=;c=;d=;e=;f=;g=;h=;i=;j=;k=;l=;m=;n=;o=;p=;q=;r=;s=;t=;u=;v=;w=\r\n",
        "ARC-Seal: i=1;b=;c=;d=;e=;f=;g=;h=;j=;k=;l=;m=;n=;o=;p=;q=;r=;s=;t=;u=;v=;w=;x=;y=\r\n",
        "x:\r\n"};
    for (size_t k = 0; k < 3; k++) {
        struct buf header;
        struct arena *dkim_arena = arena_open(MAILAUTH_DKIM_ARENA_BYTES_MAX);
        struct arena *arc_arena = arena_open(MAILAUTH_ARC_ARENA_BYTES_MAX);
        struct mailauth_dkim *dkim;
        struct mailauth_arc *arc;
        buf_init(&header, MESSAGE_HEADER_BYTES_MAX);
        for (int i = 0; i < MESSAGE_FIELDS_MAX; i++)
            CHECK_DONE(buf_add(&header, str_of(fields[k])), "build");
        CHECK_DONE(mailauth_dkim_open(buf_str(&header), mailauth_canon_hash_open(dkim_arena),
                                      dkim_arena, &dkim),
                   "attack 114: as many fields as there may be");
        CHECK_DONE(mailauth_arc_open(buf_str(&header), mailauth_canon_hash_open(arc_arena),
                                     arc_arena, &arc),
                   "attack 114: as many fields as there may be");
        CHECK_DONE(buf_add(&header, S("x:\r\n")), "build");
        CHECK(mailauth_dkim_open(buf_str(&header), mailauth_canon_hash_open(dkim_arena), dkim_arena,
                                 &dkim) != NULL,
              "one more");
        arena_close(dkim_arena);
        arena_close(arc_arena);
        buf_release(&header);
    }
    err_forget();
}

/* ---- keys and their records ------------------------------------------------------------------ */

static void add_der(struct buf *out, char kind, str content)
{
    CHECK_DONE(buf_add_char(out, kind), "der");
    if (content.len > 255)
        CHECK_DONE(buf_addf(out, "\x82%c%c", (int)(content.len >> 8), (int)(content.len & 255)),
                   "der");
    else if (content.len > 127)
        CHECK_DONE(buf_addf(out, "\x81%c", (int)content.len), "der");
    else
        CHECK_DONE(buf_add_char(out, (char)content.len), "der");
    CHECK_DONE(buf_add(out, content), "der");
}

/* "v=DKIM1; p=..." with an RSA key of that many bits, which nobody has the other half of. */
static str rsa_record(struct dkim_bench *b, size_t bits, str exponent)
{
    char modulus[4097];
    size_t bytes = (bits + 7) / 8;
    memset(modulus, 0x55, sizeof modulus);
    modulus[0] = 0;
    modulus[1] = (char)(1 << ((bits - 1) % 8));
    modulus[bytes] = 0x55;
    struct buf numbers, key, text;
    buf_init(&numbers, 1 << 14);
    buf_init(&key, 1 << 14);
    buf_init(&text, 1 << 14);
    bool top = (bits % 8) == 0; /* a zero in front keeps it positive */
    add_der(&numbers, 2, top ? (str){modulus, bytes + 1} : (str){modulus + 1, bytes});
    add_der(&numbers, 2, exponent);
    add_der(&key, 0x30, buf_str(&numbers));
    CHECK_DONE(buf_add(&text, S("v=DKIM1; p=")), "text");
    CHECK_DONE(codec_base64_encode(buf_str(&key), &text), "text");
    str record = arena_str(b->arena, buf_str(&text));
    buf_release(&numbers);
    buf_release(&key);
    buf_release(&text);
    return record;
}

/* What the message's second signature, by RSA, comes to with that record. */
static struct mailauth_dkim_result with_rsa_record(struct dkim_bench *b, str record)
{
    dkim_bench_open(b);
    b->now_s = RFC8463_S;
    dkim_bench_txt(b, S("test._domainkey." DOMAIN), record);
    struct mailauth_dkim_verdict v = dkim_bench_verify(b, rfc8463(b));
    CHECK(v.count == 2, "two signatures");
    return v.count == 2 ? v.results[1] : (struct mailauth_dkim_result){0};
}

TEST(mailauth_dkim_key_sizes)
{
    static const struct {
        const char *label;
        size_t bits;
        enum mailauth_result want;
    } cases[] = {
        {"attack 116: 512 bits",   512,   MAILAUTH_PERMERROR},
        {"attack 116: 768 bits",   768,   MAILAUTH_PERMERROR},
        {"attack 116: 1023 bits",  1023,  MAILAUTH_PERMERROR},
        {"1024 bits",              1024,  MAILAUTH_FAIL     },
        {"4096 bits",              4096,  MAILAUTH_FAIL     },
        {"4097 bits",              4097,  MAILAUTH_PERMERROR},
        {"attack 116: 16384 bits", 16384, MAILAUTH_PERMERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b, records;
        dkim_bench_open(&records);
        str record = rsa_record(&records, cases[i].bits, S("\x01\x00\x01"));
        struct mailauth_dkim_result r = with_rsa_record(&b, record);
        CHECK(r.result == cases[i].want, cases[i].label);
        CHECK(r.key_bits == cases[i].bits, cases[i].label);
        dkim_bench_close(&b);
        dkim_bench_close(&records);
    }
}

TEST(mailauth_dkim_key_exponent)
{
    struct dkim_bench b, records;
    dkim_bench_open(&records);
    str record = rsa_record(&records, 2048, S("\x01\x02\x03\x04\x05\x06\x07\x08\x09"));
    struct mailauth_dkim_result r = with_rsa_record(&b, record);
    CHECK(r.result == MAILAUTH_PERMERROR, "an exponent that would take long");
    dkim_bench_close(&b);
    dkim_bench_close(&records);
}

TEST(mailauth_dkim_records)
{
#define P                                                                                          \
    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/" \
    "J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"                                                     \
    "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    static const struct {
        const char *label, *record, *reason;
        bool testing;
    } cases[] = {
        {"all there is",        "v=DKIM1; h=sha1:sha256; k=rsa; n=x; s=x:email; t=y; " P, "",                                                     true },
        {"the least",           P,                                                        "",                                                     false},
        {"blanks in the key",   "v=DKIM1; p=MIGfMA0GCSqGSIb3 DQEBAQUAA4GN",
         "p= does not hold an RSA key",                                                                                                           false},
        {"t=s, and i= is d=",   "t=s; " P,                                                "",                                                     false},
        {"old g=",              "v=DKIM1; g=*; " P,                                       "",                                                     false},
        {"revoked",             "v=DKIM1; p=",                                            "the key record: the key was revoked (p= is empty)",    false},
        {"no key",              "v=DKIM1; k=rsa",                                         "the key record: there is no p=",                       false},
        {"another version",     "v=DKIM2; " P,                                            "the key record: v= is not DKIM1",                      false},
        {"v= is not first",     P "; v=DKIM1",                                            "the key record: v= is not the first tag",              false},
        {"another kind of key", "k=dsa; " P,
         "the key record: k= names a kind of key that is not known",                                                                              false},
        {"k= of the other",     "k=ed25519; " P,                                          "the key is of another kind than a= says",              false},
        {"h= without SHA-256",  "h=sha1; " P,                                             "the key record: h= does not allow SHA-256",            false},
        {"not for mail",        "s=tlsrpt; " P,                                           "the key record: s= says that the key is not for mail",
         false                                                                                                                                         },
        {"not base64",          "p=MIG!",                                                 "the key record: p= is not base64",                     false},
        {"cut short",           "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GN",                         "p= does not hold an RSA key",                          false},
        {"not a list of tags",  "hello world",                                            "the key record: not a list of tags",                   false},
        {"an SPF record",       "v=spf1 -all",                                            "the key record: v= is not DKIM1",                      false},
        {"empty",               "",                                                       "the key record: not a list of tags",                   false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        struct mailauth_dkim_result r = with_rsa_record(&b, str_of(cases[i].record));
        CHECK_STR(r.reason, cases[i].reason, cases[i].label);
        CHECK(r.testing == cases[i].testing, cases[i].label);
        bool pass = *cases[i].reason == '\0';
        CHECK(r.result == (pass ? MAILAUTH_PASS : MAILAUTH_PERMERROR), cases[i].label);
        dkim_bench_close(&b);
    }
}

TEST(mailauth_dkim_strict)
{
    struct dkim_bench b;
    dkim_bench_open(&b);
    b.now_s = RFC8463_S;
    str record = join(&b, S("t=y:s; "), str_of(dkim_keys_ed25519_record + 9));
    dkim_bench_txt(&b, S("brisbane._domainkey." DOMAIN), record);
    str message = crafted(&b, "c=relaxed/relaxed;d=" DOMAIN ";s=brisbane;i=a@b." DOMAIN, UINT64_MAX,
                          str_of(dkim_keys_rfc8463_message));
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
    CHECK_STR(dkim_bench_names(&b, &v), "permerror", "t=s, and i= is below d=");
    CHECK(v.count == 1 && v.results[0].testing, "t=y");
    dkim_bench_close(&b);
}

TEST(mailauth_dkim_dns)
{
    static const struct {
        const char *label, *how;
        enum mailauth_result want;
    } cases[] = {
        {"attack 113: a server that fails", "servfail", MAILAUTH_TEMPERROR},
        {"attack 113: no answer",           "timeout",  MAILAUTH_TEMPERROR},
        {"a forged answer",                 "bogus",    MAILAUTH_TEMPERROR},
        {"no such name",                    NULL,       MAILAUTH_PERMERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dkim_bench b;
        dkim_bench_open(&b);
        b.now_s = RFC8463_S;
        if (cases[i].how)
            dkim_bench_fail(&b, S("test._domainkey." DOMAIN), cases[i].how);
        struct mailauth_dkim_verdict v = dkim_bench_verify(&b, rfc8463(&b));
        CHECK(v.count == 2 && v.results[1].result == cases[i].want, cases[i].label);
        CHECK(b.questions == 2, "each name once");
        dkim_bench_close(&b);
    }
}

/* Who asks for more than was granted is told so, and the message has a verdict all the same. */
TEST(mailauth_dkim_budget)
{
    struct dkim_bench b;
    open_with_keys(&b);
    b.budget = 1;
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, rfc8463(&b));
    CHECK_STR(dkim_bench_names(&b, &v), "pass permerror", "attack 114: one question");
    CHECK(b.questions == 1, "attack 114: and no more asked");
    dkim_bench_close(&b);
}

struct leaving {
    struct dkim_bench *bench;
    const struct mailauth_ask *ask;
    bool canceled;
};

static void verify_slowly(void *arg)
{
    struct leaving *l = arg;
    str header, body;
    struct mailauth_dkim *dkim;
    struct mailauth_dkim_verdict verdict = {.ignored = 7};
    struct mailauth_ask ask = *l->ask;
    ask.until = DEADLINE_NEVER;
    dkim_bench_split(rfc8463(l->bench), &header, &body);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(ask.arena);
    CHECK_DONE(mailauth_dkim_open(header, hash, ask.arena, &dkim), "open");
    mailauth_canon_hash_add(hash, body);
    err e = mailauth_dkim_finish(dkim, &ask, NULL, &verdict);
    l->canceled = e && e->kind == ERR_CANCELED;
    CHECK(verdict.ignored == 7, "untouched");
}

static void leave_early(void *arg, const struct mailauth_ask *ask)
{
    struct leaving *l = arg;
    struct group group;
    l->ask = ask;
    group_init(&group);
    fiber_spawn(&group, "leaving", verify_slowly, l);
    CHECK_DONE(fiber_yield(), "let it ask");
    CHECK_DONE(fiber_yield(), "and wait");
    group_close(&group);
}

TEST(mailauth_dkim_canceled)
{
    struct dkim_bench b;
    dkim_bench_open(&b);
    dkim_bench_fail(&b, S("test._domainkey." DOMAIN), "timeout");
    dkim_bench_fail(&b, S("brisbane._domainkey." DOMAIN), "timeout");
    struct leaving l = {.bench = &b};
    dkim_bench_run(&b, leave_early, &l);
    CHECK(l.canceled, "a session that ends does not wait for keys");
    dkim_bench_close(&b);
}

/* Several records of one name: each may be the one (RFC 6376 section 6.1.2). */
TEST(mailauth_dkim_several_records)
{
    struct dkim_bench b;
    dkim_bench_open(&b);
    b.now_s = RFC8463_S;
    str name = S("test._domainkey." DOMAIN);
    dkim_bench_txt(&b, name, S("something else"));
    dkim_bench_txt(&b, name, str_of(dkim_keys_ed25519_record));
    dkim_bench_txt(&b, name, str_of(dkim_keys_rsa_record));
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, rfc8463(&b));
    CHECK_STR(dkim_bench_names(&b, &v), "permerror pass", "the third fits");
    dkim_bench_close(&b);
}

/* ---- the field itself ------------------------------------------------------------------------ */

TEST(mailauth_dkim_signature_read)
{
#define GOOD \
    "v=1; a=rsa-sha256; d=e.com; s=s; h=from; bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=; "
    static const struct {
        const char *label, *field, *wrong;
    } cases[] = {
        {"good",             GOOD "b=AA==",                                              ""                                             },
        {"no b=",            GOOD,                                                       "there is no b="                               },
        {"an empty b=",      GOOD "b=",                                                  "b= is empty"                                  },
        {"not base64",       GOOD "b=A$==",                                              "b= is not base64"                             },
        {"b= twice",         GOOD "b=AA==; b=AA==",                                      "the tag \"b\" stands there twice"             },
        {"x= before t=",     GOOD "b=AA==; t=5; x=5",                                    "x= is not after t="                           },
        {"t= is not digits", GOOD "b=AA==; t=-5",                                        "t= is not a time"                             },
        {"t= is too long",   GOOD "b=AA==; t=1234567890123",                             "t= is not a time"                             },
        {"l= is not digits", GOOD "b=AA==; l=1e3",                                       "l= is not a number"                           },
        {"l= overflows",     GOOD "b=AA==; l=99999999999999999999",                      "l= is not a number"                           },
        {"c= is unknown",    GOOD "b=AA==; c=nofws",                                     "c= names a canonicalization that is not known"},
        {"c= is empty",      GOOD "b=AA==; c=",                                          "c= names a canonicalization that is not known"},
        {"c= has a third",   GOOD "b=AA==; c=simple/simple/simple",
         "c= names a canonicalization that is not known"                                                                                },
        {"i= without @",     GOOD "b=AA==; i=e.com",                                     "i= has no \"@\""                              },
        {"SHA-1",            "v=1; a=rsa-sha1; d=e.com; s=s; b=AA==",
         "a=rsa-sha1 is no longer to be trusted (RFC 8301)"                                                                             },
        {"unknown a=",       "v=1; a=x; d=e.com; s=s; b=AA==",                           "a= names an algorithm that is not known"      },
        {"v=2",              "v=2; a=rsa-sha256; d=e.com; s=s; b=AA==",                  "v= is not 1"                                  },
        {"no v=",            "a=rsa-sha256; d=e.com; s=s; b=AA==",                       "there is no v="                               },
        {"From not signed",  "v=1; a=rsa-sha256; d=e.com; s=s; b=AA==; h=to:subject",
         "h= does not name From"                                                                                                        },
        {"no bh=",           "v=1; a=rsa-sha256; d=e.com; s=s; b=AA==; h=From",          "there is no bh="                              },
        {"bh= is short",     "v=1; a=rsa-sha256; d=e.com; s=s; b=AA==; h=From; bh=AAAA",
         "bh= has not the length of a hash"                                                                                             },
        {"one label",        "v=1; a=rsa-sha256; d=com; s=s; b=AA==",                    "d= has only one label"                        },
        {"a NUL",            "v=1; d=e\x01.com",                                         "the tag \"d\" holds a byte 01"                },
        {"nothing",          "",                                                         "there is no d="                               },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str text = arena_printf(arena, "DKIM-Signature: %s\r\n", cases[i].field);
        struct message_field field;
        struct mailauth_dkim_signature s;
        CHECK(message_header_next(&text, &field), cases[i].label);
        mailauth_dkim_signature_read(&field, MAILAUTH_DKIM_FIELD_DKIM, arena, &s);
        CHECK_STR(s.wrong, cases[i].wrong, cases[i].label);
    }
}

/* A domain in Unicode is asked for as the DNS has it (RFC 8616 section 4). */
TEST(mailauth_dkim_signature_idn)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str text = S("DKIM-Signature: " GOOD "b=AA==; i=x@b\xc3\xbc\x63her.example\r\n");
    struct message_field field;
    struct mailauth_dkim_signature s;
    CHECK(message_header_next(&text, &field), "a field");
    mailauth_dkim_signature_read(&field, MAILAUTH_DKIM_FIELD_DKIM, arena, &s);
    CHECK_STR(s.wrong, "i= is not in the domain of d=", "another domain");
    text = S("DKIM-Signature: v=1; a=ed25519-sha256; d=b\xc3\xbc\x63her.example; s=s; b=AA==\r\n");
    CHECK(message_header_next(&text, &field), "a field");
    mailauth_dkim_signature_read(&field, MAILAUTH_DKIM_FIELD_DKIM, arena, &s);
    CHECK_STR(s.domain, "xn--bcher-kva.example", "A-labels");
}

/* b= is emptied, blanks around its value and all; nothing else of the field changes. */
TEST(mailauth_dkim_signature_open)
{
    static const struct {
        const char *field, *open;
    } cases[] = {
        {"D: a=1; b=AA==; c=2\r\n",       "D: a=1; b=; c=2"},
        {"D: a=1; b= AA\r\n ==\t; c\r\n", NULL             },
        {"D: b = A A== ;c=2\r\n",         "D: b =;c=2"     },
        {"D: bh=x; b=AA==\r\n",           "D: bh=x; b="    },
        {"D: bh=x; b=AA== \r\n",          "D: bh=x; b="    },
        {"D:b=AA==;  \r\n",               "D:b=;  "        },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str text = str_of(cases[i].field);
        struct message_field field;
        struct mailauth_dkim_signature s;
        CHECK(message_header_next(&text, &field), cases[i].field);
        mailauth_dkim_signature_read(&field, MAILAUTH_DKIM_FIELD_DKIM, arena, &s);
        CHECK((s.signature_tag.len > 0) == (cases[i].open != NULL), cases[i].field);
        if (cases[i].open)
            CHECK_STR(mailauth_dkim_signature_open(&field, &s, arena).raw, cases[i].open,
                      cases[i].field);
    }
}

/* ---- on which stack -------------------------------------------------------------------------- */

static void note_depth(void *arg, const char *name, size_t bytes, size_t count)
{
    (void)count;
    if (strcmp(name, "dkim bench") == 0)
        *(size_t *)arg = bytes;
}

/* The library's part runs on the fiber that asks: the deepest it goes leaves most of the stack. */
TEST(mailauth_dkim_stack)
{
    struct dkim_bench b;
    fiber_census(NULL, NULL); /* from now on */
    open_with_keys(&b);
    dkim_bench_txt(&b, S("big._domainkey." DOMAIN), rsa_record(&b, 4096, S("\x01\x00\x01")));
    str message = replaced(&b, rfc8463(&b), "s=test", "s=big");
    struct mailauth_dkim_verdict v = dkim_bench_verify(&b, message);
    CHECK_STR(dkim_bench_names(&b, &v), "pass fail", "both kinds of key");
    size_t depth = 0;
    fiber_census(note_depth, &depth);
    CHECK(depth > 0 && depth < 16 << 10, "a quarter of 64 KiB");
    dkim_bench_close(&b);
}
