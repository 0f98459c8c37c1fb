#include "mailauth/dkim_bench_test.h"
#include "tests/test.h"

void dkim_bench_open(struct dkim_bench *b)
{
    *b = (struct dkim_bench){.arena = arena_open(BENCH_ARENA_BYTES), .now_s = 1667843664};
    buf_init(&b->zone, BENCH_ZONE_BYTES);
}

void dkim_bench_close(struct dkim_bench *b)
{
    buf_release(&b->zone);
    arena_close(b->arena);
}

str dkim_bench_read(struct dkim_bench *b, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (str){0};
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = arena_alloc(b->arena, (size_t)size + 1);
    size_t len = fread(text, 1, (size_t)size, file);
    fclose(file);
    return (str){text, len};
}

str dkim_bench_suite(struct dkim_bench *b, const char *name)
{
    char path[4096];
    str folder, file; /* only a folder that is not there is a reason to skip */
    str_split(str_of(name), '/', &folder, &file);
    if (test_suites(arena_chars(b->arena, folder), path, sizeof path) == NULL)
        return (str){0};
    str full = arena_printf(b->arena, "%s/%.*s", path, STR_ARG(file));
    return dkim_bench_read(b, arena_chars(b->arena, full));
}

str dkim_bench_crlf(struct dkim_bench *b, str text)
{
    char *out = arena_alloc(b->arena, 2 * text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n' && (i == 0 || text.ptr[i - 1] != '\r'))
            out[len++] = '\r';
        out[len++] = text.ptr[i];
    }
    return (str){out, len};
}

void dkim_bench_split(str message, str *ret_header, str *ret_body)
{
    struct message_field f;
    str rest = message;
    while (message_header_next(&rest, &f))
        ;
    *ret_header = str_slice(message, 0, message.len - rest.len);
    message_header_end(&rest);
    *ret_body = rest;
}

void dkim_bench_txt(struct dkim_bench *b, str name, str text)
{
    CHECK_DONE(buf_addf(&b->zone, "%.*s. TXT", STR_ARG(name)), "a record");
    size_t at = 0;
    do {
        CHECK_DONE(buf_add(&b->zone, S(" \"")), "a record");
        for (str part = str_slice(text, at, 200); part.len > 0; part = str_from(part, 1))
            CHECK_DONE(buf_addf(&b->zone, "\\%03u", (unsigned char)part.ptr[0]), "a record");
        CHECK_DONE(buf_add(&b->zone, S("\"")), "a record");
        at += 200;
    } while (at < text.len);
    CHECK_DONE(buf_add(&b->zone, S("\n")), "a record");
}

void dkim_bench_fail(struct dkim_bench *b, str name, const char *how)
{
    CHECK_DONE(buf_addf(&b->zone, "%.*s. FAIL %s\n", STR_ARG(name), how), "a failing name");
}

str dkim_bench_keys_in_front(struct dkim_bench *b, str text)
{
    str line;
    for (str_split(text, '\n', &line, &text); line.len > 0; str_split(text, '\n', &line, &text)) {
        str name, record;
        str_split(line, ' ', &name, &record);
        dkim_bench_txt(b, name, record);
    }
    return text;
}

/* ---- on a fiber ---------------------------------------------------------------------------------
 */

struct run {
    struct dkim_bench *bench;
    struct dns_resolver *dns;
    void (*body)(void *arg, const struct mailauth_ask *);
    void *arg;
};

static void run_fiber(void *arg)
{
    struct run *r = arg;
    struct dns_budget budget;
    dns_budget_init(&budget, r->bench->budget ? r->bench->budget : DNS_BUDGET_QUESTIONS,
                    DNS_BUDGET_MS);
    struct mailauth_ask ask = {.arena = r->bench->arena,
                               .dns = r->dns,
                               .budget = &budget,
                               .until = deadline_after(50),
                               .now_ms = r->bench->now_s * 1000};
    r->body(r->arg, &ask);
    err_forget();
}

void dkim_bench_run(struct dkim_bench *b, void (*body)(void *arg, const struct mailauth_ask *),
                    void *arg)
{
    struct dns_zone *zone = NULL;
    CHECK_DONE(dns_zone_parse(buf_str(&b->zone), "zone", &zone), "the zone");
    struct run r = {b, dns_resolver_open(dns_zone_transport(zone), NULL), body, arg};
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "dkim bench", run_fiber, &r);
    loop_close(loop);
    b->questions = dns_zone_questions(zone);
    dns_resolver_close(r.dns);
}

struct verifying {
    struct dkim_bench *bench;
    str message;
    struct mailauth_dkim_verdict verdict;
};

void dkim_bench_feed(const struct dkim_bench *b, struct mailauth_canon_hash *hash, str body)
{
    while (body.len > 0) {
        str piece = str_slice(body, 0, b->chunk ? b->chunk : body.len);
        mailauth_canon_hash_add(hash, piece);
        body = str_from(body, piece.len);
    }
}

static void verify_body(void *arg, const struct mailauth_ask *ask)
{
    struct verifying *v = arg;
    str header, body;
    dkim_bench_split(v->message, &header, &body);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(ask->arena);
    struct mailauth_dkim *dkim;
    err e = mailauth_dkim_open(header, hash, ask->arena, &dkim);
    CHECK_DONE(e, "open");
    if (e)
        return;
    dkim_bench_feed(v->bench, hash, body);
    CHECK_DONE(mailauth_dkim_finish(dkim, ask, NULL, &v->verdict), "finish");
}

struct mailauth_dkim_verdict dkim_bench_verify(struct dkim_bench *b, str message)
{
    struct verifying v = {.bench = b, .message = message};
    dkim_bench_run(b, verify_body, &v);
    return v.verdict;
}

struct arc_run {
    struct dkim_bench *bench;
    str message, results;
    const struct mailauth_arc_plan *plan;
    struct mailauth_arc_result result;
    struct buf *out;
};

static void arc_body(void *arg, const struct mailauth_ask *ask)
{
    struct arc_run *r = arg;
    str header, body;
    dkim_bench_split(r->message, &header, &body);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(ask->arena);
    struct mailauth_arc *arc;
    struct mailauth_arc_seal *seal = NULL;
    CHECK_DONE(mailauth_arc_open(header, hash, ask->arena, &arc), "open");
    if (r->plan)
        CHECK_DONE(mailauth_arc_seal_open(header, r->plan, hash, ask->arena, &seal), "open");
    dkim_bench_feed(r->bench, hash, body);
    CHECK_DONE(mailauth_arc_finish(arc, ask, NULL, &r->result), "finish");
    if (seal)
        CHECK_DONE(mailauth_arc_seal_finish(seal, r->bench->chain ? r->bench->chain : &r->result,
                                            r->results, r->bench->now_s, r->out, DEADLINE_NEVER),
                   "seal");
}

struct mailauth_arc_result dkim_bench_arc(struct dkim_bench *b, str message,
                                          const struct mailauth_arc_plan *plan, str results,
                                          struct buf *out_fields)
{
    struct arc_run r = {
        .bench = b, .message = message, .results = results, .plan = plan, .out = out_fields};
    dkim_bench_run(b, arc_body, &r);
    return r.result;
}

str dkim_bench_names(struct dkim_bench *b, const struct mailauth_dkim_verdict *v)
{
    str all = S("");
    for (size_t i = 0; i < v->count; i++)
        all = arena_printf(b->arena, "%.*s%s%.*s", STR_ARG(all), i ? " " : "",
                           STR_ARG(mailauth_result_name(v->results[i].result)));
    return all;
}
