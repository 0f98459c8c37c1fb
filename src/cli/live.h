/* cli/live.h -- what is published, from those who ought to know, and for how long it is believed
 *
 * The name servers of each record's zone are asked themselves, all of them, so that neither a cache
 * nor a server that lags behind hides anything (dns/authority.h). When none of them can be had (a
 * network without a way out on port 53), or when the resolver is asked for, the answer is the
 * resolver's and says so: its TTL may be the rest of one, and other servers may say otherwise. With
 * a zone file the file is the authority.
 */
#pragma once
#include "cli/cli.h"
#include "dns/answer.h"

enum {
    CLI_LIVE_QUESTIONS_MAX = 40,
    CLI_LIVE_SERVERS_MAX = 8,
    CLI_LIVE_ZONES_MAX = 8,
    CLI_LIVE_NEGATIVE_S = 3600, /* where no SOA record can be had: most say less */
    CLI_LIVE_ARENA_BYTES = 64 << 20,
};

enum cli_live_source { CLI_LIVE_SERVERS, CLI_LIVE_RESOLVER, CLI_LIVE_FILE };

struct cli_live_said {
    str who; /* "ns1.example.net 192.0.2.1", "the resolver", "the file x.zone" */
    struct dns_answer answer;
};

struct cli_live_question {
    str name;
    enum dns_type type;
    /* What came of it. */
    enum cli_live_source source;
    struct cli_live_said said[CLI_LIVE_SERVERS_MAX];
    size_t said_count;     /* at least one */
    uint32_t negative_ttl; /* of its zone */
    bool negative_known;
};

struct cli_live_options {
    const char *zone_file; /* or NULL */
    bool resolver;         /* ask it, and not the servers */
};

/* Fills in every question; texts live in the arena. Each call asks anew. Returns what to exit with
 * when it cannot ask at all (told), else CLI_OK. */
int cli_live_ask(struct cli *, const struct cli_live_options *, struct arena *,
                 struct cli_live_question *, size_t count);

/* The longest TTL that anybody said; 0: there are no such records. */
uint32_t cli_live_ttl(const struct cli_live_question *);
/* The TTL is whole, not what is left of it in a cache. */
bool cli_live_ttl_whole(const struct cli_live_question *);
const char *cli_live_source_name(enum cli_live_source); /* "servers" */
