#include "cli/bench_tally.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* ---- stages ----------------------------------------------------------------------------- */

static const char *const stage_names[BENCH_STAGES] = {
    "connect", "greeting", "hello", "starttls", "auth", "mail", "rcpt", "data", "dot", "rset",
};

const char *bench_stage_name(enum bench_stage stage) { return stage_names[stage]; }

err bench_stage_parse(str name, enum bench_stage *ret_stage)
{
    for (int i = 0; i < BENCH_STAGES; i++) {
        if (!str_eq(str_of(stage_names[i]), name))
            continue;
        *ret_stage = (enum bench_stage)i;
        return NULL;
    }
    return err_new(ERR_CONFIG, "\"%.*s\" is no stage of a transaction", STR_ARG(name));
}

/* ---- counting --------------------------------------------------------------------------- */

static struct bench_fault *fault_of(struct bench_tally *t, enum bench_stage stage, int code,
                                    str text)
{
    for (size_t i = 0; i < t->fault_count; i++)
        if (t->faults[i].stage == stage && t->faults[i].code == code)
            return &t->faults[i];
    if (t->fault_count == BENCH_FAULTS_MAX)
        return &t->faults[BENCH_FAULTS_MAX - 1];
    struct bench_fault *f = &t->faults[t->fault_count++];
    *f = (struct bench_fault){.stage = stage, .code = code};
    for (size_t i = 0; i < text.len && i + 1 < sizeof f->text; i++)
        f->text[i] = text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i];
    return f;
}

void bench_tally_fault(struct bench_tally *t, enum bench_stage stage, int code, str text)
{
    fault_of(t, stage, code, text)->count++;
}

void bench_tally_err(struct bench_tally *t, enum bench_stage stage, err e)
{
    if (e->kind == ERR_CANCELED)
        return;
    char text[BENCH_FAULT_TEXT_BYTES];
    err_describe(e, text, sizeof text);
    bench_tally_fault(t, stage, 0, str_of(text));
}

void bench_tally_time(struct bench_tally *t, int64_t now_ns)
{
    if (t->first_ns == 0 || now_ns < t->first_ns)
        t->first_ns = now_ns;
    if (now_ns > t->last_ns)
        t->last_ns = now_ns;
}

void bench_tally_merge(struct bench_tally *into, const struct bench_tally *from)
{
    into->messages += from->messages;
    into->refused += from->refused;
    into->repeated += from->repeated;
    into->distinct += from->distinct;
    into->lost += from->lost;
    into->recipients += from->recipients;
    into->bytes += from->bytes;
    into->connections += from->connections;
    into->handshakes += from->handshakes;
    if (from->first_ns)
        bench_tally_time(into, from->first_ns);
    if (from->last_ns)
        bench_tally_time(into, from->last_ns);
    if (from->late_ns > into->late_ns)
        into->late_ns = from->late_ns;
    bench_histogram_merge(&into->latency, &from->latency);
    for (size_t i = 0; i < from->fault_count; i++) {
        const struct bench_fault *f = &from->faults[i];
        fault_of(into, f->stage, f->code, str_of(f->text))->count += f->count;
    }
}

double bench_tally_seconds(const struct bench_tally *t)
{
    return (double)(t->last_ns - t->first_ns) / 1e9;
}

/* ---- telling ---------------------------------------------------------------------------- */

static double rate_of(const struct bench_tally *t)
{
    double seconds = bench_tally_seconds(t);
    return seconds > 0 ? (double)t->messages / seconds : 0;
}

/* Of this process: what the generator itself took. */
static double own_cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double ms_at(const struct bench_tally *t, int permille)
{
    return (double)bench_histogram_ns(&t->latency, permille) / 1e6;
}

static json_t *latency_json(const struct bench_tally *t)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "p50", ms_at(t, 500), "p90", ms_at(t, 900), "p99",
                     ms_at(t, 990), "max", (double)t->latency.max_ns / 1e6);
}

static void print_json(const struct bench_tally *t, const char *what)
{
    json_t *faults = json_array();
    for (size_t i = 0; i < t->fault_count; i++) {
        const struct bench_fault *f = &t->faults[i];
        json_array_append_new(faults, json_pack("{s:s, s:i, s:I, s:s}", "stage",
                                                bench_stage_name(f->stage), "code", f->code,
                                                "count", (json_int_t)f->count, "text", f->text));
    }
    json_t *all = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:o}", "event", what,
        "messages", (json_int_t)t->messages, "refused", (json_int_t)t->refused, "lost",
        (json_int_t)t->lost, "recipients", (json_int_t)t->recipients, "bytes", (json_int_t)t->bytes,
        "connections", (json_int_t)t->connections, "handshakes", (json_int_t)t->handshakes,
        "seconds", bench_tally_seconds(t), "rate", rate_of(t), "own_cpu_seconds", own_cpu_seconds(),
        "late_ms", (double)t->late_ns / 1e6, "errors", faults);
    if (t->distinct > 0) {
        json_object_set_new(all, "repeated", json_integer((json_int_t)t->repeated));
        json_object_set_new(all, "distinct", json_integer((json_int_t)t->distinct));
    }
    if (t->latency.count > 0)
        json_object_set_new(all, "latency_ms", latency_json(t));
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(7));
    putchar('\n');
    json_decref(all);
}

static void print_faults(const struct bench_tally *t)
{
    for (size_t i = 0; i < t->fault_count; i++) {
        const struct bench_fault *f = &t->faults[i];
        printf("  %8llu x %s: ", (unsigned long long)f->count, bench_stage_name(f->stage));
        if (f->code)
            printf("%d ", f->code);
        printf("%s\n", f->text);
    }
}

static void print_text(const struct bench_tally *t)
{
    double seconds = bench_tally_seconds(t);
    printf("messages     %llu in %.2f s: %.0f/s, %.1f MB/s\n", (unsigned long long)t->messages,
           seconds, rate_of(t), seconds > 0 ? (double)t->bytes / 1e6 / seconds : 0);
    printf("connections  %llu\n", (unsigned long long)t->connections);
    if (t->handshakes > 0)
        printf("handshakes   %llu\n", (unsigned long long)t->handshakes);
    if (t->latency.count > 0)
        printf("final dot    p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, longest %.2f ms\n",
               ms_at(t, 500), ms_at(t, 900), ms_at(t, 990), (double)t->latency.max_ns / 1e6);
    if (t->late_ns > 0)
        printf("schedule     behind by up to %.1f ms\n", (double)t->late_ns / 1e6);
    printf("own CPU      %.2f s\n", own_cpu_seconds());
    if (t->distinct > 0)
        printf("distinct     %llu recipients\n", (unsigned long long)t->distinct);
    if (t->repeated > 0)
        printf("repeated     %llu, taken once\n", (unsigned long long)t->repeated);
    if (t->refused + t->lost > 0)
        printf("not taken    %llu refused, %llu without an answer\n",
               (unsigned long long)t->refused, (unsigned long long)t->lost);
}

static void print_idle(const struct bench_tally *t)
{
    printf("held         %llu connections, %llu were lost or not had\n",
           (unsigned long long)t->messages, (unsigned long long)t->lost);
    printf("own CPU      %.2f s\n", own_cpu_seconds());
}

void bench_tally_print(const struct bench_tally *t, const char *what, bool json)
{
    if (json) {
        print_json(t, what);
    } else {
        if (str_eq(str_of(what), S("idle")))
            print_idle(t);
        else
            print_text(t);
        print_faults(t);
    }
    fflush(stdout);
}
