/* outbound/connect.h -- a connection that is ready for mail
 *
 * Connect, greeting, EHLO, STARTTLS, EHLO, login: what the host's policy asks for, or no
 * connection. Nothing is sent before it: where TLS is required, or a login is ours to protect, a
 * host that offers no TLS is a failed host. Opportunistic TLS that fails is tried without, once.
 */
#pragma once
#include "account/keeper.h"
#include "outbound/host.h"
#include "outbound/port25.h"
#include "outbound/privacy.h"
#include "outbound/transcript.h"

struct shaper;

/* What all connections of a worker share. All of it must outlive the call. */
struct outbound_connect_options {
    str hello;
    const struct config_timeouts *timeouts;
    struct tls_client *tls;
    const struct keeper *keeper;           /* NULL: no secrets can be had */
    struct shaper *shaper;                 /* whose logins are shut; NULL: nobody knows */
    struct outbound_port25 *port25;        /* NULL: nobody keeps account */
    struct outbound_transcript_book *book; /* NULL: nobody wants to know what was said */
    /* What was seen of TLS in the last opening is put here; NULL: nobody asks. */
    struct outbound_privacy_seen *seen;
};

struct shaper_lane;
struct outbound_connection {
    struct list node; /* while idle, in the pool */
    struct arena *arena;
    struct smtp_client client;
    str key;                  /* what it may be used for: see pool.h */
    struct shaper_lane *lane; /* whose connection it is; NULL: nobody counts it */
    int messages_max;         /* of the lane; 0: no limit */
    str host;                 /* as outbound_host.name */
    int hop;                  /* as outbound_host.hop: what shares a key has the same hops */
    str policy;               /* what held when it was made: as outbound_host.policy */
    str ip;
    str egress;   /* its name, or empty */
    str local_ip; /* what the host sees of us, as far as we know; or empty */
    bool tls_active, tls_verified;
    bool requiretls; /* made for mail that demands it: what cannot be handed on so is refused */
    str tls_version, tls_cipher;
    bool lost; /* an err ended the conversation: nothing more may be said */
    bool used; /* it has lain in the pool: the other side may have left meanwhile */
    deadline idle_until;
    int questions; /* see ask.h */
    struct outbound_transcript transcript;
};

/* One connection to that host. NULL in *ret_connection: *ret_verdict tells why (its texts live in
 * the arena): NEXT_HOST, DEFER, PAUSE_ROUTE, or FAIL: the host cannot carry what the mail demands,
 * and perhaps another can. ERR_CANCELED. Each step has
 * its time from the options' timeouts, all together end at the deadline. */
must_use err outbound_connect_open(const struct outbound_connect_options *,
                                   const struct outbound_host *, struct arena *,
                                   struct outbound_connection **ret_connection,
                                   struct outbound_verdict *ret_verdict, deadline until);
void outbound_connect_close(struct outbound_connection *); /* at once; accepts NULL */
void outbound_connect_quit(struct outbound_connection *);  /* QUIT first; accepts NULL */
