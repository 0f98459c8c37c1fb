#include "base/assert.h"
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *(*assert_describe)(void);

_Noreturn void assert_failed(const char *what, const char *file, int line)
{
    const char *where = assert_describe ? assert_describe() : "";
    fprintf(stderr, "smtptool " SMTPTOOL_VERSION ": bug: %s [%s:%d] %s\n", what, file, line, where);
    void *frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    abort();
}
