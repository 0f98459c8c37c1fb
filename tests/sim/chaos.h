/* tests/sim/chaos.h -- what goes wrong, and when
 *
 * While a run is not calm, fault after fault is drawn by the plan's weights: power cuts and kills
 * at some operation of the disk, disk errors, a full disk, stalls and resets of the network, moods
 * of remote servers, names that are not found, a date that jumps.
 */
#pragma once
#include "tests/sim/stage.h"

void sim_chaos_cut_power_on(struct sim_stage *); /* watch this disk for the moment of a crash */
void sim_chaos_begin(struct sim_stage *);        /* the network as the plan has it */
/* One fault, drawn; some end by themselves after a while. False: our server is to stop and start.
 */
bool sim_chaos_step(struct sim_stage *);
/* Everything works from here on. */
void sim_chaos_end(struct sim_stage *);
