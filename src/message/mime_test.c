#include "message/envelope.h"
#include "message/mime_range_test.h"
#include "tests/test.h"

/* "multipart/mixed(text/plain,message/rfc822(text/html))" */
static void describe(const struct message_mime_part *parts, size_t count, struct buf *out)
{
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        for (; depth > parts[i].depth; depth--)
            CHECK_DONE(buf_add_char(out, ')'), "room");
        if (i > 0)
            CHECK_DONE(buf_add_char(out, depth < parts[i].depth ? '(' : ','), "room");
        depth = parts[i].depth;
        CHECK_DONE(buf_add(out, parts[i].type), "room");
    }
    for (; depth > 0; depth--)
        CHECK_DONE(buf_add_char(out, ')'), "room");
}

/* One multipart with one part; the delimiter is --b. */
#define MIXED "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
#define END "\r\n--b--\r\n"

TEST(message_mime_structure)
{
    static const struct {
        const char *label, *input, *want;
        uint32_t flags; /* of all parts together */
    } cases[] = {
        {"nothing",                                           "",                                                                  "text/plain",                  0                           },
        {"a plain message",                                   "Subject: x\r\n\r\nhi\r\n",                                          "text/plain",                  0                           },
        {"one part",                                          MIXED "\r\nhi" END,                                                  "multipart/mixed(text/plain)", 0                           },
        {"two",                                               MIXED "\r\n1\r\n--b\r\nContent-Type: text/html\r\n\r\n2" END,
         "multipart/mixed(text/plain,text/html)",                                                                                                                 0                           },
        {"a message inside",                                  MIXED "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nz" END,
         "multipart/mixed(message/rfc822(text/plain))",                                                                                                           0                           },
        {"a digest",
         "MIME-Version: 1.0\r\nContent-Type: multipart/digest; "
         "boundary=b\r\n\r\n--b\r\n\r\nSubject: "
         "y\r\n\r\nz" END,
         "multipart/digest(message/rfc822(text/plain))",                                                                                                          0                           },
        {"an empty part",                                     MIXED "--b--\r\n",                                                   "multipart/mixed(text/plain)", MIME_NO_SEPARATOR           },
        {"attack 130: two boundaries",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b; "
         "boundary=c\r\n\r\n--b\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_TWO_BOUNDARIES         },
        {"attack 130: and in extended form",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=c; "
         "boundary*=us-ascii''b\r\n\r\n--b\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_TWO_BOUNDARIES         },
        {"attack 131: two encodings",
         MIXED "Content-Type: text/plain\r\nContent-Transfer-Encoding: "
               "base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\nYWI=" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_TWO_ENCODINGS          },
        {"attack 131: an encoding and more",
         MIXED
         "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64, 7bit\r\n\r\nYWI=" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_BAD_ENCODING           },
        {"attack 134: blanks behind a delimiter",             MIXED "\r\n1\r\n--b \t\r\n\r\n2" END,
         "multipart/mixed(text/plain,text/plain)",                                                                                                                MIME_PADDED_BOUNDARY        },
        {"attack 134: a prefix of another",                   MIXED "\r\n1\r\n--bc\r\n\r\n2" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_NEAR_BOUNDARY          },
        {"attack 134: an inner one that begins as the outer",
         MIXED "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n1\r\n--bb--" END,
         "multipart/mixed(multipart/mixed(text/plain))",                                                                                                          MIME_REUSED_BOUNDARY        },
        {"attack 134: above 70 octets",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="
         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n\r\n"
         "--bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n\r\n1\r\n"
         "--bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb--\r\n",                                        "multipart/mixed(text/plain)", MIME_BAD_BOUNDARY           },
        {"attack 134: a blank at its end",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b "
         "\"\r\n\r\n--b\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_BAD_BOUNDARY           },
        {"attack 135: an encoded multipart",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
         "boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_ENCODED_CONTAINER      },
        {"attack 135: an encoded message",
         MIXED "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQTog" END,
         "multipart/mixed(message/rfc822)",                                                                                                                       MIME_ENCODED_CONTAINER      },
        {"attack 136: no Content-Type",
         MIXED "Content-Disposition: attachment; filename=x.exe\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_NO_TYPE                },
        {"attack 136: two Content-Types",
         MIXED "Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n1" END,
         "multipart/mixed(text/html)",                                                                                                                            MIME_TWO_TYPES              },
        {"attack 136: garbage",                               MIXED "Content-Type: =?!\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_BAD_TYPE               },
        {"attack 136: 8-bit in a header",                     MIXED "Content-Description: caf\xe9\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_8BIT_HEADER            },
        {"attack 136: no colon",                              MIXED "Content-Type text/html\r\n\r\n1" END,
         "multipart/mixed(text/plain)",                                                                                                                           MIME_BAD_FIELD              },
        {"attack 136: blank before the colon",                MIXED "Content-Type : text/html\r\n\r\n1" END,
         "multipart/mixed(text/html)",                                                                                                                            MIME_BAD_FIELD              },
        {"attack 136: a blank line that is none",
         MIXED "X: y\r\n \r\nContent-Type: text/html\r\n\r\n1" END,                                                                "multipart/mixed(text/html)",
         MIME_FOLDED_BLANK                                                                                                                                                                    },
        {"attack 137: not closed",                            MIXED "\r\n1\r\n",                                                   "multipart/mixed(text/plain)", MIME_UNENDED                },
        {"attack 137: closed by the outer one",
         MIXED "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1" END,
         "multipart/mixed(multipart/mixed(text/plain))",                                                                                                          MIME_UNENDED                },
        {"an empty part that the outer one ends",
         MIXED "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nX: y\r\n\r\n--b--\r\n",
         "multipart/mixed(multipart/mixed(text/plain))",                                                                                                          MIME_UNENDED                },
        {"attack 137: a part in the epilogue",                MIXED "\r\n1" END "--b\r\n\r\n2\r\n",
         "multipart/mixed(text/plain)",                                                                                                                           MIME_PART_IN_EPILOGUE       },
        {"attack 137: no delimiter at all",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nhi\r\n",                                           "multipart/mixed",             MIME_UNENDED | MIME_NO_PARTS},
        {"attack 137: no boundary",
         "MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\nhi\r\n",                                                       "multipart/mixed",
         MIME_NO_BOUNDARY                                                                                                                                                                     },
        {"bare LF",                                           "Subject: x\n\nhi\n",                                                "text/plain",                  MIME_BARE_LINE_END          },
        {"bare CR",                                           "Subject: x\r\n\r\nh\ri\r\n",                                        "text/plain",                  MIME_BARE_LINE_END          },
        {"8-bit that 7bit denies",
         "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\ncaf\xe9\r\n",                                                       "text/plain",
         MIME_UNDECLARED_8BIT                                                                                                                                                                 },
        {"no MIME-Version",                                   "Content-Type: text/html\r\n\r\nhi\r\n",                             "text/html",                   MIME_NO_VERSION             },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 1000);
        size_t count;
        uint32_t flags = 0;
        str message = str_of(cases[i].input);
        const struct message_mime_part *parts = message_mime_parse(message, arena, &count);
        describe(parts, count, &out);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
        bool ambiguous = false;
        for (size_t j = 0; j < count; j++) {
            flags |= parts[j].flags;
            ambiguous = ambiguous || message_mime_ambiguous(&parts[j]);
        }
        CHECK(flags == cases[i].flags, cases[i].label);
        CHECK(ambiguous == ((flags & ~(uint32_t)MIME_NO_VERSION) != 0), cases[i].label);
        CHECK(mime_range_holds(message, parts, count), cases[i].label);
        for (size_t piece = 1; piece < 20; piece += 3)
            CHECK(mime_range_pieces_agree(message, parts, count, piece, arena), cases[i].label);
    }
}

TEST(message_mime_names)
{
    static const struct {
        const char *label, *header, *want; /* names joined by "|" */
        uint32_t flags;
    } cases[] = {
        {"one",                                "Content-Disposition: attachment; filename=a.txt",        "a.txt",            MIME_NO_TYPE                      },
        {"the same twice",
         "Content-Type: a/b; name=a.txt\r\nContent-Disposition: x; filename=a.txt",                      "a.txt",            0                                 },
        {"attack 133: name and filename",
         "Content-Type: a/b; name=a.exe\r\nContent-Disposition: x; filename=a.txt",                      "a.exe|a.txt",
         MIME_NAMES_DIFFER                                                                                                                                     },
        {"attack 133: filename and filename*",
         "Content-Type: a/b\r\nContent-Disposition: x; filename=a.txt; filename*=utf-8''a.exe",          "a.txt|a.exe",      MIME_NAMES_DIFFER                 },
        {"attack 133: over folded lines",
         "Content-Type: a/b\r\nContent-Disposition: x;\r\n filename*0=a;\r\n filename*1=.exe",           "a.exe",            0                                 },
        {"a fallback for old clients",
         "Content-Type: a/b\r\nContent-Disposition: x; filename=caf_; filename*=utf-8''caf%C3%A9",       "caf_|caf\xc3\xa9", 0                                 },
        {"in the second of two fields",        "Content-Type: a/b; name=x\r\nContent-Type: a/b; name=y",
         "x|y",                                                                                                              MIME_NAMES_DIFFER | MIME_TWO_TYPES},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf message, names;
        buf_init(&message, 1000);
        buf_init(&names, 1000);
        CHECK_DONE(buf_addf(&message, "MIME-Version: 1.0\r\n%s\r\n\r\n", cases[i].header), "room");
        size_t count;
        const struct message_mime_part *part = message_mime_parse(buf_str(&message), arena, &count);
        for (size_t j = 0; j < part->name_count; j++)
            CHECK_DONE(buf_addf(&names, "%s%.*s", j ? "|" : "", STR_ARG(part->names[j])), "room");
        CHECK_STR(buf_str(&names), cases[i].want, cases[i].label);
        CHECK(part->flags == cases[i].flags, cases[i].label);
    }
}

TEST(message_mime_text)
{
    static const struct {
        const char *label, *input, *want;
        uint8_t decode_flags;
        bool exact;
    } cases[] = {
        {"as it stands",                 "\r\nhi\r\n",                              "hi\r\n",           0,                  true },
        {"quoted-printable",
         "MIME-Version: 1.0\r\nContent-Type: text/plain; "
         "charset=iso-8859-1\r\nContent-Transfer-Encoding: "
         "quoted-printable\r\n\r\ncaf=E9=\r\n!\r\n",                                "caf\xc3\xa9!\r\n", 0,                  true },
        {"attack 132: base64 with junk",
         "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nYW*I=\r\n",                                                 "ab",               DECODE_BASE64_JUNK, true },
        {"attack 132: two texts",
         "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
         "base64\r\n\r\nYQ==YQ==\r\n",                                              "aa",               DECODE_BASE64_MORE, true },
        {"an unknown charset",
         "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=x-none\r\n\r\nhi", "hi",               0,                  false},
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf text;
        buf_init(&text, 1000);
        size_t count;
        bool exact = !cases[i].exact;
        str message = str_of(cases[i].input);
        const struct message_mime_part *part = message_mime_parse(message, arena, &count);
        CHECK_DONE(message_mime_text(part, message, &text, &exact), cases[i].label);
        CHECK_STR(buf_str(&text), cases[i].want, cases[i].label);
        CHECK(exact == cases[i].exact, cases[i].label);
        CHECK(part->decode_flags == cases[i].decode_flags, cases[i].label);
    }
}

TEST(message_mime_limits)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
    CLEANUP(buf_release) struct buf deep, many;
    buf_init(&deep, 1 << 20);
    buf_init(&many, 1 << 20);
    for (int i = 0; i < 3 * MESSAGE_MIME_DEPTH_MAX; i++)
        CHECK_DONE(buf_add(&deep, S("Content-Type: message/rfc822\r\n\r\n")), "room");
    CHECK_DONE(buf_add(&many, S("Content-Type: multipart/mixed; boundary=b\r\n\r\n")), "room");
    for (int i = 0; i < 3 * MESSAGE_MIME_PARTS_MAX; i++)
        CHECK_DONE(buf_add(&many, S("--b\r\n\r\nx\r\n")), "room");

    size_t count;
    const struct message_mime_part *parts = message_mime_parse(buf_str(&deep), arena, &count);
    CHECK(count == MESSAGE_MIME_DEPTH_MAX + 1, "depth");
    CHECK(parts[count - 1].flags & MIME_TOO_DEEP, "depth, flagged");
    CHECK(parts[count - 1].end == deep.len, "depth, nothing lost");
    CHECK(mime_range_holds(buf_str(&deep), parts, count), "depth");
    parts = message_mime_parse(buf_str(&many), arena, &count);
    CHECK(count == MESSAGE_MIME_PARTS_MAX, "count");
    CHECK(parts[count - 1].flags & MIME_TOO_MANY, "count, flagged");
    CHECK(parts[count - 1].end == many.len, "count, nothing lost");
    CHECK(mime_range_pieces_agree(buf_str(&many), parts, count, 1000, arena), "count, in pieces");
}

/* What is looked at of a field does not depend on how it comes. */
TEST(message_mime_long_field)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * MESSAGE_MIME_ARENA_BYTES);
    CLEANUP(buf_release) struct buf message;
    buf_init(&message, 1 << 20);
    CHECK_DONE(buf_add(&message, S("MIME-Version: 1.0\r\nContent-Type: a/b; x=\"")), "room");
    for (int i = 0; i < 60000; i++)
        CHECK_DONE(buf_add_char(&message, 'y'), "room");
    CHECK_DONE(buf_add(&message, S("\"; name=a;\r\n filename=b")), "room");
    for (int i = 0; i < 60000; i++)
        CHECK_DONE(buf_add_char(&message, 'z'), "room");
    CHECK_DONE(buf_add(&message, S("\r\n\r\nhi\r\n")), "room");
    size_t count;
    const struct message_mime_part *parts = message_mime_parse(buf_str(&message), arena, &count);
    CHECK(parts[0].flags & MIME_TOO_LONG, "flagged");
    CHECK(parts[0].name_count == 2, "what stands in front is seen");
    for (size_t piece = 1; piece < 100000; piece = piece * 7 + 3)
        CHECK(mime_range_pieces_agree(buf_str(&message), parts, count, piece, arena), "pieces");
}

TEST(message_mime_found)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
    size_t count;
    const struct message_mime_part *parts =
        message_mime_parse(S(MIXED "\r\ncaf\xe9\r\n--b\r\n\r\nx" END), arena, &count);
    CHECK(count == 3 && parts[0].found == 0, "the multipart has none of it");
    CHECK(count == 3 && parts[1].found == FOUND_8BIT, "its first part has");
    CHECK(count == 3 && parts[2].found == 0, "its second has not");
    CHECK_STR(str_of(message_mime_flag_name(MIME_FOLDED_BLANK)), "folded-blank", "the last name");
    CHECK(message_mime_flag_name(MIME_FOLDED_BLANK << 1) == NULL, "no name");
}
