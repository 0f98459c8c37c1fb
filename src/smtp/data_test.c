#include "base/buf.h"
#include "smtp/data.h"
#include "tests/test.h"

/* Read input cut into pieces; true when the end was found. */
static bool read_all(str input, size_t piece, struct smtp_data_reader *r, struct buf *body,
                     size_t *ret_consumed)
{
    smtp_data_reader_init(r);
    for (size_t at = 0; at < input.len; at += piece) {
        str part = str_slice(input, at, piece), run;
        size_t len = part.len;
        enum smtp_data_event event;
        while ((event = smtp_data_read(r, &part, &run)) == SMTP_DATA_RUN) {
            CHECK(run.len > 0, "a run is never empty");
            CHECK_DONE(buf_add(body, run), "body");
        }
        *ret_consumed = at + len - part.len;
        if (event == SMTP_DATA_END)
            return true;
    }
    smtp_scan_end(&r->scan);
    return false;
}

enum { CR = 1, LF = 2, NUL = 4 };

TEST(smtp_data_read)
{
    static const struct {
        const char *label;
        str input;
        const char *body, *left;
        bool ended;
        unsigned bare; /* CR LF NUL */
    } cases[] = {
        {"plain",                      S("a\r\n.\r\nQUIT\r\n"),     "a\r\n",            "QUIT\r\n", true,  0 },
        {"empty",                      S(".\r\n"),                  "",                 "",         true,  0 },
        {"attack 9: two dots",         S("..\r\n.\r\n"),            ".\r\n",            "",         true,  0 },
        {"attack 9: dot and text",     S("a\r\n.b\r\n.\r\n"),       "a\r\nb\r\n",       "",         true,  0 },
        {"attack 9: dots inside stay", S("a.b\r\n.\r\n"),           "a.b\r\n",          "",         true,  0 },
        {"attack 1: LF dot LF",        S("a\n.\nMAIL\r\n.\r\n"),    "a\n.\nMAIL\r\n",   "",         true,  LF},
        {"attack 2: LF dot CRLF",      S("a\n.\r\nMAIL\r\n.\r\n"),  "a\n.\r\nMAIL\r\n", "",         true,  LF},
        {"attack 3: CRLF dot LF",      S("a\r\n.\nM\r\n.\r\n"),     "a\r\n\nM\r\n",     "",         true,  LF},
        {"attack 4: CR dot CR",        S("a\r.\rM\r\n.\r\n"),       "a\r.\rM\r\n",      "",         true,  CR},
        {"attack 4: CR dot CRLF",      S("a\r.\r\nM\r\n.\r\n"),     "a\r.\r\nM\r\n",    "",         true,  CR},
        {"attack 4: CRLF dot CR",      S("a\r\n.\rM\r\n.\r\n"),     "a\r\n\rM\r\n",     "",         true,  CR},
        {"CRLF dot CR CRLF",           S("a\r\n.\r\r\nM\r\n.\r\n"), "a\r\n\r\r\nM\r\n", "",         true,  CR},
        {"CR CRLF dot CRLF",           S("a\r\r\n.\r\nM"),          "a\r\r\n",          "M",        true,  CR},
        {"dot blank",                  S(". \r\n.\r\n"),            " \r\n",            "",         true,  0 },
        {"VT dot",                     S("\v.\r\n.\r\n"),           "\v.\r\n",          "",         true,  0 },
        {"NEL dot",                    S("\xc2\x85.\r\n.\r\n"),     "\xc2\x85.\r\n",    "",         true,  0 },
        {"a body that begins with LF", S("\n.\r\n.\r\n"),           "\n.\r\n",          "",         true,  LF},
        {"not ended",                  S("a\r\n.\r"),               "a\r\n",            "",         false, 0 },
        {"CR at the end of what came", S("a\r"),                    "a\r",              "",         false, CR},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].input.len; piece++) { /* attack 8 */
            struct smtp_data_reader r;
            struct buf body;
            size_t consumed = 0;
            buf_init(&body, 4096);
            bool ended = read_all(cases[i].input, piece, &r, &body, &consumed);
            CHECK(ended == cases[i].ended, cases[i].label);
            CHECK_STR(buf_str(&body), cases[i].body, cases[i].label);
            CHECK_STR(str_from(cases[i].input, consumed), cases[i].left, cases[i].label);
            CHECK(r.scan.bare_cr == ((cases[i].bare & CR) != 0), cases[i].label);
            CHECK(r.scan.bare_lf == ((cases[i].bare & LF) != 0), cases[i].label);
            buf_release(&body);
        }
    }
}

TEST(smtp_data_nul) /* attack 5 */
{
    static const struct {
        const char *label;
        str input;
    } cases[] = {
        {"before the dot", S("a\r\n\0.\r\nb\r\n.\r\n")},
        {"behind the dot", S("a\r\n.\0\r\nb\r\n.\r\n")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtp_data_reader r;
        struct buf body;
        size_t consumed = 0;
        buf_init(&body, 4096);
        CHECK(read_all(cases[i].input, 100, &r, &body, &consumed), cases[i].label);
        CHECK(consumed == cases[i].input.len, cases[i].label);
        CHECK(r.scan.nul && smtp_scan_found(&r.scan) == FOUND_BINARY, cases[i].label);
        buf_release(&body);
    }
}

/* Stuff body cut into pieces; NULL when it was refused. */
static err write_all(str body, size_t piece, struct buf *wire)
{
    struct smtp_data_writer w;
    str run;
    smtp_data_writer_init(&w);
    for (size_t at = 0; at < body.len; at += piece) {
        str part = str_slice(body, at, piece);
        do {
            TRY(smtp_data_write(&w, &part, &run));
            CHECK_DONE(buf_add(wire, run), "wire");
        } while (run.len > 0);
        CHECK(part.len == 0, "all was taken");
    }
    TRY(smtp_data_write_end(&w, &run));
    return buf_add(wire, run);
}

TEST(smtp_data_write)
{
    static const struct {
        const char *label, *body, *wire; /* NULL: refused */
    } cases[] = {
        {"plain",                      "a\r\n",          "a\r\n.\r\n"               },
        {"empty",                      "",               ".\r\n"                    },
        {"no final CRLF",              "a",              "a\r\n.\r\n"               },
        {"dots",                       ".\r\n..\r\na.b", "..\r\n...\r\na.b\r\n.\r\n"},
        {"empty lines",                "\r\n\r\n.",      "\r\n\r\n..\r\n.\r\n"      },
        {"attack 10: LF dot LF",       "a\n.\nb\r\n",    NULL                       },
        {"attack 10: LF at the start", "\na\r\n",        NULL                       },
        {"attack 10: CR",              "a\rb\r\n",       NULL                       },
        {"attack 10: CR at the end",   "a\r\nb\r",       NULL                       },
        {"attack 10: two CR",          "a\r\r\n",        NULL                       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str body = str_of(cases[i].body);
        for (size_t piece = 1; piece <= body.len + 1; piece++) {
            struct buf wire;
            buf_init(&wire, 4096);
            err e = write_all(body, piece, &wire);
            CHECK((e == NULL) == (cases[i].wire != NULL), cases[i].label);
            if (e == NULL)
                CHECK_STR(buf_str(&wire), cases[i].wire, cases[i].label);
            buf_release(&wire);
            err_forget();
        }
    }
}

TEST(smtp_scan)
{
    static char long_header[1200], long_body[1200];
    snprintf(long_header, sizeof long_header, "A: %0995d\r\n\r\nx\r\n", 7);
    snprintf(long_body, sizeof long_body, "A: b\r\n\r\n%0999d\r\n", 7);
    const struct {
        const char *label;
        str input;
        unsigned found;
        uint64_t header, longest;
    } cases[] = {
        {"plain",                            S("A: b\r\n\r\ntext\r\n"),        0,                   8,    4  },
        {"no header",                        S("\r\ntext\r\n"),                0,                   2,    4  },
        {"header only",                      S("A: b\r\n"),                    0,                   0,    4  },
        {"8-bit in the header",              S("A: \xc3\xbc\r\n\r\ntext\r\n"), FOUND_8BIT_HEADER,   9,    5  },
        {"8-bit in the body",                S("A: b\r\n\r\n\xc3\xbc\r\n"),    FOUND_8BIT,          8,    4  },
        {"no final CRLF",                    S("A: b\r\n\r\ntext"),            FOUND_NO_FINAL_CRLF, 8,    4  },
        {"attack 32: bare LF",               S("A: b\r\n\r\nte\nxt\r\n"),      FOUND_BINARY,        8,    5  },
        {"attack 32: bare CR at the end",    S("A: b\r\n\r\ntext\r"),
         FOUND_BINARY | FOUND_NO_FINAL_CRLF,                                                        8,    5  },
        {"attack 32: a dot is nothing here", S("\r\na\r\n.\r\nb\r\n"),         0,                   2,    1  },
        {"LF LF ends no header",             S("A: b\n\ntext\r\n"),            FOUND_BINARY,        0,    10 },
        {"attack 12: a line of 998",         str_of(long_header),              0,                   1002, 998},
        {"attack 12: a line of 999",         str_of(long_body),                FOUND_LONG_LINES,    8,    999},
        {"empty",                            S(""),                            0,                   0,    0  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].input.len + 1; piece += piece < 70 ? 1 : 131) {
            struct smtp_scan s = {0};
            for (size_t at = 0; at < cases[i].input.len; at += piece)
                smtp_scan_feed(&s, str_slice(cases[i].input, at, piece));
            smtp_scan_end(&s);
            CHECK(smtp_scan_found(&s) == cases[i].found, cases[i].label);
            CHECK(s.header_bytes == cases[i].header, cases[i].label);
            CHECK(s.longest_line == cases[i].longest, cases[i].label);
            CHECK(s.bytes == cases[i].input.len, cases[i].label);
        }
    }
}
