/* tests/sim/names.h -- the resolver of a simulated world: the zone's answers, late or not at all */
#pragma once
#include "dns/zone.h"

/* While troubled, questions fail, take their time or are never answered. */
void sim_names_trouble(bool troubled);
/* For struct world_options: the zone is taken over. */
struct dns_transport *sim_names_transport(void *arg, struct dns_zone *);
