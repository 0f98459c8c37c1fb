/* Runs the unit tests: unit [PART-OF-NAME-OR-FILE ...] [-PART-OF-WHAT-IS-LEFT-OUT ...]. Ends with
 * "N passed, N failed, N skipped". */
#include "base/log.h"
#include "tests/test.h"
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct test *tests;
static int checks_failed;
static const char *skipped;

void test_add(struct test *t)
{
    struct test **at = &tests;
    while (*at && strcmp((*at)->file, t->file) <= 0)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
}

void test_fail(const char *file, int line, const char *label, const char *what)
{
    checks_failed++;
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, label, what);
}

void test_skip(const char *why) { skipped = why; }

void test_check_str(const char *file, int line, const char *label, str got, str want)
{
    if (str_eq(got, want))
        return;
    test_fail(file, line, label, "text differs");
    fprintf(stderr, "    got  \"%.*s\"\n    want \"%.*s\"\n", STR_ARG(got), STR_ARG(want));
}

void test_check_done(const char *file, int line, const char *label, err e)
{
    if (e == NULL)
        return;
    char why[512];
    err_describe(e, why, sizeof why);
    test_fail(file, line, label, why);
}

const char *test_suites(const char *suite, char *ret_path, size_t size)
{
    const char *root = getenv("SMTPTOOL_SUITES");
    snprintf(ret_path, size, "%s/%s", root ? root : "../shared/suites", suite);
    struct stat st;
    if (stat(ret_path, &st) == 0)
        return ret_path;
    test_skip("no conformance data beside the project");
    return NULL;
}

static bool is_named(const struct test *t, const char *part)
{
    return strstr(t->name, part) || strstr(t->file, part);
}

static bool wanted(const struct test *t, int argc, char **argv)
{
    bool named = true; /* when nothing is, but what is left out */
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && is_named(t, argv[i] + 1))
            return false;
        if (argv[i][0] != '-')
            named = false;
    }
    for (int i = 1; i < argc && !named; i++)
        named = argv[i][0] != '-' && is_named(t, argv[i]);
    return named;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0, skips = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test *t = tests; t; t = t->next) {
        if (!wanted(t, argc, argv))
            continue;
        int before = checks_failed;
        skipped = NULL;
        t->run();
        err_forget();
        log_set_sink(NULL, NULL);
        if (checks_failed > before) {
            failed++;
            printf("FAILED %s (%s)\n", t->name, t->file);
        } else if (skipped) {
            skips++;
            printf("skipped %s: %s\n", t->name, skipped);
        } else {
            passed++;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skips);
    return failed != 0;
}
