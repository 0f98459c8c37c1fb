/* From words to a plan, and from a plan to a conversation with a server that has its replies ready.
 */
#include "personality/swaks_dialog.h"
#include "personality/swaks_link.h"
#include "personality/swaks_source.h"
#include "runtime/sim.h"
#include "tests/test.h"

enum { WORDS_MAX = 24, TOLD_BYTES = 20000 };

struct scene {
    struct arena *arena;
    struct swaks_settings settings;
    struct swaks_values values;
    struct swaks_output output;
    struct swaks_plan plan;
    char told[TOLD_BYTES]; /* both streams */
    size_t told_size;
    FILE *file;
};

static void no_warning(void *arg, str option) { (void)arg, (void)option; }

/* The words between blanks; "~" stands for a blank inside one. */
static err make_plan(struct scene *s, const char *line)
{
    str rest = str_of(line), words[WORDS_MAX];
    size_t count = 0;
    *s = (struct scene){.arena = arena_open(SWAKS_ARENA_BYTES_MAX)};
    s->file = fmemopen(s->told, sizeof s->told, "w");
    while (rest.len && count < WORDS_MAX) {
        str word;
        str_split(rest, ' ', &word, &rest);
        char *chars = arena_chars(s->arena, word);
        for (char *c = chars; *c; c++)
            *c = *c == '~' ? ' ' : *c;
        words[count++] = str_of(chars);
    }
    personality_swaks_option_init(&s->settings, s->arena);
    personality_swaks_output_init(&s->output);
    s->output.out = s->output.err = s->file;
    s->values = (struct swaks_values){
        .settings = &s->settings, .arena = s->arena, .deprecated = no_warning};
    s->plan.arena = s->arena;
    s->plan.values = &s->values;
    s->plan.output = &s->output;
    TRY(personality_swaks_option_take(&s->settings, words, count, "command line"));
    return personality_swaks_plan_make(&s->plan);
}

static void end_scene(struct scene *s)
{
    fclose(s->file);
    arena_close(s->arena);
    err_forget();
}

#define TO "-t b@example.net -f a@example.com -h me.example "

TEST(personality_swaks_plan_refuses)
{
    static const struct {
        const char *line, *why;
        int exit;
    } rows[] = {
        {TO "-s x --protocol foo",                       "Unknown protocol foo specified, exiting",                           1 },
        {TO "-s x --socket y",                           "Multiple transport types specified, exiting",                       1 },
        {TO "-s x -q dot",                               "Unknown quit_after value dot, exiting",                             1 },
        {TO "-s x --timeout 5x",                         "Unknown timeout format '5x'",                                       1 },
        {TO "-s ::1 -4",                                 "Option -4 is set but server appears to be ipv6, cannot proceed",    1 },
        {TO "-s 192.0.2.1 -li ::1",                      "server is ipv4 but local-interface is ipv6, cannot proceed",
         1                                                                                                                      },
        {TO "-s x -tls --tls-cert c",                    "--tls-cert and --tls-key require each other.  Exiting",             1 },
        {TO "-s x -tls --tls-protocol tlsv1,no_sslv3",
         "cannot mix X and no_X forms in --tls-protocol option",                                                              1 },
        {TO "-s x -a FOO",                               "No auth types supported",                                           10},
        {TO "-s x -a NTLM",                              "No auth types supported",                                           10},
        {TO "-s x -a -am y",                             "Unknown auth-map format 'y'",                                       1 },
        {TO "-s x --proxy-version 3",                    "Invalid argument to --proxy: 3 is not a legal proxy version",
         35                                                                                                                     },
        {TO "-s x --proxy y --proxy-family TCP4",
         "Can't mix --proxy option with other --proxy-* options",                                                             35},
        {TO "-s x --proxy-family TCP4 --proxy-source 1",
         "Incomplete set of --proxy-* options (missing source_port)",                                                         35},
        {TO "-s x --data @/nonexistent",
         "Option processing error: file /nonexistent not openable for option data (No such file or "
         "directory)",                                                                                                        1 },
        {TO "-s x --attach",                             "Option processing error: option attach specified with no argument",
         1                                                                                                                      },
        {TO "-s x -h a\nb",                              "the value of --helo holds a line end, or NUL",                      1 },
        {TO "-s x -t a\rb",                              "the value of --to holds a line end, or NUL",                        1 },
        {TO "-s x --xclient a\nb",                       "the value of --xclient holds a line end, or NUL",                   1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        err e = make_plan(&s, rows[i].line);
        CHECK(e != NULL, rows[i].line);
        if (e)
            CHECK_STR(e->text, rows[i].why, rows[i].line);
        CHECK(s.plan.exit == rows[i].exit, rows[i].line);
        end_scene(&s);
    }
}

TEST(personality_swaks_plan_target)
{
    static const struct {
        const char *line, *server, *route;
        uint16_t port;
    } rows[] = {
        {TO "-s mx.example",                         "mx.example",  "",              25  },
        {TO "-s mx.example:2525",                    "mx.example",  "",              2525},
        {TO "-s [2001:db8::1]:26",                   "2001:db8::1", "",              26  },
        {TO "-s 2001:db8::1/27",                     "2001:db8::1", "",              27  },
        {TO "-s 2001:db8::1",                        "2001:db8::1", "",              25  },
        {TO "-s mx.example:26 -p 27",                "mx.example",  "",              27  },
        {TO "-s mx.example -p smtp",                 "mx.example",  "",              25  },
        {TO "-s mx.example -tlsc",                   "mx.example",  "",              465 },
        {TO "-s mx.example --protocol LMTP",         "mx.example",  "",              24  },
        {TO "-s mx.example --protocol SSMTP",        "mx.example",  "",              465 },
        {TO "",                                      "",            "example.net",   25  },
        {"-t a@one.example,b@two.example -f x -h y", "",            "two.example",   25  },
        {TO "--copy-routing three.example",          "",            "three.example", 25  },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        CHECK_DONE(make_plan(&s, rows[i].line), rows[i].line);
        CHECK_STR(s.plan.server, rows[i].server, rows[i].line);
        CHECK_STR(s.plan.route, rows[i].route, rows[i].line);
        CHECK(s.plan.port == rows[i].port, rows[i].line);
        end_scene(&s);
    }
}

TEST(personality_swaks_client_proxy_bytes)
{
    static const struct {
        const char *line;
        const char *bytes;
        size_t len;
    } rows[] = {
        {TO "-s x --proxy-family tcp4 --proxy-source 192.0.2.1 --proxy-source-port 3 "
            "--proxy-dest 192.0.2.2 --proxy-dest-port 25",                        "PROXY TCP4 192.0.2.1 192.0.2.2 3 25",                            35},
        {TO "-s x --proxy-version 2 --proxy-family AF_INET --proxy-source 192.0.2.1 "
            "--proxy-source-port 3 --proxy-dest 192.0.2.2 --proxy-dest-port 256", "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\0\3\1\0", 28},
        {TO "-s x --proxy-version 2 --proxy-command LOCAL --proxy-family AF_INET --proxy-source 1 "
            "--proxy-source-port 3 --proxy-dest 2 --proxy-dest-port 4",           "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",                                 16},
        {TO "-s x --proxy-version 2 --proxy base64:AAEC",                                  "\r\n\r\n\0\r\nQUIT\n\0\1\2",                                     15},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        CHECK_DONE(make_plan(&s, rows[i].line), rows[i].line);
        CHECK(str_eq(s.plan.proxy.bytes, (str){rows[i].bytes, rows[i].len}), rows[i].line);
        end_scene(&s);
    }
}

TEST(personality_swaks_link_needs_shell)
{
    CHECK(!personality_swaks_link_needs_shell(S("exim -bh 127.0.0.2")), "words");
    CHECK(personality_swaks_link_needs_shell(S("exim -bh 'a b'")), "quotes");
    CHECK(personality_swaks_link_needs_shell(S("exim | tee x")), "a pipe");
    CHECK(personality_swaks_link_needs_shell(S("$HOME/x")), "a variable");
}

/* ---- conversations ---------------------------------------------------------------------- */

struct peer {
    const char *says; /* all its replies, at once */
    struct buf heard;
    struct net_listener *listener;
    bool closes; /* after its last word */
};

static void serve(void *arg)
{
    struct peer *p = arg;
    struct net_conn *conn;
    err e = net_accept(p->listener, &conn, DEADLINE_NEVER);
    if (e)
        return;
    e = net_write(conn, str_of(p->says), DEADLINE_NEVER);
    if (e == NULL)
        e = net_flush(conn, DEADLINE_NEVER);
    if (p->closes)
        sim_net_end_write(conn);
    while (e == NULL) {
        str input = net_input(conn);
        e = buf_add(&p->heard, input);
        net_consume(conn, input.len);
        if (e == NULL)
            e = net_fill(conn, DEADLINE_NEVER);
    }
    net_close(conn);
}

struct play {
    struct scene *scene;
    struct peer *peer;
    int exit;
};

static void play(void *arg)
{
    struct play *p = arg;
    struct group group;
    struct address at;
    group_init(&group);
    CHECK_DONE(address_parse(S("192.0.2.1:25"), 0, &at), "address");
    CHECK_DONE(net_listen(&at, &p->peer->listener), "listen");
    fiber_spawn(&group, "peer", serve, p->peer);
    p->exit = personality_swaks_dialog_run(&p->scene->plan, NULL, NULL, DEADLINE_NEVER);
    err e = group_wait(&group, deadline_after(60000)); /* it hears us out */
    CHECK(e == NULL, "the peer sees the end");
    group_close(&group);
    net_listener_close(p->peer->listener);
}

struct row {
    const char *label, *line, *says;
    int exit;
    const char *heard; /* how it ends; NULL: whatever */
    const char *told;  /* what stands in the transcript; NULL: whatever */
};

static void run_row(const struct row *r)
{
    struct scene s;
    struct peer peer = {.says = r->says, .closes = true};
    struct play p = {&s, &peer, -1};
    buf_init(&peer.heard, 1 << 20);
    err e = make_plan(&s, r->line);
    CHECK_DONE(e, r->label);
    if (e == NULL)
        sim_run(1, play, &p);
    fflush(s.file);
    s.told_size = strnlen(s.told, sizeof s.told);
    CHECK(p.exit == r->exit, r->label);
    if (r->heard)
        CHECK_STR(str_from(buf_str(&peer.heard), peer.heard.len - strlen(r->heard)), r->heard,
                  r->label);
    if (r->told)
        CHECK(str_contains((str){s.told, s.told_size}, str_of(r->told)), r->label);
    buf_release(&peer.heard);
    end_scene(&s);
}

#define AT TO "-s 192.0.2.1 "
#define HI \
    "220 hi\r\n250-x\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-PRDR\r\n250 AUTH PLAIN LOGIN\r\n"

TEST(personality_swaks_dialog)
{
    /* clang-format off */
    static const struct row rows[] = {
        {"all of it", AT "--data X:~y\\n\\nz",
         HI "250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n221 bye\r\n", 0,
         "DATA\r\nX: y\r\n\r\nz\r\n.\r\nQUIT\r\n", "<-  221 bye\n=== Connection closed"},
        {"a greeting that is none", AT, "554 go away\r\n221 bye\r\n", 21, "QUIT\r\n",
         "<** 554 go away"},
        {"EHLO is unknown, HELO is not", AT "-q HELO", "220 hi\r\n500 what\r\n250 x\r\n221 b\r\n",
         0, "EHLO me.example\r\nHELO me.example\r\nQUIT\r\n", "<** 500 what"},
        {"neither is known", AT, "220 hi\r\n500 what\r\n500 what\r\n221 b\r\n", 22, "QUIT\r\n",
         NULL},
        {"MAIL is refused", AT, HI "550 no\r\n221 b\r\n", 23,
         "MAIL FROM:<a@example.com>\r\nQUIT\r\n", NULL},
        {"RCPT is refused", AT, HI "250 ok\r\n550 no\r\n221 b\r\n", 24,
         "RCPT TO:<b@example.net>\r\nQUIT\r\n", NULL},
        {"one of two is refused", AT "-t a@x,b@y -q RCPT",
         HI "250 ok\r\n550 no\r\n250 ok\r\n221 b\r\n", 0, "RCPT TO:<b@y>\r\nQUIT\r\n", NULL},
        {"both, in one packet", AT "-t a@x,b@y --pipeline",
         HI "250 ok\r\n550 no\r\n550 no\r\n503 no\r\n221 b\r\n", 24, "DATA\r\nQUIT\r\n", NULL},
        {"DATA is refused", AT, HI "250 ok\r\n250 ok\r\n451 no\r\n221 b\r\n", 25,
         "DATA\r\nQUIT\r\n", NULL},
        {"the message is refused", AT, HI "250 ok\r\n250 ok\r\n354 go\r\n554 no\r\n221 b\r\n", 26,
         ".\r\nQUIT\r\n", NULL},
        {"QUIT is refused", AT, HI "250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n500 no\r\n", 27, NULL,
         "<** 500 no"},
        {"closed in the middle", AT, HI "250 ok\r\n", 6, NULL,
         "*** Remote host closed connection unexpectedly."},
        {"a refusal, then closed", AT, HI "550 no\r\n", 23, NULL, "closed connection unexpectedly"},
        {"no TLS, which is required", AT "-tls", "220 hi\r\n250 x\r\n221 b\r\n", 29, "QUIT\r\n",
         "*** Host did not advertise STARTTLS"},
        {"no TLS, which is optional", AT "-tlso -q HELO", "220 hi\r\n250 x\r\n221 b\r\n", 0,
         "EHLO me.example\r\nQUIT\r\n", "*** Host did not advertise STARTTLS"},
        {"no login is offered", AT "-au u -ap p", "220 hi\r\n250 x\r\n221 b\r\n", 28, "QUIT\r\n",
         "*** Host did not advertise authentication"},
        {"a login, hidden", AT "-a PLAIN -au u -ap p -ahp -apt -q AUTH", HI "235 yes\r\n221 b\r\n",
         0, "AUTH PLAIN AHUAcA==\r\nQUIT\r\n", " -> AUTH PLAIN \\0u\\0PROVIDED_BUT_REMOVED"},
        {"a login by two questions", AT "-a LOGIN -au u -ap p -apt -q AUTH",
         HI "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 yes\r\n221 b\r\n", 0,
         "AUTH LOGIN\r\ndQ==\r\ncA==\r\nQUIT\r\n", "<-  334 Username:\n"},
        {"LMTP answers each", AT "-t a@x,b@y,c@z --protocol LMTP -p 25",
         "220 hi\r\n250 x\r\n250 ok\r\n550 no\r\n250 ok\r\n250 ok\r\n354 go\r\n450 no\r\n250 "
         "ok\r\n221 b\r\n", 0, "QUIT\r\n", "<** 450 no\n<-  250 ok\n"},
        {"PRDR answers each, then all", AT "-t a@x,b@y --prdr",
         HI "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n353 each\r\n250 ok\r\n550 no\r\n250 ok\r\n221 "
         "b\r\n", 0, "QUIT\r\n", "MAIL FROM:<a@example.com> PRDR"},
        {"dropped after a reply", AT "--da RCPT", HI "250 ok\r\n250 ok\r\n", 0,
         "RCPT TO:<b@example.net>\r\n", "=== Dropping connection"},
        {"dropped before one", AT "--das MAIL", HI, 0, "MAIL FROM:<a@example.com>\r\n",
         "=== Dropping connection"},
        {"a terminal is not told what to do", AT "-q CONNECT", "220 \033[2J\007hi\r\n221 b\r\n", 0,
         NULL, "<-  220 ?[2J?hi\n"},
        {"raw", AT "-raw -q CONNECT", "220 hi\r\n221 b\r\n", 0, NULL,
         "  > 0000: 51 55 49 54  0D 0A "},
        {"no hints", AT "-nth -hi -q CONNECT", "220 hi\r\n221 b\r\n", 0, NULL,
         "220 hi\nQUIT\n221 b\n"},
        {"silent until an error", AT "-S -tls", "220 hi\r\n250 x\r\n221 b\r\n", 29, NULL,
         "*** Host did not advertise STARTTLS\n -> QUIT\n"},
   };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run_row(&rows[i]);
}

/* Nobody answers: a line that says so, and then goodbye. */
TEST(personality_swaks_dialog_timeout)
{
    struct scene s;
    struct peer peer = {.says = "220 hi\r\n"};
    struct play p = {&s, &peer, -1};
    buf_init(&peer.heard, 1 << 16);
    CHECK_DONE(make_plan(&s, AT "--timeout 5s"), "plan");
    sim_run(1, play, &p);
    fflush(s.file);
    s.told_size = strnlen(s.told, sizeof s.told);
    CHECK(p.exit == 22, "as if it were refused");
    CHECK(str_contains((str){s.told, s.told_size},
                       S("<** Timeout (5 secs) waiting for server response")),
          "told");
    buf_release(&peer.heard);
    end_scene(&s);
}
