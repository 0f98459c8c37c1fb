/* inbound/session.h -- one client of ours: what stands behind its SMTP (the smtp_backend)
 *
 * Decides with the rules of relay.h, keeps what MAIL and RCPT said as an envelope, feeds the
 * content to intake.h and hands the message to the queue. Lives on its fiber.
 */
#pragma once
#include "inbound/inbound.h"
#include "inbound/intake.h"
#include "inbound/once.h"
#include "inbound/relay.h"
#include "inbound/verdict.h"

enum { INBOUND_SESSION_PEER_CHARS = 48 };

struct inbound_session {
    struct smtp_session smtp;
    struct inbound *in;
    struct inbound_view *view; /* held */
    const struct config_listener *listener;
    struct inbound_relay_peer peer;
    char peer_ip[INBOUND_SESSION_PEER_CHARS];
    str *senders; /* what the login may use; in smtp.arena */
    size_t sender_count;
    int unknown_recipients;
    bool returning; /* this mail goes to a return path, or to who hears complaints */
    bool by_path;   /* likewise: to `path` */
    struct feedback_path path;

    str tenant;               /* of the mail, as far as the client cannot choose it */
    struct envelope envelope; /* of the mail; texts in smtp.mail_arena */
    size_t rcpt_cap;
    enum config_judging judging;
    struct inbound_intake *intake;
    const struct mailauth_judgement *judgement; /* NULL: none (yet); lives as long as the intake */
    enum inbound_verdict verdict;               /* on it */
    struct inbound_once once;
    bool counted; /* in the limits */
    bool tls_told;
};

/* Serve a connection to its end. The connection is taken over and closed. listener is an index in
 * the view's configuration; the view is held. */
void inbound_session_run(struct inbound *, struct inbound_view *, struct net_conn *,
                         size_t listener);

/* What an event of this session has in common. */
struct event inbound_session_event(const struct inbound_session *, enum event_kind,
                                   struct tls_facts *ret_facts);
bool inbound_session_may_use(void *session, str address);
