/* smtp/capabilities.h -- what a server offers in its answer to EHLO (RFC 5321 section 4.1.1.1)
 *
 * Unknown keywords are skipped, and a parameter that makes no sense counts as absent: a server is
 * not dropped for what it offers badly.
 */
#pragma once
#include "smtp/reply.h"

/* Mechanisms as bits, for those this program can speak or wants to name. */
enum smtp_auth_mechanism {
    SMTP_AUTH_PLAIN = 1,
    SMTP_AUTH_LOGIN = 2,
    SMTP_AUTH_CRAM_MD5 = 4,
    SMTP_AUTH_SCRAM_SHA_1 = 8,
    SMTP_AUTH_SCRAM_SHA_1_PLUS = 16,
    SMTP_AUTH_SCRAM_SHA_256 = 32,
    SMTP_AUTH_SCRAM_SHA_256_PLUS = 64,
    SMTP_AUTH_OAUTHBEARER = 128,
    SMTP_AUTH_XOAUTH2 = 256,
    SMTP_AUTH_EXTERNAL = 512,
};

struct smtp_capabilities {
    bool pipelining, size, eight_bit_mime, binary_mime, chunking, smtputf8, enhanced_codes, dsn,
        starttls, requiretls, mt_priority, deliver_by, future_release, once, etrn;
    uint64_t size_max;         /* 0: no limit is told */
    uint64_t by_seconds_min;   /* DELIVERBY (RFC 2852), for BY=…;R; 0: not told */
    uint64_t hold_seconds_max; /* FUTURERELEASE (RFC 4865); 0: not told */
    unsigned auth;             /* enum smtp_auth_mechanism bits */
    str auth_names;            /* all mechanisms as offered, one blank between two */
    uint64_t rcpt_max;         /* LIMITS (RFC 9422): recipients of a mail; 0: not told */
    uint64_t mail_max;         /* mails of a connection */
    uint64_t rcpt_domain_max;  /* different recipient domains of a mail */
    str greeting;              /* the first line: the server's own name comes first */
};

/* From a 250 to EHLO or LHLO. Texts live in the arena. */
struct smtp_capabilities smtp_capabilities_parse(const struct smtp_reply *, struct arena *);
