#include "cli/run_test.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int run_test_cli(const char *const *argv, char *ret_text, size_t size)
{
    int argc = 0;
    char path[] = "/tmp/smtptool-said-XXXXXX";
    int file = mkstemp(path), kept = dup(STDOUT_FILENO), kept_err = dup(STDERR_FILENO);
    while (argv[argc])
        argc++;
    fflush(stdout);
    fflush(stderr);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    int code = cli_main(argc, (char **)(uintptr_t)argv);
    fflush(stdout);
    fflush(stderr);
    dup2(kept, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    close(kept);
    close(kept_err);
    ssize_t n = pread(file, ret_text, size - 1, 0);
    ret_text[n > 0 ? n : 0] = '\0';
    close(file);
    unlink(path);
    return code;
}

void run_test_put(char *path, const char *content)
{
    int file = mkstemp(path);
    CHECK(write(file, content, strlen(content)) == (ssize_t)strlen(content), path);
    close(file);
}
