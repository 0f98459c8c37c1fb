#include "cli/metrics.h"
#include "base/log.h"
#include "runtime/fiber.h"
#include "runtime/file.h"
#include "runtime/file_job.h"

/* ---- the text ----------------------------------------------------------------------------- */

void cli_metrics_note(struct cli_metrics *m, enum event_kind kind)
{
    atomic_fetch_add_explicit(&m->events[kind], 1, memory_order_relaxed);
}

static err add_gauge(const char *name, const char *help, uint64_t value, struct buf *out)
{
    return buf_addf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name,
                    (unsigned long long)value);
}

static err add_queue(struct cli_metrics *m, struct buf *out)
{
    struct queue_stats q;
    queue_stats(m->queue, &q);
    TRY(add_gauge("smtptool_queue_messages", "Messages that wait.", q.messages, out));
    TRY(add_gauge("smtptool_queue_deliveries", "Deliveries that wait: one for each destination.",
                  q.deliveries, out));
    TRY(add_gauge("smtptool_queue_held", "Of them, held by the operator.", q.held, out));
    TRY(add_gauge("smtptool_queue_bytes", "Of all that waits.", q.bytes, out));
    TRY(add_gauge("smtptool_queue_stopped", "1: the disk failed, nothing is accepted.",
                  queue_stopped(m->queue), out));
    struct queue_once_stats once;
    queue_once_stats(m->queue, &once);
    TRY(add_gauge("smtptool_once_keys", "Keys of accepted mail that are kept (XONCE).", once.keys,
                  out));
    return add_gauge("smtptool_port25_blocked", "1: no host answers on port 25.",
                     outbound_port25_next_ms(m->port25) > 0, out);
}

/* What became of recipients, and how many messages came in. */
static err add_events(struct cli_metrics *m, struct buf *out)
{
    static const enum event_kind results[] = {EVENT_DELIVERED, EVENT_DEFERRED, EVENT_BOUNCED,
                                              EVENT_EXPIRED, EVENT_SUPPRESSED};
    TRY(buf_add(out, S("# HELP smtptool_recipients_total What attempts came to, since the start.\n"
                       "# TYPE smtptool_recipients_total counter\n")));
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        TRY(buf_addf(out, "smtptool_recipients_total{result=\"%.*s\"} %llu\n",
                     STR_ARG(event_kind_name(results[i])),
                     (unsigned long long)atomic_load(&m->events[results[i]])));
    TRY(buf_addf(out,
                 "# HELP smtptool_accepted_total Messages taken, for each recipient.\n"
                 "# TYPE smtptool_accepted_total counter\nsmtptool_accepted_total %llu\n",
                 (unsigned long long)atomic_load(&m->events[EVENT_ACCEPTED])));
    return buf_addf(
        out,
        "# HELP smtptool_repeated_total Messages that had been accepted before (XONCE).\n"
        "# TYPE smtptool_repeated_total counter\nsmtptool_repeated_total %llu\n",
        (unsigned long long)atomic_load(&m->events[EVENT_REPEATED]));
}

err cli_metrics_write(struct cli_metrics *m, struct buf *out)
{
    TRY(add_queue(m, out));
    TRY(add_events(m, out));
    return shaper_metrics(m->shaper, CLI_METRICS_WAYS_MAX, out);
}

/* ---- the file ----------------------------------------------------------------------------- */

static err save(struct cli_metrics *m)
{
    struct buf text;
    buf_init(&text, CLI_METRICS_BYTES_MAX);
    err e = cli_metrics_write(m, &text);
    if (e == NULL)
        return file_job_replace(m->file, FILE_SHARED, &text, deadline_after(CLI_METRICS_EVERY_MS));
    buf_release(&text);
    return e;
}

void cli_metrics_run(void *arg)
{
    struct cli_metrics *m = arg;
    bool told = false;
    do {
        err e = save(m);
        if (e && e->kind != ERR_CANCELED && !told)
            log_err(e, "metrics.file: it is tried again every 15 seconds");
        told = e != NULL;
        err_forget();
    } while (fiber_sleep(deadline_after(CLI_METRICS_EVERY_MS)) == NULL);
}
