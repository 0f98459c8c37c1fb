/* The client's policy in the simulation: a server that misbehaves, and the moments of each attempt.
 */
#include "client/client.h"
#include "config/value.h"
#include "dns/zone.h"
#include "runtime/sim.h"
#include "tests/test.h"

enum { ATTEMPTS_MAX = 8, TOLD_BYTES_MAX = 64 << 10 };

/* One connection of the server: what it says. NULL: nothing, it closes. */
struct script {
    const char *greeting, *hello, *auth, *mail, *rcpt, *rcpt_second, *data, *dot;
    bool close_after_dot, silent;
};

static const struct script works = {
    .greeting = "220 mx ESMTP",
    .hello = "250-mx\r\n250 AUTH PLAIN",
    .auth = "235 2.7.0 in",
    .mail = "250 2.1.0 ok",
    .rcpt = "250 2.1.5 ok",
    .data = "354 go",
    .dot = "250 2.0.0 queued as 4XK2",
};

struct scene {
    const char *label, *url;
    const struct script *scripts[ATTEMPTS_MAX]; /* one for each connection; the last goes on */
    int rcpts;
    bool login;
    const char *zone;

    enum client_outcome outcome; /* what must come of it */
    int connections, waits;
    const char *told, *not_told; /* in the transcript */
    const char *why;             /* part of it */
    bool settled_once;           /* the second attempt offers one recipient only */

    struct net_listener *listener;
    struct group group;
    int accepted, contents; /* connections, mails whose end came */
    int went_along;         /* envelopes that came with the end of a mail */
    int64_t at_ms[ATTEMPTS_MAX];
    char last_rcpts[ATTEMPTS_MAX];
    struct buf transcript;
    struct client_mail mail;
    enum client_outcome got;
};

/* ---- the server ------------------------------------------------------------------------- */

static err say(struct net_conn *c, const char *line)
{
    TRY(net_write(c, str_of(line), DEADLINE_NEVER));
    TRY(net_write(c, S("\r\n"), DEADLINE_NEVER));
    return net_flush(c, DEADLINE_NEVER);
}

static err hear(struct net_conn *c, char *ret_line, size_t size)
{
    size_t end;
    while ((end = str_find(net_input(c), '\n')) == STR_NONE)
        TRY(net_fill(c, DEADLINE_NEVER));
    str line = str_trim(str_slice(net_input(c), 0, end));
    CHECK(str_to_chars(line, ret_line, size), "a line of the client");
    net_consume(c, end + 1);
    return NULL;
}

static err take_content(struct scene *scene, struct net_conn *c, const struct script *s)
{
    char line[1100];
    do
        TRY(hear(c, line, sizeof line));
    while (strcmp(line, ".") != 0);
    scene->contents++;
    scene->went_along += str_starts(net_input(c), S("MAIL FROM:"));
    if (s->close_after_dot)
        return err_new(ERR_CLOSED, "as the script says");
    return say(c, s->dot);
}

static const char *reply_to(struct scene *scene, const struct script *s, const char *line)
{
    int n = (scene->accepted < ATTEMPTS_MAX ? scene->accepted : ATTEMPTS_MAX) - 1;
    if (strncmp(line, "EHLO", 4) == 0 || strncmp(line, "LHLO", 4) == 0)
        return s->hello;
    if (strncmp(line, "AUTH", 4) == 0)
        return s->auth;
    if (strcmp(line, "YWxpY2U=") == 0) /* LOGIN: alice, then the password */
        return "334 UGFzc3dvcmQ6";
    if (strcmp(line, "aHVudGVyMi1zZWNyZXQ=") == 0)
        return works.auth;
    if (strncmp(line, "MAIL", 4) == 0)
        return s->mail;
    if (strncmp(line, "RCPT", 4) == 0)
        return ++scene->last_rcpts[n] > 1 && s->rcpt_second ? s->rcpt_second : s->rcpt;
    if (strncmp(line, "DATA", 4) == 0)
        return s->data;
    return strncmp(line, "QUIT", 4) == 0 ? "221 bye" : "250 ok";
}

static err converse(struct scene *scene, const struct script *s, struct net_conn *c)
{
    char line[1100];
    ASSERT(s != NULL);
    if (s->silent)
        return fiber_sleep(DEADLINE_NEVER);
    TRY(s->greeting ? say(c, s->greeting) : err_new(ERR_CLOSED, "as the script says"));
    for (;;) {
        TRY(hear(c, line, sizeof line));
        const char *reply = reply_to(scene, s, line);
        if (reply == NULL)
            return err_new(ERR_CLOSED, "as the script says");
        TRY(say(c, reply));
        if (strncmp(line, "DATA", 4) == 0 && strncmp(reply, "354", 3) == 0)
            TRY(take_content(scene, c, s));
    }
}

static void run_server(void *arg)
{
    struct scene *scene = arg;
    const struct script *s = NULL;
    for (;;) {
        struct net_conn *c;
        if (net_accept(scene->listener, &c, DEADLINE_NEVER))
            return;
        int n = scene->accepted++;
        if (n < ATTEMPTS_MAX) {
            scene->at_ms[n] = clock_steady_ms();
            s = scene->scripts[n] ? scene->scripts[n] : s;
        }
        err e = converse(scene, s, c);
        net_close(c);
        if (e && e->kind == ERR_CANCELED)
            return;
    }
}

/* ---- the client ------------------------------------------------------------------------- */

static void watch(void *arg, const char *mark, str line)
{
    struct scene *scene = arg;
    CHECK_DONE(buf_addf(&scene->transcript, "%s %.*s\n", mark, STR_ARG(line)), "transcript");
}

static void make_mail(struct scene *scene, struct arena *arena)
{
    struct envelope *env = ARENA_NEW(arena, struct envelope);
    env->rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, 2);
    env->rcpts[0].address = S("bob@example.net");
    env->rcpts[1].address = S("eve@example.net");
    env->rcpt_count = (size_t)scene->rcpts;
    env->sender = S("alice@example.com");
    struct client_mail *mail = &scene->mail;
    *mail = (struct client_mail){
        .content = S("From: alice@example.com\r\n\r\n.dot\r\n"), .envelope = env, .arena = arena};
    mail->verdicts = ARENA_ARRAY(arena, struct smtp_verdict, mail->envelope->rcpt_count);
}

static struct dns_resolver *open_zone(const struct scene *scene)
{
    struct dns_zone *zone;
    if (scene->zone == NULL)
        return NULL;
    CHECK_DONE(dns_zone_parse(str_of(scene->zone), "zone", &zone), "zone");
    return dns_resolver_open(dns_zone_transport(zone), NULL);
}

static void run_scene(void *arg)
{
    struct scene *scene = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(32 << 20);
    struct client_options options = {
        .hello = S("client.example"),
        .policy = config_client_policy,
        .resolver = open_zone(scene),
        .watch = watch,
        .watch_arg = scene,
    };
    struct address at, silent;
    str here = strstr(scene->url, "127.0.0.1") ? S("127.0.0.1:587") : S("192.0.2.1:587");
    CHECK_DONE(address_parse(here, 0, &at), "address");
    CHECK_DONE(address_parse(S("192.0.2.9:587"), 0, &silent), "address");
    CHECK_DONE(net_listen(&at, &scene->listener), "listen");
    sim_net_silence(&silent);
    group_init(&scene->group);
    fiber_spawn(&scene->group, "server", run_server, scene);
    err e = config_value_hop(str_of(scene->url), arena, &options.hop);
    CHECK_DONE(e, scene->label);
    if (scene->login) {
        options.user = S("alice");
        options.secret = S("hunter2-secret");
    }
    make_mail(scene, arena);
    scene->got = client_run(&options, &scene->mail, 1);
    group_close(&scene->group);
    net_listener_close(scene->listener);
    dns_resolver_close(options.resolver);
    CHECK(sim_net_open_count() == 0, scene->label);
}

/* 5, 10 and 20 seconds, each with at most a fifth more. */
static void check_waits(const struct scene *scene)
{
    for (int i = 0; i < scene->waits; i++) {
        int64_t gap_ms = scene->at_ms[i + 1] - scene->at_ms[i], least_ms = 5000LL << i;
        CHECK(gap_ms >= least_ms, scene->label);
        CHECK(gap_ms <= least_ms + least_ms / 5 + 2100, scene->label); /* 2 s: waiting for QUIT */
    }
}

static void check_scene(struct scene *scene)
{
    buf_init(&scene->transcript, TOLD_BYTES_MAX);
    sim_run(7, run_scene, scene);
    str told = buf_str(&scene->transcript);
    CHECK(scene->got == scene->outcome, scene->label);
    CHECK(scene->accepted == scene->connections, scene->label);
    if (scene->got != scene->outcome || scene->accepted != scene->connections)
        fprintf(stderr, "    outcome %d, %d connections, why \"%s\"\n%.*s", scene->got,
                scene->accepted, scene->mail.why, STR_ARG(told));
    check_waits(scene);
    if (scene->told)
        CHECK(str_contains(told, str_of(scene->told)), scene->label);
    if (scene->not_told)
        CHECK(!str_contains(told, str_of(scene->not_told)), scene->label);
    if (scene->why)
        CHECK(str_contains(str_of(scene->mail.why), str_of(scene->why)), scene->label);
    if (scene->settled_once)
        CHECK(scene->last_rcpts[0] == 2 && scene->last_rcpts[1] == 1, scene->label);
    CHECK(!str_contains(told, S("hunter2")), "no secret is shown (attack 147)");
    CHECK(!str_contains(told, S("AGFsaWNl")), "nor its base64");
    CHECK(!str_contains(told, S("aHVudGVy")), "nor that of LOGIN");
    CHECK(!str_contains(told, S("VXNlcm5hbWU6")), "nor the challenge");
    buf_release(&scene->transcript);
}

#define CLEAR "smtp://192.0.2.1:587?tls=none"
#define HERE "smtp://127.0.0.1:587?tls=none" /* a login in clear goes to this machine only */

TEST(client_policy)
{
    static struct script later, gone, never, bad_rcpt, mixed, busy, hang_up, no_dot, no_login,
        login_later, mute, odd, asking;
    asking = works;
    asking.hello = "250-mx\r\n250 AUTH LOGIN";
    asking.auth = "334 VXNlcm5hbWU6";
    later = gone = never = bad_rcpt = mixed = busy = hang_up = no_dot = no_login = login_later =
        mute = odd = works;
    later.dot = "451 4.3.0 later";
    gone.greeting = NULL;
    never.dot = "554 5.7.1 spam";
    bad_rcpt.rcpt = "550 5.1.1 unknown";
    mixed.rcpt_second = "450 4.2.0 greylisted";
    busy.greeting = "421 4.3.2 busy";
    hang_up.mail = NULL;
    no_dot.close_after_dot = true;
    no_login.auth = "535 5.7.8 wrong: AUTH PLAIN AGFsaWNlAGh1bnRlcjI="; /* attack 147 */
    login_later.auth = "454 4.7.0 later";
    mute.silent = true;
    odd.greeting = "HTTP/1.1 400 Bad Request";
    /* clang-format off */
    struct scene scenes[] = {
        {.label = "works at once", .url = CLEAR, .scripts = {&works}, .rcpts = 2,
         .connections = 1, .told = "<- 250 2.0.0 queued as 4XK2"},
        {.label = "4xx: three retries, then 75", .url = CLEAR, .scripts = {&later}, .rcpts = 1,
         .outcome = CLIENT_LATER, .connections = 4, .waits = 3,
         .told = "!! 451 later; retry 3 of 3 in 2"},
        {.label = "4xx once", .url = CLEAR, .scripts = {&later, &works}, .rcpts = 1,
         .connections = 2, .waits = 1},
        {.label = "a lost connection is worth a retry", .url = CLEAR,
         .scripts = {&hang_up, &works}, .rcpts = 1, .connections = 2, .waits = 1},
        {.label = "closed before the greeting", .url = CLEAR, .scripts = {&gone, &works},
         .rcpts = 1, .connections = 2, .waits = 1},
        {.label = "421 greeting", .url = CLEAR, .scripts = {&busy, &works}, .rcpts = 1,
         .connections = 2, .waits = 1},
        {.label = "5xx behind the dot: never again", .url = CLEAR, .scripts = {&never},
         .rcpts = 1, .outcome = CLIENT_REFUSED, .connections = 1, .not_told = "retry"},
        {.label = "5xx for a recipient", .url = CLEAR, .scripts = {&bad_rcpt}, .rcpts = 1,
         .outcome = CLIENT_NO_USER, .connections = 1, .not_told = "retry"},
        {.label = "only the open recipient is offered again", .url = CLEAR,
         .scripts = {&mixed, &works}, .rcpts = 2, .connections = 2, .waits = 1,
         .settled_once = true},
        {.label = "no reply to the dot: it may arrive twice", .url = CLEAR,
         .scripts = {&no_dot, &works}, .rcpts = 1, .connections = 2, .told = "may arrive twice"},
        {.label = "silence: 30 s for the greeting", .url = CLEAR, .scripts = {&mute},
         .rcpts = 1, .outcome = CLIENT_LATER, .connections = 1, .why = "no reply to greeting in 30"},
        {.label = "no SMTP at all", .url = CLEAR, .scripts = {&odd}, .rcpts = 1,
         .outcome = CLIENT_NO_CHANNEL, .connections = 1},
        {.label = "login refused: never again", .url = HERE, .login = true,
         .scripts = {&no_login}, .rcpts = 1, .outcome = CLIENT_NO_LOGIN, .connections = 1,
         .told = "-> AUTH PLAIN ***"},
        {.label = "nothing of what is said in a login is shown", .url = HERE, .login = true,
         .scripts = {&asking}, .rcpts = 1, .connections = 1,
         .told = "-> AUTH LOGIN\n<- 334 ***\n-> ***\n<- 334 ***\n-> ***\n<- 235 2.7.0 in\n"},
        {.label = "login later", .url = HERE, .login = true, .scripts = {&login_later, &works},
         .rcpts = 1, .connections = 2, .waits = 1, .told = "-> AUTH PLAIN ***"},
        {.label = "no login in clear, whatever the options say (attacks 20, 73)", .url = CLEAR,
         .login = true, .scripts = {&works}, .rcpts = 1, .outcome = CLIENT_NO_CHANNEL,
         .connections = 1, .not_told = "-> AUTH", .why = "no login without verified TLS"},
        {.label = "port 25 takes no login", .url = "smtp://192.0.2.1:25?tls=none", .login = true,
         .scripts = {&works}, .rcpts = 1, .outcome = CLIENT_NO_LOGIN, .connections = 0,
         .why = "write port 587 or 465"},
        {.label = "port 25 without one is told about", .url = "smtp://192.0.2.1:25?tls=none",
         .scripts = {&works}, .rcpts = 1, .outcome = CLIENT_LATER, .connections = 0,
         .told = "most networks block it"},
        {.label = "a stripped STARTTLS is a failure, not a fallback (attack 20)", .url = "smtp://192.0.2.1:587",
         .login = true, .scripts = {&works}, .rcpts = 1, .outcome = CLIENT_NO_CHANNEL, .connections = 1,
         .not_told = "AUTH PLAIN *", .why = "does not offer STARTTLS"},
        {.label = "opportunistic goes on in clear, and says so",
         .url = "smtp://192.0.2.1:587?tls=opportunistic", .scripts = {&works}, .rcpts = 1,
         .connections = 1, .told = "not encrypted"},
        {.label = "nobody there", .url = "smtp://192.0.2.7:587?tls=none", .scripts = {&works},
         .rcpts = 1, .outcome = CLIENT_LATER, .connections = 0},
        {.label = "the next address when one is silent", .url = "smtp://mx.example:587?tls=none",
         .zone = "mx.example. A 192.0.2.9\nmx.example. A 192.0.2.1\n", .scripts = {&works},
         .rcpts = 1, .connections = 1, .told = "connected to 192.0.2.1:587"},
        {.label = "no such host", .url = "smtp://nope.example:587?tls=none",
         .zone = "mx.example. A 192.0.2.1\n", .scripts = {&works}, .rcpts = 1,
         .outcome = CLIENT_NO_HOST, .connections = 0, .not_told = "retry"},
        {.label = "the DNS is silent: later", .url = "smtp://slow.example:587?tls=none",
         .zone = "slow.example. FAIL servfail\n", .scripts = {&works}, .rcpts = 1,
         .outcome = CLIENT_LATER, .connections = 0, .told = "retry 3 of 3"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
        check_scene(&scenes[i]);
}

/* ---- several mails ---------------------------------------------------------------------- */

struct many {
    struct scene scene;
    int messages_per_connection, connections;
};

enum { MANY_MAILS = 6 };

static void run_many(void *arg)
{
    struct many *m = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    struct client_mail mails[MANY_MAILS];
    struct client_options options = {.hello = S("client.example"), .policy = config_client_policy};
    struct address at;
    options.policy.connections = 1;
    options.policy.messages_per_connection = m->messages_per_connection;
    CHECK_DONE(address_parse(S("192.0.2.1:587"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &m->scene.listener), "listen");
    group_init(&m->scene.group);
    fiber_spawn(&m->scene.group, "server", run_server, &m->scene);
    CHECK_DONE(config_value_hop(S(CLEAR), arena, &options.hop), "hop");
    for (size_t i = 0; i < MANY_MAILS; i++) {
        make_mail(&m->scene, arena);
        mails[i] = m->scene.mail;
    }
    m->scene.got = client_run(&options, mails, MANY_MAILS);
    for (size_t i = 0; i < MANY_MAILS; i++)
        CHECK(mails[i].outcome == m->scene.outcome, "each mail");
    group_close(&m->scene.group);
    net_listener_close(m->scene.listener);
}

TEST(client_connections)
{
    /* clang-format off */
    struct many cases[] = {
        {.scene = {.scripts = {&works}, .rcpts = 1}, .messages_per_connection = 100,
         .connections = 1},
        {.scene = {.scripts = {&works}, .rcpts = 1}, .messages_per_connection = 4,
         .connections = 2},
        {.scene = {.scripts = {&works}, .rcpts = 1}, .messages_per_connection = 1,
         .connections = 6},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sim_run(3, run_many, &cases[i]);
        CHECK(cases[i].scene.got == CLIENT_SENT, "exit");
        CHECK(cases[i].scene.accepted == cases[i].connections, "messages a connection");
    }
}

/* ---- mails one after another ------------------------------------------------------------ */

struct stream {
    struct scene scene;
    int total;  /* what there is to send */
    bool ahead; /* the next one may be asked for while one is under way */
    bool again; /* what is refused for now is tried again */

    int taken, held, held_most, done, untried, doubt;
    enum client_outcome got;
};

static struct client_mail *next_mail(void *arg, bool connected)
{
    (void)connected;
    struct stream *st = arg;
    if (st->taken == st->total)
        return NULL;
    struct arena *arena = arena_open(1 << 20);
    make_mail(&st->scene, arena);
    struct client_mail *mail = ARENA_NEW(arena, struct client_mail);
    *mail = st->scene.mail;
    mail->once = S("key");
    st->taken++;
    if (++st->held > st->held_most)
        st->held_most = st->held;
    return mail;
}

static struct client_mail *next_mail_now(void *arg) { return next_mail(arg, true); }

static void mail_done(void *arg, struct client_mail *mail)
{
    struct stream *st = arg;
    st->held--;
    st->done += mail->outcome == CLIENT_SENT;
    st->doubt += mail->in_doubt;
    st->untried += str_starts(str_of(mail->why), S("not tried: "));
    arena_close(mail->arena);
}

static void run_stream(void *arg)
{
    struct stream *st = arg;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct client_source source = {next_mail, st->ahead ? next_mail_now : NULL, mail_done, st};
    struct client_options options = {.hello = S("client.example"), .policy = config_client_policy};
    struct address at;
    options.policy.connections = 1;
    options.passes = st->ahead && !st->again;
    CHECK_DONE(address_parse(S("192.0.2.1:587"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &st->scene.listener), "listen");
    group_init(&st->scene.group);
    fiber_spawn(&st->scene.group, "server", run_server, &st->scene);
    CHECK_DONE(config_value_hop(S(CLEAR), arena, &options.hop), "hop");
    st->got = client_run_source(&options, &source);
    group_close(&st->scene.group);
    net_listener_close(st->scene.listener);
}

TEST(client_run_source)
{
    static struct script closed_door;
    closed_door = works;
    closed_door.greeting = "554 5.7.1 not you";
    struct stream works_well =
                      {
                          .scene = {.scripts = {&works}, .rcpts = 1},
                            .total = 1000
    },
                  refused = {.scene = {.scripts = {&closed_door}, .rcpts = 1}, .total = 1000};
    sim_run(3, run_stream, &works_well);
    CHECK(works_well.got == CLIENT_SENT && works_well.done == 1000, "all are sent");
    CHECK(works_well.held_most == 1 && works_well.held == 0, "as many as connections at a time");
    CHECK(works_well.scene.accepted == 10, "a hundred a connection");
    sim_run(3, run_stream, &refused);
    CHECK(refused.got == CLIENT_REFUSED && refused.done == 0, "a server that wants nobody");
    CHECK(refused.scene.accepted == 1 && refused.untried == 999, "is asked once");
}

/* The envelope of the next mail goes out with the end of one, and whatever becomes of the one or
 * the other: each mail is offered whole no more than once. */
TEST(client_ahead)
{
    static struct script goes_on, dot_later, dot_never, no_user, no_data, leaves;
    goes_on = works;
    goes_on.hello = "250-mx\r\n250 PIPELINING";
    dot_later = dot_never = no_user = no_data = leaves = goes_on;
    dot_later.dot = "451 4.3.0 not now";
    dot_never.dot = "554 5.6.0 no";
    no_user.rcpt = "550 5.1.1 who?";
    no_data.data = "451 4.3.0 not now";
    leaves.close_after_dot = true;
    /* clang-format off */
    static const struct {
        const char *label;
        const struct script *script, *second; /* of the second connection; NULL: the same */
        int contents, done, doubt, accepted, went_along;
    } cases[] = {
        {"all is well", &goes_on, NULL, 250, 250, 0, 3, 247},
        {"no content is taken now", &dot_later, NULL, 250, 0, 0, 3, 247},
        {"none ever", &dot_never, NULL, 250, 0, 0, 3, 247},
        {"no recipient is: an empty mail each", &no_user, NULL, 250, 0, 0, 3, 0},
        {"DATA is refused", &no_data, NULL, 0, 0, 0, 3, 0},
        {"it leaves behind each end", &leaves, NULL, 250, 0, 250, 250, 249},
        {"tried again, and the next one too", &dot_later, &goes_on, 251, 250, 0, 4, 248},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stream st = {
            .scene = {.scripts = {cases[i].script, cases[i].second}, .rcpts = 1},
            .total = 250,
            .ahead = true,
            .again = cases[i].second != NULL,
        };
        sim_run(3, run_stream, &st);
        CHECK(st.held == 0 && st.taken == 250 && st.held_most <= 2, cases[i].label);
        CHECK(st.scene.contents == cases[i].contents, cases[i].label);
        CHECK(st.done == cases[i].done && st.doubt == cases[i].doubt, cases[i].label);
        CHECK(st.scene.accepted == cases[i].accepted, cases[i].label);
        CHECK(st.scene.went_along == cases[i].went_along, cases[i].label);
        if (st.scene.contents != cases[i].contents || st.scene.accepted != cases[i].accepted ||
            st.scene.went_along != cases[i].went_along)
            fprintf(stderr, "    %s: %d contents, %d connections, %d along, %d done, %d doubt\n",
                    cases[i].label, st.scene.contents, st.scene.accepted, st.scene.went_along,
                    st.done, st.doubt);
    }
}
