#include "base/arena.h"
#include "events/trace.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define LINE(second, event, rest) \
    "{\"time\":\"2026-11-21T08:00:" second ".000Z\",\"event\":\"" event "\"," rest "}\n"

static const char oldest[] = LINE("01", "accepted", "\"queue_id\":\"A\",\"message_id\":\"<a@x>\"")
    LINE("02", "accepted", "\"queue_id\":\"B\",\"message_id\":\"<b@x>\"");
static const char middle[] =
    LINE("03", "attempt", "\"queue_id\":\"A\"") "not an event\n{\"time\":\n" LINE(
        "05", "deferred", "\"queue_id\":\"A\",\"recipient\":\"bob@x.example\"")
        LINE("04", "delivered", "\"queue_id\":\"B\",\"recipient\":\"eve@x.example\"");
static const char newest[] =
    LINE("06", "delivered", "\"queue_id\":\"A\",\"recipient\":\"bob@x.example\"")
        LINE("07", "connected", "\"peer\":\"192.0.2.1\"") "{\"time\":\"2026-11-21T08:00:08.000Z\","
                                                          "\"event\":\"hold\",\"queue_id\":\"A\"}";

/* Seconds and events of what was told: "01 accepted;". */
static bool collect(void *arg, str line)
{
    str time, event;
    if (events_trace_member(line, S("time"), &time) &&
        events_trace_member(line, S("event"), &event))
        CHECK_DONE(buf_addf(arg, "%.*s %.*s;", STR_ARG(str_slice(time, 17, 2)), STR_ARG(event)),
                   "");
    return ((struct buf *)arg)->len < 900;
}

static bool stop_at_once(void *arg, str line)
{
    (void)line;
    ++*(int *)arg;
    return false;
}

static void write_file(const char *path, const char *text, bool zipped)
{
    if (zipped) {
        gzFile file = gzopen(path, "wb");
        CHECK(file && gzwrite(file, text, (unsigned)strlen(text)) > 0, path);
        gzclose(file);
        return;
    }
    FILE *file = fopen(path, "wb");
    CHECK(file && fputs(text, file) >= 0, path);
    if (file)
        fclose(file);
}

TEST(events_trace_run)
{
    static const struct {
        const char *label, *want;
        struct events_trace query;
    } cases[] = {
        {"by queue id",                      "01 accepted;03 attempt;05 deferred;06 delivered;", {.queue_id = {"A", 1}}                                    },
        {"by Message-ID, in order of time",
         "02 accepted;04 delivered;",                                                            {.message_id = {"<b@x>", 5}}                              },
        {"by Message-ID without brackets",   "02 accepted;04 delivered;",                        {.message_id = {"b@x", 3}}                                },
        {"by recipient: all of the message",
         "01 accepted;03 attempt;05 deferred;06 delivered;",                                     {.recipient = {"BOB@x.example", 13}}                      },
        {"both must hold",                   "",                                                 {.queue_id = {"B", 1}, .recipient = {"bob@x.example", 13}}},
        {"not there",                        "",                                                 {.queue_id = {"C", 1}}                                    },
        {"nothing asked",                    "",                                                 {.queue_id = {NULL, 0}}                                   },
    };
    char folder[] = "/tmp/smtptool-trace-XXXXXX", paths[4][64];
    static const char *const names[] = {"e.jsonl-20261120", "e.jsonl.2.gz", "e.jsonl.1", "e.jsonl"};
    static const char *const texts[] = {"", oldest, middle, newest};
    CHECK(mkdtemp(folder) != NULL, "a folder");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
        write_file(paths[i], texts[i], i == 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        CHECK_DONE(events_trace_run(str_of(paths[3]), &cases[i].query, collect, &out),
                   cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
    int told = 0;
    CHECK_DONE(events_trace_run(str_of(paths[3]), &cases[0].query, stop_at_once, &told), "stopped");
    CHECK(told == 1, "the callback ended it");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(paths[i]);
    CHECK(events_trace_run(str_of(paths[3]), &cases[0].query, collect, NULL) != NULL, "no file");
    rmdir(folder);
}

TEST(events_trace_member)
{
    static const struct {
        const char *label, *line, *value; /* NULL: not there */
    } cases[] = {
        {"first",                        "{\"a\":\"x\",\"b\":1}",                      "x"       },
        {"number",                       "{\"b\":\"x\",\"a\":-17}",                    "-17"     },
        {"escapes stay",                 "{\"b\":\"\\\"a\\\":1\",\"a\":\"\\\\\\\"\"}", "\\\\\\\""},
        {"not there",                    "{\"b\":\"a\"}",                              NULL      },
        {"cut short",                    "{\"b\":\"a",                                 NULL      },
        {"cut short behind a backslash", "{\"b\":\"a\\",                               NULL      },
        {"nested",                       "{\"b\":{\"a\":1},\"a\":2}",                  NULL      },
        {"no object",                    "[1]",                                        NULL      },
        {"empty",                        "",                                           NULL      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str value = S("unset");
        bool found = events_trace_member(str_of(cases[i].line), S("a"), &value);
        CHECK(found == (cases[i].value != NULL), cases[i].label);
        CHECK_STR(value, cases[i].value ? cases[i].value : "unset", cases[i].label);
    }
}
