/* cli/metrics.h -- figures of a running server as a file, for Prometheus
 *
 * Every 15 seconds the file is written as a whole, in the text format that Prometheus reads; its
 * node_exporter picks it up (textfile collector). Nothing listens, so nothing more is to be
 * guarded.
 */
#pragma once
#include "events/event.h"
#include "outbound/port25.h"
#include "queue/queue.h"
#include "shaping/shaper.h"
#include <stdatomic.h>

enum {
    CLI_METRICS_EVERY_MS = 15 * 1000,
    CLI_METRICS_WAYS_MAX = 2000, /* lanes and meters of the shaper; more are left out */
    CLI_METRICS_BYTES_MAX = 16 << 20,
};

/* All of it must outlive the fiber. */
struct cli_metrics {
    const char *file;
    struct queue *queue;
    struct shaper *shaper;
    struct outbound_port25 *port25;
    atomic_ullong events[EVENT_KINDS]; /* since the start */
};

void cli_metrics_note(struct cli_metrics *, enum event_kind); /* any thread */
/* The whole file. */
must_use err cli_metrics_write(struct cli_metrics *, struct buf *out);
/* A fiber's whole life, one in a server: until it is canceled. */
void cli_metrics_run(void *metrics);
