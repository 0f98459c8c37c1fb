/* Which port lets us in, in the simulation: servers that speak, are silent, or are somebody else.
 */
#include "client/client.h"
#include "client/ports.h"
#include "config/value.h"
#include "runtime/sim.h"
#include "tests/test.h"
#include <string.h>

enum { PORTS = 3 };

/* What is behind a port. */
enum door { REFUSES, SWALLOWS, HANGS_UP, SILENT, SPEAKS };
struct behind {
    enum door door;
    const char *words; /* of one that speaks: the greeting; more than one line is SMTP that works */
};

struct scene {
    const char *label, *url;
    struct behind ports[PORTS]; /* 587, 465, 2525 */
    bool security_first, login;
    uint16_t remembered;
    enum client_outcome outcome;
    const char *tried; /* "587 465": connections in their order; a swallowed one is not seen */
    const char *told, *not_told, *why;
    uint16_t worked; /* what is remembered then */

    struct net_listener *listeners[PORTS];
    char seen[64];
    struct buf transcript;
};

struct server {
    struct scene *scene;
    int at;
};

static const uint16_t numbers[PORTS] = {587, 465, 2525};

/* ---- the servers ------------------------------------------------------------------------ */

static err say(struct net_conn *c, const char *text)
{
    TRY(net_write(c, str_of(text), DEADLINE_NEVER));
    return net_flush(c, DEADLINE_NEVER);
}

static err hear(struct net_conn *c, char *ret_line, size_t size)
{
    size_t end;
    while ((end = str_find(net_input(c), '\n')) == STR_NONE)
        TRY(net_fill(c, DEADLINE_NEVER));
    (void)str_to_chars(str_trim(str_slice(net_input(c), 0, end)), ret_line, size);
    net_consume(c, end + 1);
    return NULL;
}

static err serve(struct net_conn *c, const char *greeting)
{
    char line[1100];
    TRY(say(c, greeting));
    for (;;) {
        TRY(hear(c, line, sizeof line));
        const char *reply = "250 ok\r\n";
        if (strncmp(line, "AUTH", 4) == 0)
            reply = "535 5.7.8 no\r\n";
        if (strncmp(line, "DATA", 4) == 0) {
            TRY(say(c, "354 go\r\n"));
            do
                TRY(hear(c, line, sizeof line));
            while (strcmp(line, ".") != 0);
        }
        if (strncmp(line, "EHLO", 4) == 0)
            reply = "250-mx\r\n250 AUTH PLAIN\r\n";
        TRY(say(c, reply));
    }
}

static void run_server(void *arg)
{
    struct server *server = arg;
    struct scene *scene = server->scene;
    const struct behind *b = &scene->ports[server->at];
    for (;;) {
        struct net_conn *c;
        if (net_accept(scene->listeners[server->at], &c, DEADLINE_NEVER))
            return;
        size_t used = strlen(scene->seen);
        snprintf(scene->seen + used, sizeof scene->seen - used, "%s%d", used ? " " : "",
                 numbers[server->at]);
        err e = NULL;
        if (b->door == SILENT)
            e = fiber_sleep(DEADLINE_NEVER);
        else if (b->door == SPEAKS)
            e = serve(c, b->words);
        net_close(c);
        if (e && e->kind == ERR_CANCELED)
            return;
        err_forget();
    }
}

/* ---- the client ------------------------------------------------------------------------- */

static void watch(void *arg, const char *mark, str line)
{
    struct scene *scene = arg;
    CHECK_DONE(buf_addf(&scene->transcript, "%s %.*s\n", mark, STR_ARG(line)), "transcript");
}

static void make_mail(struct client_mail *mail, struct arena *arena)
{
    struct envelope *env = ARENA_NEW(arena, struct envelope);
    env->rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, 1);
    env->rcpts[0].address = S("bob@example.net");
    env->rcpt_count = 1;
    *mail = (struct client_mail){.content = S("From: a@example.com\r\n\r\nhi\r\n"),
                                 .envelope = env,
                                 .arena = arena,
                                 .verdicts = ARENA_ARRAY(arena, struct smtp_verdict, 1)};
}

static void open_doors(struct scene *scene, struct group *group, struct server *servers)
{
    for (int i = 0; i < PORTS; i++) {
        struct address at;
        CHECK_DONE(address_parse(S("127.0.0.1"), numbers[i], &at), "address");
        if (scene->ports[i].door == SWALLOWS)
            sim_net_silence(&at);
        if (scene->ports[i].door < HANGS_UP)
            continue;
        CHECK_DONE(net_listen(&at, &scene->listeners[i]), "listen");
        servers[i] = (struct server){scene, i};
        fiber_spawn(group, "server", run_server, &servers[i]);
    }
}

static void run_scene(void *arg)
{
    struct scene *scene = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    struct server servers[PORTS];
    struct group group;
    struct client_mail mail;
    struct client_options options = {.hello = S("client.example"),
                                     .policy = config_client_policy,
                                     .security_first = scene->security_first,
                                     .ports = client_ports_open("/ports", S("net")),
                                     .watch = watch,
                                     .watch_arg = scene};
    options.policy.retries = 0;
    CHECK_DONE(tls_client_open((str){0}, &options.tls), "TLS");
    if (scene->login) {
        options.user = S("alice");
        options.secret = S("a-secret");
    }
    if (scene->remembered)
        client_ports_note(options.ports, S("127.0.0.1"), scene->remembered);
    CHECK_DONE(config_value_hop(str_of(scene->url), arena, &options.hop), scene->label);
    group_init(&group);
    open_doors(scene, &group, servers);
    make_mail(&mail, arena);
    int64_t start_ms = clock_steady_ms();
    enum client_outcome got = client_run(&options, &mail, 1);
    CHECK(got == scene->outcome, scene->label);
    CHECK(clock_steady_ms() - start_ms <= 3 * (10 + 10 + 3) * 1000, "ten seconds each");
    CHECK(scene->why == NULL || str_contains(str_of(mail.why), str_of(scene->why)), mail.why);
    CHECK(client_ports_of(options.ports, S("127.0.0.1")) == scene->worked, scene->label);
    group_close(&group);
    for (int i = 0; i < PORTS; i++)
        net_listener_close(scene->listeners[i]);
    client_ports_close(options.ports);
    tls_client_close(options.tls);
    CHECK(sim_net_open_count() == 0, "all is closed");
}

static void check_scene(struct scene *scene)
{
    buf_init(&scene->transcript, 64 << 10);
    sim_run(5, run_scene, scene);
    str told = buf_str(&scene->transcript);
    bool fits = str_eq(str_of(scene->seen), str_of(scene->tried)) &&
                (scene->told == NULL || str_contains(told, str_of(scene->told))) &&
                (scene->not_told == NULL || !str_contains(told, str_of(scene->not_told)));
    CHECK(fits, scene->label);
    if (!fits)
        fprintf(stderr, "    tried %s\n%.*s", scene->seen, STR_ARG(told));
    buf_release(&scene->transcript);
}

#define ANY "smtp://127.0.0.1?tls=none"
#define TLS "smtp://127.0.0.1?tls=opportunistic"
#define GREETS               \
    {                        \
        SPEAKS, "220 mx\r\n" \
    }

TEST(client_connect_ports)
{
    /* clang-format off */
    struct scene scenes[] = {
        {.label = "the first one works", .url = ANY, .ports = {GREETS, GREETS, GREETS},
         .tried = "587", .worked = 587},
        {.label = "refused, so the next", .url = ANY, .ports = {{REFUSES, 0}, {REFUSES, 0}, GREETS},
         .tried = "2525", .worked = 2525, .told = "!! port 587: 127.0.0.1:587: refused"},
        {.label = "swallowed, so the next", .url = ANY, .ports = {{SWALLOWS, 0}, {REFUSES, 0}, GREETS},
         .tried = "2525", .worked = 2525, .told = "!! port 587: 127.0.0.1:587: no answer in 10 s: the port is blocked"},
        {.label = "closed before a word", .url = ANY, .ports = {{HANGS_UP, 0}, {REFUSES, 0}, GREETS},
         .tried = "587 2525", .worked = 2525, .told = "closed before a word was said"},
        {.label = "silent", .url = ANY, .ports = {{SILENT, 0}, {REFUSES, 0}, GREETS},
         .tried = "587 2525", .worked = 2525, .told = "not a word in 10 s"},
        {.label = "a web server", .url = ANY, .ports = {{SPEAKS, "HTTP/1.1 400 no\r\n"}, {REFUSES, 0}, GREETS},
         .tried = "587 2525", .worked = 2525, .told = "is a web server"},
        {.label = "what worked goes first", .url = ANY, .remembered = 2525, .ports = {GREETS, GREETS, GREETS},
         .tried = "2525", .worked = 2525},
        {.label = "what worked once is blocked now", .url = ANY, .remembered = 2525,
         .ports = {GREETS, GREETS, {REFUSES, 0}}, .tried = "587", .worked = 587},
        {.label = "a refusal is an answer", .url = ANY, .ports = {{SPEAKS, "554 5.7.1 not you\r\n"}, GREETS, GREETS},
         .outcome = CLIENT_REFUSED, .tried = "587", .not_told = "2525"},
        {.label = "a refusal for now is an answer", .url = ANY, .ports = {{SPEAKS, "421 4.3.2 busy\r\n"}, GREETS, GREETS},
         .outcome = CLIENT_LATER, .tried = "587", .not_told = "2525"},
        {.label = "a refused login is an answer", .url = ANY, .login = true, .ports = {GREETS, GREETS, GREETS},
         .outcome = CLIENT_NO_LOGIN, .tried = "587", .worked = 587},
        {.label = "a missing STARTTLS is an answer (attack 20)", .url = "smtp://127.0.0.1", .ports = {GREETS, GREETS, GREETS},
         .outcome = CLIENT_NO_CHANNEL, .tried = "587", .worked = 587, .why = "does not offer STARTTLS"},
        {.label = "nobody lets us in", .url = ANY, .ports = {{SWALLOWS, 0}, {REFUSES, 0}, {HANGS_UP, 0}},
         .outcome = CLIENT_LATER, .tried = "2525", .why = "587 no answer, 2525 closed"},
        {.label = "nobody is who we want", .url = ANY,
         .ports = {{SPEAKS, "SSH-2.0-x\r\n"}, {REFUSES, 0}, {SPEAKS, "+OK hi\r\n"}},
         .outcome = CLIENT_NO_CHANNEL, .tried = "587 2525", .why = "587 no SMTP, 2525 no SMTP"},
        {.label = "clear words where TLS is to be", .url = TLS, .security_first = true, .ports = {GREETS, GREETS, GREETS},
         .tried = "465 587", .worked = 587, .told = "is for STARTTLS, not for TLS from the first byte: write smtp://127.0.0.1:465"},
        {.label = "reset where TLS is to be", .url = TLS, .security_first = true,
         .ports = {GREETS, {HANGS_UP, 0}, GREETS}, .tried = "465 587", .worked = 587, .told = "in the TLS handshake"},
        {.label = "a port that is named is the only one", .url = "smtp://127.0.0.1:587?tls=none",
         .ports = {{REFUSES, 0}, GREETS, GREETS}, .outcome = CLIENT_LATER, .tried = "", .why = "refused: nothing listens at port 587"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
        check_scene(&scenes[i]);
}
