/* The state folder and the folder of the event file beside it. */
#include "base/arena.h"
#include "base/log.h"
#include "cli/state.h"
#include "tests/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_line(void *arg, enum log_level level, str line)
{
    (void)arg, (void)level, (void)line;
}

static bool is_folder(struct arena *arena, const char *above, const char *name, mode_t *ret_mode)
{
    struct stat st;
    str path = arena_printf(arena, "%s/%s", above, name);
    if (lstat(arena_chars(arena, path), &st) != 0 || !S_ISDIR(st.st_mode))
        return false;
    *ret_mode = st.st_mode & 0777;
    return true;
}

static err prepare(struct arena *arena, const char *folder, const char *to)
{
    struct config config = {.hostname = S("mail.example")};
    struct cli_state state;
    config.state = arena_printf(arena, "%s/state", folder);
    config.events.to =
        str_starts(str_of(to), S("@")) ? arena_printf(arena, "%s%s", folder, to + 1) : str_of(to);
    TRY(cli_state_paths(&config, &state));
    return cli_state_prepare(&config, &state);
}

TEST(cli_state_events_folder)
{
    static const struct {
        const char *label, *to; /* @: the test's folder */
        const char *made;       /* or NULL: refused */
    } cases[] = {
        {"the default",                     "@/state/events/events.jsonl",    "state/events"},
        {"again",                           "@/state/events/events.jsonl",    "state/events"},
        {"deeper",                          "@/state/a/b/events.jsonl",       "state/a/b"   },
        {"elsewhere, when it is there",     "@/log/events.jsonl",             "log"         },
        {"stderr",                          "stderr",                         "state/spool" },
        {"none",                            "none",                           "state/spool" },
        {"elsewhere, when it is not there", "@/nowhere/events.jsonl",         NULL          },
        {"attack 145: the state folder",    "@/state/events.jsonl",           NULL          },
        {"attack 145: up again",            "@/state/events/../events.jsonl", NULL          },
        {"attack 145: by another name",     "@/link/events.jsonl",            NULL          },
        {"attack 145: by a link below",     "@/state/inside/events.jsonl",    NULL          },
        {"attack 145: the folder above",    "@/events.jsonl",                 NULL          },
        {"attack 145: the root",            "/events.jsonl",                  NULL          },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    char folder[] = "/tmp/smtptool-state-XXXXXX";
    CHECK(mkdtemp(folder) != NULL, "a folder");
    str state = arena_printf(arena, "%s/state", folder),
        log = arena_printf(arena, "%s/log", folder), link = arena_printf(arena, "%s/link", folder),
        inside = arena_printf(arena, "%s/state/inside", folder);
    CHECK(mkdir(arena_chars(arena, state), 0700) == 0, "state");
    CHECK(mkdir(arena_chars(arena, log), 0700) == 0, "log");
    CHECK(symlink(arena_chars(arena, state), arena_chars(arena, link)) == 0, "a link to it");
    CHECK(symlink("..", arena_chars(arena, inside)) == 0, "a link in it");
    log_set_sink(ignore_line, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        mode_t mode = 0777;
        err e = prepare(arena, folder, cases[i].to);
        CHECK((e == NULL) == (cases[i].made != NULL), cases[i].label);
        if (cases[i].made == NULL)
            continue;
        CHECK(is_folder(arena, folder, cases[i].made, &mode), cases[i].label);
        CHECK((mode & 027) == 0, "not for others, and not for the group to write");
    }
    log_set_sink(NULL, NULL);
    err_forget();
    str command = arena_printf(arena, "rm -rf %s", folder);
    int status = system(arena_chars(arena, command)); // NOLINT(cert-env33-c): our own folder
    CHECK(status == 0, "removed");
}
