/* What is kept of attempts that failed, and of none that did not. */
#include "outbound/town_test.h"

enum { MINUTE = 60 * 1000 };
#define CONFIG "hostname: mail.example.com\nroutes: mx\n"
#define HELLO TOWN_GREET "S: 250 mx.example\n"

static bool note(void *arg, const struct outbound_transcript_record *r)
{
    struct buf *found = arg;
    CHECK_DONE(buf_addf(found, "#%lld\n%.*s", (long long)r->attempt, STR_ARG(r->text)), "note");
    return true;
}

static str kept(struct town *t, const queue_id *id, size_t *ret_count)
{
    static struct buf found;
    buf_release(&found);
    buf_init(&found, 1 << 20);
    CHECK_DONE(outbound_transcript_store_find(TOWN_TRANSCRIPTS, id, note, &found, ret_count),
               t->label);
    str text = arena_str(t->arena, buf_str(&found));
    buf_release(&found);
    return text;
}

/* One that arrives, one that is put off over the same connection, and its second try. */
static void put_off(struct town *t)
{
    size_t count;
    town_send(t, &(struct town_mail){.from = "first@x.example", .to = "b@example.net"});
    town_wait(t, 1000);
    queue_id first = t->last;
    town_send(t, &(struct town_mail){.from = "second@x.example", .to = "b@example.net"});
    town_wait(t, 1000);
    queue_id second = t->last;
    (void)kept(t, &first, &count);
    CHECK(count == 0, "of what arrived nothing is kept");
    str text = kept(t, &second, &count);
    CHECK(count == 1, "of what was put off once");
    static const char *const wanted[] = {
        "#1\n== mx1.example.net [192.0.2.1]\n", "<- 220 mx.example ESMTP\n",
        "-> EHLO mail.example.com\n",           "-> MAIL FROM:<second@x.example>",
        "-> RCPT TO:<b@example.net>",           "<- 451 4.7.1 Greylisted\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        CHECK(str_contains(text, str_of(wanted[i])), wanted[i]);
    CHECK(!str_contains(text, S("first@x.example")), "not what was said for another mail");
    CHECK(!str_contains(text, S("hello\n")), "nor the content");
    town_wait(t, 20 * MINUTE);
    (void)kept(t, &second, &count);
    CHECK(count == 1 && town_messages(t) == 0, "it has arrived, and what was kept stays");
}

/* Nobody answers, or something other than SMTP: what happened stands where nothing was said. */
static void nobody(struct town *t)
{
    size_t count;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    str text = kept(t, &t->last, &count);
    CHECK(count == 1, "kept");
    CHECK(str_contains(text, S("== mx1.example.net [192.0.2.1]\n")), "the first host");
    CHECK(str_contains(text, S("<- 554 5.3.2 go away\n")), "its word");
    CHECK(str_contains(text, S("== mx2.example.net [192.0.2.2]\n")), "the second");
}

/* The first host turns it away, the second takes it: there is nothing to explain. */
static void second_host(struct town *t)
{
    size_t count;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    (void)kept(t, &t->last, &count);
    CHECK(count == 0 && town_count(t, "delivered") == 1, "it has arrived");
}

static err give_secret(void *state, str reference, struct buf *ret_secret, deadline until)
{
    (void)state, (void)reference, (void)until;
    return buf_add(ret_secret, S("sesame-open"));
}

/* Neither the password nor what stands for it, also when the server repeats it. */
static void secret(struct town *t)
{
    size_t count;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    str text = kept(t, &t->last, &count);
    CHECK(count == 1 && str_contains(text, S("-> AUTH PLAIN")), "the login is seen");
    CHECK(str_contains(text, S("450 4.2.1 later")), "and what came of it");
    CHECK(!str_contains(text, S("sesame")), "not the password");
    CHECK(!str_contains(text, S("AG1lAHNlc2FtZS1vcGVu")), "nor its base64");
}

static void off(struct town *t)
{
    size_t count;
    town_send(t, &(struct town_mail){.from = "", .to = "b@example.net"});
    town_wait(t, MINUTE);
    (void)kept(t, &t->last, &count);
    CHECK(count == 0 && town_count(t, "deferred") == 1, "nothing is kept");
    CHECK(outbound_transcript_memory() == 0, "nor noted");
}

TEST(outbound_transcript_kept)
{
    static const char *const once[] = {
        HELLO TOWN_TAKE TOWN_MAIL_OK
        "C: RCPT TO:\nS: 451 4.7.1 Greylisted\nC: RSET\nS: 250 ok\nC: *\nS: 221 bye\nclose\n",
        HELLO TOWN_TAKE, NULL};
    struct town t = {.label = "put off", .yaml = CONFIG, .body = put_off};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25", .scripts = once};
    t.servers[1] = (struct town_server){
        .at = "192.0.2.2:25",
        .every = HELLO TOWN_MAIL_OK
        "C: RCPT TO:\nS: 451 4.7.1 Greylisted\nC: RSET\nS: 250 ok\nC: *\nS: 221 bye\nclose\n"};
    town_run(&t);
    CHECK(outbound_transcript_memory() == 0, "no connection has left any");
}

TEST(outbound_transcript_kept_of_hosts)
{
    struct town t = {.label = "hosts", .yaml = CONFIG, .body = nobody};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                        .every = "S: 554 5.3.2 go away\nC: *\nS: 221 bye\nclose\n"};
    t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = "close\n"};
    town_run(&t);
}

TEST(outbound_transcript_of_a_host_that_did_not_matter)
{
    struct town t = {.label = "second", .yaml = CONFIG, .body = second_host};
    t.servers[0] = (struct town_server){.at = "192.0.2.1:25",
                                        .every = "S: 554 5.3.2 go away\nC: *\nS: 221 bye\nclose\n"};
    t.servers[1] = (struct town_server){.at = "192.0.2.2:25", .every = HELLO TOWN_TAKE};
    town_run(&t);
}

TEST(outbound_transcript_kept_without_secrets)
{
    struct keeper keeper = {.secret = give_secret};
    struct town t = {.label = "secret",
                     .yaml = "hostname: mail.example.com\nroutes: [{ name: out, to: \"*\", via: "
                             "\"smtp://127.0.0.1:25?tls=none\", account: relay }]\n"
                             "accounts: { relay: { user: me, secret: \"env:RELAY\" } }\n",
                     .keeper = &keeper,
                     .body = secret};
    t.servers[0] = (struct town_server){
        .at = "127.0.0.1:25",
        .every = TOWN_GREET "S: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\n"
                            "S: 235 2.7.0 in as AG1lAHNlc2FtZS1vcGVu with sesame-open\n"
                            "C: MAIL FROM:\nS: 450 4.2.1 later\nC: *\nS: 250 ok\nC: *\n"};
    town_run(&t);
}

TEST(outbound_transcript_off)
{
    struct town t = {.label = "off", .yaml = CONFIG "outbound: { transcripts: 0s }\n", .body = off};
    t.servers[0] = (struct town_server){
        .at = "192.0.2.1:25", .every = HELLO "C: MAIL FROM:\nS: 451 4.3.0 no\nC: *\nS: 250 ok\n"};
    t.servers[1] = (struct town_server){
        .at = "192.0.2.2:25", .every = HELLO "C: MAIL FROM:\nS: 451 4.3.0 no\nC: *\nS: 250 ok\n"};
    town_run(&t);
}
