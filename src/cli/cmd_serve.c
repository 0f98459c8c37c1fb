#include "base/log.h"
#include "cli/commands.h"
#include "cli/service.h"
#include "dns/zone.h"
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

enum { SERVE_GRACE_MS = 30 * 1000 };

const char cmd_serve_help[] =
    "usage: smtptool serve [options]\n"
    "\n"
    "Runs the server: submission, relay and inbound MX with a durable queue. Without a\n"
    "configuration it listens on loopback only (submission 2525, relay 2526), makes itself a\n"
    "certificate, and keeps mail for elsewhere until a route says where it may go.\n"
    "\n"
    "  -C, --config FILE   the configuration (see `smtptool config --help`)\n"
    "      --dns-zone FILE answer DNS questions from this file instead of the network\n"
    "  -v                  say more on stderr\n"
    "\n"
    "SIGHUP reads the configuration again; a broken one leaves the old one in force.\n"
    "SIGTERM and SIGINT stop: no new mail is taken, what is under way may end.\n"
    "\n"
    "examples:\n"
    "  smtptool serve\n"
    "  smtptool serve -C /etc/smtptool/smtptool.yaml\n";

/* As many descriptors as the system lets us have: one for each connection. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void reload(struct cli *cli, struct service *service)
{
    const struct config *fresh = cli_config(cli);
    if (fresh == NULL) {
        log_error("the configuration was not reloaded: the old one stays in force");
        return;
    }
    err e = service_reload(service, fresh);
    if (e)
        log_err(e, "the configuration was not reloaded");
    else
        log_info("configuration reloaded");
    config_close(fresh);
    err_forget();
}

static void obey_signals(struct cli *cli, struct service *service, const sigset_t *signals)
{
    int number;
    while (sigwait(signals, &number) == 0) {
        if (number != SIGHUP) {
            log_info("stopping");
            return;
        }
        reload(cli, service);
    }
}

static err open_zone(const char *path, struct dns_transport **ret_transport)
{
    struct dns_zone *zone;
    if (path == NULL)
        return NULL;
    TRY(dns_zone_read(path, &zone));
    *ret_transport = dns_zone_transport(zone);
    return NULL;
}

static int serve(struct cli *cli, const struct config *config, const char *zone)
{
    struct service_options options = {.config = config};
    struct service *service;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    raise_descriptor_limit();
    err e = open_zone(zone, &options.dns);
    if (e == NULL)
        e = service_start(&options, &service);
    if (e) {
        cli_fail_err(e, "cannot start");
        return e->kind == ERR_CONFIG ? CLI_CONFIG : CLI_UNAVAILABLE;
    }
    log_info("smtptool " SMTPTOOL_VERSION " is up as %.*s, state in %.*s",
             STR_ARG(config->hostname), STR_ARG(config->state));
    obey_signals(cli, service, &signals);
    service_stop(service, SERVE_GRACE_MS);
    return CLI_OK;
}

int cmd_serve(struct cli *cli, int argc, char **argv)
{
    const char *zone = NULL;
    struct cli_option options[] = {
        {.name = "dns-zone", .value = &zone}
    };
    const struct cli_command self = {"serve", cmd_serve, "run the server", cmd_serve_help};
    int status;
    int first = cli_parse(cli, &self, options, ARRAY_LEN(options), argc, argv, &status);
    if (first < 0)
        return status;
    if (first < argc) {
        cli_fail("serve takes no operands: \"%s\"", argv[first]);
        return CLI_USAGE;
    }
    log_set_level(cli->verbose ? LOG_LEVEL_DEBUG : cli->quiet ? LOG_LEVEL_WARN : LOG_LEVEL_INFO);
    const struct config *config = cli_config(cli);
    if (config == NULL)
        return CLI_CONFIG;
    status = serve(cli, config, zone);
    config_close(config);
    return status;
}
