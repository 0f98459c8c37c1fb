/* Simulated worlds: sim [--seed N] [--seeds A..B] [--count N] [--time SECONDS] [--size N] [-v]
 *
 * Each run is a process of its own, so that neither an ASSERT nor a hang stops the others. Without
 * seeds: fresh ones, 1000 or as many as the time allows. Ends with "N passed, N failed".
 * docs/simulation.md explains it.
 */
#include "tests/sim/stage.h"
#include "tests/sim/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    JOBS_MAX = 16,
    RUN_SECONDS_MAX = 120, /* real ones, of one run */
    FAILURES_MAX = 10,     /* then we stop */
    AGAIN_ONE_IN = 10,     /* so many seeds are played twice, and must be the same */
    COUNT_DEFAULT = 1000,
    FOLDER_CHARS = 64,
};

struct job {
    pid_t child; /* 0: free */
    uint64_t seed;
    bool again;    /* the second time */
    uint64_t hash; /* of the first time */
    struct sim_trace *trace;
    char folder[FOLDER_CHARS]; /* a real one, for SQLite, which knows nothing of our file system */
};

static struct {
    bool verbose, fresh;
    unsigned size;
    uint64_t first, count, begun; /* count 0: not said yet */
    double end_s;                 /* of beginning new runs; 0: no end */
    int jobs_max;
    struct job jobs[JOBS_MAX];
    int passed, failed;
    uint64_t counts[SIM_COUNTS], most_lines;
} sim = {.size = 1, .jobs_max = 2};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- one run ------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at)
{
    (void)facts, (void)type, (void)at;
    return remove(path);
}

static void remove_folder(const char *path) { nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

/* The same names for each run, and nothing in it that another has left. */
static void make_folder(const char *path)
{
    char inner[FOLDER_CHARS + 16];
    remove_folder(path);
    snprintf(inner, sizeof inner, "%s/feedback", path);
    if (mkdir(path, 0700) < 0 || mkdir(inner, 0700) < 0) {
        perror(inner);
        exit(2);
    }
}

static void run_in_child(struct job *j)
{
    static struct sim_stage stage;
    alarm(RUN_SECONDS_MAX);
    sim_trace_use(j->trace);
    stage.seed = j->seed;
    stage.size = sim.size;
    stage.verbose = sim.verbose;
    make_folder(j->folder);
    stage.folder = j->folder;
    sim_stage_play(&stage);
}

static void begin(struct job *j, uint64_t seed, bool again)
{
    memset(j->trace, 0, sizeof *j->trace);
    j->trace->verbose = sim.verbose;
    j->seed = seed;
    j->again = again;
    fflush(NULL);
    j->child = fork();
    if (j->child == 0) {
        run_in_child(j);
        exit(0);
    }
    if (j->child < 0) {
        perror("sim");
        exit(2);
    }
}

static void tell_failure(const struct job *j, int status)
{
    printf("FAILED seed %llu%s", (unsigned long long)j->seed, j->again ? " (the second time)" : "");
    if (WIFSIGNALED(status))
        printf(" (%s)", WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
    printf("\n");
    sim_trace_print(j->trace);
    if (j->trace->failure[0])
        printf("seed %llu: %s\n", (unsigned long long)j->seed, j->trace->failure);
    printf("replay: make sim SEED=%llu", (unsigned long long)j->seed);
    printf(sim.size > 1 ? " SIZE=%u\n" : "\n", sim.size);
}

static bool is_same(const struct job *j)
{
    if (!j->again || j->hash == j->trace->hash)
        return true;
    printf("FAILED seed %llu: played twice, it is not the same (%016llx, %016llx)\n",
           (unsigned long long)j->seed, (unsigned long long)j->hash,
           (unsigned long long)j->trace->hash);
    return false;
}

/* False: the seed is to be played again in this job. */
static bool end(struct job *j, int status)
{
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    j->child = 0;
    if (!good)
        tell_failure(j, status);
    else if (!j->again && (j->seed % AGAIN_ONE_IN == 0 || sim.count == 1)) {
        j->hash = j->trace->hash;
        return false;
    }
    good = good && is_same(j);
    sim.passed += good;
    sim.failed += !good;
    for (int i = 0; i < SIM_COUNTS; i++)
        sim.counts[i] += j->trace->counts[i];
    if (j->trace->lines > sim.most_lines)
        sim.most_lines = j->trace->lines;
    return true;
}

/* ---- all of them --------------------------------------------------------------------------- */

static bool wants_more(void)
{
    return sim.begun < sim.count && sim.failed < FAILURES_MAX &&
           (sim.end_s <= 0 || now_s() < sim.end_s);
}

static struct job *job_of(pid_t child)
{
    for (int i = 0; i < sim.jobs_max; i++)
        if (sim.jobs[i].child == child)
            return &sim.jobs[i];
    return NULL;
}

static void fill_jobs(void)
{
    struct job *j;
    while (wants_more() && (j = job_of(0)) != NULL)
        begin(j, sim.first + sim.begun++, false);
}

static void run_all(void)
{
    int status;
    pid_t child;
    fill_jobs();
    while ((child = wait(&status)) > 0 || errno == EINTR) {
        struct job *j = child > 0 ? job_of(child) : NULL;
        if (j && !end(j, status))
            begin(j, j->seed, true);
        fill_jobs();
    }
}

static void open_jobs(void)
{
    size_t size = sizeof(struct sim_trace);
    for (int i = 0; i < sim.jobs_max; i++) {
        void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED) {
            perror("sim");
            exit(2);
        }
        sim.jobs[i].trace = shared;
        snprintf(sim.jobs[i].folder, FOLDER_CHARS, "/tmp/smtptool-sim-%ld-%d", (long)getpid(), i);
    }
}

static void close_jobs(void)
{
    for (int i = 0; i < sim.jobs_max; i++)
        remove_folder(sim.jobs[i].folder);
}

/* ---- what is asked for --------------------------------------------------------------------- */

static const char usage[] =
    "usage: sim [OPTION]...\n"
    "  --seed N        this one, twice, and compare\n"
    "  --seeds A..B    these\n"
    "  --count N       so many fresh ones (default: 1000, or what the time allows)\n"
    "  --time SECONDS  begin no new run after so long\n"
    "  --size N        worlds of N times as many clients\n"
    "  --jobs N        runs at a time (default 2)\n"
    "  -v              every line of the trace, to stderr\n"
    "docs/simulation.md explains it.\n";

static uint64_t number_of(const char *text)
{
    uint64_t value;
    if (text && str_to_u64(str_of(text), UINT64_MAX, &value))
        return value;
    fputs(usage, stderr);
    exit(2);
}

static void take_range(const char *text)
{
    str first, last;
    uint64_t a, b;
    size_t dots = text ? str_find(str_of(text), '.') : STR_NONE;
    if (dots != STR_NONE) {
        first = str_slice(str_of(text), 0, dots);
        last = str_from(str_of(text), dots);
        if (str_skip(&last, S("..")) && str_to_u64(first, UINT64_MAX, &a) &&
            str_to_u64(last, UINT64_MAX - 1, &b) && a <= b) {
            sim.first = a;
            sim.count = b - a + 1;
            sim.fresh = false;
            return;
        }
    }
    fputs(usage, stderr);
    exit(2);
}

static void take_option(const char *name, const char *value)
{
    if (strcmp(name, "--seed") == 0) {
        sim.first = number_of(value);
        sim.count = 1;
        sim.fresh = false;
    } else if (strcmp(name, "--seeds") == 0) {
        take_range(value);
    } else if (strcmp(name, "--count") == 0) {
        sim.count = number_of(value);
    } else if (strcmp(name, "--time") == 0) {
        sim.end_s = now_s() + (double)number_of(value);
    } else if (strcmp(name, "--size") == 0) {
        sim.size = (unsigned)number_of(value);
    } else if (strcmp(name, "--jobs") == 0) {
        uint64_t jobs = number_of(value);
        sim.jobs_max = jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : (int)jobs;
    } else {
        fputs(usage, stderr);
        exit(2);
    }
}

static void read_options(int argc, char **argv)
{
    sim.fresh = true;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        }
        if (strcmp(argv[i], "-v") == 0)
            sim.verbose = true;
        else
            take_option(argv[i], argv[i + 1]), i++;
    }
    if (sim.count == 0)
        sim.count = sim.end_s > 0 ? UINT32_MAX : COUNT_DEFAULT;
    if (sim.fresh && getrandom(&sim.first, sizeof sim.first, 0) > 0)
        sim.first >>= 20; /* shorter to write down, and there is room above */
}

/* What the allocator keeps for each thread it counts as in use: without, memory is exact. It reads
 * this when a program begins. */
static void begin_without_caches(char **argv)
{
    static const char name[] = "GLIBC_TUNABLES";
    if (getenv(name))
        return;
    setenv(name, "glibc.malloc.tcache_count=0", 1);
    execv("/proc/self/exe", argv);
    perror("sim");
    exit(2);
}

int main(int argc, char **argv)
{
    begin_without_caches(argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_options(argc, argv);
    setenv("SSL_CERT_FILE", "/dev/null", 1); /* nobody here verifies, and reading them takes long */
    setenv("SSL_CERT_DIR", "/nonexistent", 1);
    open_jobs();
    make_folder(sim.jobs[0].folder);
    sim_stage_warm_up(sim.jobs[0].folder);
    printf("seeds from %llu\n", (unsigned long long)sim.first);
    double began_s = now_s();
    run_all();
    double took_s = now_s() - began_s;
    close_jobs();
    for (int i = 0; i < SIM_COUNTS; i++)
        printf("%10llu %s\n", (unsigned long long)sim.counts[i], sim_count_names[i]);
    if (sim.count == 1)
        printf("trace %016llx\n", (unsigned long long)sim.jobs[0].trace->hash);
    printf("%.1f runs a second\n", (sim.passed + sim.failed) / took_s);
    printf("%d passed, %d failed\n", sim.passed, sim.failed);
    return sim.failed != 0;
}
