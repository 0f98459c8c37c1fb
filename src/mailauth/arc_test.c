#include "mailauth/arc.h"
#include "mailauth/dkim_bench_test.h"
#include "mailauth/dkim_keys_test.h"
#include "mailauth/dkim_private.h"
#include "tests/test.h"

enum { NOW_S = 1790000000 };

static const char plain[] = "From: a@example.com\r\nTo: list@example.org\r\nSubject: x\r\n"
                            "Received: by example.org\r\n\r\nbody\r\n";

struct chain {
    struct dkim_bench bench;
    struct mailauth_arc_plan plans[2]; /* the sealers take turns: RSA, then Ed25519 */
    str message;
};

static void open_chain(struct chain *c)
{
    static const char *const pems[] = {dkim_keys_rsa_pem, dkim_keys_ed25519_pem};
    dkim_bench_open(&c->bench);
    c->bench.now_s = NOW_S;
    c->message = str_of(plain);
    dkim_bench_txt(&c->bench, S("s._domainkey.example.org"), str_of(dkim_keys_rsa_record));
    dkim_bench_txt(&c->bench, S("s._domainkey.example.net"), str_of(dkim_keys_ed25519_record));
    for (int i = 0; i < 2; i++) {
        struct mailauth_dkim_private *p = NULL;
        CHECK_DONE(mailauth_dkim_private_read(str_of(pems[i]), c->bench.arena, &p), "key");
        c->plans[i] =
            (struct mailauth_arc_plan){.domain = i == 0 ? S("example.org") : S("example.net"),
                                       .selector = S("s"),
                                       .signer = mailauth_dkim_private_signer(p)};
    }
}

/* Add one set; what the chain was before. */
static struct mailauth_arc_result seal(struct chain *c)
{
    struct buf fields;
    buf_init(&fields, 1 << 16);
    struct mailauth_arc_result before = dkim_bench_arc(&c->bench, c->message, NULL, S(""), &fields);
    dkim_bench_arc(&c->bench, c->message, &c->plans[before.count % 2],
                   S("example.org; arc=x;\r\n spf=pass smtp.mailfrom=example.com"), &fields);
    c->message =
        arena_printf(c->bench.arena, "%.*s%.*s", STR_ARG(buf_str(&fields)), STR_ARG(c->message));
    buf_release(&fields);
    return before;
}

static struct mailauth_arc_result check(struct chain *c)
{
    return dkim_bench_arc(&c->bench, c->message, NULL, S(""), NULL);
}

/* The last what becomes with: sets stand newest first, so it is in the oldest that has it. */
static void change_last(struct chain *c, const char *what, const char *with)
{
    str text = c->message;
    size_t at = STR_NONE, len = strlen(what);
    for (size_t i = 0; i + len <= text.len; i++)
        at = memcmp(text.ptr + i, what, len) == 0 ? i : at;
    CHECK(at != STR_NONE, what);
    if (at != STR_NONE)
        c->message = arena_printf(c->bench.arena, "%.*s%s%.*s", (int)at, text.ptr, with,
                                  STR_ARG(str_from(text, at + len)));
}

TEST(mailauth_arc_chain)
{
    struct chain c;
    open_chain(&c);
    for (unsigned n = 0; n < 5; n++) {
        struct mailauth_arc_result before = seal(&c);
        CHECK(before.result == (n == 0 ? MAILAUTH_NONE : MAILAUTH_PASS), "before a set is added");
        CHECK(before.count == n, "as many sets as were added");
        CHECK(before.oldest_pass == 0, "all message signatures hold");
    }
    struct mailauth_arc_result r = check(&c);
    CHECK(r.result == MAILAUTH_PASS && r.count == 5, "a chain of five");
    CHECK_STR(r.sets.items[1].seal_signature.domain, "example.net", "who sealed the second");
    CHECK(c.bench.questions == 2, "each key once");
    dkim_bench_close(&c.bench);
}

TEST(mailauth_arc_changes)
{
    static const struct {
        const char *label, *what, *with, *reason;
        enum mailauth_result want;
        unsigned oldest_pass;
    } cases[] = {
        {"nothing",                           "X",                                 "X",                                "",                                                      MAILAUTH_PASS, 0},
        {"the body",                          "body",                              "Body",                             "ARC-Message-Signature i=3: the body was changed",
         MAILAUTH_FAIL,                                                                                                                                                                        4},
        {"a signed field",                    "Subject: x",                        "Subject: y",
         "ARC-Message-Signature i=3: the header or the signature was changed",                                                                                                  MAILAUTH_FAIL, 4},
        {"a field that is not signed",        "by example.org",                    "by example.com",                   "",                                                      MAILAUTH_PASS, 0},
        {"the oldest results",                "spf=pass",                          "spf=fail",
         "ARC-Seal i=3: the header or the signature was changed",                                                                                                               MAILAUTH_FAIL, 0},
        {"attack 122: cv=pass in the first",  "cv=none",                           "cv=pass",
         "ARC-Seal i=1 does not say cv=none",                                                                                                                                   MAILAUTH_FAIL, 0},
        {"attack 122: cv=none in the second", "cv=pass",                           "cv=none",
         "ARC-Seal i=2 does not say cv=pass",                                                                                                                                   MAILAUTH_FAIL, 0},
        {"attack 122: a gap",                 "ARC-Authentication-Results: i=1",   "X: i=1",
         "the set i=1 is not whole",                                                                                                                                            MAILAUTH_FAIL, 0},
        {"attack 122: a number twice",        "ARC-Authentication-Results: i=1",
         "ARC-Authentication-Results: i=2",                                                                            "ARC-Authentication-Results i=2 stands there twice",
         MAILAUTH_FAIL,                                                                                                                                                                        0},
        {"attack 122: i=51",                  "ARC-Authentication-Results: i=1",   "ARC-Authentication-Results: i=51",
         "ARC-Authentication-Results without a number from 1 to 50",                                                                                                            MAILAUTH_FAIL, 0},
        {"attack 122: i=0",                   "ARC-Authentication-Results: i=1",   "ARC-Authentication-Results: i=0",
         "ARC-Authentication-Results without a number from 1 to 50",                                                                                                            MAILAUTH_FAIL, 0},
        {"attack 122: i=+1",                  "ARC-Authentication-Results: i=1",   "ARC-Authentication-Results: i=+1",
         "ARC-Authentication-Results without a number from 1 to 50",                                                                                                            MAILAUTH_FAIL, 0},
        {"a seal without a domain",           "cv=none; d=example.org;",           "cv=none;",
         "ARC-Seal i=1: there is no d=",                                                                                                                                        MAILAUTH_FAIL, 0},
        {"a seal with h=",                    "cv=none;",                          "cv=none; h=from;",
         "ARC-Seal i=1: h= has no place in a seal (RFC 8617 section 4.1.3)",                                                                                                    MAILAUTH_FAIL, 0},
        {"a key that is not there",           "cv=none; d=example.org; i=1; s=s;",
         "cv=none; d=example.org; i=1; s=none;",                                                                       "ARC-Seal i=3: the header or the signature was changed", MAILAUTH_FAIL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chain c;
        open_chain(&c);
        for (int n = 0; n < 3; n++)
            seal(&c);
        change_last(&c, cases[i].what, cases[i].with);
        struct mailauth_arc_result r = check(&c);
        CHECK(r.result == cases[i].want, cases[i].label);
        CHECK_STR(r.reason, cases[i].reason, cases[i].label);
        CHECK(r.oldest_pass == cases[i].oldest_pass, cases[i].label);
        dkim_bench_close(&c.bench);
    }
}

/* A list changes the Subject and seals: the sets from its own on hold (RFC 8617 section 5.2). */
TEST(mailauth_arc_oldest_pass)
{
    struct chain c;
    open_chain(&c);
    seal(&c);
    seal(&c);
    struct mailauth_arc_result before = check(&c);
    change_last(&c, "Subject: x", "Subject: [list] x");
    CHECK(check(&c).result == MAILAUTH_FAIL, "changed, and not sealed yet");
    c.bench.chain = &before;
    seal(&c);
    c.bench.chain = NULL;
    seal(&c);
    struct mailauth_arc_result r = check(&c);
    CHECK(r.result == MAILAUTH_PASS && r.count == 4, "the chain holds");
    CHECK(r.oldest_pass == 3, "the message is as it was since the list");
    dkim_bench_close(&c.bench);
}

/* What a chain that failed gets: one set that says so, and then no more (RFC 8617 section 5.1). */
TEST(mailauth_arc_failed_chain)
{
    struct chain c;
    open_chain(&c);
    seal(&c);
    change_last(&c, "body", "Body");
    struct mailauth_arc_result before = seal(&c);
    CHECK(before.result == MAILAUTH_FAIL, "it fails");
    CHECK(memmem(c.message.ptr, c.message.len, "cv=fail", 7) != NULL, "and the new set says so");
    str ended = c.message;
    before = seal(&c);
    CHECK(before.result == MAILAUTH_FAIL && before.sets.ended, "a chain that has ended");
    CHECK(str_eq(c.message, ended), "nothing is added to it");
    dkim_bench_close(&c.bench);
}

TEST(mailauth_arc_fifty)
{
    struct chain c;
    open_chain(&c);
    for (unsigned n = 0; n < MAILAUTH_ARC_SETS_MAX; n++)
        seal(&c);
    struct mailauth_arc_result r = check(&c);
    CHECK(r.result == MAILAUTH_PASS && r.count == 50, "fifty sets");
    CHECK(r.oldest_pass == 41, "ten message signatures were looked at");
    CHECK(c.bench.questions == 2, "attack 114: and two questions asked");
    str full = c.message;
    seal(&c);
    CHECK(str_eq(c.message, full), "attack 122: no fifty-first");
    dkim_bench_close(&c.bench);
}

TEST(mailauth_arc_no_answer)
{
    struct chain c;
    open_chain(&c);
    seal(&c);
    buf_clear(&c.bench.zone);
    dkim_bench_fail(&c.bench, S("s._domainkey.example.org"), "servfail");
    struct mailauth_arc_result r = check(&c);
    CHECK(r.result == MAILAUTH_TEMPERROR, "attack 113: to be asked again");
    buf_clear(&c.bench.zone);
    r = check(&c);
    CHECK(r.result == MAILAUTH_FAIL, "no such key");
    dkim_bench_close(&c.bench);
}

static void seal_with(struct chain *c, str results, enum err_kind want, const char *label)
{
    struct arena *arena = c->bench.arena;
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(arena);
    struct mailauth_arc_result none = {.result = MAILAUTH_NONE};
    struct mailauth_arc_seal *s = NULL;
    struct buf out;
    buf_init(&out, 1 << 16);
    err e = mailauth_arc_seal_open(c->message, &c->plans[0], hash, arena, &s);
    if (e == NULL)
        e = mailauth_arc_seal_finish(s, &none, results, NOW_S, &out, DEADLINE_NEVER);
    CHECK(e != NULL && e->kind == want, label);
    CHECK(out.len == 0, label);
    buf_release(&out);
    err_forget();
}

TEST(mailauth_arc_seal_refuses)
{
    struct chain c;
    open_chain(&c);
    seal_with(&c, S("a; x\r\nX: y"), ERR_CONFIG, "another field in the results");
    seal_with(&c, S("a; x\n y"), ERR_CONFIG, "a LF alone");
    seal_with(&c, S("a; x\r"), ERR_CONFIG, "a CR alone");
    seal_with(&c, S("a\0b"), ERR_CONFIG, "a NUL");
    c.plans[0].selector = S("s; cv=pass");
    seal_with(&c, S("a; x"), ERR_CONFIG, "another tag in the selector");
    dkim_bench_close(&c.bench);
}
