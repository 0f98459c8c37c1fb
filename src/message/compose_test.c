#include "base/arena.h"
#include "message/compose.h"
#include "message/crlf.h"
#include "message/header.h"
#include "message/id.h"
#include "tests/test.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define TAIL "Date: Sat, 21 Nov 2026 08:48:16 +0000\r\nMessage-ID: <1@x>\r\n"
#define MIME "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
#define PLAIN MIME "Content-Transfer-Encoding: 7bit\r\n\r\n"

static const struct message_compose base = {.from = TEXT("a@b.example"),
                                            .to = TEXT("c@d.example"),
                                            .subject = TEXT("hi"),
                                            .message_id = TEXT("<1@x>"),
                                            .now_ms = 1795250896000,
                                            .text = TEXT("one\ntwo")};

TEST(message_compose)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_DONE(message_compose(&base, &out), "plain");
    CHECK_STR(buf_str(&out),
              "From: a@b.example\r\nTo: c@d.example\r\nSubject: hi\r\n" TAIL PLAIN "one\r\ntwo\r\n",
              "plain");

    static const struct message_compose_field more[] = {
        {TEXT("X-Test"), TEXT("a b")}
    };
    struct message_compose c = base;
    c.from = S("J\xc3\xb6rg <a@b.example>");
    c.to = S("\"Bob, \\\"b\\\"\" <bob@x.example>, d@d.example");
    c.cc = S("e@e.example");
    c.subject = S("Gr\xc3\xbc\xc3\x9f"
                  "e aus dem Norden, wo die Tage im November kurz sind");
    c.text = S("\xc3\xa9 = \n");
    c.more = more;
    c.more_count = 1;
    buf_clear(&out);
    CHECK_DONE(message_compose(&c, &out), "non-ASCII");
    CHECK_STR(buf_str(&out),
              "From: =?utf-8?B?SsO2cmc=?= <a@b.example>\r\n"
              "To: \"Bob, \\\"b\\\"\" <bob@x.example>,\r\n d@d.example\r\n"
              "Cc: e@e.example\r\n"
              "Subject: =?utf-8?B?R3LDvMOfZSBhdXMgZGVtIE5vcmRlbiwgd28gZGllIFRhZ2UgaW0g?=\r\n"
              " =?utf-8?B?Tm92ZW1iZXIga3VyeiBzaW5k?=\r\n" TAIL "X-Test: a b\r\n" MIME
              "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
              "=C3=A9 =3D=20\r\n",
              "non-ASCII");
}

/* Attacks 48 to 50: a value that would become a second field is refused by name. */
TEST(message_compose_refuses)
{
    static const struct {
        const char *label, *names;
        struct message_compose c;
    } cases[] = {
        {"attack 48: CRLF in Subject",  "Subject:",    {.subject = TEXT("x\r\nBcc: v@x.example")} },
        {"attack 48: LF in Subject",    "Subject:",    {.subject = TEXT("x\nBcc: v")}             },
        {"attack 48: NUL in Subject",   "Subject:",    {.subject = TEXT("x\0y")}                  },
        {"attack 49: CRLF in From",     "From:",       {.from = TEXT("A\r\nBcc: v <a@b.example>")}},
        {"attack 49: folded From",      "From:",       {.from = TEXT("A\r\n B <a@b.example>")}    },
        {"attack 49: CR in To",         "To:",         {.to = TEXT("a@b.example\r")}              },
        {"attack 49: LF in Cc",         "Cc:",         {.cc = TEXT("\"a\\\nb\" <a@b.example>")}   },
        {"attack 50: LF in Message-ID", "Message-ID:", {.message_id = TEXT("<a\n@b>")}            },
        {"From is no address",          "From:",       {.from = TEXT("bob")}                      },
        {"no From",                     "From:",       {.from = TEXT("")}                         },
        {"text is not UTF-8",           "text:",       {.text = TEXT("\xff")}                     },
        {"Subject is not UTF-8",        "Subject:",    {.subject = TEXT("\xff")}                  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100000);
        struct message_compose c = base;
        const struct message_compose *set = &cases[i].c;
        c.from = set->from.ptr ? set->from : c.from;
        c.to = set->to.ptr ? set->to : c.to;
        c.cc = set->cc.ptr ? set->cc : c.cc;
        c.subject = set->subject.ptr ? set->subject : c.subject;
        c.message_id = set->message_id.ptr ? set->message_id : c.message_id;
        c.text = set->text.ptr ? set->text : c.text;
        err e = message_compose(&c, &out);
        CHECK(e && e->kind == ERR_CONFIG, cases[i].label);
        CHECK(e && str_starts(e->text, str_of(cases[i].names)), cases[i].label);
        CHECK(out.len == 0, cases[i].label);
    }
}

TEST(message_compose_more_fields)
{
    static const struct {
        const char *label, *name, *value;
        bool ok;
    } cases[] = {
        {"plain",                            "X-A",    "b",         true },
        {"attack 50: line end in the name",  "X\r\nY", "b",         false},
        {"attack 50: line end in the value", "X-A",    "b\r\nc: d", false},
        {"attack 50: empty name",            "",       "b",         false},
        {"attack 50: blank in the name",     "X Y",    "b",         false},
        {"attack 50: colon in the name",     "X:Y",    "b",         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 100000);
        struct message_compose_field f = {str_of(cases[i].name), str_of(cases[i].value)};
        struct message_compose c = base;
        c.more = &f;
        c.more_count = 1;
        CHECK((message_compose(&c, &out) == NULL) == cases[i].ok, cases[i].label);
    }
}

static void check_line_lengths(str text, size_t most, const char *label)
{
    str line;
    while (text.len > 0) {
        str_split(text, '\n', &line, &text);
        CHECK(line.len <= most, label);
    }
}

TEST(message_compose_long_lines)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    static char word[5000];
    memset(word, 'x', sizeof word);
    struct message_compose c = base;
    c.subject = c.text = (str){word, sizeof word};
    CHECK_DONE(message_compose(&c, &out), "a long word");
    check_line_lengths(buf_str(&out), 77, "lines stay short");
}

/* A name in quotes has no place to be folded at, and an address has none at all. */
TEST(message_compose_long_names)
{
    CLEANUP(buf_release) struct buf out;
    CLEANUP(buf_release) struct buf from;
    buf_init(&out, 1 << 20);
    buf_init(&from, 1 << 20);
    struct message_compose c = base;
    for (int i = 0; i < 400; i++)
        CHECK_DONE(buf_add(&from, S("so ")), "room");
    CHECK_DONE(buf_add(&from, S("<a@b.example>")), "room");
    c.from = buf_str(&from);
    CHECK_DONE(message_compose(&c, &out), "a long name");
    check_line_lengths(buf_str(&out), 998, "a long name is folded");
    buf_clear(&out);
    buf_clear(&from);
    CHECK_DONE(buf_add(&from, S("a@")), "room");
    for (int i = 0; i < 400; i++)
        CHECK_DONE(buf_add(&from, S("label.")), "room");
    CHECK_DONE(buf_add(&from, S("example")), "room");
    c.from = buf_str(&from);
    err e = message_compose(&c, &out);
    CHECK(e && e->kind == ERR_CONFIG, "an address that no line holds");
    CHECK(out.len == 0, "nothing was added");
}

TEST(message_crlf)
{
    static const struct {
        const char *label, *input, *want;
        size_t mended;
    } cases[] = {
        {"LF",            "a\nb\n",       "a\r\nb\r\n",       2},
        {"CRLF stays",    "a\r\nb\r\n",   "a\r\nb\r\n",       0},
        {"CR",            "a\rb",         "a\r\nb",           1},
        {"CR at the end", "a\r",          "a\r\n",            1},
        {"mixed",         "\n\r\n\r\r\n", "\r\n\r\n\r\n\r\n", 2},
        {"no line end",   "a",            "a",                0},
        {"empty",         "",             "",                 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t size = 1; size < 8; size++) { /* however it is cut */
            CLEANUP(buf_release) struct buf out;
            buf_init(&out, 100);
            struct message_crlf state = {0};
            for (str left = str_of(cases[i].input); left.len > 0; left = str_from(left, size))
                CHECK_DONE(message_crlf_add(&state, str_slice(left, 0, size), &out), "add");
            CHECK_DONE(message_crlf_end(&state, &out), "end");
            CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
            CHECK(state.mended == cases[i].mended, cases[i].label);
        }
}

TEST(message_id)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(10000);
    str id = message_id_make(arena, S("mail.example"), 1795250896000);
    CHECK(str_starts(id, S("<1a1fd")), "the time");
    CHECK(str_ends_nocase(id, S("@mail.example>")), "the host");
    CHECK(!str_eq(id, message_id_make(arena, S("mail.example"), 1795250896000)), "no other has it");
    CHECK(str_ends_nocase(message_id_make(arena, S(""), -1), S("@localhost>")), "no host");
}
