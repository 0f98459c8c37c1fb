#include "outbound/port25_look.h"
#include "dns/host.h"
#include "dns/mx.h"
#include "outbound/egress.h"
#include "outbound/egress_connect.h"
#include "runtime/fiber.h"
#include "runtime/net.h"
#include <assert.h>
#include <errno.h>

/* Each is run by somebody else, in networks of its own. */
static const char *const sites[OUTBOUND_PORT25_LOOK_SITES] = {
    "gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net",
};
static_assert((int)OUTBOUND_PORT25_LOOK_SITES >= (int)OUTBOUND_PORT25_NETWORKS,
              "enough to be sure");

enum heard { HEARD_NOTHING_KNOWN, HEARD_ANSWER, HEARD_SILENCE };

struct asked {
    const struct outbound_port25_look *look;
    const struct config *config;
    str domain;
    struct address at;
    enum heard heard;
};

/* By which of our addresses its mail would go. False: it goes another way, or by somebody between
 * us and the world, whose port 25 says nothing about ours. */
static bool goes_from_here(const struct config *config, str domain,
                           const struct config_egress **ret_egress)
{
    struct outbound_route route;
    struct outbound_egress_choice choice;
    struct envelope_flow flow = {0};
    outbound_route_of(config, &(struct outbound_name){.where = domain}, &route);
    if (route.kind != OUTBOUND_ROUTE_MX)
        return false;
    struct outbound_egress_mail mail = {.route = &route, .flow = &flow, .key = domain};
    outbound_egress_choose(config, &mail, NULL, &choice);
    *ret_egress = choice.count ? choice.list[0].egress : NULL;
    return choice.count > 0 && choice.list[0].egress->via == NULL;
}

/* IPv4 first: it is what nearly every machine has, and what is blocked. */
static bool choose_address(const struct dns_host *host, const struct config_egress *egress,
                           struct address *ret_address)
{
    bool found = false;
    for (size_t i = 0; i < host->count; i++) {
        const struct address *a = &host->addresses[i];
        bool better = !found || (a->family == ADDRESS_IP4 && ret_address->family != ADDRESS_IP4);
        if (better && outbound_egress_reaches(egress, a)) {
            *ret_address = *a;
            found = true;
        }
    }
    return found;
}

/* *ret_found stays false where the DNS has no address that we can reach. */
static err find_address(const struct asked *a, const struct config_egress *egress,
                        struct arena *arena, struct address *ret_address, bool *ret_found)
{
    struct dns_resolver *resolver = a->look->resolver;
    deadline until = deadline_after(OUTBOUND_PORT25_LOOK_DNS_MS);
    struct dns_budget budget;
    struct dns_mx mx;
    struct dns_host host;
    dns_budget_init(&budget, OUTBOUND_PORT25_LOOK_QUESTIONS, OUTBOUND_PORT25_LOOK_DNS_MS);
    TRY(dns_mx_hosts(resolver, &budget, a->domain, arena, &mx, until));
    if (mx.status != DNS_OK || mx.count == 0)
        return NULL;
    TRY(dns_host_addresses(resolver, &budget, mx.hosts[0].name, DNS_HOST_OF_MX, arena, &host,
                           until));
    *ret_found = host.status == DNS_OK && choose_address(&host, egress, ret_address);
    ret_address->port = a->look->mx_port ? a->look->mx_port : 25;
    return NULL;
}

/* No SMTP: who answers has said all that we want to know. */
static enum heard listen_to(const struct asked *a, const struct config_egress *egress)
{
    struct outbound_egress_connected c = {0};
    enum outbound_egress_fault fault = EGRESS_FAULT_THEIRS;
    err e = outbound_egress_connect(egress, &a->at, NULL, &c, &fault,
                                    deadline_after(OUTBOUND_PORT25_LOOK_CONNECT_MS));
    net_close(c.conn);
    if (e == NULL || err_number(e) == ECONNREFUSED)
        return HEARD_ANSWER;
    return fault == EGRESS_FAULT_THEIRS && e->kind == ERR_TIMEOUT ? HEARD_SILENCE
                                                                  : HEARD_NOTHING_KNOWN;
}

static void ask_site(void *arg)
{
    struct asked *a = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTBOUND_PORT25_LOOK_BYTES_MAX);
    const struct config_egress *egress = NULL;
    bool found = false;
    if (!goes_from_here(a->config, a->domain, &egress))
        return;
    err e = find_address(a, egress, arena, &a->at, &found);
    if (e == NULL && found && !address_is_private(&a->at))
        a->heard = listen_to(a, egress);
    err_forget();
}

/* One answer, and it is open; silence counts only where there was none. */
static void conclude(const struct outbound_port25_look *look, const struct asked *all)
{
    const struct asked *answered = NULL;
    for (size_t i = 0; i < OUTBOUND_PORT25_LOOK_SITES; i++)
        if (all[i].heard == HEARD_ANSWER)
            answered = &all[i];
    if (answered)
        outbound_port25_answered(look->port25, &answered->at);
    for (size_t i = 0; i < OUTBOUND_PORT25_LOOK_SITES && answered == NULL; i++)
        if (all[i].heard == HEARD_SILENCE)
            outbound_port25_silent(look->port25, &all[i].at);
}

void outbound_port25_look_run(void *arg)
{
    const struct outbound_port25_look *look = arg;
    struct asked all[OUTBOUND_PORT25_LOOK_SITES] = {0};
    struct group asking;
    const struct config *config = look->config(look->config_arg);
    group_init(&asking);
    for (size_t i = 0; i < OUTBOUND_PORT25_LOOK_SITES && config->outbound.port_25_test; i++) {
        all[i] = (struct asked){.look = look, .config = config, .domain = str_of(sites[i])};
        fiber_spawn(&asking, "port 25 of one site", ask_site, &all[i]);
    }
    err e = group_wait(&asking, DEADLINE_NEVER);
    group_close(&asking);
    config_close(config);
    if (e == NULL)
        conclude(look, all);
}
