/* The message: tokens, headers, dots; and what no value can do to it (attack 48). */
#include "personality/swaks_data.h"
#include "tests/test.h"

static const struct swaks_tokens tokens = {
    .from = {"a@b",                3 },
    .to = {"%FROM_ADDRESS%,c@d", 18},
    .date = {"today",              5 },
    .message_id = {"1@x",                3 },
    .version = {"9",                  1 },
};

TEST(personality_swaks_data_finish)
{
    static const struct {
        const char *label, *text, *header, *added, *want;
        bool keep_from;
    } rows[] = {
        {"tokens",                                             "F: %FROM_ADDRESS%\n\n%DATE% 100% \\n%NEWLINE%.", NULL,           NULL,
         "F: a@b\r\n\r\ntoday 100% \r\n\r\n.",                                                                                                                                 false},
        {"attack 48: what stands for a token is not searched", "T: %TO_ADDRESS%\n\nx",                           NULL,           NULL,
         "T: %FROM_ADDRESS%,c@d\r\n\r\nx\r\n.",                                                                                                                                false},
        {"a header is replaced, in any case",                  "Subject: a\nX: y\n\nb",                          "SUBJECT: new", NULL,
         "SUBJECT: new\r\nX: y\r\n\r\nb\r\n.",                                                                                                                                 false},
        {"with its folds",                                     "Subject: a\n  b\nX: y\n\nb",                     "Subject: new", NULL,
         "Subject: new\r\nX: y\r\n\r\nb\r\n.",                                                                                                                                 false},
        {"a new one comes last",                               "X: y\n\nb",                                      "Z: 1",         "A: 2", "X: y\r\nA: 2\r\nZ: 1\r\n\r\nb\r\n.",
         false                                                                                                                                                                      },
        {"or where the token stands",                          "X: y\n%NEW_HEADERS%\nbody\n",                    NULL,           "A: 2",
         "X: y\r\nA: 2\r\n\r\nbody\r\n\r\n\r\n.",                                                                                                                              false},
        {"behind it no line is a field",                       "X: y\n%NEW_HEADERS%\nX: in the body",            "X: z",         NULL,
         "X: z\r\n\r\nX: in the body\r\n\r\n\r\n.",                                                                                                                            false},
        {"a dot that ends it",                                 "X: y\n\nb\n.\n",                                 NULL,           NULL,   "X: y\r\n\r\nb\r\n.",                 false},
        {"dots are stuffed",                                   ".a: b\n\n.c\n..d",                               NULL,           NULL,   "..a: b\r\n\r\n..c\r\n...d\r\n.",
         false                                                                                                                                                                      },
        {"From_",                                              "From me\nX: y\n\nb",                             NULL,           NULL,   "X: y\r\n\r\nb\r\n.",                 false},
        {"From_ stays",                                        "From me\nX: y\n\nb",                             NULL,           NULL,   "From me\r\nX: y\r\n\r\nb\r\n.",      true },
        {"CRLF stays CRLF",                                    "X: y\r\n\r\nb\r\nc",                             NULL,           NULL,   "X: y\r\n\r\nb\r\nc\r\n.",            false},
        {"no body",                                            "X: y",                                           NULL,           NULL,   "X: y\r\n\r\n\r\n.",                  false},
        {"nothing",                                            "",                                               NULL,           NULL,   "\r\n\r\n.",                          false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        str header = str_of(rows[i].header), added = str_of(rows[i].added);
        buf_init(&out, 10000);
        err e =
            personality_swaks_data_finish(str_of(rows[i].text), &tokens, &header, header.len > 0,
                                          &added, added.len > 0, !rows[i].keep_from, &out);
        CHECK_DONE(e, rows[i].label);
        CHECK_STR(buf_str(&out), rows[i].want, rows[i].label);
        buf_release(&out);
    }
}
