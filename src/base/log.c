#include "base/log.h"
#include "base/clock.h"
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

static __attribute__((noinline)) void to_stderr(enum log_level level, str line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char when[CLOCK_RFC3339_BYTES], whole[LOG_LINE_BYTES_MAX + 48];
    clock_rfc3339(clock_real_ms(), when);
    int n = snprintf(whole, sizeof whole, "%s %-5s %.*s\n", when, names[level], STR_ARG(line));
    if (n > 0 && write(STDERR_FILENO, whole, (size_t)n) < 0)
        return; /* a blocked or closed log must not stop mail */
}

/* Bytes that could move a terminal or forge a line become \xNN. Returns the length used. */
static size_t escape(const char *text, size_t len, char *ret_line, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < len && used + 5 < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 32 && c != 127)
            ret_line[used++] = (char)c;
        else
            used += (size_t)snprintf(ret_line + used, size - used, "\\x%02x", c);
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
    str entry = {line, escape(raw, used, line, sizeof line)};
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
