/* bench/queue_memory.c -- what a waiting delivery costs in memory
 *
 * queue-memory [COUNT [FOLDER]]: queues COUNT messages (default 1,000,000) of 2 KB for one
 * destination that cannot be reached, tries each once and puts it off for four hours, all in a
 * real spool below FOLDER (default /var/tmp); then opens that spool again in a new process.
 * Printed is the resident memory of the process beyond what it had before, and where it goes.
 */
#include "base/mem.h"
#include "queue/inside.h"
#include "queue/schedule.h"
#include "runtime/loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FIBERS = 64,
    BODY_BYTES = 2048,
    LATER_MS = 4 * 3600 * 1000,
    WAIT_MS = 60 * 1000,
};

struct run {
    struct queue *queue;
    struct schedule *schedule;
    uint64_t count, accepted, deferred;
    long before_kb;
    bool fill; /* else: only open it */
    char body[BODY_BYTES];
};

static void die(err e)
{
    char why[256];
    if (e == NULL)
        return;
    err_describe(e, why, sizeof why);
    fprintf(stderr, "queue-memory: %s\n", why);
    _exit(1);
}

/* A line of /proc/self/status, in kB. */
static long status_kb(const char *name)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && kb < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtol(line + strlen(name) + 1, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

static void show(const struct run *r, const char *what)
{
    long now = status_kb("VmRSS");
    printf("%-28s %7.1f MB resident, %5.1f bytes a delivery; highest so far %.1f MB\n", what,
           (double)now / 1000 * 1.024, (double)(now - r->before_kb) * 1024 / (double)r->count,
           (double)status_kb("VmHWM") / 1000 * 1.024);
}

static void accept_some(void *arg)
{
    struct run *r = arg;
    struct envelope_rcpt rcpt = {.address = S("someone@unreachable.example"),
                                 .destination = S("unreachable.example")};
    struct envelope e = {
        .sender = S("a@x.example"), .helo = S("client"), .rcpts = &rcpt, .rcpt_count = 1};
    while (r->accepted < r->count) {
        struct queue_draft *draft;
        queue_id id;
        r->accepted++;
        e.accepted_at_ms = clock_real_ms();
        die(queue_draft_open(r->queue, &draft));
        die(queue_draft_write(draft, (str){r->body, sizeof r->body}, deadline_after(WAIT_MS)));
        die(queue_commit(r->queue, &draft, &e, S("Received: here\r\n"), &id,
                         deadline_after(WAIT_MS)));
    }
}

static void put_off(void *arg)
{
    struct run *r = arg;
    while (r->deferred < r->count) {
        struct queue_delivery *d;
        struct queue_settlement later = {.tried = true, .reply = S("connect: no answer in 10 s")};
        r->deferred++;
        die(schedule_next(r->schedule, &d, deadline_after(WAIT_MS)));
        later.due_ms = clock_real_ms() + LATER_MS;
        die(queue_settle(r->queue, &d, &later, deadline_after(WAIT_MS)));
    }
}

static void run_fibers(struct run *r, void (*entry)(void *))
{
    struct group fibers;
    group_init(&fibers);
    for (int i = 0; i < FIBERS; i++)
        fiber_spawn(&fibers, "bench", entry, r);
    die(group_wait(&fibers, DEADLINE_NEVER));
    group_close(&fibers);
}

static void body(void *arg)
{
    struct run *r = arg;
    queue_attach(r->queue, 0, &r->schedule);
    if (r->fill) {
        run_fibers(r, accept_some);
        show(r, "accepted");
        run_fibers(r, put_off);
        die(fiber_sleep(deadline_after(2000)));
        show(r, "tried once and put off");
    } else {
        die(fiber_sleep(deadline_after(3000))); /* the schedule sorts them in */
        show(r, "opened again");
    }
    struct queue_stats stats;
    queue_stats(r->queue, &stats);
    printf("%28s %llu deliveries, %llu segments\n", "", (unsigned long long)stats.deliveries,
           (unsigned long long)stats.segments);
    schedule_close(r->schedule);
}

static void open_and_run(const char *folder, uint64_t count, bool fill)
{
    static struct run r;
    r = (struct run){.count = count, .fill = fill};
    memset(r.body, 'x', sizeof r.body);
    struct queue_options options = {
        .folder = folder, .workers = 1, .draft_memory_max = 256 << 20, .events = NULL};
    struct loop *loop = loop_open(NULL);
    r.before_kb = status_kb("VmRSS");
    int64_t start_ms = clock_steady_ms();
    die(queue_open(&options, &r.queue));
    printf("%-28s %7.2f s\n", "opening took", (double)(clock_steady_ms() - start_ms) / 1000);
    loop_run(loop, "bench", body, &r);
    loop_close(loop);
    queue_close(r.queue);
}

static void in_a_process(const char *folder, uint64_t count, bool fill)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        open_and_run(folder, count, fill);
        fflush(NULL);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        fprintf(stderr, "queue-memory: a run failed\n");
}

int main(int argc, char **argv)
{
    char folder[128], command[160];
    uint64_t count = 1000000;
    if (argc > 1 && (!str_to_u64(str_of(argv[1]), 100000000, &count) || count == 0))
        return 64;
    snprintf(folder, sizeof folder, "%s/queue-memory-XXXXXX", argc > 2 ? argv[2] : "/var/tmp");
    if (mkdtemp(folder) == NULL)
        return 73;
    printf("an entry with one delivery and one recipient: %zu + %zu + 1 bytes\n",
           sizeof(struct queue_entry), sizeof(struct queue_delivery));
    in_a_process(folder, count, true);
    in_a_process(folder, count, false);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0; // NOLINT(cert-env33-c): the words are ours
}
