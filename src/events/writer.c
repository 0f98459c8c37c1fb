#include "events/writer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct events_writer {
    struct event_sink sink;
    char *path; /* NULL: stderr */
    int64_t rotate_bytes;
    int keep;
    pthread_t thread;
    pthread_mutex_t lock; /* all that follows up to own_fields */
    pthread_cond_t wake;
    struct buf waiting;
    uint64_t dropped, dropped_told;
    bool reopen, stop;
    /* The thread's own fields. */
    struct buf writing, from, to;
    int fd;
    size_t chunk; /* bytes of one write: to a pipe no more than fits without blocking */
    bool torn;    /* the last line could only be written in part */
    bool stuck;   /* it could not be rotated; this was told */
    int64_t looked_ms, stop_by_ms, rotate_again_ms;
};

static err open_file(const char *path, int *ret_fd)
{
    /* O_NONBLOCK: a FIFO without a reader is refused instead of waited for. */
    int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0640);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "open %s: %s", path, strerror(errno));
    *ret_fd = fd;
    return NULL;
}

/* Does the name still lead to what is open? */
static bool was_rotated(const struct events_writer *w)
{
    struct stat named, opened;
    if (w->fd < 0 || lstat(w->path, &named) != 0 || fstat(w->fd, &opened) != 0)
        return true;
    return named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
}

static void use_file(struct events_writer *w, int fd)
{
    struct stat st;
    w->fd = fd;
    w->chunk = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? EVENTS_WAITING_BYTES_MAX : PIPE_BUF;
    w->torn = false;
}

/* Keeps what is open when the new one cannot be had. */
static void look_at_file(struct events_writer *w, bool asked)
{
    int64_t now = clock_system.steady_ns() / 1000000;
    if (w->path == NULL || (!asked && now - w->looked_ms < EVENTS_RETRY_MS))
        return;
    w->looked_ms = now;
    int fd = -1;
    if (!was_rotated(w) || open_file(w->path, &fd) != NULL)
        return;
    if (w->fd >= 0)
        close(w->fd);
    use_file(w, fd);
}

/* ---- rotation --------------------------------------------------------------------------- */

/* FILE, FILE.1, FILE.2 … */
static const char *name_file(const struct events_writer *w, int number, struct buf *name)
{
    buf_clear(name);
    err e = buf_addf(name, number ? "%s.%d" : "%s", w->path, number);
    ASSERT(e == NULL); /* take_path() has seen to its length */
    return buf_chars(name);
}

/* Give one file the next name. Another program may rotate the same files: what came to be there
 * meanwhile is not replaced, but for the oldest. */
static bool move_on(struct events_writer *w, int number, bool replace)
{
    const char *from = name_file(w, number, &w->from), *to = name_file(w, number + 1, &w->to);
    if (replace)
        return rename(from, to) == 0;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    bool knows_flags = errno != EINVAL && errno != ENOSYS;
    return !knows_flags && rename(from, to) == 0;
}

/* The first name that is free; keep: none is, and the last one goes. */
static int find_free(struct events_writer *w)
{
    struct stat st;
    for (int number = 1; number < w->keep; number++)
        if (lstat(name_file(w, number, &w->to), &st) != 0)
            return number;
    return w->keep;
}

/* From the oldest down, so that a failure in the middle leaves a gap and nothing is lost. */
static bool move_all(struct events_writer *w)
{
    int number = find_free(w);
    for (bool replace = number == w->keep; number > 0; number--, replace = false)
        if (!move_on(w, number - 1, replace))
            return false;
    return true;
}

/* What a file that is to be rotated still takes; -1: there is no such limit. */
static int64_t room_in_file(const struct events_writer *w)
{
    struct stat st;
    if (w->path == NULL || w->rotate_bytes == 0 || w->fd < 0 || fstat(w->fd, &st) != 0 ||
        !S_ISREG(st.st_mode))
        return -1;
    return st.st_size < w->rotate_bytes ? w->rotate_bytes - st.st_size : 0;
}

/* Until the new file can be opened the old one is used. */
static void rotate(struct events_writer *w)
{
    int64_t now = clock_system.steady_ns() / 1000000;
    if (now < w->rotate_again_ms)
        return;
    if (!was_rotated(w) && !move_all(w)) {
        if (!w->stuck)
            log_warn("events: %s cannot be rotated, so it grows: %s", w->path, strerror(errno));
        w->stuck = true;
        w->rotate_again_ms = now + EVENTS_RETRY_MS;
        return;
    }
    w->stuck = false;
    look_at_file(w, true);
}

/* As many whole lines as the file takes, after a rotation when not even one fits. */
static str take_part(struct events_writer *w, str lines)
{
    size_t first = str_find(lines, '\n') + 1;
    int64_t room = room_in_file(w);
    if (room >= 0 && room < (int64_t)first && room < w->rotate_bytes) {
        rotate(w);
        room = room_in_file(w);
    }
    if (room < 0 || room >= (int64_t)lines.len || w->stuck)
        return lines;
    if (room < (int64_t)first)
        return str_slice(lines, 0, first);
    return str_slice(lines, 0, str_find_last(str_slice(lines, 0, (size_t)room), '\n') + 1);
}

/* ---- writing ---------------------------------------------------------------------------- */

static bool must_stop(struct events_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    int64_t now = clock_system.steady_ns() / 1000000;
    if (stop && w->stop_by_ms == 0)
        w->stop_by_ms = now + EVENTS_CLOSE_MS;
    return stop && now >= w->stop_by_ms;
}

/* Wait until a write of one chunk will not block, whatever flags the descriptor has. */
static bool wait_writable(struct events_writer *w)
{
    while (!must_stop(w)) {
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        int ready = poll(&p, 1, 100);
        if (ready > 0)
            return (p.revents & POLLOUT) != 0;
        if (ready < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* How many bytes were written; fewer than asked: it failed. */
static size_t write_bytes(struct events_writer *w, str bytes)
{
    size_t done = 0;
    while (done < bytes.len && wait_writable(w)) {
        size_t size = bytes.len - done < w->chunk ? bytes.len - done : w->chunk;
        ssize_t count = write(w->fd, bytes.ptr + done, size);
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            break;
        done += count > 0 ? (size_t)count : 0;
    }
    return done;
}

static uint64_t count_lines(str bytes)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < bytes.len; i++)
        lines += bytes.ptr[i] == '\n';
    return lines;
}

/* A line that could only be written in part is ended, so that the next one stands alone. */
static bool mend_torn(struct events_writer *w)
{
    if (w->torn && write_bytes(w, S("\n")) == 1)
        w->torn = false;
    return !w->torn;
}

/* Tell of what was dropped, before anything else is written. */
static bool tell_dropped(struct events_writer *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t total = w->dropped;
    pthread_mutex_unlock(&w->lock);
    if (total == w->dropped_told)
        return true;
    struct event e = {.kind = EVENTS_DROPPED, .time_ms = clock_system.real_ms()};
    e.count = (int64_t)(total - w->dropped_told);
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, EVENT_LINE_BYTES_MAX);
    if (event_to_json(&e, &line))
        return true;
    size_t done = write_bytes(w, buf_str(&line));
    w->torn = done > 0 && done < line.len;
    if (done == line.len)
        w->dropped_told = total;
    return done == line.len;
}

static void drop(struct events_writer *w, uint64_t lines)
{
    pthread_mutex_lock(&w->lock);
    w->dropped += lines;
    pthread_mutex_unlock(&w->lock);
}

/* False: it failed; the lines that did not make it are dropped and counted. */
static bool write_batch(struct events_writer *w)
{
    str left = buf_str(&w->writing);
    bool good = w->fd >= 0 && mend_torn(w) && tell_dropped(w);
    while (good && left.len > 0) {
        str part = take_part(w, left);
        size_t done = write_bytes(w, part);
        w->torn = done > 0 && part.ptr[done - 1] != '\n';
        good = done == part.len;
        left = str_from(left, done);
    }
    if (left.len == 0)
        return true;
    drop(w, count_lines(left));
    return false;
}

/* With the lock held: until there is something to do, or a retry is due. */
static void wait_for_work(struct events_writer *w)
{
    bool untold = w->dropped != w->dropped_told;
    while (!w->stop && !w->reopen && w->waiting.len == 0) {
        if (!untold) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += EVENTS_RETRY_MS / 1000;
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
            return;
    }
}

/* With the lock held: lines that come close together are written together, so that a busy server
 * does not wake this thread for each. */
static void gather(struct events_writer *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += EVENTS_GATHER_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (!w->stop && !w->reopen && w->waiting.len > 0 && w->waiting.len < EVENTS_GATHER_BYTES)
        if (pthread_cond_timedwait(&w->wake, &w->lock, &until) == ETIMEDOUT)
            return;
}

static void pause_after_failure(struct events_writer *w)
{
    for (int waited = 0; waited < EVENTS_RETRY_MS; waited += 50) {
        pthread_mutex_lock(&w->lock);
        bool stop = w->stop;
        pthread_mutex_unlock(&w->lock);
        if (stop)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

static void *run(void *arg)
{
    struct events_writer *w = arg;
    for (bool stop = false; !stop;) {
        pthread_mutex_lock(&w->lock);
        wait_for_work(w);
        gather(w);
        struct buf batch = w->waiting;
        w->waiting = w->writing;
        w->writing = batch;
        bool asked = w->reopen;
        w->reopen = false;
        stop = w->stop;
        pthread_mutex_unlock(&w->lock);

        look_at_file(w, asked);
        bool written = write_batch(w);
        buf_clear(&w->writing);
        err_forget();
        if (!written && !stop)
            pause_after_failure(w);
    }
    return NULL;
}

static void emit(void *arg, const struct event *event)
{
    struct events_writer *w = arg;
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, EVENT_LINE_BYTES_MAX);
    err e = event_to_json(event, &line);
    pthread_mutex_lock(&w->lock);
    size_t before = w->waiting.len;
    if (e == NULL && line.len <= w->waiting.max - before) {
        e = buf_add(&w->waiting, buf_str(&line));
        ASSERT(e == NULL);
    } else {
        w->dropped++;
    }
    size_t now = w->waiting.len;
    bool full = before < EVENTS_GATHER_BYTES && now >= EVENTS_GATHER_BYTES;
    pthread_mutex_unlock(&w->lock);
    if (full || (before == 0 && now > 0)) /* else it knows already */
        pthread_cond_signal(&w->wake);
}

static void release(struct events_writer *w)
{
    if (w->path && w->fd >= 0)
        close(w->fd);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    buf_release(&w->waiting);
    buf_release(&w->writing);
    buf_release(&w->from);
    buf_release(&w->to);
    mem_free(w->path);
    mem_free(w);
}

static void init_locks(struct events_writer *w)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&w->lock, NULL);
}

static err start(struct events_writer *w)
{
    int fd = STDERR_FILENO;
    if (w->path)
        TRY(open_file(w->path, &fd));
    use_file(w, fd);
    int number = pthread_create(&w->thread, NULL, run, w);
    if (number == 0)
        return NULL;
    errno = number;
    return err_new(ERR_SYSTEM, "events: start a thread: %s", strerror(number));
}

static err take_path(struct events_writer *w, str to)
{
    if (str_eq(to, S("stderr")))
        return NULL;
    if (to.len >= PATH_MAX)
        return err_new(ERR_CONFIG, "events: a path of more than %d bytes", PATH_MAX - 1);
    w->path = mem_alloc(to.len + 1);
    if (!str_to_chars(to, w->path, to.len + 1))
        return err_new(ERR_CONFIG, "events: NUL in the path");
    return NULL;
}

err events_writer_open(const struct events_writer_options *options,
                       struct events_writer **ret_writer)
{
    ASSERT(options->rotate_bytes == 0 || options->keep > 0);
    ASSERT(options->keep <= EVENTS_KEEP_MAX);
    struct events_writer *w = MEM_NEW(struct events_writer);
    w->rotate_bytes = options->rotate_bytes;
    w->keep = options->keep;
    w->sink = (struct event_sink){emit, w};
    w->fd = -1;
    buf_init(&w->waiting, EVENTS_WAITING_BYTES_MAX);
    buf_init(&w->writing, EVENTS_WAITING_BYTES_MAX);
    buf_init(&w->from, PATH_MAX + 16);
    buf_init(&w->to, PATH_MAX + 16);
    init_locks(w);
    err e = take_path(w, options->to);
    if (e == NULL)
        e = start(w);
    if (e) {
        release(w);
        return e;
    }
    *ret_writer = w;
    return NULL;
}

void events_writer_close(struct events_writer *w)
{
    if (w == NULL)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    release(w);
}

const struct event_sink *events_writer_sink(struct events_writer *w) { return &w->sink; }

void events_writer_reopen(struct events_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->reopen = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

uint64_t events_writer_dropped(struct events_writer *w)
{
    pthread_mutex_lock(&w->lock);
    uint64_t dropped = w->dropped;
    pthread_mutex_unlock(&w->lock);
    return dropped;
}
