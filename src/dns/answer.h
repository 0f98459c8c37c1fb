/* dns/answer.h -- what the DNS said to one question
 *
 * "There is none", "there is no such name" and "could not be found out" are three different
 * answers; all of them are data. Whether an answer can be trusted stands beside it.
 */
#pragma once
#include "dns/record.h"

enum dns_status {
    DNS_OK,       /* there are records */
    DNS_NODATA,   /* the name is there, such records are not */
    DNS_NXDOMAIN, /* there is no such name */
    DNS_SERVFAIL, /* a server failed or refused, or its answer made no sense */
    DNS_TIMEOUT,  /* no answer in time */
    DNS_BOGUS,    /* the answer failed DNSSEC validation: as good as none */
};

enum dns_security {
    DNS_SECURE,        /* validated */
    DNS_INSECURE,      /* proven to be unsigned */
    DNS_INDETERMINATE, /* nobody validated */
    DNS_FORGED,        /* validation failed; the status is DNS_BOGUS */
};

enum {
    DNS_ANSWER_RECORDS_MAX = 512,
    DNS_ANSWER_PACKET_RECORDS_MAX = 2048, /* those that are not asked for, too */
    DNS_ANSWER_TEXT_BYTES_MAX = 80
                                << 10, /* of names and texts; a compressed packet can hold more */
    DNS_ANSWER_BYTES_MAX = 192 << 10,  /* of an arena, for one answer */
    DNS_ANSWER_ALIASES_MAX = 12,       /* CNAMEs in a row */
};

struct dns_answer {
    enum dns_status status;
    enum dns_security security;
    uint32_t ttl;  /* seconds; the smallest on the way */
    str canonical; /* the name at the end of all CNAMEs */
    struct dns_record *records;
    size_t count; /* > 0 if and only if the status is DNS_OK */
};

const char *dns_answer_status_name(enum dns_status);     /* "no such name" */
const char *dns_answer_security_name(enum dns_security); /* "secure" */

/* Read a reply packet to the question (name, type); security is the caller's to set. ERR_PROTOCOL:
 * not a reply to that. ERR_LIMIT: above the maxima. */
must_use err dns_answer_parse(str packet, str name, enum dns_type, struct arena *,
                              struct dns_answer *ret_answer);

struct dns_answer dns_answer_copy(const struct dns_answer *, struct arena *);
/* One without records. */
struct dns_answer dns_answer_none(enum dns_status, enum dns_security);
/* The one of two that promises less. */
enum dns_security dns_answer_weaker(enum dns_security, enum dns_security);
