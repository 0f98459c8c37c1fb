/* The author that an account may write as: judged, and on its way out. */
#include "base/mem.h"
#include "outbound/from.h"
#include "outbound/town_test.h"

enum { MINUTE_MS = 60 * 1000 };

static struct config_account account_of(const char *user, str *aliases, size_t count)
{
    return (struct config_account){.name = S("out"),
                                   .user = str_of(user),
                                   .aliases = aliases,
                                   .alias_count = count,
                                   .provider = S("Gmail"),
                                   .from_rule = FROM_RULE_REWRITES,
                                   .from_policy = FROM_POLICY_WARN};
}

TEST(outbound_from_judge)
{
    static const struct {
        const char *label, *user, *header, *from;
    } cases[] = {
        {"the account",                "a@gmail.com", "From: A <A@GMAIL.com>\r\n\r\n",                   ""           },
        {"an alias",                   "a@gmail.com", "From: team@b.example\r\n\r\n",                    ""           },
        {"a domain of it",             "a@gmail.com", "From: x@c.example\r\n\r\n",                       ""           },
        {"below a domain",             "a@gmail.com", "From: x@y.d.example\r\n\r\n",                     ""           },
        {"a stranger",                 "a@gmail.com", "From: x@e.example\r\n\r\n",                       "x@e.example"},
        {"not above it",               "a@gmail.com", "From: x@d.example\r\n\r\n",                       "x@d.example"},
        {"one of two",                 "a@gmail.com", "From: a@gmail.com, Eve <e@e.example>\r\n\r\n",
         "e@e.example"                                                                                                },
        {"in a second field",          "a@gmail.com", "from: a@gmail.com\r\nFROM : e@e.example\r\n\r\n",
         "e@e.example"                                                                                                },
        {"folded, with a comment",     "a@gmail.com", "From: (x)\r\n e@e.example\r\n\r\n",
         "e@e.example"                                                                                                },
        {"a name that is an address",  "a@gmail.com", "From: \"a@gmail.com\" <e@e.example>\r\n\r\n",
         "e@e.example"                                                                                                },
        {"nobody",                     "a@gmail.com", "Subject: x\r\n\r\n",                              ""           },
        {"no address",                 "a@gmail.com", "From: undisclosed:;\r\n\r\n",                     ""           },
        {"not in the header",          "a@gmail.com", "Subject: x\r\n\r\nFrom: e@e.example\r\n",         ""           },
        {"a login that is no address", "apikey",      "From: x@e.example\r\n\r\n",                       "x@e.example"},
    };
    str aliases[] = {S("team@b.example"), S("c.example"), S("*.d.example")};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_account account = account_of(cases[i].user, aliases, ARRAY_LEN(aliases));
        struct outbound_from from;
        outbound_from_judge(&account, str_of(cases[i].header), arena, &from);
        CHECK_STR(from.from, cases[i].from, cases[i].label);
        CHECK((from.act == FROM_POLICY_WARN) == (from.from.len > 0), cases[i].label);
        account.from_policy = FROM_POLICY_OFF;
        outbound_from_judge(&account, str_of(cases[i].header), arena, &from);
        CHECK(from.act == FROM_POLICY_OFF && from.from.len == 0, cases[i].label);
    }
    struct config_account unknown = account_of("apikey", NULL, 0);
    CHECK(outbound_from_fits(&unknown, S("x@e.example")), "nothing is known of its addresses");
}

/* A message that some hop would take may come in. */
TEST(outbound_from_refused)
{
    str aliases[] = {S("b.example")};
    struct config_account strict = account_of("a@gmail.com", aliases, 1), mild = strict;
    strict.from_policy = FROM_POLICY_REFUSE;
    struct config_hop both[] = {{.sender = &strict}, {.sender = &mild}},
                      strictly[] = {{.sender = &strict}, {.sender = &strict}},
                      plain[] = {{.sender = &strict}, {.sender = NULL}};
    CHECK(outbound_from_refused(strictly, 2, S("e@e.example")) == &strict, "by all");
    CHECK(outbound_from_refused(strictly, 2, S("x@b.example")) == NULL, "an alias");
    CHECK(outbound_from_refused(both, 2, S("e@e.example")) == NULL, "one only warns");
    CHECK(outbound_from_refused(plain, 2, S("e@e.example")) == NULL, "one is nobody's");
    CHECK(outbound_from_refused(NULL, 0, S("e@e.example")) == NULL, "no hops");
}

TEST(outbound_from_text)
{
    struct config_account account = account_of("a@gmail.com", NULL, 0);
    struct outbound_from from;
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    account.from_note = S("use an alias");
    outbound_from_judge(&account, S("From: e@e.example\r\n\r\n"), arena, &from);
    CHECK_STR(from.text,
              "From e@e.example is neither the user of account out nor in its aliases; Gmail: "
              "another From is replaced by the account's address; use an alias",
              "with the rule");
}

TEST(outbound_from_rewrite)
{
    static const struct {
        const char *label, *user, *before, *after;
    } cases[] = {
        {"a bare address",                "a@gmail.com", "From: e@e.example\r\nTo: x@y.example\r\n\r\n",
         "From: <a@gmail.com>\r\nReply-To: e@e.example\r\nTo: x@y.example\r\n\r\n"                                                                                       },
        {"with a name",                   "a@gmail.com", "From: \"Eve, Ltd.\" <e@e.example>\r\n\r\n",
         "From: \"Eve, Ltd.\" <a@gmail.com>\r\nReply-To: \"Eve, Ltd.\" <e@e.example>\r\n\r\n"                                                                            },
        {"an encoded name",               "a@gmail.com", "From: =?utf-8?q?J=C3=B8rn?= <e@e.example>\r\n\r\n",
         "From: =?utf-8?q?J=C3=B8rn?= <a@gmail.com>\r\n"
         "Reply-To: =?utf-8?q?J=C3=B8rn?= <e@e.example>\r\n\r\n"                                                                                                         },
        {"a name of eight bits",          "a@gmail.com", "From: J\xc3\xb8rn <e@e.example>\r\n\r\n",
         "From: <a@gmail.com>\r\nReply-To: J\xc3\xb8rn <e@e.example>\r\n\r\n"                                                                                            },
        {"an author's own Reply-To",      "a@gmail.com",
         "Reply-To: r@e.example\r\nFrom: e@e.example\r\n\r\n",                                                     "Reply-To: r@e.example\r\nFrom: <a@gmail.com>\r\n\r\n"},
        {"two fields",                    "a@gmail.com", "From: e@e.example\r\nX: y\r\nFrom: f@e.example\r\n\r\n",
         "From: <a@gmail.com>\r\nReply-To: e@e.example\r\nX: y\r\n\r\n"                                                                                                  },
        {"an alias stands for the login", "apikey",      "From: e@e.example\r\n\r\n",
         "From: <me@b.example>\r\nReply-To: e@e.example\r\n\r\n"                                                                                                         },
    };
    str aliases[] = {S("b.example"), S("me@b.example")};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_account account = account_of(cases[i].user, aliases, ARRAY_LEN(aliases));
        struct outbound_from from;
        str after = outbound_from_rewrite(&account, str_of(cases[i].before), arena);
        CHECK_STR(after, cases[i].after, cases[i].label);
        outbound_from_judge(&account, after, arena, &from);
        CHECK(from.from.len == 0, "what was changed agrees");
    }
}

struct pieces {
    str text;
    size_t at, size;
};

static err read_text(void *arg, str *ret_piece, deadline until)
{
    struct pieces *p = arg;
    (void)until;
    *ret_piece = str_slice(p->text, p->at, p->size);
    p->at += ret_piece->len;
    return NULL;
}

static void rewind_text(void *arg) { ((struct pieces *)arg)->at = 0; }

/* However the bytes come, twice: the other header, then the rest. */
TEST(outbound_from_stream)
{
    for (size_t size = 1; size < 12; size++) {
        struct pieces pieces = {.text = S("old\r\n\r\nbody"), .size = size};
        struct outbound_sign_source inner = {rewind_text, read_text, &pieces};
        struct outbound_from_stream stream;
        outbound_from_stream_init(&stream, &inner, S("new header\r\n\r\n"), 7);
        for (int pass = 0; pass < 2; pass++) {
            CLEANUP(buf_release) struct buf got;
            str piece = S(" ");
            buf_init(&got, 1000);
            while (piece.len > 0) {
                CHECK_DONE(outbound_from_stream_read(&stream, &piece, DEADLINE_NEVER), "read");
                CHECK_DONE(buf_add(&got, piece), "add");
            }
            CHECK_STR(buf_str(&got), "new header\r\n\r\nbody", "whole");
            outbound_from_stream_rewind(&stream);
        }
    }
}

TEST(outbound_from_told)
{
    static struct outbound_from_told told;
    CHECK(outbound_from_told_first(&told, S("a"), S("x@e.example")), "first");
    CHECK(!outbound_from_told_first(&told, S("a"), S("x@e.example")), "known");
    CHECK(outbound_from_told_first(&told, S("b"), S("x@e.example")), "another account");
    CHECK(outbound_from_told_first(NULL, S("b"), S("x@e.example")), "no memory");
}

/* ---- on the way out ------------------------------------------------------------------------ */

#define OVER_TLS \
    TOWN_GREET "S: 250-mx.example\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\ntls\nC: EHLO\n"

#define BY_CONNECTOR(policy)                                                \
    "hostname: mail.example.com\n"                                          \
    "routes: [{ to: \"*\", via: \"account:m\" }]\n"                         \
    "accounts: { m: { preset: microsoft365-connector, host: relay.example," \
    " aliases: [me@x.example, x.example], from_policy: " policy " } }\n"

static struct town_mail mail_of(const char *from)
{
    return (struct town_mail){
        .from = "a@x.example", .to = "b@example.net", .origin = ORIGIN_SUBMISSION, .content = from};
}

#define STRANGER "From: Eve <e@e.example>\r\nSubject: hello\r\n\r\nhello\r\n"
#define FRIEND "From: Al <al@x.example>\r\nSubject: hello\r\n\r\nhello\r\n"

static void send_both(struct town *t)
{
    struct town_mail stranger = mail_of(STRANGER), friend = mail_of(FRIEND);
    town_send(t, &stranger);
    town_send(t, &friend);
    town_send(t, &stranger);
    town_wait(t, 4 * MINUTE_MS);
}

static void warned(struct town *t)
{
    send_both(t);
    CHECK(town_count(t, "delivered") == 3, "all of it goes");
    CHECK(town_count(t, "from_differs") == 1, "told once");
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("From: Eve <e@e.example>")), "as it is");
}

static void rewritten(struct town *t)
{
    send_both(t);
    str heard = buf_str(&t->servers[0].heard);
    CHECK(town_count(t, "delivered") == 3, "all of it goes");
    CHECK(!str_contains(heard, S("From: Eve <e@e.example>")), "not as it was");
    CHECK(str_contains(heard, S("From: \"Eve\" <me@x.example>\nReply-To: Eve <e@e.example>\n"
                                "Subject: hello\n\nhello\n")),
          "as the account");
    CHECK(str_contains(heard, S("From: Al <al@x.example>")), "a friend's stays");
}

static size_t count(str text, str part)
{
    size_t found = 0;
    for (; text.len >= part.len; text = str_from(text, 1))
        found += str_starts(text, part);
    return found;
}

static void returned(struct town *t)
{
    send_both(t);
    CHECK(town_count(t, "bounced b@example.net") == 2, "the stranger's come back");
    CHECK(town_count(t, "delivered b@example.net") == 1, "the friend's goes");
    town_check_event(t, "bounced b@example.net 0 5.7.1");
    CHECK(count(buf_str(&t->servers[0].heard), S("MAIL FROM:<a@x.example>")) == 1, "one of three");
    CHECK(town_count(t, "delivered a@x.example") == 2, "their senders are told, as the account");
    CHECK(!str_contains(buf_str(&t->servers[0].heard), S("From: MAILER")), "not as ourselves");
}

TEST(outbound_from_policies)
{
    static const struct {
        const char *label, *yaml;
        void (*body)(struct town *);
    } cases[] = {
        {"warn",    BY_CONNECTOR("warn"),    warned   },
        {"rewrite", BY_CONNECTOR("rewrite"), rewritten},
        {"refuse",  BY_CONNECTOR("refuse"),  returned },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct town t = {.label = cases[i].label, .yaml = cases[i].yaml, .body = cases[i].body};
        t.servers[0] =
            (struct town_server){.at = "192.0.2.1:25",
                                 .every = OVER_TLS "S: 250 mx.example\nagain\n" TOWN_TAKE,
                                 .repeats = true};
        town_run(&t);
    }
}

/* ---- two providers, two logins ------------------------------------------------------------- */

static err give_secret(void *state, str reference, struct buf *ret_secret, deadline until)
{
    (void)state, (void)until;
    return buf_add(ret_secret, str_eq(reference, S("env:B")) ? S("bbbb") : S("aaaa"));
}

static void second_login(struct town *t)
{
    struct town_mail mail = mail_of(FRIEND);
    town_send(t, &mail);
    town_wait(t, MINUTE_MS);
    town_check_event(t, "delivered b@example.net 250 2.0.0 relay.example");
    CHECK(str_contains(buf_str(&t->servers[0].heard), S("AUTH PLAIN AGIAYmJiYg==")),
          "the second one's login");
}

/* The first provider is down: the second one gets its own credentials, never the first one's. */
TEST(outbound_from_login_of_each_hop)
{
    static const struct keeper keeper = {.secret = give_secret};
    struct town t = {
        .label = "two providers",
        .yaml = "hostname: mail.example.com\n"
                "routes: [{ to: \"*\", via: [\"account:a\", \"account:b\"] }]\n"
                "accounts:\n"
                "  a: { user: a, secret: \"env:A\", servers: \"smtp://relay.example:26\" }\n"
                "  b: { user: b, secret: \"env:B\", servers: \"smtp://relay.example:25\" }\n",
        .keeper = &keeper,
        .body = second_login};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                        .every = OVER_TLS
                                        "S: 250-mx.example\nS: 250 AUTH PLAIN\n"
                                        "C: AUTH PLAIN AGIAYmJiYg==\nS: 235 2.7.0 in\n" TOWN_TAKE};
    town_run(&t);
}
