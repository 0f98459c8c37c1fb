#include "base/codec.h"
#include "tests/test.h"

typedef err (*codec)(str, struct buf *);

struct row {
    const char *label, *input, *want; /* want NULL: ERR_PROTOCOL */
};

static void run_rows(codec run, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 10000);
        CHECK_DONE(buf_add(&out, S("<")), rows[i].label);
        err e = run(str_of(rows[i].input), &out);
        CHECK((e == NULL) == (rows[i].want != NULL), rows[i].label);
        CHECK(e == NULL || e->kind == ERR_PROTOCOL, rows[i].label);
        CHECK(str_starts(buf_str(&out), S("<")), rows[i].label);
        CHECK_STR(str_from(buf_str(&out), 1), rows[i].want ? rows[i].want : "", rows[i].label);
        err_forget();
    }
}

TEST(codec_base64_encode)
{
    static const struct row rows[] = {
  /* RFC 4648 section 10 */
        {"empty",     "",             ""        },
        {"one",       "f",            "Zg=="    },
        {"two",       "fo",           "Zm8="    },
        {"three",     "foo",          "Zm9v"    },
        {"four",      "foob",         "Zm9vYg=="},
        {"six",       "foobar",       "Zm9vYmFy"},
        {"high",      "\xff\xfe\xfd", "//79"    },
        {"62 and 63", "\xfb\xff",     "+/8="    },
    };
    run_rows(codec_base64_encode, rows, ARRAY_LEN(rows));
}

TEST(codec_base64_decode)
{
    static const struct row rows[] = {
        {"empty",                     "",                 ""            },
        {"one",                       "Zg==",             "f"           },
        {"two",                       "Zm8=",             "fo"          },
        {"three",                     "Zm9v",             "foo"         },
        {"long",                      "Zm9vYmFyZm9vYmFy", "foobarfoobar"},
        {"no padding",                "Zg",               NULL          },
        {"short padding",             "Zg=",              NULL          },
        {"padding alone",             "====",             NULL          },
        {"three of padding",          "Z===",             NULL          },
        {"padding in the middle",     "Zg==Zg==",         NULL          },
        {"padding inside a group",    "Z=g=",             NULL          },
        {"one character",             "Z",                NULL          },
        {"junk bits behind one byte", "Zh==",             NULL          },
        {"junk bits behind two",      "Zm9=",             NULL          },
        {"blank",                     "Zm 9",             NULL          },
        {"line break",                "Zm9v\r\n",         NULL          },
        {"URL alphabet",              "-_-_",             NULL          },
        {"high byte",                 "Zm9\xff",          NULL          },
        {"cancel of AUTH",            "*",                NULL          },
    };
    run_rows(codec_base64_decode, rows, ARRAY_LEN(rows));
}

TEST(codec_base64_lines)
{
    CLEANUP(buf_release) struct buf out;
    char bytes[58];
    memset(bytes, 'a', sizeof bytes);
    buf_init(&out, 1000);
    CHECK_DONE(codec_base64_encode_lines((str){bytes, 57}, &out), "one whole line");
    CHECK(out.len == 78 && str_find(buf_str(&out), '\r') == 76, "76 and CRLF");
    buf_clear(&out);
    CHECK_DONE(codec_base64_encode_lines((str){bytes, 58}, &out), "one byte more");
    CHECK(out.len == 78 + 6, "a second line");
    buf_clear(&out);
    CHECK_DONE(codec_base64_encode_lines(S(""), &out), "nothing");
    CHECK(out.len == 0, "no line for nothing");
}

TEST(codec_hex)
{
    static const struct row encode[] = {
        {"empty",      "",         ""    },
        {"lower case", "\xab\x01", "ab01"},
        {"text",       "az",       "617a"},
    };
    static const struct row decode[] = {
        {"empty",       "",     ""        },
        {"lower",       "ab01", "\xab\x01"},
        {"upper",       "AB",   "\xab"    },
        {"odd",         "abc",  NULL      },
        {"not a digit", "0g",   NULL      },
        {"sign",        "+1",   NULL      },
        {"blank",       "61 7", NULL      },
        {"0x",          "0x61", NULL      },
    };
    run_rows(codec_hex_encode, encode, ARRAY_LEN(encode));
    run_rows(codec_hex_decode, decode, ARRAY_LEN(decode));
}

#define TEN "1234567890"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

TEST(codec_qp_encode)
{
    static const struct row rows[] = {
        {"plain",                     "Hello, world!",   "Hello, world!"       },
        {"equals",                    "a=b",             "a=3Db"               },
        {"8 bit",                     "caf\xc3\xa9",     "caf=C3=A9"           },
        {"blank at the end",          "a ",              "a=20"                },
        {"tab at the end of a line",  "a\t\r\nb",        "a=09\r\nb"           },
        {"blank inside",              "a b",             "a b"                 },
        {"line breaks stay",          "a\r\n\r\nb\r\n",  "a\r\n\r\nb\r\n"      },
        {"bare CR",                   "a\rb",            "a=0Db"               },
        {"bare LF",                   "a\nb",            "a=0Ab"               },
        {"CR CRLF",                   "a\r\r\n",         "a=0D\r\n"            },
        {"76 on a line",              SEVENTY "123456",  SEVENTY "123456"      },
        {"77 on a line",              SEVENTY "1234567", SEVENTY "12345=\r\n67"},
        {"an escape is not torn",     SEVENTY "1234=",   SEVENTY "1234=\r\n=3D"},
        {"an escape at the very end", SEVENTY "123=",    SEVENTY "123=3D"      },
    };
    run_rows(codec_qp_encode, rows, ARRAY_LEN(rows));
}

TEST(codec_qp_decode)
{
    static const struct row rows[] = {
        {"plain",                       "a b",            "a b"        },
        {"escapes",                     "a=3Db=C3=A9",    "a=b\xc3\xa9"},
        {"lower case",                  "=3d",            "="          },
        {"soft line break",             "one=\r\n two",   "one two"    },
        {"soft break with padding",     "one= \t\r\ntwo", "onetwo"     },
        {"blank before a soft break",   "one =\r\ntwo",   "one two"    },
        {"blanks at the end of a line", "one \t\r\ntwo ", "one\r\ntwo" },
        {"escaped blank at the end",    "one=20\r\n",     "one \r\n"   },
        {"tab",                         "a\tb",           "a\tb"       },
        {"one digit",                   "a=3",            NULL         },
        {"not a digit",                 "a=3G",           NULL         },
        {"escape torn by a break",      "a=3\r\nD",       NULL         },
        {"ends in =",                   "a=",             NULL         },
        {"two =",                       "a==\r\n",        NULL         },
        {"= and bare LF",               "a=\nb",          NULL         },
        {"bare LF",                     "a\nb",           NULL         },
        {"bare CR",                     "a\rb",           NULL         },
        {"LF first",                    "\nb",            NULL         },
        {"8 bit",                       "caf\xc3\xa9",    NULL         },
        {"control",
         "a\x01"
         "b",                                             NULL         },
        {"DEL",                         "a\x7f",          NULL         },
    };
    run_rows(codec_qp_decode, rows, ARRAY_LEN(rows));
}

TEST(codec_xtext)
{
    static const struct row encode[] = {
        {"plain",             "QQ314159", "QQ314159" },
        {"plus and equals",   "a+b=c",    "a+2Bb+3Dc"},
        {"blank",             "a b",      "a+20b"    },
        {"line break",        "a\r\nb",   "a+0D+0Ab" },
        {"8 bit",             "\xc3\xa9", "+C3+A9"   },
        {"ends of the range", "!~",       "!~"       },
    };
    static const struct row decode[] = {
        {"empty",                "",          ""     },
        {"plain",                "a-b",       "a-b"  },
        {"upper case",           "a+2Bb+3Dc", "a+b=c"},
        {"at the end",           "a+2B",      "a+"   },
        {"lower case",           "a+2b",      NULL   },
        {"lower case first",     "a+a1",      NULL   },
        {"one digit at the end", "a+2",       NULL   },
        {"plus at the end",      "a+",        NULL   },
        {"not a digit",          "a+2G",      NULL   },
        {"two plus",             "a++2",      NULL   },
        {"equals",               "a=b",       NULL   },
        {"blank",                "a b",       NULL   },
        {"control",              "a\x01",     NULL   },
        {"8 bit",                "a\xc3\xa9", NULL   },
    };
    run_rows(codec_xtext_encode, encode, ARRAY_LEN(encode));
    run_rows(codec_xtext_decode, decode, ARRAY_LEN(decode));
}

/* The maximum of a buf is one of results, not of an estimate. */
TEST(codec_results_may_fill_a_buf)
{
    static const struct {
        const char *label;
        codec run;
        const char *input, *want;
    } cases[] = {
        {"base64 one byte",  codec_base64_decode, "Zm9vYg==", "foob" },
        {"base64 two bytes", codec_base64_decode, "Zm9vYmE=", "fooba"},
        {"base64 encode",    codec_base64_encode, "foo",      "Zm9v" },
        {"qp",               codec_qp_decode,     "=41=42",   "AB"   },
        {"qp soft breaks",   codec_qp_decode,     "A=\r\nB",  "AB"   },
        {"xtext decode",     codec_xtext_decode,  "+41+42",   "AB"   },
        {"xtext encode",     codec_xtext_encode,  "plain",    "plain"},
        {"xtext escapes",    codec_xtext_encode,  "a b",      "a+20b"},
        {"hex",              codec_hex_decode,    "4142",     "AB"   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf fits, small;
        buf_init(&fits, strlen(cases[i].want));
        buf_init(&small, strlen(cases[i].want) - 1);
        CHECK_DONE(cases[i].run(str_of(cases[i].input), &fits), cases[i].label);
        CHECK_STR(buf_str(&fits), cases[i].want, cases[i].label);
        err e = cases[i].run(str_of(cases[i].input), &small);
        CHECK(e && e->kind == ERR_LIMIT, cases[i].label);
        CHECK(small.len == 0, cases[i].label);
        err_forget();
    }
}
