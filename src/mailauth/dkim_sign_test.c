#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_key.h"
#include "mailauth/dkim_keys_test.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_sign.h"
#include "runtime/fiber.h"
#include "tests/test.h"
#include <pthread.h>

enum { NOW_S = 1790000000 };

struct signing {
    struct dkim_bench bench;
    struct mailauth_dkim_private *rsa, *ed25519;
    struct mailauth_dkim_plan plans[2];
};

static void publish(struct signing *s, struct mailauth_dkim_private *key, str selector)
{
    struct buf line;
    buf_init(&line, 1 << 12);
    CHECK_DONE(mailauth_dkim_private_zone_line(key, selector, S("example.com"), &line), "zone");
    CHECK_DONE(buf_add(&s->bench.zone, buf_str(&line)), "zone");
    buf_release(&line);
}

static void open_signing(struct signing *s)
{
    dkim_bench_open(&s->bench);
    s->bench.now_s = NOW_S;
    struct arena *arena = s->bench.arena;
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), arena, &s->rsa), "RSA");
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_ed25519_pem), arena, &s->ed25519),
               "Ed25519");
    publish(s, s->rsa, S("r"));
    publish(s, s->ed25519, S("e"));
    for (int i = 0; i < 2; i++)
        s->plans[i] = (struct mailauth_dkim_plan){
            .domain = S("example.com"),
            .selector = i == 0 ? S("r") : S("e"),
            .signer = mailauth_dkim_private_signer(i == 0 ? s->rsa : s->ed25519),
            .header_canon = MAILAUTH_CANON_RELAXED,
            .body_canon = MAILAUTH_CANON_RELAXED};
}

static err sign(struct signing *s, str message, size_t count, str *ret_fields)
{
    str header, body;
    dkim_bench_split(message, &header, &body);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(s->bench.arena);
    struct mailauth_dkim_sign *signing;
    TRY(mailauth_dkim_sign_open(header, s->plans, count, hash, s->bench.arena, &signing));
    dkim_bench_feed(&s->bench, hash, body);
    struct buf out;
    buf_init(&out, 1 << 16);
    err e = mailauth_dkim_sign_finish(signing, NOW_S, &out, DEADLINE_NEVER);
    *ret_fields = arena_str(s->bench.arena, buf_str(&out));
    buf_release(&out);
    return e;
}

static str join(struct signing *s, str one, str two)
{
    return arena_printf(s->bench.arena, "%.*s%.*s", STR_ARG(one), STR_ARG(two));
}

static size_t longest_line(str text)
{
    size_t longest = 0;
    for (str line; text.len > 0;) {
        str_split(text, '\n', &line, &text);
        longest = str_trim(line).len > longest ? line.len - 1 : longest;
    }
    return longest;
}

static const char *const messages[] = {
    "From: a@example.com\r\n\r\n",
    "From: a@example.com\r\nTo: b@example.net\r\nSubject: x\r\n\r\nbody\r\n",
    "Received: by x\r\n\twith y\r\nFROM : a@example.com\r\nSubject:\r\n folded\r\n  twice \r\n"
    "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n\r\n\r\nbody  with\tblanks \r\n.\r\n\r\n",
    "From: a@example.com\r\nList-Unsubscribe: <https://example.com/u>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: text/plain\r\n\r\nno end",
    "Subject: =?utf-8?q?=C3=A9?=\r\nFrom: \xc3\xa9@example.com\r\nCc: a@b.c\r\nCc: "
    "d@e.f\r\n\r\n\x80\xff\r",
};

TEST(mailauth_dkim_sign_and_verify)
{
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        for (int how = 0; how < 4; how++) {
            struct signing s;
            open_signing(&s);
            s.bench.chunk = (size_t)how * 3;
            s.plans[0].header_canon = s.plans[1].header_canon = (enum mailauth_canon)(how & 1);
            s.plans[0].body_canon = (enum mailauth_canon)(how >> 1);
            s.plans[1].purpose = (enum mailauth_dkim_purpose)(how % 3);
            s.plans[1].valid_s = 1000;
            s.plans[1].identity = S("agent@sub.example.com");
            str fields = S("");
            CHECK_DONE(sign(&s, str_of(messages[i]), 2, &fields), messages[i]);
            CHECK(longest_line(fields) < 78, "below 78 columns");
            struct mailauth_dkim_verdict v =
                dkim_bench_verify(&s.bench, join(&s, fields, str_of(messages[i])));
            CHECK_STR(dkim_bench_names(&s.bench, &v), "pass pass", messages[i]);
            CHECK(v.count == 2 && mailauth_dkim_result_counts(&v.results[0]), "no l=");
            dkim_bench_close(&s.bench);
        }
}

/* The whole text, so that a change of the form is seen. */
TEST(mailauth_dkim_sign_text)
{
    struct signing s;
    open_signing(&s);
    str fields, again;
    s.plans[0] = s.plans[1];
    s.plans[0].names = S("from:to:subject");
    s.plans[0].valid_s = 60;
    s.plans[0].header_canon = MAILAUTH_CANON_SIMPLE;
    CHECK_DONE(sign(&s, str_of(messages[1]), 1, &fields), "once");
    CHECK_DONE(sign(&s, str_of(messages[1]), 1, &again), "again");
    CHECK(str_eq(fields, again), "the same message, key and time give the same field");
    CHECK_STR(fields,
              "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/relaxed; d=example.com; s=e;\r\n"
              " t=1790000000; x=1790000060; h=from:to:subject;\r\n"
              " bh=Ck5SoRNWUpSR4X0COv7R5ub2pUTtl6xz4dTFz++ji4M=;\r\n"
              " b=IL40T19J5vdxdaD+p6YLMhvKg3C1gzOf7Hfou69a744gpp6Go0jZEJJsQUUigCzkP2/dy2bp5\r\n"
              " bUYpykfknxjBA==\r\n",
              "the field");
    dkim_bench_close(&s.bench);
}

/* What must not be added later (attack 123). */
TEST(mailauth_dkim_sign_no_more)
{
    static const char *const added[] = {"Subject: y\r\n",
                                        "To: y@y.y\r\n",
                                        "Cc: y@y.y\r\n",
                                        "Date: y\r\n",
                                        "Reply-To: y\r\n",
                                        "MIME-Version: 1.0\r\n",
                                        "Content-Type: text/html\r\n",
                                        "Content-Transfer-Encoding: base64\r\n",
                                        "Message-ID: <y>\r\n",
                                        "From: y@y.y\r\n"};
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        struct signing s;
        open_signing(&s);
        str fields;
        CHECK_DONE(sign(&s, str_of(messages[1]), 2, &fields), "sign");
        str message = join(&s, fields, join(&s, str_of(added[i]), str_of(messages[1])));
        struct mailauth_dkim_verdict v = dkim_bench_verify(&s.bench, message);
        CHECK_STR(dkim_bench_names(&s.bench, &v), "fail fail", added[i]);
        message = join(&s, fields, join(&s, S("X-Other: y\r\n"), str_of(messages[1])));
        v = dkim_bench_verify(&s.bench, message);
        CHECK_STR(dkim_bench_names(&s.bench, &v), "pass pass", "attack 123: another may be");
        dkim_bench_close(&s.bench);
    }
}

TEST(mailauth_dkim_sign_names)
{
    static const struct {
        enum mailauth_dkim_purpose purpose;
        const char *header, *want;
    } cases[] = {
        {MAILAUTH_DKIM_MAIL,   "from: a\r\nSender: b\r\nList-Id: c\r\nX: d\r\n\r\n",
         "From:From:Sender:Reply-To:Subject:Date:To:Cc:Message-ID:In-Reply-To:References:"
         "MIME-Version:Content-Type:Content-Transfer-Encoding:List-Id"},
        {MAILAUTH_DKIM_BULK,   "From: a\r\nTo: x\r\n\r\n",
         "From:From:Reply-To:Subject:Date:To:To:Cc:Message-ID:In-Reply-To:References:"
         "MIME-Version:Content-Type:Content-Transfer-Encoding:List-Id:List-Unsubscribe:"
         "List-Unsubscribe-Post"                                      },
        {MAILAUTH_DKIM_LISTED, "From: a\r\nSender: b\r\nReply-To: c\r\nList-Id: c\r\n\r\n",
         "From:From:Reply-To:Subject:Date:To:Cc:Message-ID:In-Reply-To:References:"
         "MIME-Version:Content-Type:Content-Transfer-Encoding"        },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str names;
        CHECK_DONE(
            mailauth_dkim_sign_names(str_of(cases[i].header), cases[i].purpose, arena, &names),
            cases[i].header);
        CHECK_STR(names, cases[i].want, cases[i].header);
    }
}

TEST(mailauth_dkim_sign_refuses)
{
    static const struct {
        const char *label, *message;
        struct mailauth_dkim_plan change;
    } cases[] = {
        {"no From",               "To: x\r\n\r\n",              {{0}}                         },
        {"two From",              "From: x\r\nFrom: y\r\n\r\n", {{0}}                         },
        {"a LF alone",            "From: x\nTo: y\r\n\r\n",     {{0}}                         },
        {"a CR alone",            "From: x\ry\r\n\r\n",         {{0}}                         },
        {"a domain with a tag",   "From: x\r\n\r\n",            {.domain = S("e.com;l=1")}    },
        {"a domain with a fold",  "From: x\r\n\r\n",            {.domain = S("e.com\r\nX: y")}},
        {"a domain of one label", "From: x\r\n\r\n",            {.domain = S("com")}          },
        {"an odd selector",       "From: x\r\n\r\n",            {.selector = S("a..b")}       },
        {"i= outside d=",         "From: x\r\n\r\n",            {.identity = S("a@e.net")}    },
        {"names without From",    "From: x\r\n\r\n",            {.names = S("to:subject")}    },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct signing s;
        open_signing(&s);
        const struct mailauth_dkim_plan *c = &cases[i].change;
        s.plans[0].domain = c->domain.len > 0 ? c->domain : s.plans[0].domain;
        s.plans[0].selector = c->selector.len > 0 ? c->selector : s.plans[0].selector;
        s.plans[0].identity = c->identity;
        s.plans[0].names = c->names;
        str fields;
        CHECK(sign(&s, str_of(cases[i].message), 1, &fields) != NULL, cases[i].label);
        dkim_bench_close(&s.bench);
        err_forget();
    }
}

static void sign_on_fiber(void *arg, const struct mailauth_ask *ask)
{
    str fields;
    (void)ask;
    CHECK_DONE(sign(arg, str_of(messages[1]), 2, &fields), "on a fiber");
}

static void note_depth(void *arg, const char *name, size_t bytes, size_t count)
{
    (void)count;
    if (strcmp(name, "dkim bench") == 0)
        *(size_t *)arg = bytes;
}

/* A key in memory signs on the fiber that asks: with both kinds of key most of the stack is left.
 */
TEST(mailauth_dkim_sign_stack)
{
    struct signing s;
    size_t depth = 0;
    fiber_census(NULL, NULL); /* from now on */
    open_signing(&s);
    dkim_bench_run(&s.bench, sign_on_fiber, &s);
    fiber_census(note_depth, &depth);
    CHECK(depth > 0 && depth < 16 << 10, "a quarter of 64 KiB");
    dkim_bench_close(&s.bench);
}

/* ---- keys ------------------------------------------------------------------------------------ */

TEST(mailauth_dkim_private)
{
    static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgY4rTyzAVk4Qi8Ye7\n"
                             "bGw3HEkH2MOoqyVXyI2WqVSE2CahRANCAAShSQG6gOsbuJEHd2Q+kN7tzz/n9Ny7\n"
                             "IqGu+DUT8wFna5UDcua4aRNDfhawVnpMvCFjplMPimBuAguW+VMDrJdr\n"
                             "-----END PRIVATE KEY-----\n";
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_dkim_private *p;
    CHECK(mailauth_dkim_private_read(S(""), arena, &p) != NULL, "nothing");
    CHECK(mailauth_dkim_private_read(S("nonsense"), arena, &p) != NULL, "nonsense");
    CHECK(mailauth_dkim_private_read(str_of(ec), arena, &p) != NULL, "another kind of key");
    str half = str_slice(str_of(dkim_keys_rsa_pem), 0, 500);
    CHECK(mailauth_dkim_private_read(half, arena, &p) != NULL, "half a key");
    err_forget();
}

TEST(mailauth_dkim_private_records)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct mailauth_dkim_private *p;
    struct buf out;
    buf_init(&out, 1 << 14);
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_rsa_pem), arena, &p), "RSA");
    CHECK_DONE(mailauth_dkim_private_record(p, &out), "RSA");
    CHECK_STR(buf_str(&out), dkim_keys_rsa_record, "RSA");
    CHECK(mailauth_dkim_private_bits(p) == 1024, "bits");
    buf_clear(&out);
    CHECK_DONE(mailauth_dkim_private_read(str_of(dkim_keys_ed25519_pem), arena, &p), "Ed25519");
    CHECK_DONE(mailauth_dkim_private_record(p, &out), "Ed25519");
    CHECK_STR(buf_str(&out), dkim_keys_ed25519_record, "Ed25519");
    buf_release(&out);
}

/* New keys of both kinds, from their PEM to a signature that holds by what is published. */
TEST(mailauth_dkim_private_make)
{
    for (int kind = MAILAUTH_DKIM_RSA; kind <= MAILAUTH_DKIM_ED25519; kind++) {
        struct signing s;
        open_signing(&s);
        struct buf pem;
        struct mailauth_dkim_private *p = NULL;
        buf_init(&pem, 1 << 14);
        CHECK_DONE(mailauth_dkim_private_make(kind, &pem), "make");
        CHECK_DONE(mailauth_dkim_private_read(buf_str(&pem), s.bench.arena, &p), "read");
        CHECK(mailauth_dkim_private_bits(p) == (kind == MAILAUTH_DKIM_RSA ? 2048 : 256), "bits");
        publish(&s, p, S("new"));
        s.plans[0].selector = S("new");
        s.plans[0].signer = mailauth_dkim_private_signer(p);
        str fields;
        CHECK_DONE(sign(&s, str_of(messages[2]), 1, &fields), "sign");
        struct mailauth_dkim_verdict v =
            dkim_bench_verify(&s.bench, join(&s, fields, str_of(messages[2])));
        CHECK_STR(dkim_bench_names(&s.bench, &v), "pass", "a new key");
        buf_release(&pem);
        dkim_bench_close(&s.bench);
    }
}

/* One key signs and checks as often as it is asked, also behind what did not hold. */
TEST(mailauth_dkim_private_again)
{
    static const char *const pems[] = {dkim_keys_rsa_pem, dkim_keys_ed25519_pem};
    static const char *const records[] = {dkim_keys_rsa_record, dkim_keys_ed25519_record};
    for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct mailauth_dkim_private *p;
        struct mailauth_dkim_record record;
        struct mailauth_dkim_key *key = NULL;
        uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES] = {0};
        unsigned bits;
        struct buf signature;
        buf_init(&signature, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
        CHECK_DONE(mailauth_dkim_private_read(str_of(pems[i]), arena, &p), records[i]);
        mailauth_dkim_record_read(str_of(records[i]), arena, &record);
        CHECK(mailauth_dkim_key_open(&record, arena, &key, &bits) == NULL, records[i]);
        struct mailauth_dkim_signer *signer = mailauth_dkim_private_signer(p);
        for (uint8_t round = 1; round < 5; round++) {
            buf_clear(&signature);
            digest[0] = round;
            CHECK_DONE(signer->sign(signer, digest, &signature, DEADLINE_NEVER), records[i]);
            CHECK(mailauth_dkim_key_check(key, digest, buf_str(&signature)), records[i]);
            digest[0] = 0;
            CHECK(!mailauth_dkim_key_check(key, digest, buf_str(&signature)), records[i]);
            CHECK(!mailauth_dkim_key_check(key, digest, S("short")), records[i]);
        }
        buf_release(&signature);
    }
}

struct signing_thread {
    struct mailauth_dkim_signer *signer;
    uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES];
    struct buf signatures[400];
    pthread_barrier_t *together;
    bool failed;
};

static void *sign_beside(void *arg)
{
    struct signing_thread *t = arg;
    pthread_barrier_wait(t->together);
    for (size_t i = 0; i < ARRAY_LEN(t->signatures); i++) {
        buf_init(&t->signatures[i], MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
        t->failed |=
            t->signer->sign(t->signer, t->digest, &t->signatures[i], DEADLINE_NEVER) != NULL;
    }
    return NULL;
}

/* The keeper's threads share a key. */
TEST(mailauth_dkim_private_threads)
{
    static const char *const pems[] = {dkim_keys_rsa_pem, dkim_keys_ed25519_pem};
    static const char *const records[] = {dkim_keys_rsa_record, dkim_keys_ed25519_record};
    for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct mailauth_dkim_private *p;
        struct mailauth_dkim_record record;
        struct mailauth_dkim_key *key = NULL;
        unsigned bits;
        CHECK_DONE(mailauth_dkim_private_read(str_of(pems[i]), arena, &p), records[i]);
        mailauth_dkim_record_read(str_of(records[i]), arena, &record);
        CHECK(mailauth_dkim_key_open(&record, arena, &key, &bits) == NULL, records[i]);
        static struct signing_thread threads[4]; /* too large for a stack */
        pthread_barrier_t together;
        pthread_barrier_init(&together, NULL, ARRAY_LEN(threads));
        pthread_t ids[ARRAY_LEN(threads)];
        for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
            threads[t] = (struct signing_thread){.signer = mailauth_dkim_private_signer(p),
                                                 .digest = {(uint8_t)t},
                                                 .together = &together};
            CHECK(pthread_create(&ids[t], NULL, sign_beside, &threads[t]) == 0, "a thread");
        }
        for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
            pthread_join(ids[t], NULL);
            CHECK(!threads[t].failed, records[i]);
            for (size_t n = 0; n < ARRAY_LEN(threads[t].signatures); n++) {
                struct buf *signature = &threads[t].signatures[n];
                CHECK(mailauth_dkim_key_check(key, threads[t].digest, buf_str(signature)),
                      records[i]);
                buf_release(signature);
            }
        }
        pthread_barrier_destroy(&together);
    }
}
