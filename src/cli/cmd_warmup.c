/* cli/cmd_warmup.c -- smtptool warmup: how far new egresses have come, and changing that */
#include "base/clock.h"
#include "cli/admin_client.h"
#include "cli/commands.h"
#include "cli/state.h"
#include "cli/warmup_view.h"
#include "runtime/file.h"
#include "shaping/state.h"
#include "shaping/warmup_config.h"

const char cmd_warmup_help[] =
    "usage: smtptool warmup show [EGRESS [SITE]]\n"
    "       smtptool warmup set EGRESS [SITE] --day N | --cap N | --pause | --resume | --done\n\n"
    "  show      a line for each egress and site that has a plan: the day of the plan, how many\n"
    "            recipients may be reached today, were, and are left; what was heard (blocks,\n"
    "            verdicts of spam, deferrals); what follows from it tomorrow; when one more may "
    "go\n"
    "  set       change that, for one site or for all of the egress\n\n"
    "A running server is asked over its admin_socket; else its file is read and written. SITE is "
    "a\n"
    "provider (google), the name of an MX site, or others: all that the plan does not name.\n\n"
    "options of set, one of them:\n"
    "  --day N           go on with that day of the plan; also when it was done\n"
    "  --cap N           so many recipients a day, whatever the day says; 0: as the plan says\n"
    "  --pause           nothing goes there by this egress: mail takes another one, or waits\n"
    "  --resume          it goes on\n"
    "  --done            it is warm: no cap any more\n\n"
    "  -C, --config F    which server: its admin_socket, state and plans\n"
    "  --json            one JSON object a line; times in ms since 1970, next_ms 0: now\n\n"
    "exit: 0 done; 1 there is no such plan; 65 the plan has no such day;\n"
    "      77 not root and not the server's user\n\n"
    "examples:\n"
    "  smtptool warmup show out1\n"
    "  smtptool warmup set out1 google --day 5\n"
    "  smtptool warmup set out1 --pause\n";

struct warmup_run {
    struct cli *cli;
    const struct config *config;
    const char *day, *cap;
    bool pause, resume, done;
    bool headed;
};

/* ---- without a server: the file ----------------------------------------------------------- */

struct from_file {
    struct arena *arena;
    struct shaping_state *state; /* NULL: there is none yet */
    struct warmup *warmup;
};

static void close_file(struct from_file *f)
{
    shaping_state_close(f->state);
    warmup_close(f->warmup);
    arena_close(f->arena);
}

static err load_file(const struct warmup_run *run, bool make, struct from_file *f)
{
    struct cli_state *paths = ARENA_NEW(f->arena, struct cli_state);
    struct shaping_state_rows rows = {0};
    bool set_aside = false;
    TRY(warmup_configure(f->warmup, run->config));
    TRY(cli_state_paths(run->config, paths));
    if (make)
        TRY(cli_make_state(run->config));
    if (make || file_exists(paths->shaping_file))
        TRY(shaping_state_open(paths->shaping_file, make, &f->state, &set_aside));
    if (set_aside)
        cli_fail("%s was damaged and is set aside as %s.damaged", paths->shaping_file,
                 paths->shaping_file);
    if (f->state)
        TRY(shaping_state_read(f->state, f->arena, &rows));
    for (size_t i = 0; i < rows.warmup_count; i++)
        warmup_load(f->warmup, &rows.warmup[i]);
    return NULL;
}

static err open_file(const struct warmup_run *run, bool make, struct from_file *ret_file)
{
    struct from_file f = {.arena = arena_open(SHAPING_STATE_ARENA_BYTES_MAX)};
    warmup_open(NULL, &f.warmup);
    err e = load_file(run, make, &f);
    if (e)
        close_file(&f);
    else
        *ret_file = f;
    return e;
}

static err store(struct from_file *f)
{
    int64_t now_ms = clock_real_ms();
    struct shaping_state_rows rows = {0};
    size_t position = 0;
    rows.warmup = ARENA_ARRAY(f->arena, struct warmup_record, WARMUP_TRACKS_MAX);
    while (rows.warmup_count < WARMUP_TRACKS_MAX &&
           warmup_next(f->warmup, now_ms, false, &position, &rows.warmup[rows.warmup_count]))
        rows.warmup_count++;
    return shaping_state_write(f->state, &rows, now_ms);
}

/* ---- show --------------------------------------------------------------------------------- */

static void show_line(void *arg, const json_t *line)
{
    struct warmup_run *run = arg;
    if (run->cli->json) {
        cli_print_json(json_incref((json_t *)line));
        return;
    }
    if (!run->headed)
        cli_warmup_view_head();
    run->headed = true;
    cli_warmup_view_row(line);
}

static err show_file(struct warmup_run *run, str egress, str site, int64_t *ret_count)
{
    struct from_file f;
    TRY(open_file(run, false, &f));
    json_t *list = cli_warmup_view_list(f.warmup, clock_real_ms(), egress, site);
    for (size_t i = 0; i < json_array_size(list); i++)
        show_line(run, json_array_get(list, i));
    *ret_count = (int64_t)json_array_size(list);
    json_decref(list);
    close_file(&f);
    return NULL;
}

static json_t *make_request(const char *verb, str egress, str site)
{
    json_t *request = json_pack("{ss}", "verb", verb);
    if (egress.len > 0)
        json_object_set_new(request, "egress", cli_json_str(egress));
    if (site.len > 0)
        json_object_set_new(request, "site", cli_json_str(site));
    return request;
}

static int finish(const struct warmup_run *run, err e, int64_t count)
{
    char why[1024];
    if (e) {
        cli_describe(e, why, sizeof why);
        cli_fail("%s", why);
        return cli_exit_of(e);
    }
    if (count == 0 && !run->cli->quiet)
        fputs(run->config->warmup_count == 0 ? "no egress is being warmed up (warmup:)\n"
                                             : "there is no such plan\n",
              stderr);
    return count == 0 ? CLI_FINDINGS : CLI_OK;
}

static int run_show(void *arg, int argc, char **argv)
{
    struct warmup_run *run = arg;
    str egress = argc > 0 ? str_of(argv[0]) : (str){0},
        site = argc > 1 ? str_of(argv[1]) : (str){0};
    int64_t count = 0;
    err e = cli_admin_client_ask(run->config, make_request("warmup", egress, site), show_line, run,
                                 &count);
    if (e && e->kind == ERR_CLOSED)
        e = show_file(run, egress, site, &count);
    return finish(run, e, count);
}

/* ---- set ---------------------------------------------------------------------------------- */

struct wanted {
    enum warmup_change change;
    int64_t value;
};

/* False: told. */
static bool read_wanted(const struct warmup_run *run, struct wanted *ret_wanted)
{
    int given = (run->day != NULL) + (run->cap != NULL) + run->pause + run->resume + run->done;
    const char *number = run->day ? run->day : run->cap;
    uint64_t value = 0;
    if (given != 1) {
        cli_fail("one of --day, --cap, --pause, --resume and --done is wanted");
        return false;
    }
    if (number && !str_to_u64(str_of(number), WARMUP_CAP_MAX, &value)) {
        cli_fail("\"%s\" is not a number of at most %d", number, WARMUP_CAP_MAX);
        return false;
    }
    *ret_wanted = (struct wanted){run->day      ? WARMUP_SET_DAY
                                  : run->cap    ? WARMUP_SET_CAP
                                  : run->pause  ? WARMUP_PAUSE
                                  : run->resume ? WARMUP_RESUME
                                                : WARMUP_FINISH,
                                  (int64_t)value};
    return true;
}

static err set_file(struct warmup_run *run, str egress, str site, struct wanted wanted,
                    int64_t *ret_count)
{
    struct from_file f;
    size_t count = 0;
    TRY(open_file(run, true, &f));
    err e =
        warmup_set(f.warmup, clock_real_ms(), egress, site, wanted.change, wanted.value, &count);
    if (e == NULL && count > 0)
        e = store(&f);
    close_file(&f);
    *ret_count = (int64_t)count;
    return e;
}

static int run_set(void *arg, int argc, char **argv)
{
    struct warmup_run *run = arg;
    str egress = str_of(argv[0]), site = argc > 1 ? str_of(argv[1]) : (str){0};
    struct wanted wanted;
    int64_t count = 0;
    if (!read_wanted(run, &wanted))
        return CLI_USAGE;
    json_t *request = make_request("warmup_set", egress, site);
    json_object_set_new(request, "change", json_string(cli_warmup_view_change_name(wanted.change)));
    if (cli_warmup_view_has_value(wanted.change))
        json_object_set_new(request, "value", json_integer((json_int_t)wanted.value));
    err e = cli_admin_client_ask(run->config, request, NULL, NULL, &count);
    if (e && e->kind == ERR_CLOSED)
        e = set_file(run, egress, site, wanted, &count);
    return finish(run, e, count);
}

const struct cli_verb cmd_warmup_verbs[] = {
    {"show",             run_show, 0, 2, "[EGRESS [SITE]]"},
    {"set",                 run_set, 1, 2, "EGRESS [SITE]"},
    {0},
};

int cmd_warmup(struct cli *cli, int argc, char **argv)
{
    struct warmup_run run = {.cli = cli};
    const struct cli_option options[] = {
        {.name = "day",    .value = &run.day  },
        {.name = "cap",    .value = &run.cap  },
        {.name = "pause",  .flag = &run.pause },
        {.name = "resume", .flag = &run.resume},
        {.name = "done",   .flag = &run.done  },
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    run.config = cli_config(cli);
    if (run.config == NULL)
        return CLI_CONFIG;
    code = cli_run_verb(cli, cmd_warmup_verbs, ARRAY_LEN(cmd_warmup_verbs) - 1, &run, argc - first,
                        argv + first);
    config_close(run.config);
    return code;
}
