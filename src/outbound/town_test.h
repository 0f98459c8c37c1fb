/* outbound/town_test.h -- what the tests share: a queue, a dispatcher and scripted servers in a
 * simulated town
 *
 * A script is lines: "S: …" is sent, "C: …" awaited (a prefix), "C: *" any line, "data" reads up to
 * the final dot, "body" the bytes of a BDAT, "close" ends the connection, "silent" says nothing
 * more, "tls" shakes hands with a certificate for relay.example that this town trusts, "nap" takes
 * half a second.
 */
#pragma once
#include "base/buf.h"
#include "dns/zone.h"
#include "outbound/ask.h"
#include "outbound/crew.h"
#include "outbound/egress_health.h"
#include "outbound/outbound.h"
#include "outbound/tlsrpt.h"
#include "runtime/sim.h"
#include "runtime/sim_fs.h"
#include "tests/test.h"

#define TOWN_GREET "S: 220 mx.example ESMTP\nC: EHLO\n"
#define TOWN_MAIL_OK "C: MAIL FROM:\nS: 250 2.1.0 ok\n"
#define TOWN_RCPT_OK "C: RCPT TO:\nS: 250 2.1.5 ok\n"
#define TOWN_DATA_GO "C: DATA\nS: 354 go\n"
#define TOWN_TAKE TOWN_MAIL_OK TOWN_RCPT_OK TOWN_DATA_GO "data\nS: 250 2.0.0 taken\n"

#define TOWN_TRANSCRIPTS "/transcripts"

enum { TOWN_SERVERS_MAX = 8, TOWN_EVENT_BYTES_MAX = 1 << 20, TOWN_WORKERS_MAX = 3 };

struct town_server {
    const char *at;             /* "192.0.2.1:25" */
    const char *const *scripts; /* one for each connection, in order; NULL ends */
    const char *every;          /* or this one for all further connections */
    bool repeats;               /* after its last line begin again at the line "again" */
    int connections;            /* that came */
    struct buf from;            /* a line for each: the address that it came from */
    int open, most_open;        /* at the same time */
    struct buf heard;           /* all lines that came, '\n' behind each; bodies too */
    struct town *town;
    struct net_listener *listener;
};

struct town {
    const char *label, *yaml; /* the names of the town stand in town_test.c */
    const char *names; /* more of them: lines of a zone; "CERTIFICATE" is the TLSA data of the
                        * town's certificate, "3 1 1"; may be NULL */
    const struct keeper *keeper;
    struct town_server servers[TOWN_SERVERS_MAX];
    void (*body)(struct town *);
    int workers; /* 0: one */

    const struct config *config;
    struct tls_client *tls;
    struct tls_server *tls_server;
    struct sim_fs *fs;
    struct queue *queue;
    struct dns_zone *dns_zone;
    struct dns_resolver *resolver;
    struct tlspolicy_fetcher web; /* says web_answer; no fetch function: MTA-STS is not asked for */
    struct tlspolicy_fetcher_answer web_answer;
    struct tlspolicy_sts *sts;
    struct outbound_egress_health *egress_health; /* every egress is in, until a test says no */
    struct outbound_crew *crew;
    struct outbound_transcript_store *transcripts; /* in TOWN_TRANSCRIPTS */
    queue_id last;                                 /* of the mail that was sent last */
    struct shaper *shaper;
    struct outbound_port25 *port25;
    struct group shaping;
    struct town_worker {
        struct town *town;
        struct schedule *schedule;
        struct outbound *outbound;
        struct event_sink sink;
        int delivered; /* by this one */
    } each[TOWN_WORKERS_MAX];
    struct buf egresses; /* one line for each delivery: "out1 192.0.2.10" */
    struct buf events;   /* one line each: "delivered b@x 250 2.0.0 mx1 …" */
    struct arena *arena;
    const char *reports; /* folder, in the real file system, of TLS reports; NULL: none */
    struct outbound_tlsrpt *tls_reports;
    struct group fibers, reporting;
};

/* Run body in the simulation, with everything running. */
void town_run(struct town *);

struct town_mail {
    const char *from, *to; /* "a@x.example"; "b@y.example c@y.example" */
    const char *trace;     /* the fields that the way in adds; NULL: Received */
    const char *content;
    enum envelope_origin origin;
    enum envelope_body declared;
    uint8_t found, notify;
    bool requiretls, tls_optional;
};
/* The power goes; what was synced is found again and everything runs anew. Hosts are not touched.
 */
void town_crash(struct town *);
void town_stop(struct town *, int64_t grace_ms); /* every way out; nothing starts again */
void town_send(struct town *, const struct town_mail *);
void town_wait(struct town *, int64_t ms);
size_t town_count(struct town *, const char *event_prefix);
uint64_t town_messages(struct town *); /* in the queue */
void town_check_event(struct town *, const char *line_part);
