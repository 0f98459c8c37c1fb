#include "dns/name.h"
#include "tests/test.h"

TEST(dns_name_canonical)
{
    static const char label63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char label64[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct {
        const char *label, *input, *want; /* NULL: refused */
    } cases[] = {
        {"plain",             "example.net",   "example.net"  },
        {"lower case",        "Example.NET",   "example.net"  },
        {"dot at the end",    "example.net.",  "example.net"  },
        {"root",              ".",             "."            },
        {"empty",             "",              NULL           },
        {"empty label",       "a..b",          NULL           },
        {"dot at the start",  ".a",            NULL           },
        {"two dots at end",   "a..",           NULL           },
        {"63 bytes",          label63,         label63        },
        {"64 bytes",          label64,         NULL           },
        {"attack 37: LF",     "a\nb.c",        "a\\010b.c"    },
        {"attack 37: ESC",    "\x1b[2J.c",     "\\027[2j.c"   },
        {"attack 111: UTF-8", "\xc3\xa9.c",    "\\195\\169.c" },
        {"escaped dot",       "a\\.b.c",       "a\\.b.c"      },
        {"escaped number",    "a\\065.c",      "aa.c"         },
        {"backslash",         "a\\\\b.c",      "a\\\\b.c"     },
        {"number too large",  "a\\256.c",      NULL           },
        {"number cut short",  "a\\25",         NULL           },
        {"lone backslash",    "a\\",           NULL           },
        {"underscore",        "_25._tcp.mx.x", "_25._tcp.mx.x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[DNS_NAME_CHARS] = "before";
        bool ok = dns_name_canonical(str_of(cases[i].input), text);
        CHECK(ok == (cases[i].want != NULL), cases[i].label);
        CHECK_STR(str_of(text), ok ? cases[i].want : "before", cases[i].label);
    }
}

/* Names of 253 characters are the longest (255 bytes on the wire). */
TEST(dns_name_longest)
{
    char name[300], text[DNS_NAME_CHARS];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '.' : 'a';
    CHECK(dns_name_canonical((str){name, 253}, text), "253 characters");
    CHECK(!dns_name_canonical((str){name, 255}, text), "255 characters");
    char weird[253]; /* every byte escaped */
    for (size_t i = 0; i < sizeof weird; i++)
        weird[i] = i % 60 == 59 ? '.' : '\x01';
    CHECK(dns_name_canonical((str){weird, sizeof weird}, text), "all escaped");
    CHECK(strlen(text) > 900, "all escaped");
}

TEST(dns_name_read)
{
    static const struct {
        const char *label, *packet, *want;
        size_t size, at, end;
    } cases[] = {
        {"plain",                                "\1a\2bc\0",      "a.bc",       6, 0, 6},
        {"root",                                 "\0",             ".",          1, 0, 1},
        {"pointer",                              "\1a\0\1b\xc0\0", "b.a",        7, 3, 7},
        {"pointer alone",                        "\1a\0\xc0\0",    "a",          5, 3, 5},
        {"a dot inside a label",                 "\3a.b\0",        "a\\.b",      5, 0, 5},
        {"attack 37: control bytes",             "\2\r\n\0",       "\\013\\010", 4, 0, 4},
        {"attack 37: pointer to itself",         "\xc0\0",         NULL,         2, 0, 0},
        {"attack 37: pointer forwards",          "\xc0\2\1a\0",    NULL,         5, 0, 0},
        {"attack 37: two pointers in a circle",  "\xc0\2\xc0\0",   NULL,         4, 2, 0},
        {"attack 37: label then back to itself", "\1a\xc0\0",      NULL,         4, 0, 0},
        {"pointer cut short",                    "\1a\xc0",        NULL,         3, 0, 0},
        {"label cut short",                      "\5ab",           NULL,         3, 0, 0},
        {"no end",                               "\1a",            NULL,         2, 0, 0},
        {"empty",                                "",               NULL,         0, 0, 0},
        {"kind 01",                              "\x41x\0",        NULL,         3, 0, 0},
        {"kind 10",                              "\x81x\0",        NULL,         3, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[DNS_NAME_CHARS] = "before";
        size_t at = cases[i].at;
        err e = dns_name_read((str){cases[i].packet, cases[i].size}, &at, text);
        CHECK((e == NULL) == (cases[i].want != NULL), cases[i].label);
        CHECK(e != NULL || at == cases[i].end, cases[i].label);
        CHECK_STR(str_of(text), e ? "before" : cases[i].want, cases[i].label);
    }
}

/* Attack 37: labels that sum up to more than 255 bytes, each of them fine. */
TEST(dns_name_read_too_long)
{
    char packet[400], text[DNS_NAME_CHARS];
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = i % 2 ? 'a' : 1;
    packet[254] = 0;
    size_t at = 0;
    CHECK_DONE(dns_name_read((str){packet, sizeof packet}, &at, text), "255 bytes");
    packet[254] = 1;
    packet[256] = 0;
    at = 0;
    err e = dns_name_read((str){packet, sizeof packet}, &at, text);
    CHECK(e && e->kind == ERR_PROTOCOL, "257 bytes");
}

TEST(dns_name_is_host)
{
    static const struct {
        const char *label, *name;
        bool is;
    } cases[] = {
        {"plain",           "mx1.example.net", true },
        {"underscore",      "my_mx.x",         true },
        {"one label",       "mailhost",        true },
        {"digits in front", "1and1.com",       true },
        {"root",            ".",               false},
        {"empty",           "",                false},
        {"address",         "192.0.2.1",       false},
        {"escaped",         "a\\010b.c",       false},
        {"slash",           "a/b.c",           false},
        {"dash first",      "-a.b",            false},
        {"star",            "*.b",             false},
        {"empty label",     "a..b",            false},
        {"dot at the end",  "a.",              false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(dns_name_is_host(str_of(cases[i].name)) == cases[i].is, cases[i].label);
}
