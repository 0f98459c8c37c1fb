#include "message/lint.h"
#include "tests/test.h"

enum { NOW_S = 1795250896 }; /* Sat, 21 Nov 2026 08:48:16 +0000 */

#define HEAD                                                                                  \
    "From: a@b.example\r\nTo: c@d.example\r\nSubject: hi\r\nDate: Sat, 21 Nov 2026 08:48:16 " \
    "+0000\r\nMessage-ID: <1@b.example>\r\n"
#define MIME "MIME-Version: 1.0\r\n"

TEST(message_lint)
{
    static const struct {
        const char *label, *input, *want; /* ids, joined by blanks */
    } cases[] = {
        {"clean",                     HEAD "\r\nhi\r\n",                                                      ""                                                     },
        {"nothing at all",            "\r\nhi\r\n",                                                           "no-from no-date no-message-id no-subject no-recipient"},
        {"twice",                     HEAD "Subject: x\r\nto: c@d.example\r\n\r\nhi\r\n",                     "field-twice field-twice"                              },
        {"bad address",               HEAD "Reply-To: bob\r\n\r\nhi\r\n",                                     "bad-address"                                          },
        {"bad author",
         "From: bob\r\nTo: c@d.example\r\nSubject: x\r\nDate: Sat, 21 Nov 2026 08:48:16 +0000\r\n"
         "Message-ID: <1@b>\r\n\r\nhi\r\n",                                                                   "bad-from"                                             },
        {"two authors",
         "From: a@b.example, c@b.example\r\nTo: c@d.example\r\nSubject: x\r\nDate: Sat, 21 Nov "
         "2026 "
         "08:48:16 +0000\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n",                                                 "no-sender"                                            },
        {"dates",
         "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\nDate: Sun, 21 Nov 2021 08:48 "
         "GMT\r\n"
         "Resent-Date: never\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n",                                             "odd-date far-date bad-date"                           },
        {"weekday",
         "From: a@b.example\r\nTo: c@d.example\r\nSubject: x\r\nDate: Mon, 21 Nov 2026 08:48:00 "
         "+0000"
         "\r\nMessage-ID: 1@b\r\n\r\nhi\r\n",                                                                 "wrong-weekday bad-message-id"                         },
        {"what others write",         HEAD "Bcc: e@f.example\r\nReturn-Path: <a@b.example>\r\n\r\nhi\r\n",
         "bcc return-path"                                                                                                                                           },
        {"word in an address",        HEAD "Reply-To: =?utf-8?Q?a?=@b.example\r\n\r\nhi\r\n",
         "word-in-address joined-word"                                                                                                                               },
        {"words",                     HEAD "X: =?utf-8?Q?a b?= =?x-y?Q?a?= =?utf-8?Q?=00?=\r\n\r\nhi\r\n",
         "bad-encoded-word word-charset word-control"                                                                                                                },
        {"8-bit header",              HEAD "X: caf\xc3\xa9\r\n\r\nhi\r\n",                                    "8bit-header"                                          },
        {"fields",                    HEAD "X : y\r\nno colon here\r\n\r\nhi\r\n",                            "blank-before-colon no-colon"                          },
        {"unsubscribe",               HEAD "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nhi\r\n",
         "unsubscribe"                                                                                                                                               },
        {"unsubscribe, right",
         HEAD "List-Unsubscribe: <https://b.example/u>\r\nList-Unsubscribe-Post: "
              "List-Unsubscribe=One-Click\r\n\r\nhi\r\n",                                                     ""                                                     },
        {"no charset",
         HEAD MIME "Content-Type: text/plain\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncaf\xe9\r\n",
         "8bit-body no-charset"                                                                                                                                      },
        {"wrong charset",
         HEAD MIME "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                   "quoted-printable\r\n\r\ncaf=E9\r\n",                                                      "wrong-charset"                                        },
        {"unknown charset",
         HEAD MIME "Content-Type: text/plain; charset=x-none\r\nContent-Transfer-Encoding: "
                   "quoted-printable\r\n\r\ncaf=E9\r\n",                                                      "unknown-charset"                                      },
        {"7bit that is none",
         HEAD MIME "Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xc3\xa9\r\n",
         "undeclared-8bit"                                                                                                                                           },
        {"HTML alone",                HEAD MIME "Content-Type: text/html\r\n\r\n<p>\r\n",                     "html-only"                                            },
        {"HTML with text",
         HEAD MIME "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: "
                   "text/plain\r\n\r\nx\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n",           ""                                                     },
        {"an image that nobody sees",
         HEAD MIME
         "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: "
         "text/html\r\n\r\n<img src=cid:y>\r\n--b\r\nContent-Type: image/png\r\nContent-ID: "
         "<x>\r\n\r\nx\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <y>\r\n\r\nx\r\n"
         "--b--\r\n",                                                                                         "html-only unused-inline"                              },
        {"parameters",
         HEAD MIME "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\nx\r\n",
         "two-boundaries unended duplicate-parameter"                                                                                                                },
        {"base64",
         HEAD MIME "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ*\r\n",
         "bad-base64"                                                                                                                                                },
        {"bare LF",                   HEAD "\r\nhi\nyou\r\n",                                                 "binary-body"                                          },
        {"no line end",               HEAD "\r\nhi",                                                          "no-final-line-end"                                    },
        {"no MIME-Version",           HEAD "Content-Type: text/plain\r\n\r\nhi\r\n",                          "no-mime-version"                                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_LINT_ARENA_BYTES);
        CLEANUP(buf_release) struct buf ids;
        buf_init(&ids, 4096);
        struct message_lint lint = {0};
        CHECK_DONE(message_lint(str_of(cases[i].input), NOW_S * INT64_C(1000), arena, &lint),
                   cases[i].label);
        for (size_t j = 0; j < lint.count; j++)
            CHECK_DONE(buf_addf(&ids, "%s%s", j ? " " : "", lint.findings[j].rule->id), "room");
        CHECK_STR(buf_str(&ids), cases[i].want, cases[i].label);
    }
}

/* Ids stay: scripts and people name them. */
TEST(message_lint_rule)
{
    size_t count = 0;
    for (; message_lint_rule(count); count++) {
        const struct message_lint_rule *rule = message_lint_rule(count);
        CHECK(str_starts(str_of(rule->clause), S("RFC ")), rule->id);
        CHECK(rule->text && rule->fix, rule->id);
        for (size_t i = 0; i < count; i++)
            CHECK(strcmp(message_lint_rule(i)->id, rule->id) != 0, rule->id);
    }
    CHECK(count > 60, "the table was seen");
}

TEST(message_lint_bounds)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_LINT_ARENA_BYTES);
    CLEANUP(buf_release) struct buf message;
    buf_init(&message, 1 << 20);
    for (int i = 0; i < 3000; i++)
        CHECK_DONE(buf_addf(&message, "X-%d : caf\xe9\r\n", i), "room");
    struct message_lint lint = {0};
    CHECK_DONE(message_lint(buf_str(&message), 0, arena, &lint), "many findings");
    CHECK(lint.count < 50, "ten of each are told");
    CHECK(lint.left_out > 5000, "the rest is counted");
    CHECK(lint.worst == LINT_ERROR, "the worst of them");
}
