/* The server's session, byte by byte: what is refused, what is read, what is never kept. */
#include "base/mem.h"
#include "runtime/sim.h"
#include "smtp/session_test.h"
#include "tests/test.h"

#define HELLO "EHLO client.example\r\n"
#define OPEN HELLO "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
#define END "QUIT\r\n"

static const struct row {
    const char *label;
    str input;
    const char *codes;
    int kept;
    const char *content;
} rows[] = {
    {"one mail",                                                  {OPEN "DATA\r\nx\r\n.\r\n" END, 0},                  "220 250 250 250 354 250 221", 1, "x\r\n"},
 /* order */
    {"MAIL first",                                                {"MAIL FROM:<a@b.example>\r\n" END, 0},              "220 503 221",                 0, NULL   },
    {"HELO is enough",
     {"HELO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n" END, 0},
     "220 250 250 250 354 250 221",                                                                                                                   1,
     ""                                                                                                                                                         },
    {"no recipient, no DATA",
     {HELLO "MAIL FROM:<a@b.example>\r\nDATA\r\n" END, 0},
     "220 250 250 503 221",                                                                                                                           0,
     NULL                                                                                                                                                       },
    {"a refused recipient is none",
     {HELLO "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@d.example>\r\nDATA\r\n" END, 0},
     "220 250 250 550 503 221",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"two MAILs",                                                 {OPEN "MAIL FROM:<e@f.example>\r\n" END, 0},         "220 250 250 250 503 221",     0, NULL   },
    {"EHLO ends a mail",                                          {OPEN HELLO "DATA\r\n" END, 0},                      "220 250 250 250 250 503 221", 0, NULL   },
    {"a refused EHLO changes nothing (RFC 5321 section 4.1.1.4)",
     {OPEN "EHLO not a name\r\nDATA\r\ny\r\n.\r\n" END, 0},
     "220 250 250 250 501 354 250 221",                                                                                                               1,
     "y\r\n"                                                                                                                                                    },
    {"EHLO without a name",                                       {"EHLO\r\n" HELLO END, 0},                           "220 501 250 221",             0, NULL   },
 /* smuggling */
    {"attack 1",
     {OPEN "DATA\r\na\n.\nMAIL FROM:<e@x>\nRCPT TO:<b@o>\nDATA\nz\r\n.\r\nNOOP\r\n", 0},
     "220 250 250 250 354 550",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 2",
     {OPEN "DATA\r\na\n.\r\nMAIL FROM:<evil@x>\r\n.\r\nNOOP\r\n", 0},
     "220 250 250 250 354 550",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 3",
     {OPEN "DATA\r\na\r\n.\nMAIL FROM:<evil@x>\r\n.\r\nNOOP\r\n", 0},
     "220 250 250 250 354 550",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 4",                                                  {OPEN "DATA\r\na\r.\r\r\n.\r\nNOOP\r\n", 0},         "220 250 250 250 354 550",     0, NULL   },
    {"attack 5",
     {OPEN "DATA\r\na\r\n\0.\r\n.\r\n" END, sizeof OPEN - 1 + 22},
     "220 250 250 250 354 550 221",                                                                                                                   0,
     NULL                                                                                                                                                       },
    {"attack 7: EHLO",                                            {"EHLO a\nNOOP\r\n", 0},                             "220 500",                     0, NULL   },
    {"attack 7: NOOP",                                            {HELLO "NOOP\nNOOP\r\n", 0},                         "220 250 500",                 0, NULL   },
    {"attack 9",
     {OPEN "DATA\r\n..\r\n.a\r\n.\r\n" END, 0},
     "220 250 250 250 354 250 221",                                                                                                                   1,
     ".\r\na\r\n"                                                                                                                                               },
 /* TLS is not there */
    {"attack 17",                                                 {HELLO "STARTTLS foo\r\n" END, 0},                   "220 250 501 221",             0, NULL   },
    {"STARTTLS without a certificate",                            {HELLO "STARTTLS\r\n", 0},                           "220 250 454",                 0, NULL   },
    {"STARTTLS is the last of its batch",
     {HELLO "STARTTLS\r\nRSET\r\n", 0},
     "220 250 554",                                                                                                                                   0,
     NULL                                                                                                                                                       },
 /* BDAT */
    {"attack 24: too early",
     {HELLO "BDAT 5\r\nhelloNOOP\r\n" END, 0},
     "220 250 503 250 221",                                                                                                                           0,
     NULL                                                                                                                                                       },
    {"attack 25: QUIT is content",
     {OPEN "BDAT 6\r\nQUIT\r\nBDAT 2 LAST\r\n\r\n" END, 0},
     "220 250 250 250 250 250 221",                                                                                                                   1,
     "QUIT\r\n\r\n"                                                                                                                                             },
    {"attack 26: negative",                                       {OPEN "BDAT -1\r\nNOOP\r\n", 0},                     "220 250 250 250 501",         0, NULL   },
    {"attack 26: hexadecimal",                                    {OPEN "BDAT 0x10\r\nNOOP\r\n", 0},                   "220 250 250 250 501",         0, NULL   },
    {"attack 26: huge",
     {OPEN "BDAT 99999999999999999999\r\nNOOP\r\n", 0},
     "220 250 250 250 501",                                                                                                                           0,
     NULL                                                                                                                                                       },
    {"attack 26: none",                                           {OPEN "BDAT\r\nNOOP\r\n", 0},                        "220 250 250 250 501",         0, NULL   },
    {"attack 26: a word",                                         {OPEN "BDAT 5 FOO\r\nNOOP\r\n", 0},                  "220 250 250 250 501",         0, NULL   },
    {"attack 27: an empty message",
     {OPEN "BDAT 0 LAST\r\n" END, 0},
     "220 250 250 250 250 221",                                                                                                                       1,
     ""                                                                                                                                                         },
    {"attack 28: DATA after BDAT",
     {OPEN "BDAT 3\r\nab\nDATA\r\nRSET\r\n" END, 0},
     "220 250 250 250 250 503 250 221",                                                                                                               0,
     NULL                                                                                                                                                       },
    {"attack 30: RSET between chunks",
     {OPEN "BDAT 3\r\nab\nRSET\r\nBDAT 1 LAST\r\nx" END, 0},
     "220 250 250 250 250 250 503 221",                                                                                                               0,
     NULL                                                                                                                                                       },
    {"attack 31: nobody was accepted",
     {HELLO "MAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@d.example>\r\nBDAT 3 LAST\r\nabc" END, 0},
     "220 250 250 550 503 221",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 32: bare LF in text",
     {OPEN "BDAT 4 LAST\r\na\nb\nNOOP\r\n", 0},
     "220 250 250 250 550",                                                                                                                           0,
     NULL                                                                                                                                                       },
    {"attack 32: literally when BINARYMIME was said",
     {HELLO "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\n"
            "BDAT 7 LAST\r\na\n\r\n.\r\n" END,
      0},
     "220 250 250 250 250 221",                                                                                                                       1,
     "a\n\r\n.\r\n"                                                                                                                                             },
    {"BINARYMIME is not for DATA",
     {HELLO "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" END, 0},
     "220 250 250 250 503 221",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"a chunk above twice the limit ends it",
     {OPEN "BDAT 40001\r\n", 0},
     "220 250 250 250 552",                                                                                                                           0,
     NULL                                                                                                                                                       },
 /* login */
    {"nobody logs in here",                                       {HELLO "AUTH PLAIN AGEAYg==\r\n" END, 0},            "220 250 502 221",             0, NULL   },
 /* size */
    {"attack 89: SIZE above the limit",
     {HELLO "MAIL FROM:<a@b.example> SIZE=20001\r\n" END, 0},
     "220 250 552 221",                                                                                                                               0,
     NULL                                                                                                                                                       },
 /* others */
    {"attack 72",                                                 {HELLO "XCLIENT ADDR=10.0.0.1\r\nNOOP\r\n", 0},      "220 250 550",                 0, NULL   },
    {"attack 75",
     {HELLO "VRFY bob\r\nVRFY nobody\r\nEXPN list\r\n" END, 0},
     "220 250 252 252 502 221",                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 149",
     {"POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.example>\r\n", 0},
     "220 554",                                                                                                                                       0,
     NULL                                                                                                                                                       },
    {"attack 153",                                                {HELLO "MAIL FROM:<\xc3\xa4@b.example>\r\n" END, 0}, "220 250 553 221",             0, NULL   },
    {"attack 154",
     {HELLO "MAIL FROM:<\xc0\xaf@b.example> SMTPUTF8\r\n" END, 0},
     "220 250 501 221",                                                                                                                               0,
     NULL                                                                                                                                                       },
};

static void run_row(struct smtp_session_test *t, const struct row *r, str input)
{
    char codes[512];
    smtp_session_test_talk(t, input);
    smtp_session_test_codes(t, codes, sizeof codes);
    CHECK_STR(str_of(codes), r->codes, r->label);
    CHECK(t->kept == r->kept, r->label);
    CHECK(t->closed, r->label);
    CHECK(t->resets == t->mails, r->label);
    if (r->content)
        CHECK_STR(buf_str(&t->content), r->content, r->label);
}

/* Attack 8: each row whole, and byte by byte, both ways. */
static void all_rows(void *arg)
{
    struct smtp_session_test *t = arg;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str input = rows[i].input.len ? rows[i].input : str_of(rows[i].input.ptr);
        t->piece = 0;
        sim_net_set_rules(&(struct sim_net_rules){0});
        run_row(t, &rows[i], input);
        if (str_contains(str_of(rows[i].label), S("STARTTLS")))
            continue; /* what waits behind it depends on when it came */
        t->piece = 1;
        sim_net_set_rules(&(struct sim_net_rules){.read_bytes_max = 1});
        run_row(t, &rows[i], input);
    }
    CHECK(sim_net_open_count() == 0, "no socket is left");
}

static void simulate(void (*body)(void *))
{
    struct smtp_session_test t;
    smtp_session_test_init(&t);
    sim_run(1, body, &t);
    smtp_session_test_release(&t);
}

TEST(smtp_server_rows) { simulate(all_rows); }

/* ---- long and many ------------------------------------------------------------------------ */

static void repeat(struct buf *b, const char *what, int times)
{
    for (int i = 0; i < times; i++)
        CHECK_DONE(buf_add(b, str_of(what)), "repeat");
}

static int count_of(const struct smtp_session_test *t, const char *line_start)
{
    int count = 0;
    for (str rest = buf_str(&t->replies), line; rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        count += str_starts(line, str_of(line_start));
    }
    return count;
}

static void floods(void *arg)
{
    static const struct {
        const char *label, *front, *what;
        int times;
        const char *back, *expected;
        int count; /* of expected */
        bool ends; /* by 421 */
        int kept;
    } cases[] = {
        {"attack 11: one reply for a long line", HELLO,                               "xxxxxxxxxx",            10000, "\r\n" END,
         "500 5.5.6",                                                                                                                                                            1,     false, 0},
        {"attack 100: NOOP",                     HELLO,                               "NOOP\r\n",              200,   "",                                           "421 4.7.0", 1,     true,  0},
        {"attack 100: bad commands",             HELLO,                               "FOO\r\n",               200,   "",                                           "500 ",      100,   true,  0},
        {"refused senders are junk",             HELLO,                               "MAIL FROM:<x\r\n",      200,   "",                                           "501 ",      100,   true,  0},
        {"refused recipients are junk",          HELLO "MAIL FROM:<a@b.example>\r\n",
         "RCPT TO:<nobody@d.example>\r\n",                                                                     200,   "",                                           "550 ",      100,   true,  0},
        {"refused recipients cost no memory",    HELLO "MAIL FROM:<a@b.example>\r\n",
         "RCPT TO:<later@d.example>\r\n",                                                                      20000, "RCPT TO:<c@d.example>\r\nDATA\r\n.\r\n" END,
         "450 ",                                                                                                                                                                 20000, false, 1},
        {"attack 88: too many recipients",       HELLO "MAIL FROM:<a@b.example>\r\n",
         "RCPT TO:<c@d.example>\r\n",                                                                          10001, "DATA\r\nx\r\n.\r\n" END,                     "452 4.5.3", 9901,  false, 1},
        {"attack 33: many chunks",               OPEN,                                "BDAT 1\r\nx",           10000, "BDAT 0 LAST\r\n" END,                        "250 2.0.0",
         10001,                                                                                                                                                                         false, 1},
        {"attack 29: chunks above the limit",    OPEN,                                "BDAT 10\r\n0123456789", 2001,  END,                                          "552 5.3.4",
         1,                                                                                                                                                                             false, 0},
        {"attack 89: DATA above the limit",      OPEN "DATA\r\n",                     "0123456789\r\n",        2000,  ".\r\n" END,
         "552 5.3.4",                                                                                                                                                            1,     false, 0},
        {"attack 89: twice above the limit",     OPEN "DATA\r\n",                     "0123456789\r\n",        4000,  ".\r\n" END,
         "421 4.3.2",                                                                                                                                                            1,     false, 0},
        {"a dead transaction stays dead",        OPEN "BDAT 20001\r\n",               "x",                     20001,
         "BDAT 1 LAST\r\nxMAIL FROM:<a@b.example>\r\nRSET\r\nBDAT 1\r\nx" END,                                                                                      "503 5.5.1", 3,
         false,                                                                                                                                                                                0},
    };
    struct smtp_session_test *t = arg;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf input;
        buf_init(&input, 4 << 20);
        repeat(&input, cases[i].front, 1);
        repeat(&input, cases[i].what, cases[i].times);
        repeat(&input, cases[i].back, 1);
        smtp_session_test_talk(t, buf_str(&input));
        CHECK(count_of(t, cases[i].expected) == cases[i].count, cases[i].label);
        CHECK((count_of(t, "421 4.7.0") == 1) == cases[i].ends, cases[i].label);
        CHECK(t->kept == cases[i].kept, cases[i].label);
        CHECK(t->closed, cases[i].label);
        CHECK(t->mail_arena_used < 1000, cases[i].label);
        buf_release(&input);
    }
}

TEST(smtp_server_floods) { simulate(floods); }

/* ---- time --------------------------------------------------------------------------------- */

static void slow_ones(void *arg)
{
    static const struct {
        const char *label, *input;
        size_t piece;
        int64_t pause_ms;
        const char *last; /* the end of what is heard */
        int64_t least_ms, most_ms;
    } cases[] = {
        {"says nothing",                            "",                                 0, 0,     "421 4.4.2", 300000, 300000},
        {"stops in a command",                      HELLO "MAIL FR",                    0, 0,     "421 4.4.2", 300000, 300000},
        {"attack 85: a command at a byte a minute", "EHLO client.example\r\n",          1, 60000,
         "421 4.4.2",                                                                                          300000, 300000},
        {"attack 86: DATA at a byte a second",
         OPEN "DATA\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789", 1, 1000,  "421 4.4.2", 60000,  400000},
        {"attack 33: a chunk that never comes",     OPEN "BDAT 20000\r\n0123456789",    0, 0,     "421 4.4.2",
         60000,                                                                                                        180000},
    };
    struct smtp_session_test *t = arg;
    t->stays = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        t->piece = cases[i].piece;
        t->pause_ms = cases[i].pause_ms;
        smtp_session_test_talk(t, str_of(cases[i].input));
        CHECK(str_contains(buf_str(&t->replies), str_of(cases[i].last)), cases[i].label);
        CHECK(t->closed, cases[i].label);
        CHECK(t->kept == 0, cases[i].label);
        CHECK(t->lasted_ms >= cases[i].least_ms, cases[i].label);
        CHECK(t->lasted_ms <= cases[i].most_ms + 5000, cases[i].label);
    }
}

TEST(smtp_server_slow_clients) { simulate(slow_ones); }

/* Attack 87: what is not read is neither kept nor waited for without an end. */
static void deaf_one(void *arg)
{
    struct smtp_session_test *t = arg;
    struct buf input;
    buf_init(&input, 4 << 20);
    repeat(&input, OPEN, 1);
    repeat(&input, "RCPT TO:<later@d.example>\r\n", 20000);
    t->deaf = t->stays = true;
    sim_net_set_rules(&(struct sim_net_rules){.pipe_bytes_max = 4096});
    smtp_session_test_talk(t, buf_str(&input));
    CHECK(t->lasted_ms <= 301000, "the session ends at its deadline");
    CHECK(t->replies.len <= 8192, "the pipe holds all that was written");
    buf_release(&input);
}

TEST(smtp_server_deaf_client) { simulate(deaf_one); }

/* A commit whose end is not known: neither 250 nor 451 would be true. (Replies that were waiting to
 * be sent with the last one go with the connection.) */
static void unknown_ends(void *arg)
{
    static const struct {
        const char *label;
        enum err_kind kind;
        const char *codes;
    } cases[] = {
        {"it may be kept yet",    ERR_TIMEOUT,  "220"                        },
        {"likewise",              ERR_CANCELED, "220"                        },
        {"it was certainly lost", ERR_SYSTEM,   "220 250 250 250 354 451 221"},
    };
    struct smtp_session_test *t = arg;
    t->fail_done = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char codes[200];
        t->done_kind = cases[i].kind;
        smtp_session_test_talk(t, S(OPEN "DATA\r\nx\r\n.\r\n" END));
        smtp_session_test_codes(t, codes, sizeof codes);
        CHECK_STR(str_of(codes), cases[i].codes, cases[i].label);
    }
}

TEST(smtp_server_unknown_commit) { simulate(unknown_ends); }

/* ---- settings ----------------------------------------------------------------------------- */

static void settings(void *arg)
{
    struct smtp_session_test *t = arg;
    char codes[200];
    t->refuse_hello = true;
    smtp_session_test_talk(t, S(HELLO "MAIL FROM:<a@b.example>\r\n" END));
    smtp_session_test_codes(t, codes, sizeof codes);
    CHECK_STR(str_of(codes), "220 550 503 221", "a refused hello opens nothing");
    t->refuse_hello = false;
    t->refuse_begin = true;
    smtp_session_test_talk(t, S(OPEN "DATA\r\nBDAT 1\r\nxNOOP\r\n" END));
    smtp_session_test_codes(t, codes, sizeof codes);
    CHECK_STR(str_of(codes), "220 250 250 250 452 503 250 221", "attack 97: no space");
    t->refuse_begin = false;
    t->options.messages_max = 1;
    smtp_session_test_talk(
        t, S(OPEN "DATA\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"));
    smtp_session_test_codes(t, codes, sizeof codes);
    CHECK_STR(str_of(codes), "220 250 250 250 354 250 421", "enough messages");
    CHECK(str_contains(buf_str(&t->replies), S("LIMITS MAILMAX=1 RCPTMAX=100\r\n")), "LIMITS");
    t->options.messages_max = 1000000;
    smtp_session_test_talk(t, S(HELLO END));
    CHECK(str_contains(buf_str(&t->replies), S("250 LIMITS RCPTMAX=100\r\n")),
          "RFC 9422 has six digits");
}

TEST(smtp_server_settings) { simulate(settings); }

static void logins(void *arg)
{
    static const struct {
        const char *label, *input, *codes;
        bool in_clear_allowed;
    } cases[] = {
        {"attack 73: AUTH in clear",              HELLO "AUTH PLAIN AGEAYg==\r\n" END,                            "220 250 538 221",         false},
        {"mail needs a login",                    OPEN "DATA\r\n" END,                                            "220 250 530 530 530 221", true },
        {"with an initial response",              HELLO "AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b.example>\r\n" END,
         "220 250 235 250 221",                                                                                                              true },
        {"asked for",                             HELLO "AUTH PLAIN\r\nAGEAYg==\r\n" END,                         "220 250 334 235 221",     true },
        {"attack 78: given up",                   HELLO "AUTH PLAIN\r\n*\r\n" END,                                "220 250 334 501 221",     true },
        {"attack 38: no base64",                  HELLO "AUTH PLAIN a b\r\nAUTH PLAIN a===\r\n" END,
         "220 250 501 501 221",                                                                                                              true },
        {"attack 77: twice",                      HELLO "AUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\n",         /* the end */
         "220 250 235 503",         true },
        {"attack 77: twice, with more behind it",
         HELLO "AUTH PLAIN AGEAYg==\r\nAUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b.example>\r\n",
         "220 250 235 554",                                                                                                                  true },
        {"attack 77: in a mail",
         HELLO "AUTH PLAIN AGEAYg==\r\nMAIL FROM:<a@b.example>\r\nAUTH PLAIN AGEAYg==\r\n" END,
         "220 250 235 250 503 221",                                                                                                          true },
        {"AUTH before EHLO",                      "AUTH PLAIN AGEAYg==\r\n" END,                                  "220 503 221",             true },
    };
    struct smtp_session_test *t = arg;
    t->options.login_offered = t->options.login_required = true;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char codes[200];
        t->mechanisms = str_of(cases[i].in_clear_allowed ? "PLAIN" : "");
        smtp_session_test_talk(t, str_of(cases[i].input));
        smtp_session_test_codes(t, codes, sizeof codes);
        CHECK_STR(str_of(codes), cases[i].codes, cases[i].label);
    }
}

TEST(smtp_server_logins) { simulate(logins); }

TEST(smtp_session_is_small)
{
    CHECK(sizeof(struct smtp_session) <= 1536, "an idle connection holds little");
}
