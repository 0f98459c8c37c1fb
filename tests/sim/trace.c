#include "tests/sim/trace.h"
#include "base/clock.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_BROKEN = 1 };

const char *const sim_count_names[SIM_COUNTS] = {
    [SIM_MAILS] = "mails",
    [SIM_ACKNOWLEDGED] = "acknowledged",
    [SIM_IN_DOUBT] = "in doubt",
    [SIM_REFUSED] = "refused",
    [SIM_UNSENT] = "given up by the client",
    [SIM_REPEATED] = "sent again under a key",
    [SIM_TAKEN] = "deliveries",
    [SIM_REPORTS] = "notifications",
    [SIM_TWICE_REPLY_LOST] = "twice: the reply was lost",
    [SIM_TWICE_DISTURBED] = "twice: we were disturbed",
    [SIM_REFUSED_AND_TAKEN] = "refused in a disk fault, yet taken",
    [SIM_CRASHES] = "power cuts",
    [SIM_KILLS] = "kills",
    [SIM_STOPS] = "stops",
    [SIM_DISK_FAULTS] = "disk faults",
    [SIM_FAILED_STARTS] = "failed starts",
    [SIM_QUIRKS] = "remote quirks",
    [SIM_BATCHES] = "batches",
    [SIM_BATCHES_HERE] = "batches of a lone fiber",
    [SIM_HOURS] = "virtual hours",
};

static struct sim_trace *trace;

void sim_trace_use(struct sim_trace *t)
{
    trace = t;
    trace->hash = 0xcbf29ce484222325u;
}

void sim_trace(const char *who, const char *fmt, ...)
{
    char *line = trace->ring[trace->lines++ % SIM_TRACE_LINES];
    int64_t ms = clock_steady_ms();
    va_list args;
    int n = snprintf(line, SIM_TRACE_LINE_BYTES, "%7lld.%03lld %-12s ", (long long)(ms / 1000),
                     (long long)(ms % 1000), who);
    va_start(args, fmt);
    vsnprintf(line + n, SIM_TRACE_LINE_BYTES - (size_t)n, fmt, args);
    va_end(args);
    for (const char *c = line; *c; c++) /* FNV-1a */
        trace->hash = (trace->hash ^ (unsigned char)*c) * 0x100000001b3u;
    if (trace->verbose)
        fprintf(stderr, "%s\n", line);
}

void sim_trace_count(enum sim_count what) { trace->counts[what]++; }

void sim_trace_add(enum sim_count what, uint64_t count) { trace->counts[what] += count; }

void sim_trace_fail(const char *invariant, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(trace->failure, sizeof trace->failure, "%s: ", invariant);
    va_start(args, fmt);
    vsnprintf(trace->failure + n, sizeof trace->failure - (size_t)n, fmt, args);
    va_end(args);
    sim_trace("BROKEN", "%s", trace->failure);
    _exit(EXIT_BROKEN);
}

void sim_trace_print(const struct sim_trace *t)
{
    uint64_t first = t->lines > SIM_TRACE_LINES ? t->lines - SIM_TRACE_LINES : 0;
    for (uint64_t i = first; i < t->lines; i++) {
        const char *line = t->ring[i % SIM_TRACE_LINES];
        for (size_t c = 0; c < SIM_TRACE_LINE_BYTES && line[c]; c++)
            putchar(line[c] >= ' ' && line[c] < 127 ? line[c] : '?');
        putchar('\n');
    }
}
