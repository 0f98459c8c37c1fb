/* dns/zone.h -- a DNS made of a text file, for tests and for `--dns-zone FILE`
 *
 * The lines of a master file (RFC 1035 section 5), as far as one needs them by hand:
 *
 *     $ORIGIN example.net.                 names without a dot at the end go under it
 *     $SECURE example.org                  that name and all below are DNSSEC-secure
 *     @          MX    10 mx1              TTL and IN may stand before the type
 *     mx1        A     192.0.2.1           a line may begin with a blank: the same name again
 *     *          TXT   "any" "thing"       segments are joined; \" \\ and \DDD
 *     _25._tcp.mx1  TLSA  3 1 1 0123ab..   hex, may be in several parts
 *     www        CNAME mx1 ; secure        this record is DNSSEC-secure
 *     @          SOA   ns1 ops 1 2 3 4 300 on one line; "there is none" is good for 300 s then
 *     slow       FAIL  timeout             or servfail, or bogus: each question for that name
 *
 * The origin is the root until it was set. A name with names below it exists (NODATA, not
 * NXDOMAIN); a wildcard answers where nothing nearer exists (RFC 4592). Answers come at once and
 * in the order of the file; "timeout" comes at the asker's deadline.
 */
#pragma once
#include "dns/transport.h"

enum {
    DNS_ZONE_BYTES_MAX = 4 << 20,
    DNS_ZONE_LINE_FIELDS_MAX = 64,
};

struct dns_zone;

/* The source (a file's name) stands in errors: ERR_CONFIG "zone.txt:3: ...". Copies what it
 * needs. */
must_use err dns_zone_parse(str text, const char *source, struct dns_zone **ret_zone);
must_use err dns_zone_read(const char *path, struct dns_zone **ret_zone); /* blocks: at start */
void dns_zone_close(struct dns_zone *);                                   /* accepts NULL */

/* Belongs to the zone; closing it closes the zone. Any number of threads may ask. */
struct dns_transport *dns_zone_transport(struct dns_zone *);
/* Without a transport: what the zone says. The name is canonical. */
struct dns_answer dns_zone_answer(struct dns_zone *, str name, enum dns_type, struct arena *);
/* How many questions it was asked so far: tests hold budgets to it. */
uint64_t dns_zone_questions(const struct dns_zone *);
