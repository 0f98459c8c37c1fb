/* cli/ask_dns.h -- the DNS for a command that asks it: the real one, or a file (--dns-zone FILE)
 *
 * With a file nothing leaves the machine and no configuration is read, so whatever a command says
 * can be said again.
 */
#pragma once
#include "cli/cli.h"
#include "dns/resolver.h"

/* The zone's path may be NULL: then the servers are those of the configuration. What is wrong is
 * told; returns what to exit with then, else CLI_OK. */
int cli_ask_dns_open(struct cli *, const char *zone, struct dns_resolver **ret_resolver);

/* Run one fiber, and all that it starts, on a loop of its own. */
void cli_ask_dns_run(const char *name, void (*entry)(void *arg), void *arg);
