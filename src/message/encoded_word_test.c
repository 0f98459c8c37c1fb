#include "message/encoded_word.h"
#include "tests/test.h"

TEST(message_encoded_word_decode)
{
    static const struct {
        const char *label, *input, *want;
        uint8_t flags;
    } cases[] = {
        {"none",                              "plain text",                                 "plain text",                                                         0                   },
        {"RFC 2047 section 8, Q",             "=?ISO-8859-1?Q?a?=",                         "a",                                                                  0                   },
        {"two words, the blank between goes", "=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=",      "ab",                                                                 0                   },
        {"a fold between goes",               "=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=", "ab",                                                                 0                   },
        {"a word and text, the blank stays",  "=?ISO-8859-1?Q?a?= b",                       "a b",                                                                0                   },
        {"underscore is a blank",             "=?ISO-8859-1?Q?a_b?=",                       "a b",                                                                0                   },
        {"blank at the end of a word",        "=?ISO-8859-1?Q?a_?= b",                      "a  b",                                                               0                   },
        {"two charsets",                      "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=",     "a b",                                                                0                   },
        {"in a comment",                      "(=?ISO-8859-1?Q?a?=)",                       "(a)",                                                                0                   },
        {"latin 1",                           "=?iso-8859-1?q?caf=E9?=",                    "caf\xc3\xa9",                                                        0                   },
        {"base64",                            "=?utf-8?B?Y2Fmw6k=?=",                       "caf\xc3\xa9",                                                        0                   },
        {"base64 without padding",            "=?utf-8?B?Y2Fmw6k?=",                        "caf\xc3\xa9",                                                        0                   },
        {"RFC 2231 section 5: a language",    "=?US-ASCII*EN?Q?Keith_Moore?=",              "Keith Moore",                                                        0                   },
        {"japanese",                          "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=",         "\xe6\x97\xa5\xe6\x9c\xac",                                           0                   },
        {"a character in two words",          "=?utf-8?B?Y2Fmww==?= =?utf-8?B?qQ==?=",      "caf\xc3\xa9",                                                        0                   },
        {"unfolding",                         "one\r\n two\r\n\tthree",                     "one two\tthree",                                                     0                   },
        {"a bare line end becomes a blank",   "one\ntwo",                                   "one two",                                                            0                   },
        {"unknown charset",                   "=?x-none?Q?a?=",                             "=?x-none?Q?a?=",                                                     ENCODED_WORD_CHARSET},
        {"unknown encoding",                  "=?utf-8?X?a?=",                              "=?utf-8?X?a?=",                                                      ENCODED_WORD_BROKEN },
        {"no end",                            "=?utf-8?Q?a",                                "=?utf-8?Q?a",                                                        ENCODED_WORD_BROKEN },
        {"a blank inside",                    "=?utf-8?Q?a b?=",                            "=?utf-8?Q?a b?=",                                                    ENCODED_WORD_BROKEN },
        {"bad base64",                        "=?utf-8?B?a*b?=",                            "=?utf-8?B?a*b?=",                                                    ENCODED_WORD_BROKEN },
        {"bad hex",                           "=?utf-8?Q?a=4?=",                            "=?utf-8?Q?a=4?=",                                                    ENCODED_WORD_BROKEN },
        {"bytes that are none",               "=?utf-8?Q?a=FFb?=",
         "a\xef\xbf\xbd"
         "b",                                                                                                                                                     ENCODED_WORD_BYTES  },
        {"a hidden line end",                 "=?utf-8?Q?a=0D=0ABcc:_x?=",
         "a\xef\xbf\xbd\xef\xbf\xbd"
         "Bcc: x",                                                                                                                                                ENCODED_WORD_CONTROL},
        {"a hidden NUL",                      "=?utf-8?B?YQBi?=",
         "a\xef\xbf\xbd"
         "b",                                                                                                                                                     ENCODED_WORD_CONTROL},
        {"joined to text",                    "a=?utf-8?Q?b?=c",                            "abc",                                                                ENCODED_WORD_JOINED },
        {"8-bit bare, UTF-8",                 "caf\xc3\xa9",                                "caf\xc3\xa9",                                                        ENCODED_WORD_RAW    },
        {"8-bit bare, other",                 "caf\xe9",                                    "caf\xef\xbf\xbd",                                                    ENCODED_WORD_RAW    },
        {"an address is none of it",          "=?utf-8?Q?a?=@b.example",                    "a@b.example",                                                        ENCODED_WORD_JOINED },
        {"too long",
         "=?utf-8?Q?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?=",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ENCODED_WORD_LONG   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        uint8_t flags = 255;
        CHECK_DONE(message_encoded_word_decode(str_of(cases[i].input), &out, &flags),
                   cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
        CHECK(flags == cases[i].flags, cases[i].label);
    }
}

TEST(message_encoded_word_add)
{
    static const struct {
        const char *label, *text, *want;
        size_t column;
    } cases[] = {
        {"short",                     "caf\xc3\xa9",                          "=?utf-8?B?Y2Fmw6k=?=",      9 },
        {"no room on the first line", "caf\xc3\xa9",                          "\r\n =?utf-8?B?Y2Fmw6k=?=", 70},
        {"whole characters",          "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5",
         "=?utf-8?B?5pel5pel?=\r\n =?utf-8?B?5pel?=",                                                      56},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        CHECK_DONE(message_encoded_word_add(str_of(cases[i].text), cases[i].column, &out),
                   cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}
