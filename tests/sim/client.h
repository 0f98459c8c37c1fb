/* tests/sim/client.h -- those who write to our server
 *
 * Some are our own smtp/client.h, some a script: pipelined or not, DATA or BDAT, in small pieces,
 * slowly, and going away in the middle or before the reply.
 */
#pragma once
#include "tests/sim/stage.h"

/* A fiber's whole life: struct sim_client, freed by it. */
struct sim_client {
    struct sim_stage *stage;
    int number;
};
void sim_client_run(void *client);
/* Logins are believed, and may use every sender. */
const struct keeper *sim_client_keeper(void);
