#include "message/fixup.h"
#include "tests/test.h"

#define DATE "Date: Sat, 21 Nov 2026 08:48:16 +0000\r\n"
#define ID "Message-ID: <1@mail.example>\r\n"
#define BOTH "Date: x\r\nMessage-ID: <m@x>\r\n"

static const struct message_fixup_facts facts = {
    .login = {"alice@our.example", 17},
    .hostname = {"mail.example",      12},
    .message_id = {"<1@mail.example>",  16},
    .now_ms = 1795250896000,
};

TEST(message_fixup)
{
    static const struct {
        const char *label, *input, *output; /* NULL: refused with 550 5.6.0 */
    } cases[] = {
        {"nothing to do",                            BOTH "From: a@b.example\r\n",                                     BOTH "From: a@b.example\r\n"   },
        {"both added",                               "From: a@b.example\r\n",                                          DATE ID "From: a@b.example\r\n"},
        {"odd bytes stay",                           BOTH "FROM:a@b.example\r\nx\r\nX : \xff\r\n  y\r\n",
         BOTH "FROM:a@b.example\r\nx\r\nX : \xff\r\n  y\r\n"                                                                                          },
        {"order stays",                              "To: c\r\n" BOTH "From: a@b.example\r\nCc: d\r\n",
         "To: c\r\n" BOTH "From: a@b.example\r\nCc: d\r\n"                                                                                            },
        {"removed",
         BOTH "Bcc: x\r\n y\r\nFrom: a@b.example\r\nRESENT-BCC: z\r\nReturn-Path: <>\r\n",
         BOTH "From: a@b.example\r\n"                                                                                                                 },
        {"a Bcc in disguise is removed",             BOTH "Bcc\r\n : x\r\nFrom: a@b.example\r\nBcc : y\r\n",
         BOTH "From: a@b.example\r\n"                                                                                                                 },
        {"several addresses",                        BOTH "From: a@b.example, c@d.example\r\n",
         "Sender: <alice@our.example>\r\n" BOTH "From: a@b.example, c@d.example\r\n"                                                                  },
        {"several, with a Sender",                   BOTH "From: a@b.example, c@d.example\r\nSender: c@d.example\r\n",
         BOTH "From: a@b.example, c@d.example\r\nSender: c@d.example\r\n"                                                                             },
        {"no line end stays so",                     BOTH "From: a@b.example",                                         BOTH "From: a@b.example"       },
        {"no From",                                  BOTH "To: a@b.example\r\n",                                       NULL                           },
        {"attack 117: two From fields",              BOTH "From: a@b.example\r\nFrom: c@d.example\r\n",                NULL                           },
        {"attack 118: From with a space",            BOTH "From : a@b.example\r\n",                                    NULL                           },
        {"attack 118: From folded before the colon", BOTH "From\r\n : a@b.example\r\n",                                NULL                           },
        {"attack 118: From with a bare LF",          BOTH "From: a@b.example\n x\r\n",                                 NULL                           },
        {"attack 118: a second From in disguise",
         BOTH "From: a@b.example\r\nFrom\r\n : c@d.example\r\n",                                                       NULL                           },
        {"From is no address",                       BOTH "From: bob\r\n",                                             NULL                           },
        {"From is an empty group",                   BOTH "From: nobody:;\r\n",                                        NULL                           },
        {"two Senders",                              BOTH "From: a@b.example\r\nSender: a@b\r\nSender: c@d\r\n",       NULL                           },
        {"control byte in From",                     BOTH "From: \"\\\x07\"@b.example\r\n",                            NULL                           },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 10000);
        struct message_fixup fixup = {0};
        CHECK_DONE(message_fixup(str_of(cases[i].input), &facts, arena, &out, &fixup),
                   cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].output ? cases[i].output : "", cases[i].label);
        CHECK(fixup.refusal.code == (cases[i].output ? 0 : 550), cases[i].label);
        CHECK((fixup.from_count > 0) == (cases[i].output != NULL), cases[i].label);
    }
}

TEST(message_fixup_results)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 10000);
    struct message_fixup fixup;
    str header = S("From: A <\"a\"@B.Example>, T: c@d.example;\r\n");
    CHECK_DONE(message_fixup(header, &facts, arena, &out, &fixup), "two addresses");
    CHECK(fixup.from_count == 2, "attack 82: each address in From is told");
    CHECK_STR(fixup.from[0], "a@b.example", "in one spelling");
    CHECK_STR(fixup.from[1], "c@d.example", "from inside a group");
    CHECK_STR(fixup.message_id, "<1@mail.example>", "the one that was added");

    struct message_fixup_facts nobody = facts, bob = facts;
    nobody.login = S("");
    CHECK_DONE(message_fixup(header, &nobody, arena, &out, &fixup), "nobody logged in");
    CHECK(fixup.refusal.code == 550, "no Sender could be made");
    buf_clear(&out);
    bob.login = S("bob smith");
    CHECK_DONE(message_fixup(header, &bob, arena, &out, &fixup), "a login that is no address");
    CHECK(str_contains(buf_str(&out), S("Sender: <\"bob smith\"@mail.example>\r\n")), "made one");
    bob.login = S("bob\r\nBcc: x");
    CHECK(message_fixup(header, &bob, arena, &out, &fixup) != NULL, "attack 48: no line end");

    struct buf tiny;
    buf_init(&tiny, 20);
    CHECK(message_fixup(header, &facts, arena, &tiny, &fixup) != NULL, "out is full");
    CHECK(tiny.len == 0, "and as it was");
    buf_release(&tiny);
}
