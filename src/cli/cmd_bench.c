#include "base/mem.h"
#include "cli/bench_crew.h"
#include "cli/bench_idle.h"
#include "cli/bench_send.h"
#include "cli/bench_sink.h"
#include "cli/commands.h"
#include "config/value.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { RATE_MAX = 10 * 1000 * 1000 };

const char cmd_bench_help[] =
    "usage: smtptool bench send --server URL [options]   load generator\n"
    "       smtptool bench sink --listen ADDRESS [options]   takes everything, keeps nothing\n"
    "       smtptool bench idle --server URL --connections N   connections that only wait\n"
    "\n"
    "\"smtptool bench send --help\" and so on tell the options. Load is sent to this machine only\n"
    "(127.0.0.0/8, ::1, Unix sockets) unless --i-own-this-server says otherwise.\n"
    "\n"
    "What the generator cannot, no server can show: on two processors generator and sink together\n"
    "reach about 75,000 messages/s of 10 KB over 50 connections, 25,000 with a connection for "
    "each.\n";

static const char send_help[] =
    "usage: smtptool bench send --server URL [options]\n"
    "\n"
    "  --server URL             smtp://, smtps://, lmtp://host:port, lmtp+unix:///path; smtp:// "
    "is\n"
    "                           spoken in clear here unless --tls is given\n"
    "  --connections N          at the same time (1)\n"
    "  --messages N             in all; or\n"
    "  --duration TIME          for so long, such as 10s (10s)\n"
    "  --rate R/s               messages a second in all, instead of as fast as it goes\n"
    "  --stagger TIME           connections begin that far apart (0)\n"
    "  --size SIZE              of a message, such as 10KB (10KB)\n"
    "  --per-connection one|many|K   messages of a connection (many)\n"
    "  --rcpts N                recipients of a message (1)\n"
    "  --domains N              recipient domains, used in turn (1)\n"
    "  --from ADDRESS, --to ADDRESS   bench@source.test, rcpt@bench.test\n"
    "  --tls                    STARTTLS; verified unless the server is on this machine\n"
    "  --ca FILE                PEM with the roots to trust; then always verified\n"
    "  --user NAME --secret REF log in (AUTH PLAIN); REF as for send\n"
    "  --no-pipelining          one command at a time\n"
    "  --record FILE            when each message was taken: 8 bytes each, ns of the steady clock\n"
    "  --timeout TIME           for each reply (60s)\n"
    "  --workers N              threads (one for each processor)\n"
    "  --i-own-this-server      its owner agrees: other addresses than loopback are allowed\n"
    "\n"
    "Times are those of the reply to the final dot. --json gives one object. Exit: 0 every "
    "message\n"
    "was taken, 1 not every one, 64 wrong usage.\n"
    "\n"
    "  smtptool bench sink --listen 127.0.0.1:2600 &\n"
    "  smtptool bench send --server smtp://127.0.0.1:2600 --connections 50 --duration 5s\n";

static const char sink_help[] =
    "usage: smtptool bench sink --listen ADDRESS [options]\n"
    "\n"
    "  --listen ADDRESS   loopback address with port (0: any, it is printed), or unix:PATH\n"
    "  --addresses N      so many in a row, all with that port: 127.0.0.11, 127.0.0.12, … (1)\n"
    "  --expose           listen on other addresses than loopback, too\n"
    "  --certificate FILE --key FILE   offer STARTTLS\n"
    "  --lmtp             a reply for each recipient\n"
    "  --once             offer XONCE: a message whose key has come before is taken, not counted;\n"
    "                     tells how many recipients were told apart (each mail's last)\n"
    "  --discard          do not judge the content (else CR, LF alone and NUL are refused: 554)\n"
    "  --slow TIME        wait before the reply to the final dot\n"
    "  --reply \"[STAGE:]CODE [TEXT]\"   answer that, such as 451 or \"rcpt:550 5.1.1 Who?\";\n"
    "                     stages: greeting, hello, mail, rcpt, data, dot (dot)\n"
    "  --rules FILE       behave as a mail provider with these rules (docs/provider.md)\n"
    "  --report TIME      with rules: what came to it, so often (1m)\n"
    "  --every N          say so when N more were taken\n"
    "  --record FILE      when each message of \"bench send\" came, as it records them\n"
    "  --messages N       end after so many\n"
    "  --duration TIME    end then; else SIGINT ends it\n"
    "  --workers N        threads (one for each processor)\n"
    "\n"
    "Prints where it listens, and at its end what it took.\n";

static const char idle_help[] =
    "usage: smtptool bench idle --server URL --connections N [options]\n"
    "\n"
    "  --connections N    opened, greeted (EHLO, with --tls inside TLS) and held\n"
    "  --opening N        by each thread at a time (16); fewer for a short listen queue\n"
    "  --duration TIME    from when all are open; else SIGINT ends it\n"
    "  --tls, --ca FILE, --timeout TIME, --workers N, --i-own-this-server   as for send\n"
    "\n"
    "Prints \"ready\" when all are open. Exit: 0 all were held, 1 not all.\n";

/* ---- values ----------------------------------------------------------------------------- */

struct given { /* as typed; NULL: not there */
    const char *connections, *messages, *duration, *rate, *size, *per_connection, *rcpts, *domains;
    const char *timeout, *workers, *listen, *addresses, *slow, *reply, *stagger, *opening, *every;
    const char *rules, *report, *record, *certificate, *key;
    bool no_pipelining, lmtp, discard, expose, once;
    struct bench_plan_options plan;
};

static err read_count(const char *text, const char *option, int64_t most, int64_t *ret_count)
{
    int64_t count;
    if (text == NULL)
        return NULL;
    err e = config_value_int(str_of(text), &count);
    if (e)
        return err_wrap(e, "--%s", option);
    if (count < 1 || count > most)
        return err_new(ERR_CONFIG, "--%s must be 1 to %lld", option, (long long)most);
    *ret_count = count;
    return NULL;
}

static err read_int(const char *text, const char *option, int most, int *ret_count)
{
    int64_t count = *ret_count;
    TRY(read_count(text, option, most, &count));
    *ret_count = (int)count;
    return NULL;
}

static err read_time(const char *text, const char *option, int64_t *ret_ms)
{
    if (text == NULL)
        return NULL;
    err e = config_value_duration(str_of(text), ret_ms);
    if (e)
        return err_wrap(e, "--%s", option);
    if (*ret_ms <= 0)
        return err_new(ERR_CONFIG, "--%s must be longer than nothing", option);
    return NULL;
}

/* "500" and "500/s" */
static err read_rate(const char *text, double *ret_rate)
{
    if (text == NULL)
        return NULL;
    str number, unit;
    uint64_t rate;
    str_split(str_of(text), '/', &number, &unit);
    bool per_second = str_eq(unit, S("s")) || number.len == strlen(text);
    if (!per_second || !str_to_u64(number, RATE_MAX, &rate) || rate == 0)
        return err_new(ERR_CONFIG, "--rate: \"%s\" is not a rate such as 500/s", text);
    *ret_rate = (double)rate;
    return NULL;
}

static err read_per_connection(const char *text, uint64_t *ret_count)
{
    if (text == NULL || strcmp(text, "many") == 0)
        return NULL;
    int64_t count = 1;
    if (strcmp(text, "one") != 0)
        TRY(read_count(text, "per-connection", INT32_MAX, &count));
    *ret_count = (uint64_t)count;
    return NULL;
}

/* "451", "rcpt:550", "rcpt:550 5.1.1 Who?" */
static err read_reply(const char *text, struct bench_sink_options *o)
{
    if (text == NULL)
        return NULL;
    str stage, code = str_of(text);
    uint64_t number;
    o->reply_stage = BENCH_DOT;
    str_split(code, ' ', &code, &o->reply_text);
    if (o->reply_text.len > BENCH_SINK_REPLY_BYTES_MAX ||
        str_find(o->reply_text, '\n') != STR_NONE || str_find(o->reply_text, '\r') != STR_NONE)
        return err_new(ERR_CONFIG, "--reply: the text must be one line of at most %d bytes",
                       BENCH_SINK_REPLY_BYTES_MAX);
    if (str_find(code, ':') != STR_NONE) {
        str_split(code, ':', &stage, &code);
        TRY(bench_stage_parse(stage, &o->reply_stage));
    }
    if (!str_to_u64(code, 599, &number) || number < 200)
        return err_new(ERR_CONFIG, "--reply: \"%s\" is not a reply such as 451 or rcpt:550", text);
    o->reply_code = (int)number;
    return NULL;
}

static err read_record(const struct given *g, struct bench_record **ret_record)
{
    return g->record ? bench_record_open(g->record, ret_record) : NULL;
}

static err read_plan(struct given *g, struct bench_plan *ret_plan)
{
    struct bench_plan_options *o = &g->plan;
    TRY(read_int(g->rcpts, "rcpts", BENCH_RCPTS_MAX, &o->rcpts));
    TRY(read_int(g->domains, "domains", BENCH_DOMAINS_MAX, &o->domains));
    TRY(read_time(g->timeout, "timeout", &o->timeout_ms));
    if (g->size)
        TRY(config_value_size(str_of(g->size), &o->message_bytes));
    return bench_plan_open(o, ret_plan);
}

static int refuse(err e)
{
    cli_fail_err(e, "bench");
    return e->kind == ERR_SYSTEM ? CLI_OS : CLI_USAGE;
}

/* As many descriptors as the system lets us have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A tally is too large for a stack. */
static int tell(struct bench_tally *t, const char *what, const struct cli *cli)
{
    bool clean = t->refused + t->lost == 0;
    if (!cli->quiet || cli->json)
        bench_tally_print(t, what, cli->json);
    mem_free(t);
    return clean ? CLI_OK : CLI_FINDINGS;
}

/* ---- send ------------------------------------------------------------------------------- */

static err read_send(struct given *g, struct bench_send_options *o)
{
    int64_t messages = 0;
    o->connections = 1;
    TRY(read_int(g->connections, "connections", BENCH_CONNECTIONS_MAX, &o->connections));
    TRY(read_int(g->workers, "workers", BENCH_WORKERS_MAX, &o->workers));
    TRY(read_count(g->messages, "messages", INT64_MAX, &messages));
    TRY(read_time(g->duration, "duration", &o->duration_ms));
    TRY(read_rate(g->rate, &o->rate));
    TRY(read_time(g->stagger, "stagger", &o->stagger_ms));
    TRY(read_per_connection(g->per_connection, &o->per_connection));
    o->messages = (uint64_t)messages;
    o->no_pipelining = g->no_pipelining;
    if (o->messages == 0 && o->duration_ms == 0)
        o->duration_ms = 10 * 1000;
    return NULL;
}

/* clang-format off */
#define PLAN_OPTIONS(g)                                                  \
    {.name = "server", .value = &(g)->plan.server},                      \
    {.name = "tls", .flag = &(g)->plan.tls},                             \
    {.name = "ca", .value = &(g)->plan.ca},                              \
    {.name = "timeout", .value = &(g)->timeout},                         \
    {.name = "workers", .value = &(g)->workers},                         \
    {.name = "connections", .value = &(g)->connections},                 \
    {.name = "duration", .value = &(g)->duration},                       \
    {.name = "i-own-this-server", .flag = &(g)->plan.own_server}
/* clang-format on */

static int run_send(struct cli *cli, int argc, char **argv)
{
    static const struct cli_command me = {"bench send", NULL, "a load generator", send_help};
    struct given g = {0};
    const struct cli_option options[] = {
        PLAN_OPTIONS(&g),
        {"messages",       0, &g.messages,       NULL,             NULL, NULL},
        {"rate",           0, &g.rate,           NULL,             NULL, NULL},
        {"stagger",        0, &g.stagger,        NULL,             NULL, NULL},
        {"size",           0, &g.size,           NULL,             NULL, NULL},
        {"per-connection", 0, &g.per_connection, NULL,             NULL, NULL},
        {"rcpts",          0, &g.rcpts,          NULL,             NULL, NULL},
        {"domains",        0, &g.domains,        NULL,             NULL, NULL},
        {"from",           0, &g.plan.from,      NULL,             NULL, NULL},
        {"to",             0, &g.plan.to,        NULL,             NULL, NULL},
        {"user",           0, &g.plan.user,      NULL,             NULL, NULL},
        {"secret",         0, &g.plan.secret,    NULL,             NULL, NULL},
        {"no-pipelining",  0, NULL,              &g.no_pipelining, NULL, NULL},
        {"record",         0, &g.record,         NULL,             NULL, NULL},
    };
    int code;
    if (cli_parse(cli, &me, options, ARRAY_LEN(options), argc, argv, &code) < 0)
        return code;
    struct bench_send_options o = {0};
    struct bench_plan plan;
    err e = read_send(&g, &o);
    if (e == NULL)
        e = read_record(&g, &o.record);
    if (e == NULL)
        e = read_plan(&g, &plan);
    if (e) {
        bench_record_close(o.record);
        return refuse(e);
    }
    raise_descriptors();
    struct bench_tally *t = MEM_NEW(struct bench_tally);
    bench_send_run(&plan, &o, t);
    bench_plan_release(&plan);
    bench_record_close(o.record);
    return tell(t, "send", cli);
}

/* ---- sink ------------------------------------------------------------------------------- */

static err read_sink(struct given *g, struct bench_sink_options *o)
{
    int64_t messages = 0, every = 0;
    if (g->listen == NULL)
        return err_new(ERR_CONFIG, "--listen ADDRESS is missing");
    str where = str_of(g->listen);
    bool any_port = str_ends_nocase(where, S(":0"));
    if (any_port) /* an address has a port; one that the kernel chooses is named by 0 */
        where.len -= 2;
    TRY(address_parse(where, any_port ? 1 : 0, &o->at));
    if (any_port)
        o->at.port = 0;
    TRY(read_int(g->addresses, "addresses", BENCH_SINK_ADDRESSES_MAX, &o->addresses));
    TRY(read_int(g->workers, "workers", BENCH_WORKERS_MAX, &o->workers));
    TRY(read_count(g->messages, "messages", INT64_MAX, &messages));
    TRY(read_time(g->duration, "duration", &o->duration_ms));
    TRY(read_time(g->slow, "slow", &o->slow_ms));
    TRY(read_count(g->every, "every", INT64_MAX, &every));
    o->messages = (uint64_t)messages;
    o->every = (uint64_t)every;
    o->lmtp = g->lmtp;
    o->discard = g->discard;
    o->once = g->once;
    o->expose = g->expose;
    return read_reply(g->reply, o);
}

static err read_certificate(const struct given *g, struct tls_server **ret_server)
{
    if (g->certificate == NULL && g->key == NULL)
        return NULL;
    if (g->certificate == NULL || g->key == NULL)
        return err_new(ERR_CONFIG, "--certificate and --key belong together");
    struct tls_certificate mine = {.certificate = str_of(g->certificate), .key = str_of(g->key)};
    struct tls_server_options o = {
        .profile = TLS_INTERMEDIATE, .certificates = &mine, .certificate_count = 1};
    return tls_server_open(&o, ret_server);
}

static err read_provider(const struct given *g, const struct cli *cli,
                         struct bench_provider *ret_provider)
{
    int64_t every_ms = 60 * 1000;
    TRY(read_time(g->report, "report", &every_ms));
    if (g->rules == NULL && g->report)
        return err_new(ERR_CONFIG, "--report needs --rules");
    if (g->rules == NULL)
        return NULL;
    TRY(bench_provider_read(g->rules, ret_provider));
    ret_provider->every_ms = every_ms;
    ret_provider->json = cli->json;
    return NULL;
}

static int run_sink(struct cli *cli, int argc, char **argv)
{
    static const struct cli_command me = {"bench sink", NULL, "takes everything, keeps nothing",
                                          sink_help};
    struct given g = {0};
    const struct cli_option options[] = {
        {"listen",      0, &g.listen,      NULL,       NULL, NULL},
        {"addresses",   0, &g.addresses,   NULL,       NULL, NULL},
        {"every",       0, &g.every,       NULL,       NULL, NULL},
        {"rules",       0, &g.rules,       NULL,       NULL, NULL},
        {"report",      0, &g.report,      NULL,       NULL, NULL},
        {"lmtp",        0, NULL,           &g.lmtp,    NULL, NULL},
        {"discard",     0, NULL,           &g.discard, NULL, NULL},
        {"once",        0, NULL,           &g.once,    NULL, NULL},
        {"expose",      0, NULL,           &g.expose,  NULL, NULL},
        {"certificate", 0, &g.certificate, NULL,       NULL, NULL},
        {"key",         0, &g.key,         NULL,       NULL, NULL},
        {"record",      0, &g.record,      NULL,       NULL, NULL},
        {"slow",        0, &g.slow,        NULL,       NULL, NULL},
        {"reply",       0, &g.reply,       NULL,       NULL, NULL},
        {"messages",    0, &g.messages,    NULL,       NULL, NULL},
        {"duration",    0, &g.duration,    NULL,       NULL, NULL},
        {"workers",     0, &g.workers,     NULL,       NULL, NULL},
    };
    int code;
    if (cli_parse(cli, &me, options, ARRAY_LEN(options), argc, argv, &code) < 0)
        return code;
    struct bench_sink_options o = {.json = cli->json, .quiet = cli->quiet};
    struct bench_provider provider = {0};
    err e = read_sink(&g, &o);
    if (e == NULL)
        e = read_provider(&g, cli, &provider);
    if (e == NULL)
        e = read_certificate(&g, &o.tls);
    if (e == NULL)
        e = read_record(&g, &o.record);
    if (e) {
        tls_server_close(o.tls);
        return refuse(e);
    }
    o.provider = g.rules ? &provider : NULL;
    raise_descriptors();
    struct bench_tally *t = MEM_NEW(struct bench_tally);
    e = bench_sink_run(&o, t);
    if (o.provider)
        bench_provider_release(&provider);
    bench_record_close(o.record);
    tls_server_close(o.tls);
    if (e == NULL)
        return tell(t, "sink", cli);
    mem_free(t);
    return refuse(e);
}

/* ---- idle ------------------------------------------------------------------------------- */

static int run_idle(struct cli *cli, int argc, char **argv)
{
    static const struct cli_command me = {"bench idle", NULL, "connections that only wait",
                                          idle_help};
    struct given g = {0};
    const struct cli_option options[] = {
        PLAN_OPTIONS(&g),
        {"opening", 0, &g.opening, NULL, NULL, NULL},
    };
    int code;
    if (cli_parse(cli, &me, options, ARRAY_LEN(options), argc, argv, &code) < 0)
        return code;
    struct bench_idle_options o = {.connections = 1, .json = cli->json, .quiet = cli->quiet};
    struct bench_plan plan;
    err e = read_int(g.connections, "connections", BENCH_CONNECTIONS_MAX, &o.connections);
    if (e == NULL)
        e = read_int(g.workers, "workers", BENCH_WORKERS_MAX, &o.workers);
    if (e == NULL)
        e = read_int(g.opening, "opening", BENCH_CONNECTIONS_MAX, &o.opening);
    if (e == NULL)
        e = read_time(g.duration, "duration", &o.duration_ms);
    if (e == NULL)
        e = read_plan(&g, &plan);
    if (e)
        return refuse(e);
    raise_descriptors();
    struct bench_tally *t = MEM_NEW(struct bench_tally);
    bench_idle_run(&plan, &o, t);
    bench_plan_release(&plan);
    return tell(t, "idle", cli);
}

/* ---- which ------------------------------------------------------------------------------ */

/* Each mode has options of its own, and parses them itself. */
static int verb_send(void *arg, int argc, char **argv) { return run_send(arg, argc + 1, argv - 1); }
static int verb_sink(void *arg, int argc, char **argv) { return run_sink(arg, argc + 1, argv - 1); }
static int verb_idle(void *arg, int argc, char **argv) { return run_idle(arg, argc + 1, argv - 1); }

const struct cli_verb cmd_bench_verbs[] = {
    {"send", verb_send, 0, -1, ""  },
    {"sink", verb_sink, 0, -1, ""  },
    {"idle", verb_idle, 0, -1, ""  },
    {NULL,   NULL,      0, 0,  NULL},
};

int cmd_bench(struct cli *cli, int argc, char **argv)
{
    static const struct cli_command me = {
        .name = "bench", .summary = "load generator and sink", .help = cmd_bench_help};
    int code = CLI_USAGE;
    if (argc > 1 && argv[1][0] != '-')
        return cli_run_verb(cli, cmd_bench_verbs, ARRAY_LEN(cmd_bench_verbs) - 1, cli, argc - 1,
                            argv + 1);
    if (cli_parse(cli, &me, NULL, 0, argc, argv, &code) >= 0)
        cli_fail("bench what? send, sink or idle; see \"smtptool bench --help\"");
    return code;
}
