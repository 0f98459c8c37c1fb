/* Which of the domains in a message disagree with its From. */
#include "message/alignment.h"
#include "tests/test.h"

TEST(message_alignment)
{
    static const struct {
        const char *label, *header, *sender;
        bool sender_agrees, reply_to_agrees, signature_agrees;
    } cases[] = {
        {"all one",
         "From: a@x.example\r\nReply-To: b@x.example\r\nDKIM-Signature: v=1; d=x.example; s=s\r\n",        "r@x.example",    true,  true,  true },
        {"below is near enough",         "From: a@x.example\r\nDKIM-Signature: v=1; d=mail.X.example\r\n",
         "r@bounces.x.example",                                                                                              true,  true,  true },
        {"above, too",                   "From: a@news.x.example\r\nDKIM-Signature: d=x.example\r\n",      "r@x.example",
         true,                                                                                                                      true,  true },
        {"a name that only ends alike",  "From: a@x.example\r\n",                                          "r@notx.example", false, true,
         true                                                                                                                                   },
        {"the sender is elsewhere",      "From: a@x.example\r\n",                                          "r@esp.example",  false, true,  true },
        {"replies go elsewhere",         "From: a@x.example\r\nReply-To: B <b@y.example>\r\n",             "",               true,
         false,                                                                                                                            true },
        {"signed by another",
         "From: a@x.example\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n d=esp.example; s=s\r\n",             "",
         true,                                                                                                                      true,  false},
        {"one of two",
         "From: a@x.example\r\nDKIM-Signature: d=esp.example\r\nDKIM-Signature: d=x.example\r\n",          "",               true,  true,  true },
        {"a signature without a domain", "From: a@x.example\r\nDKIM-Signature: v=1\r\n",                   "",               true,
         true,                                                                                                                             false},
        {"nothing to hold against it",   "From: a@x.example\r\n",                                          "",               true,  true,  true },
        {"no From",                      "Subject: s\r\nReply-To: b@y.example\r\n",                        "r@y.example",    false, false, true },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message_alignment a;
        message_alignment_read(str_of(cases[i].header), str_of(cases[i].sender), arena, &a);
        CHECK(a.sender_agrees == cases[i].sender_agrees, cases[i].label);
        CHECK(a.reply_to_agrees == cases[i].reply_to_agrees, cases[i].label);
        CHECK(a.signature_agrees == cases[i].signature_agrees, cases[i].label);
    }
}
