#include "base/log.h"
#include "base/clock.h"
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level level_shown = LOG_LEVEL_INFO;
static void (*line_sink)(void *arg, enum log_level, str line);
static void *line_sink_arg;

void log_set_level(enum log_level level) { level_shown = level; }

void log_set_sink(void (*sink)(void *arg, enum log_level, str line), void *arg)
{
    line_sink = sink;
    line_sink_arg = arg;
}

static pthread_mutex_t stderr_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long lines_lost; /* with the lock held */

static bool write_stderr(const char *when, enum log_level level, str line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char whole[LOG_LINE_BYTES_MAX + 48];
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) <= 0 || (p.revents & POLLOUT) == 0)
        return false;
    int n = snprintf(whole, sizeof whole, "%s %-5s %.*s\n", when, names[level], STR_ARG(line));
    return n > 0 && write(STDERR_FILENO, whole, (size_t)n) >= 0;
}

/* A log that is blocked or closed must not stop mail: what finds no place there is counted. A pipe
 * or socket that poll() calls writable takes a line of this size whole, so the lock is not held
 * for long. */
static __attribute__((noinline)) void to_stderr(enum log_level level, str line)
{
    char when[CLOCK_RFC3339_BYTES], lost[80];
    clock_rfc3339(clock_real_ms(), when);
    pthread_mutex_lock(&stderr_lock);
    bool good = true;
    if (lines_lost > 0) {
        int n = snprintf(lost, sizeof lost, "%lu lines of this log were lost", lines_lost);
        good = write_stderr(when, LOG_LEVEL_WARN, (str){lost, (size_t)n});
        lines_lost = good ? 0 : lines_lost;
    }
    if (!good || !write_stderr(when, level, line))
        lines_lost++;
    pthread_mutex_unlock(&stderr_lock);
}

/* The length of the one whole UTF-8 character at the front that is safe to show, or 0. Not safe is
 * what a terminal acts on (C0, C1), and what reorders or breaks a line (U+2028..202E, 2066..2069).
 */
static size_t shown_len(str s)
{
    unsigned char lead = (unsigned char)s.ptr[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (len == 1)
        return lead >= 32 && lead != 127;
    if (s.len < len || !str_is_utf8(str_slice(s, 0, len)))
        return 0;
    unsigned char second = (unsigned char)s.ptr[1], third = len > 2 ? (unsigned char)s.ptr[2] : 0;
    bool acts = (lead == 0xc2 && second < 0xa0) ||
                (lead == 0xe2 && second == 0x80 && third >= 0xa8 && third <= 0xae) ||
                (lead == 0xe2 && second == 0x81 && third >= 0xa6 && third <= 0xa9);
    return acts ? 0 : len;
}

/* What could move a terminal or forge a line becomes \xNN. Returns the length used. */
static size_t escape(str raw, char *ret_line, size_t size)
{
    size_t used = 0;
    while (raw.len > 0 && used + 5 < size) {
        size_t len = shown_len(raw);
        if (len > 0)
            memcpy(ret_line + used, raw.ptr, len);
        else
            snprintf(ret_line + used, size - used, "\\x%02x", (unsigned char)raw.ptr[0]);
        used += len > 0 ? len : 4;
        raw = str_from(raw, len > 0 ? len : 1);
    }
    return used;
}

static void write_line(enum log_level level, const char *fmt, va_list args, err why)
{
    if (level > level_shown)
        return;
    char raw[512], line[LOG_LINE_BYTES_MAX];
    int n = vsnprintf(raw, sizeof raw, fmt, args);
    size_t used = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    if (why && used + 2 < sizeof raw) {
        raw[used++] = ':';
        raw[used++] = ' ';
        err_describe(why, raw + used, sizeof raw - used);
        used += strlen(raw + used);
    }
    str entry = {line, escape((str){raw, used}, line, sizeof line)};
    if (line_sink)
        line_sink(line_sink_arg, level, entry);
    else
        to_stderr(level, entry);
}

#define LOG_FUNCTION(name, level)           \
    void name(const char *fmt, ...)         \
    {                                       \
        va_list args;                       \
        va_start(args, fmt);                \
        write_line(level, fmt, args, NULL); \
        va_end(args);                       \
    }
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void log_err(err e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_line(LOG_LEVEL_ERROR, fmt, args, e);
    va_end(args);
}
