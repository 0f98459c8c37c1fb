/* Whom a message is for, and what must not leave with it. */
#include "message/recipients.h"
#include "tests/test.h"

TEST(message_recipients)
{
    static const struct {
        const char *label, *content;
        const char *rcpts; /* NULL: refused */
        const char *without;
    } cases[] = {
        {"three fields",
         "To: A <a@x.example>, b@x.example\r\nCc: c@x.example\r\nBcc: d@x.example\r\n\r\nhi\r\n",            "a@x.example b@x.example c@x.example d@x.example",
         "To: A <a@x.example>, b@x.example\r\nCc: c@x.example\r\n\r\nhi\r\n"                                                                                                                                           },
        {"each as often as it stands", "To: a@x.example\r\nTo: a@x.example\r\n\r\n",
         "a@x.example a@x.example",                                                                                                                             NULL                                                   },
        {"folds and comments",         "Bcc: (you)\r\n a@X.example,\r\n\tb@x.example\r\nSubject: s\r\n\r\n",
         "a@x.example b@x.example",                                                                                                                             "Subject: s\r\n\r\n"                                   },
        {"sent on",
         "To: old@x.example\r\nResent-To: new@x.example\r\nResent-Bcc: h@x.example\r\nBcc: "
         "b@x.example\r\n\r\n",                                                                              "new@x.example h@x.example",                       "To: old@x.example\r\nResent-To: new@x.example\r\n\r\n"},
        {"an empty Bcc",               "To: a@x.example\r\nBcc: \r\n\r\n",                                   "a@x.example",
         "To: a@x.example\r\n\r\n"                                                                                                                                                                                     },
        {"a group of nobody",          "To: undisclosed-recipients:;\r\nBcc: a@x.example\r\n\r\n",
         "a@x.example",                                                                                                                                         NULL                                                   },
        {"no case",                    "tO: a@x.example\r\nBCC: b@x.example\r\n\r\n",                        "a@x.example b@x.example",
         "tO: a@x.example\r\n\r\n"                                                                                                                                                                                     },
        {"the body is no header",      "To: a@x.example\r\n\r\nBcc: b@x.example\r\n",                        "a@x.example",
         "To: a@x.example\r\n\r\nBcc: b@x.example\r\n"                                                                                                                                                                 },
        {"nobody",                     "Subject: s\r\n\r\n",                                                 "",                                                NULL                                                   },
        {"no list",                    "To: a@@x\r\n\r\n",                                                   NULL,                                              NULL                                                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        CLEANUP(buf_release) struct buf got, without;
        struct message_recipients r;
        buf_init(&got, 4096);
        buf_init(&without, 4096);
        err e = message_recipients_read(str_of(cases[i].content), arena, &r);
        CHECK((e == NULL) == (cases[i].rcpts != NULL), cases[i].label);
        for (size_t j = 0; e == NULL && j < r.count; j++)
            CHECK_DONE(buf_addf(&got, "%s%.*s", j ? " " : "", STR_ARG(r.addresses[j])), "add");
        if (e == NULL)
            CHECK_STR(buf_str(&got), cases[i].rcpts, cases[i].label);
        CHECK_DONE(message_recipients_add_without_bcc(str_of(cases[i].content), &without),
                   "without");
        if (cases[i].without)
            CHECK_STR(buf_str(&without), cases[i].without, cases[i].label);
        err_forget();
    }
}
