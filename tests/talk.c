/* Runs scenarios: talk [--real] [--seed N] [-v] FILE-OR-FOLDER...
 *
 * Each run is a process of its own, so that neither an ASSERT nor a hang stops the others. A
 * scenario that crashes is run again for each hit of each of its fault points, with each of the
 * states that a disk may be in after a power cut. Ends with "N passed, N failed, N skipped".
 */
#include "base/mem.h"
#include "runtime/fault.h"
#include "runtime/stack.h"
#include "tests/talk_run.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FILES_MAX = 5000,
    RUN_SECONDS_MAX = 300, /* real ones, of one run */
    CRASH_HITS_MAX = 60,   /* of one point */
    ACCOUNTS_MAX = 16,
    JOBS = 4, /* files at a time: most of a real run is waiting */
};

enum outcome { PASSED, FAILED, PASSED_UNCRASHED };

static struct {
    bool real, verbose;
    uint64_t seed;
    const char *files[FILES_MAX];
    size_t file_count;
    int passed, failed, skipped;
} talk = {.seed = 1};

/* How one run of a scenario is to go. */
struct plan {
    const struct talk_script *script;
    struct arena *arena;
    const char *point; /* where it crashes; NULL: nowhere */
    int hit;
    enum sim_fs_crash_mode mode;
};

/* ---- one run, in the child -------------------------------------------------------------- */

static uint16_t free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&in, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&in, &len) == 0;
    if (fd >= 0)
        close(fd);
    return ok ? ntohs(in.sin_port) : 0;
}

static struct world_options options_for(const struct plan *plan, const char *folder)
{
    static struct world_account accounts[ACCOUNTS_MAX];
    struct world_options o = {.config = plan->script->config,
                              .dns = plan->script->dns,
                              .folder = folder,
                              .real = talk.real,
                              .accounts = accounts,
                              .log_to_stderr = talk.verbose};
    if (plan->script->logs_in)
        accounts[o.account_count++] =
            (struct world_account){S("test@example.com"), S("secret-word")};
    for (struct talk_account *a = plan->script->accounts; a && o.account_count < ACCOUNTS_MAX;
         a = a->next)
        accounts[o.account_count++] = (struct world_account){a->user, a->password};
    if (talk.real)
        o.peer_port = free_port();
    return o;
}

static void tell_wrong(struct talk_run *run, err e)
{
    char why[4000];
    err_describe(e, why, sizeof why);
    talk_run_fail(run, run->script->path, 1, "%s", why);
}

static void simulated(void *arg)
{
    struct talk_run *run = arg;
    struct world_options options = run->world.options;
    err e = world_open(&run->world, &options);
    if (e)
        tell_wrong(run, e);
    else
        talk_run_story(run);
}

static void real_story(void *arg) { talk_run_story(arg); }

static void run_real(struct talk_run *run)
{
    struct world_options options = run->world.options;
    err e = world_open(&run->world, &options);
    if (e == NULL)
        e = world_start(&run->world);
    if (e) {
        tell_wrong(run, e);
        return;
    }
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "talk", real_story, run);
    loop_close(loop);
}

static void close_world(void *arg)
{
    struct talk_run *run = arg;
    world_close(&run->world);
}

static void print_story(struct talk_run *run)
{
    printf("%.*s%.*s", STR_ARG(buf_str(&run->failure)), STR_ARG(buf_str(&run->transcript)));
    for (str rest = buf_str(&run->world.events), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        printf("    event %.*s\n", STR_ARG(line));
    }
    for (str rest = buf_str(&run->world.log), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        printf("    log   %.*s\n", STR_ARG(line));
    }
}

/* Attack 98: no fiber comes near the end of its stack, whatever the scenario makes it do. */
static void judge_depth(void *arg, const char *name, size_t bytes, size_t count)
{
    struct talk_run *run = arg;
    if (talk.verbose)
        printf("    stack %-16s %6zu bytes, %zu fibers\n", name, bytes, count);
    if (bytes > STACK_BYTES / 4 * 3)
        talk_run_fail(run, run->script->path, 1,
                      "attack 98: a fiber \"%s\" used %zu bytes of stack", name, bytes);
}

static int run_in_child(const struct plan *plan, const char *folder)
{
    static struct talk_run run;
    run.script = plan->script;
    run.arena = plan->arena;
    run.real = talk.real;
    run.crash_mode = plan->mode;
    run.crash_wanted = plan->point != NULL;
    talk_run_init(&run);
    run.world.options = options_for(plan, folder);
    if (plan->point)
        fault_arm(plan->point, FAULT_CRASH, 0, plan->hit, false);
    bool weighed = !talk.real && plan->point == NULL; /* painting stacks takes time */
    if (weighed)
        fiber_census(NULL, NULL);
    if (talk.real)
        run_real(&run);
    else
        sim_run(talk.seed, simulated, &run);
    if (weighed)
        fiber_census(judge_depth, &run);
    int outcome = run.failed                              ? FAILED
                  : run.crash_wanted && !run.crashed_ever ? PASSED_UNCRASHED
                                                          : PASSED;
    print_story(&run);
    close_world(&run);
    buf_release(&run.failure);
    buf_release(&run.transcript);
    return outcome;
}

/* ---- in the parent ---------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static void copy_output(int fd)
{
    char piece[8192];
    ssize_t count;
    lseek(fd, 0, SEEK_SET);
    while ((count = read(fd, piece, sizeof piece)) > 0)
        fwrite(piece, 1, (size_t)count, stdout);
}

static enum outcome judge(const struct plan *plan, int status, int output)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
    if (code == PASSED || code == PASSED_UNCRASHED) {
        if (talk.verbose)
            copy_output(output);
        return (enum outcome)code;
    }
    printf("FAILED %.*s: %.*s", STR_ARG(plan->script->path), STR_ARG(plan->script->title));
    if (plan->point)
        printf(" (crash at hit %d of %s, mode %d)", plan->hit, plan->point, (int)plan->mode);
    if (WIFSIGNALED(status))
        printf(" (%s)", WTERMSIG(status) == SIGALRM ? "it hangs" : strsignal(WTERMSIG(status)));
    else if (code != FAILED)
        printf(" (exit status %d)", code);
    printf("\n");
    copy_output(output);
    return FAILED;
}

static enum outcome run_once(const struct plan *plan)
{
    char folder[] = "/tmp/talk-XXXXXX", output_path[] = "/tmp/talk-XXXXXX";
    int output = mkostemp(output_path, O_CLOEXEC), status = 0;
    if (output < 0 || mkdtemp(folder) == NULL) {
        perror("talk");
        exit(2);
    }
    unlink(output_path);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
        alarm(RUN_SECONDS_MAX);
        exit(run_in_child(plan, folder));
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    enum outcome outcome = judge(plan, status, output);
    close(output);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return outcome;
}

/* Every hit of the point, in every mode, until a run has no such hit. */
static bool run_crashes(struct plan plan)
{
    for (plan.hit = 1; plan.hit <= CRASH_HITS_MAX; plan.hit++) {
        bool crashed = false;
        for (plan.mode = SIM_FS_NOTHING; plan.mode <= SIM_FS_TORN; plan.mode++) {
            enum outcome o = run_once(&plan);
            if (o == FAILED)
                return false;
            crashed = crashed || o == PASSED;
            if (o == PASSED_UNCRASHED)
                break;
        }
        if (crashed)
            continue;
        if (plan.hit == 1)
            printf("FAILED %.*s: %s is never hit\n", STR_ARG(plan.script->path), plan.point);
        return plan.hit > 1;
    }
    return true;
}

static bool run_all(const struct plan *plan)
{
    if (run_once(plan) == FAILED)
        return false;
    for (size_t i = 0; i < plan->script->crash_point_count; i++) {
        struct plan crash = *plan;
        crash.point = arena_chars(plan->arena, plan->script->crash_points[i]);
        if (!run_crashes(crash))
            return false;
    }
    return true;
}

enum { RAN_PASSED, RAN_FAILED, RAN_SKIPPED };

static int run_file(const char *path)
{
    int result = RAN_PASSED;
    struct arena *arena = arena_open(TALK_RUN_BYTES_MAX);
    struct talk_script *script;
    err e = talk_script_read(path, arena, &script);
    if (e) {
        char why[1024];
        err_describe(e, why, sizeof why);
        printf("FAILED %s\n    %s\n", path, why);
        result = RAN_FAILED;
    } else if (talk.real && script->virtual_only) {
        printf("skipped %s: virtual time only: %s\n", path, script->virtual_only);
        result = RAN_SKIPPED;
    } else if (run_all(&(struct plan){.script = script, .arena = arena})) {
        if (talk.verbose)
            printf("passed %s\n", path);
    } else {
        result = RAN_FAILED;
    }
    err_forget();
    arena_close(arena);
    return result;
}

/* ---- several files at a time ------------------------------------------------------------ */

struct job {
    pid_t child;
    int output;
};

static struct job begin_file(const char *path)
{
    char output_path[] = "/tmp/talk-XXXXXX";
    struct job j = {.output = mkostemp(output_path, O_CLOEXEC)};
    if (j.output < 0) {
        perror("talk");
        exit(2);
    }
    unlink(output_path);
    fflush(NULL);
    j.child = fork();
    if (j.child == 0) {
        dup2(j.output, STDOUT_FILENO);
        exit(run_file(path));
    }
    return j;
}

static void end_file(const char *path, struct job *j)
{
    int status = 0;
    while (j->child > 0 && waitpid(j->child, &status, 0) < 0 && errno == EINTR)
        ;
    int result = WIFEXITED(status) ? WEXITSTATUS(status) : RAN_FAILED;
    copy_output(j->output);
    close(j->output);
    if (result != RAN_PASSED && result != RAN_FAILED && result != RAN_SKIPPED)
        printf("FAILED %s: its runner ended with %d\n", path, result);
    talk.passed += result == RAN_PASSED;
    talk.skipped += result == RAN_SKIPPED;
    talk.failed += result != RAN_PASSED && result != RAN_SKIPPED;
}

/* Told in the order of their names, whoever is first. */
static void run_files(void)
{
    struct job jobs[JOBS];
    for (size_t i = 0; i < talk.file_count + JOBS; i++) {
        if (i >= JOBS && i - JOBS < talk.file_count)
            end_file(talk.files[i - JOBS], &jobs[i % JOBS]);
        if (i < talk.file_count)
            jobs[i % JOBS] = begin_file(talk.files[i]);
    }
}

/* ---- which files ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    size_t len = strlen(path);
    (void)st, (void)where;
    bool is_talk = len > 5 && strcmp(path + len - 5, ".talk") == 0;
    if (type == FTW_F && is_talk && strstr(path, "/lib/") == NULL && talk.file_count < FILES_MAX)
        talk.files[talk.file_count++] = mem_copy_chars(path);
    return 0;
}

int main(int argc, char **argv)
{
    bool good = true;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        uint64_t seed;
        if (strcmp(argv[i], "--real") == 0)
            talk.real = true;
        else if (strcmp(argv[i], "-v") == 0)
            talk.verbose = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc &&
                 str_to_u64(str_of(argv[i + 1]), UINT64_MAX, &seed))
            talk.seed = seed, i++;
        else
            good = nftw(argv[i], add_file, 16, FTW_PHYS) == 0 && good;
    }
    if (!good || talk.file_count == 0) {
        fprintf(stderr, "usage: talk [--real] [--seed N] [-v] FILE-OR-FOLDER...\n");
        return 2;
    }
    qsort(talk.files, talk.file_count, sizeof talk.files[0], by_name);
    run_files();
    for (size_t i = 0; i < talk.file_count; i++)
        mem_free((void *)talk.files[i]);
    printf("%d passed, %d failed, %d skipped\n", talk.passed, talk.failed, talk.skipped);
    return talk.failed != 0;
}
