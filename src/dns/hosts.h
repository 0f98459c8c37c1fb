/* dns/hosts.h -- the machine's own list of names, /etc/hosts
 *
 * Operators expect it to hold for the hosts that they name in routes. It never holds for domains
 * and hosts that come from mail: those are the DNS's alone.
 */
#pragma once
#include "runtime/address.h"

enum {
    DNS_HOSTS_BYTES_MAX = 1 << 20, /* what lies behind it in the file is not read */
    DNS_HOSTS_NAMES_MAX = 10000,
    DNS_HOSTS_ADDRESSES_MAX = 8, /* of one name */
};

struct dns_hosts;

struct dns_hosts_entry {
    str name;
    struct address addresses[DNS_HOSTS_ADDRESSES_MAX];
    size_t count;
};

/* Lines that make no sense are skipped, as every resolver does. */
struct dns_hosts *dns_hosts_parse(str text);
/* A file that cannot be read is an empty list. Blocks: for use at start. */
struct dns_hosts *dns_hosts_read(const char *path);
void dns_hosts_close(struct dns_hosts *); /* accepts NULL */

/* NULL: not there. The name is canonical. */
const struct dns_hosts_entry *dns_hosts_find(const struct dns_hosts *, str name);
