#include "cli/ask_dns.h"
#include "base/mem.h"
#include "dns/unbound.h"
#include "dns/zone.h"

static err open_unbound(const struct config_dns *d, struct address *list,
                        struct dns_transport **ret_transport)
{
    struct dns_unbound_options o = {
        .servers = d->servers == DNS_ROOT   ? DNS_UNBOUND_ROOT
                   : d->servers == DNS_LIST ? DNS_UNBOUND_LIST
                                            : DNS_UNBOUND_SYSTEM,
        .list = list,
        .validate = d->validate == DNS_VALIDATE_YES  ? DNS_UNBOUND_YES
                    : d->validate == DNS_VALIDATE_NO ? DNS_UNBOUND_NO
                                                     : DNS_UNBOUND_AUTO,
    };
    for (; o.list_count < d->list_count && o.list_count < DNS_UNBOUND_SERVERS_MAX; o.list_count++)
        TRY(address_parse(d->list[o.list_count], 53, &list[o.list_count]));
    return dns_unbound_open(&o, ret_transport);
}

static int fail(err e)
{
    cli_fail_err(e, "the DNS");
    return e->kind == ERR_CONFIG ? CLI_CONFIG : cli_exit_of(e);
}

int cli_ask_dns_open(struct cli *cli, const char *zone_path, struct dns_resolver **ret_resolver)
{
    struct dns_transport *transport = NULL;
    struct dns_zone *zone;
    err e = NULL;
    if (zone_path) {
        e = dns_zone_read(zone_path, &zone);
        transport = e ? NULL : dns_zone_transport(zone);
    } else {
        const struct config *config = cli_config(cli);
        if (config == NULL)
            return CLI_CONFIG;
        struct address *list = mem_alloc(DNS_UNBOUND_SERVERS_MAX * sizeof *list);
        e = open_unbound(&config->dns, list, &transport);
        mem_free(list);
        config_close(config);
    }
    if (e)
        return fail(e);
    *ret_resolver = dns_resolver_open(transport, NULL);
    return CLI_OK;
}

void cli_ask_dns_run(const char *name, void (*entry)(void *arg), void *arg)
{
    struct loop *loop = loop_open(NULL);
    loop_run(loop, name, entry, arg);
    loop_close(loop);
}
