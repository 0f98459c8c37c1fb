#include "outcome/notice.h"
#include "tests/test.h"
#include <stdio.h>
#include <stdlib.h>

enum { FILE_BYTES_MAX = 4 << 20, CASES_MAX = 1000 };

static str read_whole(const char *path, struct arena *arena)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (str){0};
    char *text = arena_alloc(arena, FILE_BYTES_MAX);
    size_t len = fread(text, 1, FILE_BYTES_MAX, file);
    fclose(file);
    return (str){text, len};
}

/* One file of the suite and what is expected of it. */
struct expected {
    str file;
    str reasons[8];
    bool hard[8];
    size_t rcpt_count;
};

static str column(str *line)
{
    str value;
    str_split(*line, '\t', &value, line);
    return value;
}

static size_t read_expected(str table, struct expected *cases)
{
    size_t count = 0;
    str line;
    str_split(table, '\n', &line, &table);
    while (table.len > 0) {
        str_split(table, '\n', &line, &table);
        str file = column(&line);
        if (file.len == 0)
            continue;
        if (count == 0 || !str_eq(cases[count - 1].file, file))
            cases[count++] = (struct expected){.file = file};
        struct expected *c = &cases[count - 1];
        column(&line);
        column(&line);
        column(&line);
        c->reasons[c->rcpt_count] = column(&line);
        c->hard[c->rcpt_count++] = str_eq(column(&line), S("true"));
    }
    return count;
}

/* Hard or soft for each, in whatever order. */
static bool same_hard(const struct expected *c, const struct outcome_notice *n)
{
    size_t want = 0, got = 0;
    for (size_t i = 0; i < c->rcpt_count; i++)
        want += c->hard[i];
    for (size_t i = 0; i < n->rcpt_count; i++)
        got += n->rcpts[i].outcome.hard;
    return want == got;
}

TEST(outcome_notice_suite)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    char folder[2000], path[2300];
    if (test_suites("bounces-sisimai", folder, sizeof folder) == NULL)
        return;
    snprintf(path, sizeof path, "%s/expected-go-sisimai.tsv", folder);
    struct expected *cases = ARENA_ARRAY(arena, struct expected, CASES_MAX);
    size_t count = read_expected(read_whole(path, arena), cases);
    const char *filter = getenv("OUTCOME_FILES");
    size_t good = 0, seen = 0;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena_cleanup)
        struct arena *own = arena_open(OUTCOME_NOTICE_ARENA_BYTES + FILE_BYTES_MAX);
        struct outcome_notice n;
        snprintf(path, sizeof path, "\n%.*s\n", STR_ARG(cases[i].file));
        if (filter && !strstr(filter, path))
            continue;
        snprintf(path, sizeof path, "%s/maildir/bsd/%.*s", folder, STR_ARG(cases[i].file));
        outcome_notice_read(read_whole(path, own), own, &n);
        bool rcpts = n.rcpt_count == cases[i].rcpt_count, hard = same_hard(&cases[i], &n);
        seen++;
        good += rcpts && hard;
        if (getenv("OUTCOME_SHOW") || !rcpts || !hard) {
            printf("%s %.*s %s want",
                   rcpts && hard ? "ok"
                   : rcpts       ? "HARD"
                                 : "RCPT",
                   STR_ARG(cases[i].file), outcome_notice_kind_name(n.kind));
            for (size_t k = 0; k < cases[i].rcpt_count; k++)
                printf(" %.*s%s", STR_ARG(cases[i].reasons[k]), cases[i].hard[k] ? "!" : "");
            printf(" got");
            for (size_t k = 0; k < n.rcpt_count; k++)
                printf(" [%.*s %s%s %d %.*s stage %d: %.*s]", STR_ARG(n.rcpts[k].address),
                       outcome_class_of(n.rcpts[k].outcome.class)->name,
                       n.rcpts[k].outcome.hard ? "!" : "", n.rcpts[k].reply.code,
                       STR_ARG(n.rcpts[k].reply.enhanced),
                       n.rcpts[k].reply.stage_known ? n.rcpts[k].reply.stage : -1,
                       (int)(n.rcpts[k].said.len < 140 ? n.rcpts[k].said.len : 140),
                       n.rcpts[k].said.ptr);
            printf("\n");
        }
    }
    printf("suite: %zu of %zu\n", good, seen);
}
