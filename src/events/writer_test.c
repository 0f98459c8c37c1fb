#include "base/arena.h"
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
    CHECK_DONE(events_writer_open(path, &w), "open");
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

    CHECK_DONE(events_writer_open(path, &w), "open again");
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
    CHECK(events_writer_open(path, &w) != NULL, "attack 139: a symbolic link");
    CHECK(events_writer_open(S(""), &w) != NULL, "no path");
    CHECK(w == NULL, "untouched");
    unlink(arena_chars(arena, path));
    remove_folder();
    events_writer_close(NULL);
}

TEST(events_writer_disk_full)
{
    struct events_writer *w = NULL;
    CHECK_DONE(events_writer_open(S("/dev/full"), &w), "open");
    for (int i = 0; i < 10; i++)
        emit_one(w, "lost");
    pause_ms(50);
    CHECK(events_writer_dropped(w) > 0, "attack 148: drops are counted");
    events_writer_close(w);
}

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
    CHECK_DONE(events_writer_open(path, &w), "open");
    static char long_text[EVENT_TEXT_BYTES_MAX];
    memset(long_text, 'x', sizeof long_text);
    struct event e = {
        .kind = EVENT_HOLD, .reason = {long_text, sizeof long_text}
    };
    size_t count = 3 * EVENTS_WAITING_BYTES_MAX / sizeof long_text;
    for (size_t i = 0; i < count; i++)
        event_emit(events_writer_sink(w), &e);
    CHECK(events_writer_dropped(w) > count / 10, "what found no place was dropped");
    CHECK(drain_for(fd, "\"events_dropped\"", 5000), "the number is told once it is read");
    emit_one(w, "afterwards");
    CHECK(drain_for(fd, "afterwards", 5000), "and lines flow again");
    events_writer_close(w);
    close(fd);
    unlink(arena_chars(arena, path));
    remove_folder();
}
