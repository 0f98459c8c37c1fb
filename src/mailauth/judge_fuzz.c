/* A DNS and a message, all that a sender decides, through everything that is judged; then a set of
 * ours on top of its chain.
 *
 *     policy.test. TXT "v=spf1 -all"       lines of a zone up to an empty line
 *
 *     From: a@policy.test                  the message
 */
#include "base/buf.h"
#include "dns/zone.h"
#include "mailauth/arc_seal.h"
#include "mailauth/authres.h"
#include "mailauth/judge.h"
#include "runtime/sim.h"
#include "tests/fuzz.h"
#include <string.h>

enum { INPUT_BYTES_MAX = 64 << 10, SETS_BYTES_MAX = 1 << 20, NOW_S = 1790000000, PIECE_BYTES = 5 };

struct run {
    str header, body;
    struct arena *arena;
    struct dns_resolver *resolver;
    size_t piece;     /* the body passes in pieces of that size */
    struct buf field; /* what is told of it */
};

static bool is_line_of_ours(str line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.ptr[i] < ' ' && line.ptr[i] != '\t') || line.ptr[i] > '~')
            return false;
    return true;
}

/* One field, of ASCII, and nothing of the sender's ends a line of ours. */
static void check_field(const struct run *r)
{
    struct mailauth_authres said;
    str field = buf_str(&r->field), line, rest = field;
    ASSERT(field.len <= MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        ASSERT(str_ends_nocase(line, S("\r")));
        ASSERT(is_line_of_ours(str_slice(line, 0, line.len - 1)));
        ASSERT(rest.len == 0 || rest.ptr[0] == '\t' || rest.ptr[0] == ' ');
    }
    ASSERT(str_skip(&field, S("Authentication-Results:")));
    field.len -= 2;
    ASSERT(mailauth_authres_parse(field, r->arena, &said) == NULL);
    ASSERT(str_eq(said.id, S("mx.test")));
    ASSERT(said.count >= 3); /* DKIM, DMARC and ARC say something in any case */
}

static void check_judgement(const struct mailauth_judgement *j, const struct mailauth_ask *ask)
{
    ASSERT(j->disposition != MAILAUTH_DMARC_ABSENT);
    ASSERT(j->reason.len <= MAILAUTH_JUDGE_REASON_BYTES_MAX);
    ASSERT(is_line_of_ours(j->reason));
    ASSERT(j->questions >= 0);
    ASSERT(ask->budget->questions_left >= 0);
    ASSERT(j->dkim.count <= MAILAUTH_DKIM_SIGNATURES_MAX);
    ASSERT(j->arc.count <= MAILAUTH_ARC_SETS_MAX);
    ASSERT(j->arc.result != MAILAUTH_PASS || j->arc.sets.wrong.len == 0);
    ASSERT(j->arc.result != MAILAUTH_NONE || !j->arc.sets.present);
    ASSERT(j->believed.len == 0 || j->arc.result == MAILAUTH_PASS);
}

/* The bytes stand for a signature. */
static err sign_with_a_stamp(struct mailauth_dkim_signer *signer,
                             const uint8_t digest[MAILAUTH_DKIM_DIGEST_BYTES], struct buf *out,
                             deadline until)
{
    (void)signer, (void)digest, (void)until;
    return buf_add(out, S("0123456789abcdef0123456789abcdef"));
}

/* One set more, with the next number; a chain that was sound is sound with it. */
static void check_seal(struct run *r, const struct mailauth_judgement *j)
{
    struct mailauth_dkim_signer stamp = {.algorithm = MAILAUTH_DKIM_RSA, .sign = sign_with_a_stamp};
    struct mailauth_arc_plan plan = {
        .domain = S("seal.test"), .selector = S("s"), .signer = &stamp};
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(r->arena);
    struct mailauth_arc_seal *seal;
    struct mailauth_dkim_header *fields;
    CLEANUP(buf_release) struct buf out;
    str results = str_trim(str_from(buf_str(&r->field), S("Authentication-Results:").len));
    buf_init(&out, SETS_BYTES_MAX);
    if (mailauth_arc_seal_open(r->header, &plan, hash, r->arena, &seal))
        return;
    mailauth_canon_hash_add(hash, r->body);
    ASSERT(mailauth_arc_seal_finish(seal, &j->arc, results, NOW_S, &out, DEADLINE_NEVER) == NULL);
    ASSERT((out.len > 0) == mailauth_arc_seal_is_possible(&j->arc));
    if (out.len == 0)
        return;
    ASSERT(buf_add(&out, r->header) == NULL);
    if (mailauth_dkim_header_open(buf_str(&out), r->arena, &fields))
        return; /* too many fields now */
    struct mailauth_arc_sets sets = mailauth_arc_set_collect(fields, r->arena);
    ASSERT(sets.count == j->arc.count + 1);
    bool sound = j->arc.result == MAILAUTH_NONE || j->arc.result == MAILAUTH_PASS;
    ASSERT(sets.ended == !sound);
    ASSERT((sets.wrong.len == 0) == sound);
}

static void judge(struct run *r)
{
    struct dns_budget budget;
    struct mailauth_ask ask = {r->arena, r->resolver, &budget, DEADLINE_NEVER, NOW_S * 1000LL};
    struct address ip;
    struct mailauth_judge *judge;
    struct mailauth_judgement j;
    str sealers[] = {S("seal.test"), S("example.org")};
    ASSERT(address_parse_ip(S("192.0.2.2"), &ip) == NULL);
    struct mailauth_judge_peer peer = {.ip = &ip,
                                       .helo = S("helo.test"),
                                       .sender = S("a@policy.test"),
                                       .receiver = S("mx.test"),
                                       .sealers = sealers,
                                       .sealer_count = ARRAY_LEN(sealers)};
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    if (mailauth_judge_open(r->header, r->arena, &judge))
        return;
    for (str body = r->body; body.len > 0; body = str_from(body, r->piece))
        mailauth_judge_add(judge, str_slice(body, 0, r->piece));
    ASSERT(mailauth_judge_finish(judge, &ask, &peer, NULL, &j) == NULL);
    check_judgement(&j, &ask);
    ASSERT(mailauth_judge_write(&j, S("mx.test"), false, r->arena, &r->field) == NULL);
    check_field(r);
    check_seal(r, &j);
    ASSERT(arena_used(r->arena) <= MAILAUTH_JUDGE_BYTES_MAX);
}

static void judge_fiber(void *arg) { judge(arg); }

/* Judged anew, with its body in pieces of that size. */
static void run_once(struct run *r, str zone_text, size_t piece)
{
    struct dns_zone *zone = NULL;
    if (dns_zone_parse(zone_text, "fuzz", &zone))
        ASSERT(dns_zone_parse(S(""), "fuzz", &zone) == NULL);
    buf_init(&r->field, MAILAUTH_JUDGE_FIELD_BYTES_MAX);
    r->piece = piece;
    r->arena = arena_open(2 * MAILAUTH_JUDGE_BYTES_MAX);
    r->resolver = dns_resolver_open(dns_zone_transport(zone), NULL);
    sim_run(1, judge_fiber, r);
    dns_resolver_close(r->resolver);
    arena_close(r->arena);
}

static void split(str input, str *ret_zone, struct run *r)
{
    const char *end = input.len > 0 ? memmem(input.ptr, input.len, "\n\n", 2) : NULL;
    size_t at = end ? (size_t)(end - input.ptr) + 1 : 0;
    *ret_zone = str_slice(input, 0, at);
    str message = str_from(input, end ? at + 1 : 0), rest = message;
    struct message_field field;
    while (message_header_next(&rest, &field))
        continue;
    r->header = str_slice(message, 0, message.len - rest.len);
    message_header_end(&rest);
    r->body = rest;
}

FUZZ(input, arena)
{
    struct run whole = {0}, pieces = {0};
    str zone;
    (void)arena;
    split(str_slice(input, 0, INPUT_BYTES_MAX), &zone, &whole);
    pieces = whole;
    run_once(&whole, zone, SIZE_MAX);
    run_once(&pieces, zone, PIECE_BYTES);
    ASSERT(str_eq(buf_str(&whole.field), buf_str(&pieces.field)));
    buf_release(&whole.field);
    buf_release(&pieces.field);
}
