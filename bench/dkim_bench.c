/* bench/dkim_bench.c -- signatures per second of CPU time: one alone, and a whole message
 *
 * dkim-bench [SECONDS [WORK]]: each row has so many seconds of CPU time (default 1) on one core, so
 * what else the machine does hardly counts. One JSON line a row: {"work","kind","per_s"}. Works:
 *
 *     sign, check          one signature over a digest, what `openssl speed` measures as well
 *     sign 10k, check 10k  a message of 10 KB: hashes, fields, the key from a zone in memory
 *     judge 10k            the same message with SPF, DKIM, ARC and DMARC
 */
#include "dns/zone.h"
#include "mailauth/dkim_key.h"
#include "mailauth/dkim_private.h"
#include "mailauth/dkim_sign.h"
#include "mailauth/judge.h"
#include "runtime/address.h"
#include "runtime/loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BODY_BYTES = 10240, BATCH = 16, ARENA_BYTES = 128 << 20, SECONDS_MAX = 60 };

static const char header_text[] =
    "Received: from client.example.org (client.example.org [192.0.2.1])\r\n"
    "\tby mail.example.com with ESMTPS id 4Xk2vQ0000001;\r\n"
    "\tSat, 21 Nov 2026 08:48:16 +0000\r\n"
    "From: Alice Example <alice@example.com>\r\n"
    "To: Bob Example <bob@example.net>\r\n"
    "Subject: The minutes of our last meeting, and what to do until the next one\r\n"
    "Date: Sat, 21 Nov 2026 08:48:16 +0000\r\n"
    "Message-ID: <20261121084816.1@example.com>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 7bit\r\n";
static const int64_t now_s = 1795250896;

struct kind {
    enum mailauth_dkim_algorithm algorithm;
    const char *name, *selector;
    struct mailauth_dkim_signer *signer;
    struct mailauth_dkim_key *key;
    uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES];
    struct buf signature, whole; /* over the digest; a signed header */
};

struct bench {
    struct arena *keeps, *mail; /* for all the time; for one message */
    struct kind kinds[2];
    struct dns_resolver *dns;
    struct buf body, zone;
    double seconds;
    const char *only; /* this work; NULL: all */
    bool failed;
};

static void die(err e)
{
    if (e) {
        fprintf(stderr, "dkim-bench: %.*s\n", STR_ARG(e->text));
        _Exit(70);
    }
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the works ------------------------------------------------------------------------------- */

static void sign(struct bench *b, struct kind *k)
{
    (void)b;
    buf_clear(&k->signature);
    die(k->signer->sign(k->signer, k->digest, &k->signature, DEADLINE_NEVER));
}

static void check(struct bench *b, struct kind *k)
{
    b->failed |= !mailauth_dkim_key_check(k->key, k->digest, buf_str(&k->signature));
}

static void sign_message(struct bench *b, struct kind *k)
{
    struct mailauth_dkim_plan plan = {
        .domain = S("example.com"),
        .selector = str_of(k->selector),
        .header_canon = MAILAUTH_CANON_RELAXED,
        .body_canon = MAILAUTH_CANON_RELAXED,
        .signer = k->signer,
    };
    struct mailauth_dkim_sign *s;
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(b->mail);
    buf_clear(&k->whole);
    die(mailauth_dkim_sign_open(str_of(header_text), &plan, 1, hash, b->mail, &s));
    mailauth_canon_hash_add(hash, buf_str(&b->body));
    die(mailauth_dkim_sign_finish(s, now_s, &k->whole, DEADLINE_NEVER));
    die(buf_add(&k->whole, str_of(header_text)));
    arena_reset(b->mail);
}

static struct mailauth_ask ask_of(struct bench *b, struct dns_budget *budget)
{
    dns_budget_init(budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    return (struct mailauth_ask){.arena = b->mail,
                                 .dns = b->dns,
                                 .budget = budget,
                                 .until = deadline_after(DNS_BUDGET_MS),
                                 .now_ms = now_s * 1000};
}

static void check_message(struct bench *b, struct kind *k)
{
    struct dns_budget budget;
    struct mailauth_ask ask = ask_of(b, &budget);
    struct mailauth_dkim *dkim;
    struct mailauth_dkim_verdict verdict;
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(b->mail);
    die(mailauth_dkim_open(buf_str(&k->whole), hash, b->mail, &dkim));
    mailauth_canon_hash_add(hash, buf_str(&b->body));
    die(mailauth_dkim_finish(dkim, &ask, NULL, &verdict));
    b->failed |= verdict.count != 1 || verdict.results[0].result != MAILAUTH_PASS;
    arena_reset(b->mail);
}

static void judge_message(struct bench *b, struct kind *k)
{
    struct dns_budget budget;
    struct mailauth_ask ask = ask_of(b, &budget);
    struct address ip;
    die(address_parse_ip(S("192.0.2.1"), &ip));
    struct mailauth_judge_peer peer = {.ip = &ip,
                                       .helo = S("client.example.org"),
                                       .sender = S("alice@example.com"),
                                       .receiver = S("mail.example.net")};
    struct mailauth_judge *judge;
    struct mailauth_judgement j;
    struct buf field;
    buf_init(&field, MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    die(mailauth_judge_open(buf_str(&k->whole), b->mail, &judge));
    mailauth_judge_add(judge, buf_str(&b->body));
    die(mailauth_judge_finish(judge, &ask, &peer, NULL, &j));
    die(mailauth_judge_write(&j, S("mail.example.net"), false, b->mail, &field));
    b->failed |= j.spf.result != MAILAUTH_PASS || j.dmarc.result != MAILAUTH_PASS;
    buf_release(&field);
    arena_reset(b->mail);
}

static const struct {
    const char *name;
    void (*once)(struct bench *, struct kind *);
} works[] = {
    {"sign",      sign         },
    {"check",     check        },
    {"sign 10k",  sign_message },
    {"check 10k", check_message},
    {"judge 10k", judge_message},
};

/* ---- one after the other --------------------------------------------------------------------- */

static void measure(struct bench *b, size_t work, struct kind *k)
{
    for (int i = 0; i < BATCH; i++)
        works[work].once(b, k); /* warm */
    double start = cpu_seconds(), used = 0;
    uint64_t count = 0;
    for (; used < b->seconds; used = cpu_seconds() - start, count += BATCH)
        for (int i = 0; i < BATCH; i++)
            works[work].once(b, k);
    printf("{\"work\":\"%s\",\"kind\":\"%s\",\"per_s\":%.1f}\n", works[work].name, k->name,
           (double)count / used);
}

static void measure_all(void *arg)
{
    struct bench *b = arg;
    for (size_t i = 0; i < ARRAY_LEN(works); i++)
        for (size_t k = 0; k < ARRAY_LEN(b->kinds); k++)
            if (b->only == NULL || str_eq(str_of(b->only), str_of(works[i].name)))
                measure(b, i, &b->kinds[k]);
}

/* ---- before ---------------------------------------------------------------------------------- */

static void prepare_key(struct bench *b, struct kind *k)
{
    struct mailauth_dkim_private *private;
    struct mailauth_dkim_record record;
    struct buf pem, text;
    unsigned bits;
    buf_init(&pem, MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX);
    buf_init(&text, BODY_BYTES);
    buf_init(&k->signature, MAILAUTH_DKIM_SIGNATURE_BYTES_MAX);
    buf_init(&k->whole, BODY_BYTES);
    die(mailauth_dkim_private_make(k->algorithm, &pem));
    die(mailauth_dkim_private_read(buf_str(&pem), b->keeps, &private));
    die(mailauth_dkim_private_record(private, &text));
    die(mailauth_dkim_private_zone_line(private, str_of(k->selector), S("example.com"), &b->zone));
    mailauth_dkim_record_read(buf_str(&text), b->keeps, &record);
    const char *why = mailauth_dkim_key_open(&record, b->keeps, &k->key, &bits);
    b->failed |= why != NULL;
    k->signer = mailauth_dkim_private_signer(private);
    sign(b, k); /* what is checked, whichever work is chosen */
    sign_message(b, k);
    buf_release(&pem);
    buf_release(&text);
}

static void prepare(struct bench *b)
{
    static const str line =
        S("A line of a letter as people write them, of about seventy bytes.\r\n");
    struct dns_zone *zone;
    b->keeps = arena_open(ARENA_BYTES);
    b->mail = arena_open(ARENA_BYTES);
    buf_init(&b->body, BODY_BYTES);
    buf_init(&b->zone, BODY_BYTES);
    while (b->body.len + line.len <= BODY_BYTES)
        die(buf_add(&b->body, line));
    die(buf_add(&b->zone, S("example.com TXT \"v=spf1 mx ip4:192.0.2.0/24 -all\"\n"
                            "example.com MX 10 mx.example.com\nmx.example.com A 198.51.100.1\n"
                            "_dmarc.example.com TXT \"v=DMARC1; p=reject\"\n")));
    b->kinds[0] = (struct kind){MAILAUTH_DKIM_RSA, "rsa2048", "r"};
    b->kinds[1] = (struct kind){MAILAUTH_DKIM_ED25519, "ed25519", "e"};
    for (size_t k = 0; k < ARRAY_LEN(b->kinds); k++)
        prepare_key(b, &b->kinds[k]);
    die(dns_zone_parse(buf_str(&b->zone), "zone", &zone));
    b->dns = dns_resolver_open(dns_zone_transport(zone), NULL);
}

int main(int argc, char **argv)
{
    uint64_t seconds = 1;
    if (argc > 1 && (!str_to_u64(str_of(argv[1]), SECONDS_MAX, &seconds) || seconds == 0))
        return 64;
    struct bench b = {.seconds = (double)seconds, .only = argc > 2 ? argv[2] : NULL};
    setvbuf(stdout, NULL, _IOLBF, 0);
    prepare(&b);
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "dkim bench", measure_all, &b);
    loop_close(loop);
    dns_resolver_close(b.dns);
    for (size_t k = 0; k < ARRAY_LEN(b.kinds); k++) {
        buf_release(&b.kinds[k].signature);
        buf_release(&b.kinds[k].whole);
    }
    buf_release(&b.body);
    buf_release(&b.zone);
    arena_close(b.mail);
    arena_close(b.keeps);
    if (b.failed)
        fprintf(stderr, "dkim-bench: a signature or a message did not hold\n");
    return b.failed ? 70 : 0;
}
