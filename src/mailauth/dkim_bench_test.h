/* mailauth/dkim_bench_test.h -- what the tests of DKIM and ARC need: messages, a zone, a fiber */
#pragma once
#include "base/buf.h"
#include "dns/zone.h"
#include "mailauth/arc_seal.h"
#include "mailauth/ask.h"
#include "mailauth/dkim.h"

enum { BENCH_ARENA_BYTES = 64 << 20, BENCH_ZONE_BYTES = 4 << 20 };

struct dkim_bench {
    struct arena *arena;
    struct buf zone; /* text of a zone file */
    int64_t now_s;
    size_t chunk; /* the body is fed in pieces of that size; 0: at once */
    const struct mailauth_arc_result *chain; /* sealed as that; NULL: as what it is */
    int budget;                              /* questions that may be asked; 0: the default */
    uint64_t questions;                      /* the DNS was asked by the last run */
};

void dkim_bench_open(struct dkim_bench *);
void dkim_bench_close(struct dkim_bench *);

str dkim_bench_read(struct dkim_bench *, const char *path);  /* a file; empty: there is none */
str dkim_bench_suite(struct dkim_bench *, const char *name); /* a file of the suites */
str dkim_bench_crlf(struct dkim_bench *, str text);          /* every LF alone becomes CRLF */
void dkim_bench_split(str message, str *ret_header, str *ret_body);
void dkim_bench_txt(struct dkim_bench *, str name, str text);         /* a record for the zone */
void dkim_bench_fail(struct dkim_bench *, str name, const char *how); /* "servfail" */
/* "name text" lines up to an empty line, off the front; what stands behind is given back. */
str dkim_bench_keys_in_front(struct dkim_bench *, str text);

/* Run body(arg, &ask) on a fiber that can ask the zone. */
void dkim_bench_run(struct dkim_bench *, void (*body)(void *arg, const struct mailauth_ask *),
                    void *arg);
struct mailauth_dkim_verdict dkim_bench_verify(struct dkim_bench *, str message);
void dkim_bench_feed(const struct dkim_bench *, struct mailauth_canon_hash *, str body);
/* Check the chain, and add a set when there is a plan. */
struct mailauth_arc_result dkim_bench_arc(struct dkim_bench *, str message,
                                          const struct mailauth_arc_plan *, str results,
                                          struct buf *out_fields);
/* "pass fail permerror" */
str dkim_bench_names(struct dkim_bench *, const struct mailauth_dkim_verdict *);
