/* The record of what went out, and what a key promises. */
#include "cli/save_sent.h"
#include "cli/sent.h"
#include "runtime/file.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

struct place {
    char folder[64], path[96];
    struct cli_sent *sent;
    struct arena *arena;
};

static void set_up(struct place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/smtptool-sent-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL, "a folder");
    snprintf(p->path, sizeof p->path, "%s/sent.db", p->folder);
    CHECK_DONE(cli_sent_open(p->path, true, &p->sent), "open");
    p->arena = arena_open(16 << 20);
}

static void tear_down(struct place *p)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    cli_sent_close(p->sent);
    arena_close(p->arena);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[112];
        snprintf(path, sizeof path, "%s%s", p->path, ends[i]);
        unlink(path);
    }
    CHECK(rmdir(p->folder) == 0, "nothing else is left");
}

static struct client_mail make_mail(struct arena *arena, const char *a, const char *b)
{
    struct envelope *env = ARENA_NEW(arena, struct envelope);
    env->rcpt_count = b ? 2 : 1;
    env->rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, 2);
    env->rcpts[0].address = str_of(a);
    env->rcpts[1].address = str_of(b);
    env->sender = S("me@x.example");
    env->message_id = S("<1@x.example>");
    return (struct client_mail){.envelope = env,
                                .content = S("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhi\r\n"),
                                .arena = arena,
                                .verdicts = ARENA_ARRAY(arena, struct smtp_verdict, 2)};
}

static struct smtp_verdict said(int code)
{
    return (struct smtp_verdict){
        .decided = true, .stage = SMTP_STAGE_RCPT, .reply = {code, S("2.1.5"), S("so\nit is")}
    };
}

struct seen {
    int count;
    int64_t first;
    bool subject;
};

static void see(void *arg, const struct cli_sent_mail *mail)
{
    struct seen *s = arg;
    if (s->count++ == 0)
        s->first = mail->id;
    s->subject = str_eq(mail->subject, S("Gr\xc3\xbc\xc3\x9f"
                                         "e"));
}

TEST(cli_sent_record)
{
    struct place p;
    set_up(&p);
    struct client_mail mail = make_mail(p.arena, "a@y.example", "b@y.example");
    mail.verdicts[0] = said(250);
    mail.verdicts[1] = said(550);
    CHECK_DONE(cli_sent_note(p.sent, (str){0}, &mail, S("192.0.2.1:587"), false), "note");
    CHECK_DONE(cli_sent_note(p.sent, (str){0}, &mail, S("192.0.2.1:587"), true), "note");
    struct seen seen = {0};
    CHECK_DONE(cli_sent_list(p.sent, 0, 10, see, &seen), "list");
    CHECK(seen.count == 2 && seen.first == 2, "the newest first");
    CHECK(seen.subject, "subjects are decoded");
    struct cli_sent_mail one;
    bool found;
    CHECK_DONE(cli_sent_find(p.sent, S("1"), p.arena, &found, &one), "by number");
    CHECK(found && one.content.len == 0, "no content unless asked for");
    CHECK_DONE(cli_sent_find(p.sent, S("1@x.example"), p.arena, &found, &one), "by Message-ID");
    CHECK(found && one.id == 2 && str_eq(one.content, mail.content), "the newest of that name");
    CHECK_DONE(cli_sent_find(p.sent, S("' OR 1=1 --"), p.arena, &found, &one), "words of others");
    CHECK(!found, "are no SQL");
    tear_down(&p);
}

TEST(cli_sent_key)
{
    struct place p;
    set_up(&p);
    size_t open = 0;
    str key = S("order-17");
    struct client_mail mail = make_mail(p.arena, "a@y.example", "b@y.example");
    CHECK_DONE(cli_sent_claim(p.sent, key), "claim");
    CHECK_DONE(cli_sent_settle(p.sent, key, &mail, &open), "settle");
    CHECK(open == 2, "nobody has it");
    mail.verdicts[0] = said(250);
    mail.verdicts[1] = said(450);
    CHECK_DONE(cli_sent_note(p.sent, key, &mail, S("x"), false), "note");
    cli_sent_unclaim(p.sent, key);

    struct client_mail again = make_mail(p.arena, "a@y.example", "b@y.example");
    CHECK_DONE(cli_sent_claim(p.sent, key), "claim");
    CHECK_DONE(cli_sent_settle(p.sent, key, &again, &open), "settle");
    CHECK(open == 1 && again.verdicts[0].decided && !again.verdicts[1].decided,
          "who has it does not get it again");
    CHECK_DONE(cli_sent_settle(p.sent, S("other"), &again, &open), "settle");
    CHECK(open == 2, "another key is another mail");
    err e = cli_sent_claim(p.sent, key);
    CHECK(e && e->kind == ERR_CANCELED, "one at a time");
    err_forget();
    tear_down(&p);
}

TEST(cli_save_sent_parse)
{
    static const struct {
        const char *text, *url, *user; /* url NULL: refused */
    } cases[] = {
        {"imaps://me@mail.example/Sent",     "imaps://mail.example/Sent",        "me" },
        {"imaps://a@b@mail.example:993/S",   "imaps://mail.example:993/S",       "a@b"},
        {"imaps://mail.example/Sent%20Mail", "imaps://mail.example/Sent%20Mail", ""   },
        {"imap://127.0.0.1:143/Sent",        "imap://127.0.0.1:143/Sent",        ""   },
        {"imap://[::1]:143/Sent",            "imap://[::1]:143/Sent",            ""   },
        {"imap://localhost/Sent",            "imap://localhost/Sent",            ""   },
        {"imap://mail.example/Sent",         NULL,                               NULL },
        {"imaps://me:secret@mail.example/S", NULL,                               NULL },
        {"imaps://mail.example",             NULL,                               NULL },
        {"imaps://mail.example/a b",         NULL,                               NULL },
        {"imaps://mail.example/a\r\nb",      NULL,                               NULL },
        {"imaps://mail.example/Sent;UID=1",  NULL,                               NULL },
        {"https://mail.example/Sent",        NULL,                               NULL },
        {"",                                 NULL,                               NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        struct cli_save_sent_place place = {0};
        err e = cli_save_sent_parse(str_of(cases[i].text), arena, &place);
        CHECK((e == NULL) == (cases[i].url != NULL), cases[i].text);
        if (e == NULL) {
            CHECK_STR(place.url, cases[i].url, cases[i].text);
            CHECK_STR(place.user, cases[i].user, cases[i].text);
        }
        CHECK(e == NULL || !str_contains(e->text, S("secret")), "no password is repeated");
        err_forget();
    }
}
