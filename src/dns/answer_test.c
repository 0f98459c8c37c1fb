#include "base/buf.h"
#include "dns/answer.h"
#include "tests/test.h"

/* A reply to "x TYPE" with the given records; the name "x" stands at 12. */
static str reply(struct buf *b, int rcode, enum dns_type type, int count, str records)
{
    char head[12] = {0x12, 0x34, (char)0x81, (char)(0x80 | rcode), 0, 1, 0, (char)count};
    char question[7] = {1, 'x', 0, 0, (char)type, 0, 1};
    buf_init(b, 1 << 20);
    CHECK_DONE(buf_add(b, (str){head, sizeof head}), "room");
    CHECK_DONE(buf_add(b, (str){question, sizeof question}), "room");
    CHECK_DONE(buf_add(b, records), "room");
    return buf_str(b);
}

#define OWNER "\xc0\x0c"
#define HEAD(type) OWNER "\0" type "\0\1\0\0\1\0" /* class IN, TTL 256 */

TEST(dns_answer_records)
{
    static const struct {
        const char *label;
        enum dns_type type;
        int count;
        str records;
        const char *text; /* what the first record says; NULL: refused */
    } cases[] = {
        {"A",                         DNS_A,    1, S(HEAD("\1") "\0\4\xc0\0\2\1"),                               "192.0.2.1"},
        {"A of 3 bytes",              DNS_A,    1, S(HEAD("\1") "\0\3\xc0\0\2"),                                 NULL       },
        {"A of 5 bytes",              DNS_A,    1, S(HEAD("\1") "\0\5\xc0\0\2\1\1"),                             NULL       },
        {"AAAA",                      DNS_AAAA, 1, S(HEAD("\x1c") "\0\x10\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
         "2001:db8::1"                                                                                                      },
        {"AAAA of 4 bytes",           DNS_AAAA, 1, S(HEAD("\x1c") "\0\4\x20\1\r\xb8"),                           NULL       },
        {"MX",                        DNS_MX,   1, S(HEAD("\xf") "\0\7\0\xa\2mx\xc0\x0c"),                       "mx.x"     },
        {"null MX",                   DNS_MX,   1, S(HEAD("\xf") "\0\3\0\0\0"),                                  "."        },
        {"MX without a host",         DNS_MX,   1, S(HEAD("\xf") "\0\2\0\xa"),                                   NULL       },
        {"attack 37: MX with LF",     DNS_MX,   1, S(HEAD("\xf") "\0\6\0\xa\2m\n\0"),                            "m\\010"   },
        {"bytes behind the name",     DNS_MX,   1, S(HEAD("\xf") "\0\7\0\xa\2mx\0z"),                            NULL       },
        {"name beyond the data",      DNS_MX,   1, S(HEAD("\xf") "\0\4\0\xa\2mx\0"),                             NULL       },
        {"PTR",                       DNS_PTR,  1, S(HEAD("\xc") "\0\3\1y\0"),                                   "y"        },
        {"attack 37: PTR with ESC",   DNS_PTR,  1, S(HEAD("\xc") "\0\3\1\x1b\0"),                                "\\027"    },
        {"NS",                        DNS_NS,   1, S(HEAD("\2") "\0\6\3ns1\xc0\x0c"),                            "ns1.x"    },
        {"SOA",                       DNS_SOA,  1,
         S(HEAD("\6") "\0\x1b\2ns\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\1\x2c"),
         "ns.x"                                                                                                             },
        {"SOA of four numbers",       DNS_SOA,  1,
         S(HEAD("\6") "\0\x17\2ns\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"),                             NULL       },
        {"SOA of one name",           DNS_SOA,  1, S(HEAD("\6") "\0\5\2ns\xc0\x0c"),                             NULL       },
        {"TXT joined",                DNS_TXT,  1, S(HEAD("\x10") "\0\7\2ab\0\3cde"),                            NULL       }, /* 9 bytes, not 7 */
        {"TXT of two segments",       DNS_TXT,  1, S(HEAD("\x10") "\0\5\2ab\1c"),                                "abc"      },
        {"TXT, an empty segment",     DNS_TXT,  1, S(HEAD("\x10") "\0\1\0"),                                     ""         },
        {"TXT without segment",       DNS_TXT,  1, S(HEAD("\x10") "\0\0"),                                       NULL       },
        {"TXT segment cut short",     DNS_TXT,  1, S(HEAD("\x10") "\0\2\5a"),                                    NULL       },
        {"attack 37: TXT with bytes", DNS_TXT,  1, S(HEAD("\x10") "\0\3\2\r\n"),                                 "\r\n"     },
        {"record cut short",          DNS_A,    1, S(HEAD("\1") "\0\4\xc0\0\2"),                                 NULL       },
        {"head cut short",            DNS_A,    1, S(OWNER "\0\1\0"),                                            NULL       },
        {"fewer records than said",   DNS_A,    2, S(HEAD("\1") "\0\4\xc0\0\2\1"),                               NULL       },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct buf b;
        struct dns_answer a = {.status = DNS_TIMEOUT};
        str packet = reply(&b, 0, cases[i].type, cases[i].count, cases[i].records);
        err e = dns_answer_parse(packet, S("x"), cases[i].type, arena, &a);
        CHECK((e == NULL) == (cases[i].text != NULL), cases[i].label);
        if (e == NULL) {
            const struct dns_record *r = &a.records[0];
            char ip[ADDRESS_CHARS] = "";
            if (r->type == DNS_A || r->type == DNS_AAAA) {
                struct address address = dns_record_address(r);
                address_format_ip(&address, ip);
            }
            str said = r->name.len ? r->name : r->type == DNS_TXT ? r->text : str_of(ip);
            CHECK_STR(said, cases[i].text, cases[i].label);
            CHECK(a.status == DNS_OK && a.ttl == 256, cases[i].label);
            CHECK(r->minimum == (r->type == DNS_SOA ? 300 : 0), cases[i].label);
        } else {
            CHECK(a.status == DNS_TIMEOUT, cases[i].label);
        }
        buf_release(&b);
        arena_close(arena);
        err_forget();
    }
}

/* Attack 36: a TLSA record of any length and any numbers is read without harm. */
TEST(dns_answer_tlsa)
{
    for (int usage = 0; usage <= 255; usage += 51)
        for (unsigned size = 0; size <= 70; size++) {
            struct arena *arena = arena_open(1 << 20);
            struct buf b;
            struct dns_answer a = {0};
            char records[200] = HEAD("\x34") "\0";
            size_t len = 11;
            records[len++] = (char)size;
            if (size > 0)
                records[len] = (char)usage;
            if (size > 2)
                records[len + 2] = 1;
            str packet = reply(&b, 0, DNS_TLSA, 1, (str){records, len + size});
            CHECK_DONE(dns_answer_parse(packet, S("x"), DNS_TLSA, arena, &a), "attack 36");
            CHECK(a.count == 1, "attack 36");
            CHECK(a.count == 1 && a.records[0].tlsa.usable == (size == 35 && usage == 0),
                  "attack 36");
            buf_release(&b);
            arena_close(arena);
            err_forget();
        }
}

TEST(dns_answer_statuses)
{
    static const struct {
        const char *label;
        int rcode, count;
        str records;
        enum dns_status status;
        const char *canonical;
    } cases[] = {
        {"attack 37: no records",  0, 0, S(""),                                                        DNS_NODATA,   "x"},
        {"no such name",           3, 0, S(""),                                                        DNS_NXDOMAIN, "x"},
        {"server failure",         2, 0, S(""),                                                        DNS_SERVFAIL, "x"},
        {"refused",                5, 0, S(""),                                                        DNS_SERVFAIL, "x"},
        {"alias",                  0, 2, S(HEAD("\5") "\0\3\1y\0\1y\0\0\1\0\1\0\0\0\7\0\4\xc0\0\2\1"), DNS_OK,       "y"},
        {"alias to nothing",       0, 1, S(HEAD("\5") "\0\3\1y\0"),                                    DNS_NODATA,   "y"},
        {"alias to no name",       3, 1, S(HEAD("\5") "\0\3\1y\0"),                                    DNS_NXDOMAIN, "y"},
        {"another name's records", 0, 1, S("\1y\0\0\1\0\1\0\0\0\7\0\4\xc0\0\2\1"),                     DNS_NODATA,   "x"},
        {"another class",          0, 1, S(OWNER "\0\1\0\3\0\0\0\7\0\4\xc0\0\2\1"),                    DNS_NODATA,   "x"},
        {"another type",           0, 1, S(HEAD("\x2e") "\0\1z"),                                      DNS_NODATA,   "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct buf b;
        struct dns_answer a = {0};
        str packet = reply(&b, cases[i].rcode, DNS_A, cases[i].count, cases[i].records);
        CHECK_DONE(dns_answer_parse(packet, S("x"), DNS_A, arena, &a), cases[i].label);
        CHECK(a.status == cases[i].status, cases[i].label);
        CHECK((a.count > 0) == (a.status == DNS_OK), cases[i].label);
        CHECK_STR(a.canonical, cases[i].canonical, cases[i].label);
        buf_release(&b);
        arena_close(arena);
    }
}

TEST(dns_answer_refused)
{
    struct arena *arena = arena_open(1 << 20);
    struct dns_answer a;
    struct buf b;
    str packet = reply(&b, 0, DNS_A, 1, S(HEAD("\5") "\0\2" OWNER));
    CHECK(dns_answer_parse(packet, S("x"), DNS_A, arena, &a), "attack 37: an alias of itself");
    CHECK(dns_answer_parse(packet, S("y"), DNS_A, arena, &a), "another question's name");
    CHECK(dns_answer_parse(packet, S("x"), DNS_MX, arena, &a), "another question's type");
    CHECK(dns_answer_parse(str_slice(packet, 0, 11), S("x"), DNS_A, arena, &a), "a cut header");
    b.ptr[2] = 1;
    CHECK(dns_answer_parse(packet, S("x"), DNS_A, arena, &a), "a question, not a reply");
    buf_release(&b);
    arena_close(arena);
}

/* Attack 37: 64 KiB of TXT; what one record may hold fits or is refused, in bounded memory. */
TEST(dns_answer_large)
{
    static char records[65000];
    struct arena *arena = arena_open(DNS_ANSWER_BYTES_MAX);
    struct dns_answer a = {0};
    struct buf b;
    size_t len = 12, size = 250 * 256;
    memcpy(records, HEAD("\x10"), 10);
    records[10] = (char)(size >> 8);
    records[11] = (char)(size & 0xff);
    for (size_t i = 0; i < 250; i++) {
        records[len] = (char)255;
        memset(records + len + 1, 'a', 255);
        len += 256;
    }
    str packet = reply(&b, 0, DNS_TXT, 1, (str){records, len});
    CHECK_DONE(dns_answer_parse(packet, S("x"), DNS_TXT, arena, &a), "64 KiB of TXT");
    CHECK(a.count == 1 && a.records[0].text.len == 250 * 255, "64 KiB of TXT");
    buf_release(&b);

    /* Compressed names swell: each of these 400 records names a host of 250 bytes. */
    arena_reset(arena);
    len = 0;
    for (int i = 0; i < 100; i++) {
        memcpy(records + len, HEAD("\xf"), 10);
        len += 10;
        size_t at = len;
        records[at] = 0;
        len += 2;
        records[len++] = 0;
        records[len++] = 1;
        for (int label = 0; label < 3; label++) {
            records[len++] = 63;
            memset(records + len, 1, 63);
            len += 63;
        }
        records[len++] = (char)0xc0;
        records[len++] = 12;
        records[at + 1] = (char)(len - at - 2);
    }
    packet = reply(&b, 0, DNS_MX, 100, (str){records, len});
    err e = dns_answer_parse(packet, S("x"), DNS_MX, arena, &a);
    CHECK(e && e->kind == ERR_LIMIT, "names that swell");
    buf_release(&b);
    arena_close(arena);
}
