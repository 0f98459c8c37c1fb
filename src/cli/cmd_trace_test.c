/* `smtptool trace` as people call it: a message that was greylisted, and what was said. */
#include "cli/run_test.h"
#include "runtime/file.h"
#include <stdlib.h>
#include <unistd.h>

static const char events[] =
    "{\"time\":\"2026-01-01T00:00:00.000Z\",\"event\":\"accepted\",\"queue_id\":\"0000000000007\","
    "\"sender\":\"a@example.com\",\"recipient\":\"b@example.net\",\"priority\":4}\n"
    "{\"time\":\"2026-01-01T00:00:01.000Z\",\"event\":\"deferred\",\"queue_id\":\"0000000000007\","
    "\"recipient\":\"b@example.net\",\"class\":\"greylist\",\"attempt\":1}\n"
    "{\"time\":\"2026-01-01T00:00:01.000Z\",\"event\":\"deferred\",\"queue_id\":\"0000000000007\","
    "\"recipient\":\"c@example.net\",\"class\":\"system\",\"attempt\":1}\n"
    "{\"time\":\"2026-01-01T00:15:01.000Z\",\"event\":\"delivered\",\"queue_id\":\"0000000000007\","
    "\"recipient\":\"c@example.net\",\"attempt\":2}\n"
    "{\"time\":\"2026-01-01T00:15:02.000Z\",\"event\":\"delivered\",\"queue_id\":\"0000000000007\","
    "\"recipient\":\"b@example.net\",\"attempt\":2}\n";
static const char transcripts[] = "\nT1 0000000000007 1 1767225601000 45\n"
                                  "== mx [192.0.2.1]\n     0.001 <- 451 \033[31mnow\n"
                                  "\nT1 0000000000008 1 1767225601000 15\n== another one\n";

struct desk {
    char folder[64], config[100], said[16384];
};

static void put(const struct desk *d, const char *name, str bytes)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", d->folder, name);
    CHECK_DONE(file_put(path, 0, bytes), name);
}

static void begin(struct desk *d)
{
    char path[200], yaml[400];
    snprintf(d->folder, sizeof d->folder, "/tmp/smtptool-trace-XXXXXX");
    CHECK(mkdtemp(d->folder) != NULL, "folder");
    snprintf(path, sizeof path, "%s/transcripts", d->folder);
    CHECK_DONE(folder_make(path), "folder");
    snprintf(path, sizeof path, "%s/events", d->folder);
    CHECK_DONE(folder_make(path), "folder");
    snprintf(yaml, sizeof yaml, "hostname: mail.example.com\nstate: %s\n", d->folder);
    put(d, "smtptool.yaml", str_of(yaml));
    put(d, "events/events.jsonl", str_of(events));
    put(d, "transcripts/t00000001", str_of(transcripts));
    snprintf(d->config, sizeof d->config, "%s/smtptool.yaml", d->folder);
}

static void end(const struct desk *d)
{
    static const char *const names[] = {"smtptool.yaml", "events/events.jsonl",
                                        "transcripts/t00000001", "events", "transcripts"};
    char path[200];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", d->folder, names[i]);
        CHECK(remove(path) == 0, names[i]);
    }
    CHECK(rmdir(d->folder) == 0, "folder");
}

static int run(struct desk *d, const char *option, const char *operand)
{
    const char *argv[] = {"smtptool", "trace", "-C", d->config, operand, option, NULL};
    return run_test_cli(argv, d->said, sizeof d->said);
}

static bool says(const struct desk *d, const char *text)
{
    return str_contains(str_of(d->said), str_of(text));
}

TEST(cli_trace)
{
    static struct desk d;
    begin(&d);
    CHECK(run(&d, NULL, "0000000000007") == CLI_OK, "found");
    CHECK(says(&d, "to <b@example.net> attempt 2 (greylisted, accepted at the 2nd try)\n"),
          "greylisting is told for whom it was");
    CHECK(says(&d, "to <c@example.net> attempt 2\n"), "and for nobody else");
    CHECK(says(&d, "priority 4"), "how urgent it is");
    CHECK(!says(&d, "451"), "no transcript unless it is asked for");
    CHECK(run(&d, "--transcript", "b@example.net") == CLI_OK, "found");
    CHECK(says(&d, "\n2026-01-01T00:00:01.000Z  0000000000007 attempt 1\n  == mx [192.0.2.1]\n"
                   "       0.001 <- 451 ?[31mnow\n"),
          "what was said, cleaned");
    CHECK(!says(&d, "another one"), "not another message's");
    CHECK(run(&d, "--json", "0000000000007") == CLI_OK && !says(&d, "\"transcript\""), "events");
    CHECK(run(&d, NULL, "0000000000009") == CLI_FINDINGS, "nothing");
    end(&d);
}
