/* events/event.h -- what happened, as data: one event, one line of JSON
 *
 * An event is a plain struct whose texts belong to the caller and are read at once. There is no
 * field for a command or an input line, so no password can get in by accident. Other people's
 * texts are escaped and cut: a line is always one line of valid JSON.
 */
#pragma once
#include "base/buf.h"

enum {
    EVENT_TEXT_BYTES_MAX = 512,       /* of one text; what is more is cut and ends in "…" */
    EVENT_LINE_BYTES_MAX = 160 << 10, /* all texts at their longest, each byte escaped */
};

enum event_kind {
    EVENT_STARTED,
    EVENT_STOPPED,
    EVENT_CONFIG_RELOADED,
    EVENT_CONFIG_REFUSED,
    EVENT_CONNECTED,
    EVENT_DISCONNECTED,
    EVENT_TLS,
    EVENT_TLS_FAILED,
    EVENT_LOGIN_OK,
    EVENT_LOGIN_FAILED,
    EVENT_ACCEPTED,
    EVENT_REPEATED,
    EVENT_PRIORITY_CUT,
    EVENT_JUDGED,
    EVENT_REFUSED,
    EVENT_EARLY_DATA,
    EVENT_ATTEMPT,
    EVENT_TLS_SESSION,
    EVENT_DELIVERED,
    EVENT_DEFERRED,
    EVENT_BOUNCED,
    EVENT_EXPIRED,
    EVENT_DELAYED,
    EVENT_SUPPRESSED,
    EVENT_BOUNCE_RECEIVED,
    EVENT_COMPLAINT_RECEIVED,
    EVENT_UNSUBSCRIBE_RECEIVED,
    EVENT_AUTO_REPLY,
    EVENT_FEEDBACK_IGNORED,
    EVENT_SUPPRESSION_ADDED,
    EVENT_BACKSCATTER,
    EVENT_DSN_SENT,
    EVENT_DSN_DROPPED,
    EVENT_REPORT_SENT,
    EVENT_REPORT_WRITTEN,
    EVENT_REPORT_DROPPED,
    EVENT_HOLD,
    EVENT_RELEASE,
    EVENT_REMOVED,
    EVENT_QUARANTINED,
    EVENT_QUEUE_STOPPED,
    EVENT_QUEUE_RESUMED,
    EVENT_PORT25_BLOCKED,
    EVENT_PORT25_OPEN,
    EVENT_FROM_DIFFERS,
    EVENT_DNS_STRIPPED,
    EVENT_ROTATION_LATE,
    EVENT_CERTIFICATE_LATE,
    EVENT_EGRESS_OUT,
    EVENT_EGRESS_IN,
    EVENT_EGRESS_ALERT,
    EVENT_SHAPING_SLOWER,
    EVENT_SHAPING_FASTER,
    EVENT_SHAPING_FEWER,
    EVENT_SHAPING_MORE,
    EVENT_SHAPING_PAUSED,
    EVENT_SHAPING_PROBING,
    EVENT_SHAPING_RESUMED,
    EVENT_LOGIN_PAUSED,
    EVENT_LOGIN_RESUMED,
    EVENT_QUOTA_NEAR,
    EVENT_QUOTA_FULL,
    EVENT_WARMUP_DAY,
    EVENT_WARMUP_BACK,
    EVENT_WARMUP_DONE,
    EVENTS_DROPPED,
    EVENT_KINDS
};

/* Why a login failed; 0: it did not. */
enum event_login_failure {
    LOGIN_FAILURE_NONE,
    LOGIN_FAILURE_NO_TLS,
    LOGIN_FAILURE_MECHANISM_OFF,
    LOGIN_FAILURE_UNKNOWN_USER,
    LOGIN_FAILURE_WRONG_PASSWORD,
    LOGIN_FAILURE_DISABLED,
    LOGIN_FAILURE_THROTTLED,
    LOGIN_FAILURE_BACKEND_DOWN,
    LOGIN_FAILURE_MALFORMED,
    LOGIN_FAILURE_CANCELED,
    EVENT_LOGIN_FAILURES
};

/* Empty texts and zero numbers are left out of the line. */
struct event {
    enum event_kind kind;
    enum event_login_failure login_failure;
    int64_t time_ms; /* real time */
    str queue_id, message_id, sender, recipient, destination;
    str role, peer, helo, login, mechanism; /* login: the account as it was given */
    str tls_version, tls_cipher;
    str remote_host, remote_ip;
    str site;                     /* a provider as shaping sees it */
    str egress, local_ip;         /* by which of our addresses */
    int64_t code;                 /* SMTP reply, 200 to 599 */
    str enhanced, text;           /* of the reply, by us or by the remote server */
    str status;                   /* "5.1.1", for the recipient */
    str reason;                   /* in our own words */
    str class, hardness, advice;  /* what it means: outcome/reply.h */
    str tenant, stream, campaign; /* whose mail it is: envelope_flow */
    str tls_policy, tls_result;   /* of a session: tlspolicy/report.h, tlspolicy/result.h */
    str spf, dkim, dmarc, arc;    /* results: "pass" */
    str disposition;              /* what became of it: "none", "quarantine", "reject", "defer" */
    int64_t size, count, delay_ms, attempt;
    int64_t priority;    /* -9 to 9 */
    int64_t next_due_ms; /* real time */
};

/* The seam: who wants to know what happened. */
struct event_sink {
    void (*emit)(void *arg, const struct event *);
    void *arg;
};

/* Tell the sink; a NULL sink wants nothing. time_ms is set to now when it is 0. Never waits. */
void event_emit(const struct event_sink *, const struct event *);

/* Append one line and '\n'. */
must_use err event_to_json(const struct event *, struct buf *out);

/* The text as a JSON string with its quotes, cut and escaped as in a line: for comparing. */
must_use err event_json_text(str text, struct buf *out);

str event_kind_name(enum event_kind); /* "accepted" */
