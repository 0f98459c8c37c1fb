#include "outcome/notice.h"
#include "tests/test.h"
#include <dirent.h>
#include <stdlib.h>

/* The bounces that the sisimai project collected, and what it makes of each: how many recipients,
 * and whether the address is dead ("hard"). Some of what it says we mean to say otherwise:
 *
 * - temporary replies are never hard here (450 4.1.1, a DNS answer under 4.0.0);
 * - a mail system's own "user unknown" without a reply is hard here;
 * - mail of a person that quotes a bounce is no bounce;
 * - a complaint that names no recipient has none.
 */
enum { FILE_BYTES_MAX = 4 << 20, FILES_MAX = 1000, ROWS_MAX = 8 };

/* Change these with the rules, and never without looking at what changed. Every fifth file was held
 * back while the rules were written; of those, 112 of 118 agreed when they were first looked at,
 * which is what to expect of mail never seen. What was added since (a fault that they showed, the
 * events of services) made it 114. */
enum { WORKED_ON_MISSES = 19, HELD_BACK_MISSES = 4 };

struct expected {
    str file;
    bool hard[ROWS_MAX];
    size_t rcpt_count;
};

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

static str column(str *line)
{
    str value;
    str_split(*line, '\t', &value, line);
    return value;
}

/* file, recipient's number, status, code, reason, hard */
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
        for (int skipped = 0; skipped < 4; skipped++)
            column(&line);
        if (c->rcpt_count < ROWS_MAX)
            c->hard[c->rcpt_count++] = str_eq(column(&line), S("true"));
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t list_files(const char *folder, struct arena *arena, const char **names)
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && count < FILES_MAX && (entry = readdir(dir)) != NULL)
        if (str_ends_nocase(str_of(entry->d_name), S(".eml")))
            names[count++] = arena_chars(arena, str_of(entry->d_name));
    if (dir)
        closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    return count;
}

static const struct expected *find_expected(const struct expected *cases, size_t count,
                                            const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(cases[i].file, str_of(name)))
            return &cases[i];
    return NULL;
}

struct tally {
    size_t seen, missed;
    size_t rcpts, hard; /* of the file that is judged */
    struct buf said;
};

static void add_notice(const struct outcome_notice *n, struct tally *t)
{
    t->rcpts += n->rcpt_count;
    CHECK_DONE(buf_addf(&t->said, " %s", outcome_notice_kind_name(n->kind)), "room");
    for (size_t i = 0; i < n->rcpt_count; i++) {
        const struct outcome *o = &n->rcpts[i].outcome;
        t->hard += o->hard;
        CHECK_DONE(buf_addf(&t->said, ", %s%s", outcome_class_of(o->class)->name,
                            o->hard ? " (hard)" : ""),
                   "room");
    }
}

/* "From MAILER-DAEMON  Thu Jul  2": a line between two messages of a mailbox. */
static bool is_mbox_line(str text)
{
    str line = str_slice(text, 0, str_find(text, '\n'));
    return str_starts(line, S("From ")) && str_contains(line, S("  "));
}

/* The next message of a file: some are mailboxes of several. */
static bool next_message(str *file, str *ret_message)
{
    size_t end = 1;
    bool mbox = is_mbox_line(*file);
    while (end < file->len &&
           !(mbox && file->ptr[end - 1] == '\n' && is_mbox_line(str_from(*file, end))))
        end++;
    *ret_message = str_slice(*file, 0, end);
    *file = str_from(*file, end);
    return ret_message->len > 0;
}

/* As many recipients, and as many of them dead. */
static void judge_file(const char *folder, const char *name, const struct expected *want,
                       struct tally *t)
{
    char path[2500];
    CLEANUP(arena_cleanup) struct arena *files = arena_open(2 * FILE_BYTES_MAX);
    snprintf(path, sizeof path, "%s/maildir/bsd/%s", folder, name);
    str file = read_whole(path, files), message;
    size_t hard = 0;
    buf_clear(&t->said);
    t->rcpts = t->hard = 0;
    while (next_message(&file, &message)) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES);
        struct outcome_notice n;
        outcome_notice_read(message, arena, &n);
        add_notice(&n, t);
        err_forget();
    }
    for (size_t i = 0; i < want->rcpt_count; i++)
        hard += want->hard[i];
    t->seen++;
    if (t->rcpts == want->rcpt_count && t->hard == hard)
        return;
    t->missed++;
    printf("    %s:%.*s\n", name, (int)t->said.len, t->said.ptr);
}

TEST(outcome_notice_suite)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    char folder[2000], path[2300];
    struct tally tallies[2] = {0}; /* worked on, held back */
    if (test_suites("bounces-sisimai", folder, sizeof folder) == NULL)
        return;
    buf_init(&tallies[0].said, 64 << 10);
    buf_init(&tallies[1].said, 64 << 10);
    snprintf(path, sizeof path, "%s/expected-go-sisimai.tsv", folder);
    struct expected *cases = ARENA_ARRAY(arena, struct expected, FILES_MAX);
    size_t case_count = read_expected(read_whole(path, arena), cases);
    snprintf(path, sizeof path, "%s/maildir/bsd", folder);
    const char **names = ARENA_ARRAY(arena, const char *, FILES_MAX);
    size_t count = list_files(path, arena, names);
    CHECK(count > 600 && case_count > 500, "the suite is whole");
    for (size_t i = 0; i < count; i++) {
        const struct expected *want = find_expected(cases, case_count, names[i]);
        bool held_back = i % 5 == 4;
        if (want)
            judge_file(folder, names[i], want, &tallies[held_back]);
    }
    printf("    %zu of %zu bounces agree, %zu of %zu of those held back\n",
           tallies[0].seen - tallies[0].missed, tallies[0].seen,
           tallies[1].seen - tallies[1].missed, tallies[1].seen);
    buf_release(&tallies[0].said);
    buf_release(&tallies[1].said);
    CHECK(tallies[0].missed == WORKED_ON_MISSES, "of the files that were worked on");
    CHECK(tallies[1].missed == HELD_BACK_MISSES, "of the files that were held back");
}

/* The same mails with other line ends are read the same. */
TEST(outcome_notice_suite_line_ends)
{
    static const char *const kinds[] = {"dos", "mac"};
    char folder[2000], path[2500];
    size_t seen = 0;
    if (test_suites("bounces-sisimai", folder, sizeof folder) == NULL)
        return;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        CLEANUP(arena_cleanup) struct arena *names_arena = arena_open(1 << 20);
        const char **names = ARENA_ARRAY(names_arena, const char *, FILES_MAX);
        snprintf(path, sizeof path, "%s/maildir/%s", folder, kinds[k]);
        size_t count = list_files(path, names_arena, names);
        for (size_t i = 0; i < count; i++) {
            CLEANUP(arena_cleanup)
            struct arena *arena = arena_open(2 * (OUTCOME_NOTICE_ARENA_BYTES + FILE_BYTES_MAX));
            struct outcome_notice a, b;
            snprintf(path, sizeof path, "%s/maildir/%s/%s", folder, kinds[k], names[i]);
            outcome_notice_read(read_whole(path, arena), arena, &a);
            snprintf(path, sizeof path, "%s/maildir/bsd/%s", folder, names[i]);
            str other = read_whole(path, arena);
            if (other.len == 0)
                continue; /* it has another name there */
            outcome_notice_read(other, arena, &b);
            CHECK(a.kind == b.kind && a.rcpt_count == b.rcpt_count, names[i]);
            for (size_t r = 0; r < a.rcpt_count && r < b.rcpt_count; r++)
                CHECK(a.rcpts[r].outcome.class == b.rcpts[r].outcome.class, names[i]);
            seen++;
        }
    }
    CHECK(seen > 130, "files were compared");
}

/* What a person wrote is no bounce. */
TEST(outcome_notice_suite_others)
{
    static const char *const names[] = {"is-not-bounce-01.eml", "is-not-bounce-02.eml"};
    char folder[2000], path[2500];
    if (test_suites("bounces-sisimai", folder, sizeof folder) == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(arena_cleanup)
        struct arena *arena = arena_open(OUTCOME_NOTICE_ARENA_BYTES + FILE_BYTES_MAX);
        struct outcome_notice n;
        snprintf(path, sizeof path, "%s/maildir/not/%s", folder, names[i]);
        str message = read_whole(path, arena);
        outcome_notice_read(message, arena, &n);
        CHECK(message.len > 0 && n.kind == NOTICE_NONE, names[i]);
    }
}
