#include "tests/world.h"
#include "account/store.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "runtime/sim.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char zone_default[] = "mail.example.com.            A    192.0.2.25\n"
                                   "example.com.                 MX   10 mail.example.com.\n"
                                   "our.example.                 MX   10 mail.example.com.\n"
                                   "mailbox.our.example.         A    192.0.2.30\n"
                                   "example.net.                 MX   10 mx.example.net.\n"
                                   "mx.example.net.              A    198.51.100.25\n"
                                   "example.org.                 MX   10 mx.example.org.\n"
                                   "mx.example.org.              A    198.51.100.40\n"
                                   "two.example.                 MX   10 mx1.two.example.\n"
                                   "                             MX   20 mx2.two.example.\n"
                                   "mx1.two.example.             A    198.51.100.31\n"
                                   "mx2.two.example.             A    198.51.100.32\n"
                                   "remote.example.              MX   10 mx.remote.example.\n"
                                   "mx.remote.example.           A    198.51.100.50\n"
                                   "null.example.                MX   0 .\n"
                                   "client.example.              A    203.0.113.7\n"
                                   "7.113.0.203.in-addr.arpa.    PTR  client.example.\n";

/* Stand in this order in config->listeners. */
static const struct {
    const char *name, *address, *rest;
} listeners[WORLD_LISTENERS] = {
    {"mx",         "192.0.2.25:25",  "role: mx"                       },
    {"submission", "192.0.2.25:587", "role: submission"               },
    {"smtps",      "192.0.2.25:465", "role: submission, tls: implicit"},
    {"relay",      "127.0.0.1:2526", "role: relay"                    },
};

static const struct {
    const char *key, *text;
} settings_default[] = {
    {"hostname", "hostname: mail.example.com\n"                    },
    {"workers",  "workers: 1\n"                                    },
    {"relay",    "relay: { trusted: [127.0.0.1/32] }\n"            },
    {"domains",  "domains:\n"
                "    example.com: {}\n"
                "    our.example:\n"
                "        deliver: \"lmtp://mailbox.our.example:24?tls=none\"\n"
                "        recipients: [bob, alice]\n"},
    {"routes",   "routes: mx\n"                                    },
    {"events",   "events: { to: none }\n"                          },
};

/* ---- texts ------------------------------------------------------------------------------ */

/* "#key:" counts: it takes a default away. */
static bool has_key(str config, str key)
{
    while (config.len > 0) {
        str line;
        str_split(config, '\n', &line, &config);
        str_skip(&line, S("#"));
        if (str_skip(&line, key) && str_starts(line, S(":")))
            return true;
    }
    return false;
}

/* Every "from" becomes "to". */
static str replaced(struct arena *arena, str text, str from, str to)
{
    struct buf out;
    err e = NULL;
    buf_init(&out, WORLD_TEXT_BYTES_MAX);
    while (e == NULL && text.len > 0) {
        bool here = str_starts(text, from);
        e = here ? buf_add(&out, to) : buf_add_char(&out, text.ptr[0]);
        text = str_from(text, here ? from.len : 1);
    }
    str result = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return result;
}

str world_text(struct world *w, str text)
{
    static const char *const networks[][2] = {
        {"192.0.2.",    "127.2.0."},
        {"198.51.100.", "127.3.0."},
        {"203.0.113.",  "127.4.0."},
    };
    for (size_t i = 0; w->options.real && i < ARRAY_LEN(networks); i++)
        text = replaced(w->arena, text, str_of(networks[i][0]), str_of(networks[i][1]));
    return text;
}

/* Where sockets are real every server that a URL names listens at the one port of the peers. */
static str with_ports(struct world *w, str text)
{
    struct buf out;
    err e = NULL;
    buf_init(&out, WORLD_TEXT_BYTES_MAX);
    while (e == NULL && text.len > 0) {
        bool url = str_starts(text, S("://")) && !str_starts(text, S(":///"));
        size_t len = url ? 3 : 1;
        while (url && len < text.len &&
               (char_is_alnum(text.ptr[len]) || text.ptr[len] == '.' || text.ptr[len] == '-'))
            len++;
        e = buf_add(&out, str_slice(text, 0, len));
        text = str_from(text, len);
        if (!url || e)
            continue;
        e = buf_addf(&out, ":%u", w->options.peer_port);
        while (text.len > 0 && (text.ptr[0] == ':' || char_is_digit(text.ptr[0])))
            text = str_from(text, 1);
    }
    text = arena_str(w->arena, buf_str(&out));
    buf_release(&out);
    return text;
}

static str config_text(struct world *w)
{
    struct arena *a = w->arena;
    str given = w->options.config;
    str text = arena_printf(a, "%.*s\n", STR_ARG(given));
    if (!has_key(given, S("state")))
        text = arena_printf(a, "%.*sstate: %s\n", STR_ARG(text), w->options.folder);
    for (size_t i = 0; i < ARRAY_LEN(settings_default); i++)
        if (!has_key(given, str_of(settings_default[i].key)))
            text = arena_printf(a, "%.*s%s", STR_ARG(text), settings_default[i].text);
    text = world_text(w, text);
    if (w->options.real)
        text = with_ports(w, text);
    if (has_key(given, S("listeners")))
        return text;
    text = arena_printf(a, "%.*slisteners:\n", STR_ARG(text));
    for (size_t i = 0; i < WORLD_LISTENERS; i++) {
        str at = world_text(w, str_of(listeners[i].address));
        size_t colon = str_find_last(at, ':');
        str port = str_from(at, colon + 1);
        text = arena_printf(a, "%.*s    - { address: \"%.*s:%.*s\", %s }\n", STR_ARG(text),
                            STR_ARG(str_slice(at, 0, colon)), STR_ARG(port), listeners[i].rest);
    }
    return text;
}

static err read_config(struct world *w)
{
    struct config_errors errors;
    struct buf told;
    config_errors_init(&errors);
    buf_init(&told, 64 << 10);
    err e = config_from_text(config_text(w), S("config"), &w->config, &errors);
    if (e && config_errors_print(&errors, &told) == NULL)
        e = err_wrap(e, "%.*s", STR_ARG(buf_str(&told)));
    buf_release(&told);
    config_errors_release(&errors);
    for (size_t i = 0; e == NULL && w->options.real && i < w->config->listener_count; i++)
        w->config->listeners[i].address.port = 0; /* a free one; no file may say so */
    return e;
}

/* ---- who listens to what happens -------------------------------------------------------- */

static void add_line(struct world *w, struct buf *to, str line)
{
    pthread_mutex_lock(&w->lock);
    err e = buf_add(to, line);
    if (e == NULL && (line.len == 0 || line.ptr[line.len - 1] != '\n'))
        e = buf_add_char(to, '\n');
    pthread_mutex_unlock(&w->lock);
    (void)e; /* what is beyond the limit nobody will look for */
}

static void take_event(void *arg, const struct event *event)
{
    struct world *w = arg;
    struct buf line;
    buf_init(&line, EVENT_LINE_BYTES_MAX);
    err e = event_to_json(event, &line);
    if (e == NULL)
        add_line(w, &w->events, buf_str(&line));
    buf_release(&line);
    event_emit(w->options.events, event);
}

static void take_log(void *arg, enum log_level level, str line)
{
    struct world *w = arg;
    (void)level;
    add_line(w, &w->log, line);
    if (w->options.log_to_stderr)
        fprintf(stderr, "log: %.*s\n", STR_ARG(line));
}

static bool line_is_of(str line, str kind)
{
    char key[80];
    int n = snprintf(key, sizeof key, "\"event\":\"%.*s\"", STR_ARG(kind));
    return n > 0 && str_contains(line, (str){key, (size_t)n});
}

size_t world_count_events(struct world *w, str kind, str word)
{
    size_t count = 0;
    str line;
    pthread_mutex_lock(&w->lock);
    for (str rest = buf_str(&w->events); rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        count += line_is_of(line, kind) && str_contains(line, word);
    }
    pthread_mutex_unlock(&w->lock);
    return count;
}

bool world_has_log(struct world *w, str word)
{
    pthread_mutex_lock(&w->lock);
    bool found = str_contains(buf_str(&w->log), word);
    pthread_mutex_unlock(&w->lock);
    return found;
}

static bool is_one_of(str line, str kinds)
{
    while (kinds.len > 0) {
        str kind;
        str_split(kinds, ' ', &kind, &kinds);
        if (line_is_of(line, kind))
            return true;
    }
    return false;
}

str world_recipient_event(struct world *w, str kinds, str recipient, struct arena *arena)
{
    str newest = {0};
    str wanted = arena_printf(arena, "\"recipient\":\"%.*s\"", STR_ARG(recipient));
    pthread_mutex_lock(&w->lock);
    for (str rest = buf_str(&w->events), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        if (str_contains(line, wanted) && is_one_of(line, kinds))
            newest = line;
    }
    newest = arena_str(arena, newest);
    pthread_mutex_unlock(&w->lock);
    return newest;
}

/* ---- places ----------------------------------------------------------------------------- */

err world_host(struct world *w, str host, struct address *ret_address)
{
    struct arena *scratch = arena_open(64 << 10);
    struct dns_answer a = dns_zone_answer(w->names, host, DNS_A, scratch);
    struct address at = {.family = ADDRESS_IP4, .port = 25};
    if (w->options.real)
        at.port = w->options.peer_port;
    bool found = a.status == DNS_OK && a.count > 0;
    if (found)
        memcpy(at.ip, a.records[0].ip, 4);
    arena_close(scratch);
    if (!found)
        return err_new(ERR_CONFIG, "the zone has no address for %.*s", STR_ARG(host));
    *ret_address = at;
    return NULL;
}

err world_listener(struct world *w, str name, struct address *ret_address)
{
    for (size_t i = 0; i < WORLD_LISTENERS && i < w->config->listener_count; i++)
        if (str_eq(name, str_of(listeners[i].name))) {
            *ret_address = service_listener_address(w->service, i);
            return NULL;
        }
    return err_new(ERR_CONFIG, "there is no listener %.*s", STR_ARG(name));
}

/* ---- life ------------------------------------------------------------------------------- */

/* The folders above and the folder itself, in the simulated file system. */
static err make_folders(const char *path)
{
    char part[512];
    for (size_t i = 1; path[i - 1] != '\0'; i++) {
        if (i >= sizeof part)
            return err_new(ERR_LIMIT, "the path is too long");
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        TRY(folder_make(part));
    }
    return NULL;
}

/* A key of return paths that is the same in every run, so that a script can name one. */
static err put_key(struct world *w)
{
    char path[600], line[200];
    snprintf(path, sizeof path, "%s/feedback", w->options.folder);
    TRY(folder_make(path));
    snprintf(path, sizeof path, "%s/feedback/verp.keys", w->options.folder);
    int n = snprintf(line, sizeof line, "0 %lld %064d\n",
                     (long long)(clock_real_ms() / (24LL * 3600 * 1000)), 7);
    return file_put(path, 0, (str){line, (size_t)n});
}

err world_open(struct world *w, const struct world_options *options)
{
    *w = (struct world){.options = *options};
    w->arena = arena_open(WORLD_TEXT_BYTES_MAX);
    w->sink = (struct event_sink){take_event, w};
    pthread_mutex_init(&w->lock, NULL);
    buf_init(&w->events, WORLD_TEXT_BYTES_MAX);
    buf_init(&w->log, WORLD_TEXT_BYTES_MAX);
    log_set_sink(take_log, w);
    str zone = arena_printf(w->arena, "%s%.*s", zone_default, STR_ARG(options->dns));
    w->zone_text = world_text(w, zone);
    TRY(dns_zone_parse(w->zone_text, "dns", &w->names));
    TRY(read_config(w));
    if (options->real)
        return NULL;
    w->fs = sim_fs_open();
    sim_fs_use(w->fs);
    TRY(make_folders(options->folder));
    TRY(put_key(w));
    sim_fs_settle(w->fs);
    struct address source;
    TRY(address_parse_ip(S("192.0.2.25"), &source));
    sim_net_set_source(&source);
    return NULL;
}

void world_close(struct world *w)
{
    world_stop(w, 0);
    config_close(w->config);
    dns_zone_close(w->names);
    sim_fs_close(w->fs);
    log_set_sink(NULL, NULL);
    buf_release(&w->events);
    buf_release(&w->log);
    pthread_mutex_destroy(&w->lock);
    arena_close(w->arena);
}

/* Hashing blocks: on a fiber it is a job. */
struct adding {
    struct world *world;
    err result;
};

static void add_accounts(void *arg)
{
    struct adding *a = arg;
    const struct world_options *o = &a->world->options;
    struct account_store *store = service_accounts(a->world->service);
    for (size_t i = 0; a->result == NULL && store && i < o->account_count; i++)
        a->result = account_store_add(store, o->accounts[i].user, o->accounts[i].password, false);
}

static err lend_keeper(void *arg, const struct keeper **ret_keeper)
{
    *ret_keeper = ((struct world *)arg)->options.keeper;
    return NULL;
}

err world_start(struct world *w)
{
    struct dns_zone *zone;
    const struct world_options *given = &w->options;
    TRY(dns_zone_parse(w->zone_text, "dns", &zone));
    struct service_options o = {.config = w->config,
                                .dns = given->resolver ? given->resolver(given->resolver_arg, zone)
                                                       : dns_zone_transport(zone),
                                .events = &w->sink,
                                .settle = lend_keeper,
                                .settle_arg = w,
                                .workers = 1,
                                .segment_bytes = given->segment_bytes,
                                .may_block = given->may_block,
                                .mx_port = w->options.real ? w->options.peer_port : 25};
    TRY(service_start(&o, &w->service));
    struct adding a = {.world = w};
    if (w->accounts_made || w->options.account_count == 0)
        return NULL;
    w->accounts_made = true;
    if (fiber_current())
        TRY(job_run(add_accounts, &a, NULL, DEADLINE_NEVER));
    else
        add_accounts(&a);
    return a.result;
}

void world_stop(struct world *w, int64_t grace_ms)
{
    if (w->service)
        service_stop(w->service, grace_ms);
    w->service = NULL;
}

/* The reports' database and its log; accounts change in no scenario that crashes. */
static const char *const databases[] = {"reports.db", "reports.db-wal"};

/* The copy is there when and only when the file is. */
static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    size_t len;
    if (in == NULL)
        unlink(to);
    while (out && (len = fread(bytes, 1, sizeof bytes, in)) > 0)
        fwrite(bytes, 1, len, out);
    if (out)
        fclose(out);
    if (in)
        fclose(in);
}

static void copy_databases(struct world *w, const char *from, const char *to)
{
    char source[600], target[600];
    for (size_t i = 0; i < ARRAY_LEN(databases); i++) {
        const char *folder = w->options.folder, *name = databases[i];
        snprintf(source, sizeof source, "%s/reports/%s%s", folder, name, from);
        snprintf(target, sizeof target, "%s/reports/%s%s", folder, name, to);
        copy_file(source, target);
    }
}

void world_freeze(struct world *w)
{
    copy_databases(w, "", ".frozen");
    w->frozen = true;
}

void world_lose_power(struct world *w, struct sim_fs *next)
{
    world_stop(w, 0);
    if (w->frozen)
        copy_databases(w, ".frozen", "");
    w->frozen = false;
    sim_fs_use(next);
    sim_fs_close(w->fs);
    w->fs = next;
}
