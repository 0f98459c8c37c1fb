/* torture [-v] [--slice] [--seed N] [PART [STORY [OPERATION [MODE DRAW]]]]: the crash and fault
 * proof of the queue. What is enumerated, and how to replay what failed: docs/torture.md. -v: the
 * log goes to stderr.
 */
#include "tests/torture.h"
#include "base/log.h"
#include <stdlib.h>

static const struct part {
    const char *name;
    void (*run)(const struct torture_options *, struct torture_counts *);
} parts[] = {
    {"power",   torture_power  },
    {"flip",    torture_flip   },
    {"fault",   torture_fault  },
    {"format",  torture_format },
    {"service", torture_service},
};

bool torture_is_elsewhere(const char *fault_point)
{
    return str_starts(str_of(fault_point), S("listener.")) ||
           str_starts(str_of(fault_point), S("report."));
}

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static uint64_t number_of(const char *text)
{
    uint64_t number;
    if (str_to_u64(str_of(text), UINT64_MAX, &number))
        return number;
    fprintf(stderr, "torture: %s is no number\n", text);
    exit(2);
}

static const char *next_word(int *argc, char ***argv)
{
    if (*argc == 0)
        return NULL;
    --*argc;
    return *(*argv)++;
}

static const char *read_options(int argc, char **argv, struct torture_options *ret_options)
{
    struct torture_options o = {.seed = 1, .op = -1};
    const char *word, *part;
    while ((word = next_word(&argc, &argv)) != NULL && word[0] == '-') {
        o.verbose |= strcmp(word, "-v") == 0;
        o.slice |= strcmp(word, "--slice") == 0;
        const char *value = strcmp(word, "--seed") == 0 ? next_word(&argc, &argv) : NULL;
        o.seed = value ? number_of(value) : o.seed;
    }
    part = word;
    o.only = next_word(&argc, &argv);
    word = next_word(&argc, &argv);
    o.op = word ? (long)number_of(word) : -1;
    o.mode = next_word(&argc, &argv);
    word = next_word(&argc, &argv);
    o.draw = word ? number_of(word) : 0;
    *ret_options = o;
    return part;
}

int main(int argc, char **argv)
{
    struct torture_options options;
    struct torture_counts all = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *only = read_options(argc - 1, argv + 1, &options);
    if (!options.verbose)
        log_set_sink(ignore_line, NULL);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        struct torture_counts counts = {0};
        if (only && strcmp(only, parts[i].name) != 0)
            continue;
        parts[i].run(&options, &counts);
        printf("%-8s %llu passed, %llu failed\n", parts[i].name, (unsigned long long)counts.passed,
               (unsigned long long)counts.failed);
        all.passed += counts.passed;
        all.failed += counts.failed;
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)all.passed,
           (unsigned long long)all.failed);
    return all.failed != 0 || all.passed == 0;
}
