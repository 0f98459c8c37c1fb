/* base/log.h -- lines for the operator, on stderr
 *
 * One line an entry, whatever is no shown UTF-8 character escaped, cut at a limit. Mail events
 * (accepted, delivered …) are not log lines: see events/. Low layers do not log; the layer that
 * decides does, once. Logging never waits: what a blocked stderr does not take is lost and counted,
 * and the next line that it does take is preceded by the count.
 */
#pragma once
#include "base/err.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum { LOG_LINE_BYTES_MAX = 1200 };

void log_set_level(enum log_level);
/* Where lines go: NULL is stderr. Tests collect them. Lines come without a newline. */
void log_set_sink(void (*sink)(void *arg, enum log_level, str line), void *arg);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_err(err, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* "doing: why" */
