#include "base/log.h"
#include "tests/test.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char line[LOG_LINE_BYTES_MAX + 1];
    enum log_level level;
    int count;
} last;

static void keep(void *arg, enum log_level level, str line)
{
    CHECK(arg == &last, "the sink's own argument");
    CHECK(line.len <= LOG_LINE_BYTES_MAX, "bounded");
    memcpy(last.line, line.ptr, line.len);
    last.line[line.len] = '\0';
    last.level = level;
    last.count++;
}

/* attack 146: what a peer says can neither move a terminal nor forge a line */
TEST(log_escapes)
{
    static const struct {
        const char *label, *input, *want;
    } cases[] = {
  /* NOLINTBEGIN(misc-misleading-bidirectional): that is what is tested */
        {"plain",                        "HELO mail.example.com",                     "HELO mail.example.com"},
        {"terminal control, attack 146", "a\x1b[2J\r",                                "a\\x1b[2J\\x0d"       },
        {"forged line, attack 146",      "x\nNov 21 ok",                              "x\\x0aNov 21 ok"      },
        {"tab, bell, DEL",               "\t\a\x7f",                                  "\\x09\\x07\\x7f"      },
        {"UTF-8 is shown",               "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80",
         "J\xc3\xb6rg \xe2\x82\xac \xf0\x9f\x98\x80"                                                         },
        {"raw C1",
         "a\x9b"
         "2J",                                                                        "a\\x9b2J"             },
        {"C1 in UTF-8",
         "a\xc2\x9b"
         "2J",                                                                        "a\\xc2\\x9b2J"        },
        {"not UTF-8",
         "a\xff\xc3"
         "b",                                                                         "a\\xff\\xc3b"         },
        {"cut UTF-8",                    "a\xe2\x82",                                 "a\\xe2\\x82"          },
        {"right to left",
         "a\xe2\x80\xae"
         "b",                                                                         "a\\xe2\\x80\\xaeb"    },
        {"line separator",
         "a\xe2\x80\xa8"
         "b",                                                                         "a\\xe2\\x80\\xa8b"    },
        {"isolate",
         "a\xe2\x81\xa6"
         "b",                                                                         "a\\xe2\\x81\\xa6b"    },
    };
    log_set_sink(keep, &last);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        log_info("%s", cases[i].input);
        CHECK_STR(str_of(last.line), cases[i].want, cases[i].label);
    }
}

TEST(log_line_is_cut)
{
    static char text[70000]; /* attack 146: a subject of 64 KiB */
    log_set_sink(keep, &last);
    memset(text, '\n', sizeof text - 1);
    log_error("%s", text);
    CHECK(strlen(last.line) > 400, "the front is there");
    CHECK(last.line[strlen(last.line) - 4] == '\\', "no escape is torn");
    memset(text, 'x', sizeof text - 1);
    log_err(err_new(ERR_TIMEOUT, "why"), "%s", text);
    CHECK(last.level == LOG_LEVEL_ERROR, "level");
}

TEST(log_levels)
{
    log_set_sink(keep, &last);
    last.count = 0;
    log_debug("not shown");
    CHECK(last.count == 0, "debug is off");
    log_warn("shown");
    CHECK(last.count == 1 && last.level == LOG_LEVEL_WARN, "warn is on");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown");
    CHECK(last.count == 2 && last.level == LOG_LEVEL_DEBUG, "debug is on");
    log_set_level(LOG_LEVEL_ERROR);
    log_info("not shown");
    CHECK(last.count == 2, "errors only");
    log_set_level(LOG_LEVEL_INFO);
}

TEST(log_err_tells_the_chain)
{
    log_set_sink(keep, &last);
    log_err(err_wrap(err_new(ERR_TIMEOUT, "no answer"), "connect"), "delivery %s", "4Xk2");
    CHECK(str_starts(str_of(last.line), S("delivery 4Xk2: connect: no answer [log_test.c:")),
          last.line);
}

/* In a child, for its stderr is a pipe that nobody reads. Returns what was read in the end. */
static size_t log_into_full_pipe(char *ret_text, size_t size)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    pid_t child = fork();
    if (child == 0) {
        alarm(10); /* were it to block */
        dup2(ends[1], STDERR_FILENO);
        fcntl(ends[1], F_SETPIPE_SZ, 8192);
        log_set_sink(NULL, NULL);
        for (int i = 0; i < 1000; i++)
            log_warn("line %d", i);
        char taken[8192];
        while (read(ends[0], taken, sizeof taken) == sizeof taken)
            continue;
        log_warn("the reader is back");
        _exit(0);
    }
    close(ends[1]);
    int status = 1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child, "child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "attack 148: a full pipe does not block");
    ssize_t got = read(ends[0], ret_text, size);
    close(ends[0]);
    return got > 0 ? (size_t)got : 0;
}

TEST(log_never_waits) /* attack 148 */
{
    char text[8192];
    str heard = {text, log_into_full_pipe(text, sizeof text)}, first, rest;
    str_split(heard, '\n', &first, &rest);
    CHECK(str_contains(first, S("lines of this log were lost")), "attack 148: the loss is told");
    CHECK(str_contains(rest, S("the reader is back")), "attack 148: it goes on");
}
