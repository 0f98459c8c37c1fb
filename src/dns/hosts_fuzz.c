/* Any text as /etc/hosts: lines that make no sense are skipped, and what is found is bounded. */
#include "dns/hosts.h"
#include "dns/name.h"
#include "tests/fuzz.h"

static void ask(const struct dns_hosts *hosts, str word)
{
    char name[DNS_NAME_CHARS];
    if (!dns_name_canonical(word, name))
        return;
    const struct dns_hosts_entry *entry = dns_hosts_find(hosts, str_of(name));
    if (entry == NULL)
        return;
    ASSERT(str_eq(entry->name, str_of(name)));
    ASSERT(entry->count > 0 && entry->count <= DNS_HOSTS_ADDRESSES_MAX);
    for (size_t i = 0; i < entry->count; i++)
        ASSERT(entry->addresses[i].family == ADDRESS_IP4 ||
               entry->addresses[i].family == ADDRESS_IP6);
}

FUZZ(input, arena)
{
    (void)arena;
    struct dns_hosts *hosts = dns_hosts_parse(input);
    ask(hosts, S("localhost"));
    str rest = input, word;
    for (int i = 0; i < 50 && rest.len > 0; i++) {
        str_split(rest, i % 2 ? '\n' : ' ', &word, &rest);
        ask(hosts, str_trim(word));
    }
    dns_hosts_close(hosts);
}
