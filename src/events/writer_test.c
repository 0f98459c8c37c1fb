#include "base/arena.h"
#include "base/log.h"
#include "events/writer.h"
#include "tests/test.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];

static str path_in_folder(struct arena *arena, const char *name)
{
    if (folder[0] == '\0') {
        snprintf(folder, sizeof folder, "/tmp/smtptool-events-XXXXXX");
        CHECK(mkdtemp(folder) != NULL, "a folder");
    }
    str path = arena_printf(arena, "%s/%s", folder, name);
    unlink(arena_chars(arena, path));
    return path;
}

static void remove_folder(void)
{
    rmdir(folder);
    folder[0] = '\0';
}

static str read_text(struct arena *arena, str path)
{
    FILE *file = fopen(arena_chars(arena, path), "rb");
    if (file == NULL)
        return (str){0};
    char *text = arena_alloc(arena, 1 << 20);
    size_t len = fread(text, 1, 1 << 20, file);
    fclose(file);
    return (str){text, len};
}

static err open_at(str path, struct events_writer **ret_writer)
{
    return events_writer_open(&(struct events_writer_options){.to = path}, ret_writer);
}

static void emit_one(struct events_writer *w, const char *queue_id)
{
    struct event e = {.kind = EVENT_HOLD, .queue_id = str_of(queue_id)};
    event_emit(events_writer_sink(w), &e);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void *emit_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        emit_one(arg, "many");
    return NULL;
}

TEST(events_writer_file)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    str path = path_in_folder(arena, "events.jsonl"),
        moved = path_in_folder(arena, "events.jsonl.1");
    struct events_writer *w = NULL;
    CHECK_DONE(open_at(path, &w), "open");
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, emit_many, w) == 0, "thread");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    events_writer_close(w);
    str text = read_text(arena, path);
    size_t lines = 0;
    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    CHECK(lines == 2000, "every line of every thread");
    struct stat st;
    CHECK(stat(arena_chars(arena, path), &st) == 0 && (st.st_mode & 0137) == 0, "not for others");

    CHECK_DONE(open_at(path, &w), "open again");
    emit_one(w, "before");
    pause_ms(100);
    CHECK(rename(arena_chars(arena, path), arena_chars(arena, moved)) == 0, "rotate");
    events_writer_reopen(w);
    pause_ms(100);
    emit_one(w, "after");
    events_writer_close(w);
    CHECK(str_contains(read_text(arena, moved), S("before")), "in the old file");
    CHECK(str_contains(read_text(arena, path), S("after")), "in the new file");
    CHECK(!str_contains(read_text(arena, path), S("before")), "appended, not copied");
    unlink(arena_chars(arena, path));
    unlink(arena_chars(arena, moved));
    remove_folder();
}

TEST(events_writer_refuses)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str path = path_in_folder(arena, "link");
    struct events_writer *w = NULL;
    CHECK(symlink("/dev/null", arena_chars(arena, path)) == 0, "a link");
    CHECK(open_at(path, &w) != NULL, "attack 139: a symbolic link");
    CHECK(open_at(S(""), &w) != NULL, "no path");
    CHECK(w == NULL, "untouched");
    unlink(arena_chars(arena, path));
    remove_folder();
    events_writer_close(NULL);
}

TEST(events_writer_disk_full)
{
    struct events_writer *w = NULL;
    CHECK_DONE(open_at(S("/dev/full"), &w), "open");
    for (int i = 0; i < 10; i++)
        emit_one(w, "lost");
    for (int i = 0; i < 1000 && events_writer_dropped(w) == 0; i++)
        pause_ms(10);
    CHECK(events_writer_dropped(w) > 0, "attack 148: drops are counted");
    events_writer_close(w);
}

static void name_old(struct arena *arena, str path, int number, str *ret_name)
{
    *ret_name = number ? arena_printf(arena, "%.*s.%d", STR_ARG(path), number) : path;
}

/* The numbers in the "count" fields of FILE.keep … FILE.1, FILE must go on without a gap to `last`;
 * *ret_first is where they begin. */
static void check_run(struct arena *arena, str path, int keep, int last, int *ret_first)
{
    int next = 0;
    for (int number = keep; number >= 0; number--) {
        str name, line, text;
        name_old(arena, path, number, &name);
        text = read_text(arena, name);
        while (text.len > 0) {
            uint64_t count = 0;
            str_split(text, '\n', &line, &text);
            str digits = str_from(line, str_find_last(line, ':') + 1);
            CHECK(str_to_u64(str_slice(digits, 0, digits.len - 1), 1 << 30, &count), "a number");
            if (next == 0)
                *ret_first = (int)count;
            CHECK(next == 0 || (int)count == next, "each line once, in order");
            next = (int)count + 1;
        }
    }
    CHECK(next == last + 1, "to the last");
}

static void remove_old(struct arena *arena, str path, int keep)
{
    for (int number = 0; number <= keep; number++) {
        str name;
        name_old(arena, path, number, &name);
        unlink(arena_chars(arena, name));
    }
}

/* Batches small enough that many rotations come of them; after each the thread may have written. */
static void emit_counted(struct events_writer *w, int from, int to)
{
    for (int i = from; i <= to; i++) {
        struct event e = {.kind = EVENT_HOLD, .time_ms = 1, .queue_id = S("counted"), .count = i};
        event_emit(events_writer_sink(w), &e);
        if (i % 7 == 0)
            pause_ms(1);
    }
}

TEST(events_writer_rotates)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    str path = path_in_folder(arena, "events.jsonl"), fifth, name;
    struct events_writer *w = NULL;
    struct events_writer_options o = {path, 2000, 4};
    int first = 0;
    CHECK_DONE(events_writer_open(&o, &w), "open");
    emit_counted(w, 1, 700);
    events_writer_close(w);
    check_run(arena, path, o.keep, 700, &first);
    CHECK(first > 1, "the oldest have gone");
    name_old(arena, path, o.keep + 1, &fifth);
    CHECK(read_text(arena, fifth).len == 0, "no more than keep");
    for (int number = 1; number <= o.keep; number++) {
        name_old(arena, path, number, &name);
        size_t len = read_text(arena, name).len;
        CHECK(len > 1800 && len <= 2000, "filled, and no further than was asked for");
    }

    name_old(arena, path, 2, &name); /* a gap is filled, and nothing behind it is touched */
    unlink(arena_chars(arena, name));
    str oldest;
    name_old(arena, path, o.keep, &oldest);
    str before = read_text(arena, oldest);
    CHECK_DONE(events_writer_open(&o, &w), "open");
    str text = read_text(arena, oldest);
    int lines_in_file = 2000 / (int)(str_find(text, '\n') + 1);
    emit_counted(w, 701, 700 + lines_in_file); /* so many make one rotation, wherever we are */
    events_writer_close(w);
    CHECK(read_text(arena, name).len > 0, "the gap is filled");
    CHECK(str_eq(read_text(arena, oldest), before), "the oldest stays");
    remove_old(arena, path, o.keep);
    remove_folder();
}

/* While somebody else renames the same file, too. */
TEST(events_writer_rotates_beside_logrotate)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    str path = path_in_folder(arena, "events.jsonl");
    const char *file = arena_chars(arena, path);
    struct events_writer *w = NULL;
    struct events_writer_options o = {path, 20000, 900};
    CHECK_DONE(events_writer_open(&o, &w), "open");
    str moved[5];
    for (int i = 0; i < 5; i++) {
        emit_counted(w, i * 100 + 1, i * 100 + 100);
        moved[i] = arena_printf(arena, "%.*s-2026112%d", STR_ARG(path), i);
        CHECK(rename(file, arena_chars(arena, moved[i])) == 0 || i > 0, "rotate");
        events_writer_reopen(w);
    }
    events_writer_close(w);
    size_t lines = 0;
    for (int i = -5; i < 100; i++) {
        str name = i < 0 ? moved[i + 5] : path;
        if (i >= 0)
            name_old(arena, path, i, &name);
        str text = read_text(arena, name);
        for (size_t k = 0; k < text.len; k++)
            lines += text.ptr[k] == '\n';
        unlink(arena_chars(arena, name));
    }
    CHECK(lines == 500, "every line is in one of the files");
    remove_folder();
}

static int warnings;

static void count_warning(void *arg, enum log_level level, str line)
{
    (void)arg;
    warnings += level == LOG_LEVEL_WARN && str_contains(line, S("cannot be rotated"));
}

TEST(events_writer_cannot_rotate)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(8 << 20);
    str path = path_in_folder(arena, "events.jsonl");
    str in_the_way = arena_printf(arena, "%.*s.1", STR_ARG(path));
    struct events_writer *w = NULL;
    struct events_writer_options o = {path, 2000, 1};
    int first = 0;
    CHECK(mkdir(arena_chars(arena, in_the_way), 0700) == 0, "a folder where the old file would go");
    warnings = 0;
    log_set_sink(count_warning, NULL);
    CHECK_DONE(events_writer_open(&o, &w), "open");
    emit_counted(w, 1, 100);
    events_writer_close(w);
    log_set_sink(NULL, NULL);
    CHECK(warnings == 1, "told once");
    rmdir(arena_chars(arena, in_the_way));
    check_run(arena, path, 0, 100, &first);
    CHECK(first == 1, "the file grows, and no line is lost");
    remove_old(arena, path, 0);
    remove_folder();
}

enum { PATIENCE_MS = 60 * 1000 }; /* for a machine that is busy with other things */

/* Read all there is in the pipe; true when the part was seen. */
static bool drain_for(int fd, const char *part, int ms)
{
    static char text[(8 << 20)];
    size_t len = 0;
    for (int waited = 0; waited < ms; waited += 10) {
        ssize_t count;
        while (len < sizeof text && (count = read(fd, text + len, sizeof text - len)) > 0)
            len += (size_t)count;
        if (str_contains((str){text, len}, str_of(part)))
            return true;
        pause_ms(10);
    }
    return false;
}

/* Attack 148: a reader that does not read costs lines, never time. */
TEST(events_writer_blocked_pipe)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str path = path_in_folder(arena, "pipe");
    CHECK(mkfifo(arena_chars(arena, path), 0600) == 0, "a pipe");
    int fd = open(arena_chars(arena, path), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct events_writer *w = NULL;
    CHECK_DONE(open_at(path, &w), "open");
    static char long_text[EVENT_TEXT_BYTES_MAX];
    memset(long_text, 'x', sizeof long_text);
    struct event e = {
        .kind = EVENT_HOLD, .reason = {long_text, sizeof long_text}
    };
    size_t count = 3 * EVENTS_WAITING_BYTES_MAX / sizeof long_text;
    for (size_t i = 0; i < count; i++)
        event_emit(events_writer_sink(w), &e);
    CHECK(events_writer_dropped(w) > count / 10, "what found no place was dropped");
    CHECK(drain_for(fd, "\"events_dropped\"", PATIENCE_MS), "the number is told once it is read");
    emit_one(w, "afterwards");
    CHECK(drain_for(fd, "afterwards", PATIENCE_MS), "and lines flow again");
    events_writer_close(w);
    close(fd);
    unlink(arena_chars(arena, path));
    remove_folder();
}
