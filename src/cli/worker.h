/* cli/worker.h -- one worker of a running server: its loop, listeners, sessions and deliveries */
#pragma once
#include "cli/service_parts.h"

/* Runs until told to stop; tells service->reports when it has started and when it has ended. On a
 * thread it makes a loop of its own; in the simulation it uses the one there is. */
void worker_run(void *worker);
