#include "message/decode.h"
#include "tests/test.h"

static const struct {
    const char *label, *input, *want;
    enum message_encoding encoding;
    uint8_t flags;
} cases[] = {
    {"base64",                           "Zm9v\r\nYg==",    "foob",       ENCODING_BASE64, 0                       },
    {"base64, blanks",                   "Zm 9v\tYg = =",   "foob",       ENCODING_BASE64, 0                       },
    {"attack 132: junk",                 "Zm9v*YmFy",       "foobar",     ENCODING_BASE64, DECODE_BASE64_JUNK      },
    {"attack 132: no padding",           "Zm9vYg",          "foob",       ENCODING_BASE64, DECODE_BASE64_PADDING   },
    {"attack 132: half of the padding",  "Zm9vYg=",         "foob",       ENCODING_BASE64, DECODE_BASE64_PADDING   },
    {"attack 132: too much padding",     "Zm9vYg===",       "foob",       ENCODING_BASE64,
     DECODE_BASE64_ODD_EQUALS                                                                                      },
    {"attack 132: padding without need", "Zm9v=",           "foo",        ENCODING_BASE64, DECODE_BASE64_ODD_EQUALS},
    {"attack 132: = inside",             "Zm=9v",           "f\xf6",      ENCODING_BASE64,
     DECODE_BASE64_PADDING | DECODE_BASE64_MORE | DECODE_BASE64_BITS                                               },
    {"attack 132: two texts in a row",   "Zm8=YmFy",        "fobar",      ENCODING_BASE64, DECODE_BASE64_MORE      },
    {"one digit left",                   "Zm9vY",           "foo",        ENCODING_BASE64, DECODE_BASE64_PADDING   },
    {"junk bits",                        "Zm9vYh==",        "foob",       ENCODING_BASE64, DECODE_BASE64_BITS      },
    {"nothing",                          "",                "",           ENCODING_BASE64, 0                       },
    {"qp",                               "a=3Db=\r\nc\r\n", "a=bc\r\n",   ENCODING_QP,     0                       },
    {"qp, lower case",                   "=c3=a9",          "\xc3\xa9",   ENCODING_QP,     0                       },
    {"qp, blanks at the end of a line",  "a \t\r\nb c",     "a\r\nb c",   ENCODING_QP,     0                       },
    {"qp, blanks at the very end",       "a  ",             "a",          ENCODING_QP,     0                       },
    {"qp, blanks behind a soft end",     "a= \t\r\nb",      "ab",         ENCODING_QP,     0                       },
    {"qp, LF lines",                     "a=\nb\nc",        "ab\nc",      ENCODING_QP,     0                       },
    {"qp, = at the very end",            "a=",              "a",          ENCODING_QP,     0                       },
    {"qp, bad digits",                   "a=XYb=4",         "a=XYb=4",    ENCODING_QP,     DECODE_QP_BAD           },
    {"qp, second digit bad",             "a=4Gb",           "a=4Gb",      ENCODING_QP,     DECODE_QP_BAD           },
    {"qp, == ",                          "a==3D",           "a==",        ENCODING_QP,     DECODE_QP_BAD           },
    {"qp, 8-bit",                        "caf\xe9",         "caf\xe9",    ENCODING_QP,     DECODE_QP_8BIT          },
    {"qp, = before blanks and text",     "a= b",            "a= b",       ENCODING_QP,     DECODE_QP_BAD           },
    {"8bit",                             "caf\xe9=3D",      "caf\xe9=3D", ENCODING_8BIT,   0                       },
};

static uint8_t decode(str input, enum message_encoding encoding, size_t step, struct buf *out)
{
    struct message_decode d;
    message_decode_init(&d, encoding);
    for (; input.len > 0; input = str_from(input, step))
        CHECK_DONE(message_decode_add(&d, str_slice(input, 0, step), out), "piece");
    CHECK_DONE(message_decode_end(&d, out), "end");
    return d.flags;
}

TEST(message_decode)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step < 40; step += 6) {
            CLEANUP(buf_release) struct buf out;
            buf_init(&out, 1000);
            uint8_t flags = decode(str_of(cases[i].input), cases[i].encoding, step, &out);
            CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
            CHECK(flags == cases[i].flags, cases[i].label);
        }
}

TEST(message_decode_encoding)
{
    static const struct {
        const char *value;
        enum message_encoding want;
        bool plain;
    } fields[] = {
        {" base64",                  ENCODING_BASE64,  true },
        {" Base64 (a comment)",      ENCODING_BASE64,  true },
        {"(x)quoted-printable\r\n ", ENCODING_QP,      true },
        {" 7bit; x=y",               ENCODING_7BIT,    false},
        {" base64, 7bit",            ENCODING_UNKNOWN, false},
        {" x-uuencode",              ENCODING_UNKNOWN, false},
        {"",                         ENCODING_UNKNOWN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        bool plain = !fields[i].plain;
        CHECK(message_decode_encoding(str_of(fields[i].value), &plain) == fields[i].want,
              fields[i].value);
        CHECK(plain == fields[i].plain, fields[i].value);
    }
}
