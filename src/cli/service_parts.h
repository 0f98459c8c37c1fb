/* cli/service_parts.h -- what service.c and worker.c share; nobody else's business */
#pragma once
#include "account/keeper_local.h"
#include "cli/admin.h"
#include "cli/service.h"
#include "cli/state.h"
#include "dns/resolver.h"
#include "events/writer.h"
#include "inbound/inbound.h"
#include "inbound/listener.h"
#include "inbound/recipients.h"
#include "outbound/ask.h"
#include "outbound/outbound.h"
#include "queue/schedule.h"
#include "runtime/loop.h"
#include "runtime/thread.h"

enum {
    SERVICE_WORKERS_MAX = 64,
    SERVICE_LISTENERS_MAX = 64,
    SERVICE_REPORT_TEXT_BYTES = 400,
};

struct service;

/* A worker's word to the one who started or stops the service. */
struct service_report {
    struct chan_item item;
    bool failed;
    enum err_kind kind;
    int number;
    char text[SERVICE_REPORT_TEXT_BYTES];
};

enum worker_order { WORKER_GO_ON, WORKER_RELISTEN, WORKER_STOP };

struct worker {
    struct service *service;
    int index;
    struct loop *loop;
    struct thread *thread;
    struct schedule *schedule;
    struct outbound *outbound;
    struct outbound_asker *asker;
    const struct config *begun_with; /* held: the asker's timeouts and name live in it */
    struct group accepting, sessions, administration;
    struct cli_admin *admin; /* of the first worker */
    struct inbound_listener listeners[SERVICE_LISTENERS_MAX];
    struct address addresses[SERVICE_LISTENERS_MAX];
    size_t listener_count;
    struct gate orders;
    enum worker_order order;
    struct loop_note note;
    enum worker_order note_order;
    struct service_report report;
};

struct service {
    struct service_options options;
    pthread_mutex_t lock;
    const struct config *config; /* in force; under the lock */
    struct cli_state state;
    struct queue *queue;
    struct keeper_local *keeper_local;
    const struct keeper *keeper;
    struct events_writer *writer;
    struct event_sink events;
    struct dns_resolver *resolver;
    struct tls_client *tls_client;
    struct inbound inbound;
    struct inbound_recipients *recipients;
    bool inbound_ready;
    struct chan *reports;
    struct worker *workers;
    int worker_count;
    int64_t grace_ms;
};

const struct config *service_config(void *service); /* held: config_close() it */
