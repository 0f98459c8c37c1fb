/* cli/service_parts.h -- what service.c and worker.c share; nobody else's business */
#pragma once
#include "account/keeper_local.h"
#include "cli/admin.h"
#include "cli/metrics.h"
#include "cli/service.h"
#include "cli/state.h"
#include "dns/resolver.h"
#include "events/writer.h"
#include "feedback/feedback.h"
#include "feedback/strangers.h"
#include "inbound/certificate.h"
#include "inbound/inbound.h"
#include "inbound/listener.h"
#include "inbound/recipients.h"
#include "inbound/report.h"
#include "outbound/ask.h"
#include "outbound/crew.h"
#include "outbound/egress_watch.h"
#include "outbound/outbound.h"
#include "outbound/port25_look.h"
#include "outbound/tlsrpt.h"
#include "queue/schedule.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "shaping/keep.h"
#include "shaping/shaper.h"
#include "tlspolicy/sts.h"

enum {
    SERVICE_WORKERS_MAX = 64,
    SERVICE_LISTENERS_MAX = 64,
    SERVICE_REPORT_WORDS_BYTES = 400,
};

struct service;

/* A worker's word to the one who started or stops the service. */
struct service_report {
    struct chan_item item;
    bool failed;
    enum err_kind kind;
    int number;
    char words[SERVICE_REPORT_WORDS_BYTES];
};

enum worker_order {
    WORKER_GO_ON,
    WORKER_PREPARE, /* open what service->next listens on and we do not */
    WORKER_SWITCH,  /* listen there from now on */
    WORKER_ABANDON, /* no: forget what was prepared */
    WORKER_STOP,
};

struct worker_listener {
    struct inbound_listener inbound;
    struct address asked; /* as configured; the port may be 0 */
};

struct worker {
    struct service *service;
    int index;
    struct loop *loop;
    struct thread *thread;
    struct schedule *schedule;
    struct outbound *outbound;
    struct outbound_asker *asker;
    struct tlspolicy_sts *policies;  /* NULL: outbound.mta_sts is off */
    const struct config *begun_with; /* held: the asker's timeouts and name live in it */
    struct group accepting, sessions, administration;
    struct cli_admin *admin; /* of the first worker */
    struct worker_listener listeners[SERVICE_LISTENERS_MAX];
    struct worker_listener next[SERVICE_LISTENERS_MAX]; /* prepared */
    struct address addresses[SERVICE_LISTENERS_MAX];    /* where listeners really listen */
    size_t listener_count, next_count;
    struct gate orders;
    enum worker_order order;
    struct loop_note note;
    enum worker_order note_order;
    struct service_report report, ended; /* the collector may still read the one */
};

struct service {
    struct service_options options;
    pthread_mutex_t lock;
    const struct config *config; /* in force; under the lock */
    const struct config *next;   /* while a reload prepares it */
    struct cli_state state;
    struct queue *queue;
    struct keeper_local *keeper_local;
    const struct keeper *keeper;
    struct events_writer *writer;
    struct event_sink events;
    struct dns_resolver *resolver;
    struct tlspolicy_fetcher *web; /* NULL: no policies are fetched */
    struct tls_client *tls_client;
    struct inbound inbound;
    struct inbound_recipients *recipients;
    struct inbound_report *inbound_reports;
    struct outbound_tlsrpt *tls_reports;
    struct warmup *warmup;     /* what new egresses may send */
    struct shaping_keep *keep; /* NULL in the simulation: it has no SQLite */
    struct feedback *feedback;
    struct feedback_strangers *strangers;
    bool inbound_ready;
    struct chan *reports;
    struct outbound_transcript_store *transcripts;
    struct outbound_crew *crew; /* the workers' ways out */
    struct outbound_egress_health *egress_health;
    struct outbound_egress_watch egress_watch; /* the first worker's fiber */
    struct outbound_port25 *port25;
    struct outbound_port25_look port25_look; /* the first worker's fiber */
    struct shaper *shaper;
    struct cli_metrics metrics; /* the first worker's fiber, with metrics.file */
    char metrics_file[CLI_STATE_PATH_CHARS];
    struct worker *workers;
    int worker_count;
    int64_t grace_ms;
};

const struct config *service_config(void *service); /* held: config_close() it */
