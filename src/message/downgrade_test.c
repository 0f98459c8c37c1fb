#include "message/downgrade.h"
#include "tests/test.h"

#define CAFE "caf\xc3\xa9\r\n"
#define QP "caf=C3=A9\r\n"
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"

static bool convert(str message, size_t piece, struct arena *arena, struct buf *out)
{
    size_t count;
    struct message_downgrade plan;
    const struct message_mime_part *parts = message_mime_parse(message, arena, &count);
    if (!message_downgrade_plan(parts, count, arena, &plan))
        return false;
    message_downgrade_begin(&plan);
    for (str left = message; left.len > 0; left = str_from(left, piece))
        CHECK_DONE(message_downgrade_add(&plan, str_slice(left, 0, piece), out), "piece");
    CHECK_DONE(message_downgrade_end(&plan, out), "end");
    return true;
}

/* The leaves of both messages say the same. */
static void check_same(const char *label, str before, str after, struct arena *arena)
{
    size_t count, after_count;
    const struct message_mime_part *a = message_mime_parse(before, arena, &count);
    const struct message_mime_part *b = message_mime_parse(after, arena, &after_count);
    CHECK(count == after_count, label);
    for (size_t i = 0; i < count && i < after_count; i++) {
        CLEANUP(buf_release) struct buf x, y;
        buf_init(&x, 1 << 20);
        buf_init(&y, 1 << 20);
        CHECK(str_eq(a[i].type, b[i].type), label);
        CHECK(a[i].parent == b[i].parent, label);
        if (a[i].kind != MIME_LEAF)
            continue;
        CHECK_DONE(message_mime_decode(&a[i], before, &x), label);
        CHECK_DONE(message_mime_decode(&b[i], after, &y), label);
        CHECK(str_eq(buf_str(&x), buf_str(&y)), label);
    }
}

TEST(message_downgrade)
{
    static const struct {
        const char *label, *input, *want; /* NULL: no plan */
    } cases[] = {
        {"nothing to do",                   "Subject: x\r\n\r\nhi\r\n",                              "Subject: x\r\n\r\nhi\r\n"},
        {"a field is changed",
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "content-transfer-encoding:\r\n 8bit\r\nX: y\r\n\r\n" CAFE,
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\n" QP                                                      },
        {"a field is added",
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" CAFE,
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\n" QP                                                              },
        {"no MIME at all",                  "Subject: x\r\n\r\n" CAFE,
         "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\n" QP                                                              },
        {"no header at all",                "\r\n" CAFE,
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\n" QP                                                              },
        {"one part of two",
         MIXED
         "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\nhi=\r\n--b\r\n"
         "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" CAFE
         "x \r\n--b--\r\n",                                                                          MIXED "Content-Transfer-Encoding: 7bit\r\n\r\n--b\r\n\r\nhi=\r\n--b\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n" QP "x=20\r\n--b--\r\n"         },
        {"an attachment",
         MIXED "\r\n--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
               "\xff\xfe\r\n--b--\r\n",                                                              MIXED "\r\n--b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
               "//4=\r\n--b--\r\n"                                                      },
        {"in a message inside",
         MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
               "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" CAFE
               "\r\n--b--\r\n",                                                                      MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
               "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n" QP "\r\n--b--\r\n"         },
        {"before and behind the parts",     MIXED "\r\n" CAFE "--b\r\n\r\nx\r\n--b--\r\n" CAFE,
         MIXED "\r\ncaf??\r\n--b\r\n\r\nx\r\n--b--\r\ncaf??\r\n"                                                               },
        {"signed beside it",
         MIXED
         "\r\n--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx \r\n--s\r\n"
         "Content-Type: application/pgp-signature\r\n\r\ny\r\n--s--\r\n--b\r\n"
         "Content-Type: text/plain; charset=utf-8\r\n\r\n" CAFE "--b--\r\n",
         MIXED
         "\r\n--b\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx \r\n--s\r\n"
         "Content-Type: application/pgp-signature\r\n\r\ny\r\n--s--\r\n--b\r\n"
         "Content-Type: text/plain; charset=utf-8\r\n"
         "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n--b--\r\n"                                           },
        {"signed",
         "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n" CAFE
         "--s--\r\n",                                                                                NULL                      },
        {"signed by DKIM",                  "DKIM-Signature: x\r\n\r\n" CAFE,                        NULL                      },
        {"sealed by ARC",                   "ARC-Seal: x\r\n\r\n" CAFE,                              NULL                      },
        {"a message inside that is signed",
         MIXED "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nDKIM-Signature: x\r\n\r\n" CAFE
               "--b--\r\n",                                                                          NULL                      },
        {"two encodings",
         "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n"
         "Content-Transfer-Encoding: base64\r\n\r\n" CAFE,
         NULL                                                                                                                  },
        {"two boundaries",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n"
         "--b\r\n\r\n" CAFE "--b--\r\n",
         NULL                                                                                                                  },
        {"8-bit in base64",
         "MIME-Version: 1.0\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n" CAFE,
         NULL                                                                                                                  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 300; piece = piece * 3 + 1) {
            CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
            CLEANUP(buf_release) struct buf out;
            str input = str_of(cases[i].input);
            buf_init(&out, 1 << 20);
            bool done = convert(input, piece, arena, &out);
            CHECK(done == (cases[i].want != NULL), cases[i].label);
            if (!done || cases[i].want == NULL)
                continue;
            CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
            CHECK(str_is_ascii(buf_str(&out)), cases[i].label);
            check_same(cases[i].label, input, buf_str(&out), arena);
        }
}

TEST(message_downgrade_long)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
    CLEANUP(buf_release) struct buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    CHECK_DONE(
        buf_add(&in, S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")),
        "room");
    for (int i = 0; i < 1000; i++)
        CHECK_DONE(buf_add(&in, S("\xe6\x97\xa5\r\n")), "room");
    CHECK(convert(buf_str(&in), 100, arena, &out), "mostly other letters");
    CHECK(str_contains(buf_str(&out), S("base64")), "mostly other letters");
    check_same("mostly other letters", buf_str(&in), buf_str(&out), arena);
}

TEST(message_encode)
{
    static const struct {
        const char *label, *input, *want;
        enum message_encoding encoding;
    } cases[] = {
        {"qp",                         "a=b\xff\r\n",                                                  "a=3Db=FF\r\n",                                                                          ENCODING_QP    },
        {"blanks at the end of lines", "a \r\nb\t\t\r\nc ",                                            "a=20\r\nb\t=09\r\nc=20",                                                                ENCODING_QP    },
        {"CR and LF alone",            "a\rb\nc\r\r\nd\r",                                             "a=0Db=0Ac=0D\r\nd=0D",                                                                  ENCODING_QP    },
        {"a long line",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\naaaaa",
         ENCODING_QP                                                                                                                                                                                           },
        {"base64",                     "foobar!",                                                      "Zm9vYmFyIQ==",                                                                          ENCODING_BASE64},
        {"lines of base64",            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nYWFh",                                                                                                ENCODING_BASE64},
        {"nothing",                    "",                                                             "",                                                                                      ENCODING_BASE64},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 10; piece++) {
            CLEANUP(buf_release) struct buf out;
            struct message_encode e;
            buf_init(&out, 1000);
            message_encode_init(&e, cases[i].encoding);
            for (str left = str_of(cases[i].input); left.len > 0; left = str_from(left, piece))
                CHECK_DONE(message_encode_add(&e, str_slice(left, 0, piece), &out), "piece");
            CHECK_DONE(message_encode_end(&e, &out), "end");
            CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
        }
}
