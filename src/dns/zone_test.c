#include "base/buf.h"
#include "dns/zone.h"
#include "tests/test.h"

static const char zone_text[] =
    "; a zone for tests\n"
    "$ORIGIN example.net.\n"
    "$TTL 600\n"
    "@        MX    10 mx1\n"
    "         MX    5  mx2.example.org.\n"
    "         TXT   \"v=spf1 \" \"-all\" ; comment\n"
    "mx1 60 IN A    192.0.2.1\n"
    "mx1 IN 60 AAAA 2001:db8::1\n"
    "*.wild   TXT   any\n"
    "b.c.wild A     192.0.2.9\n"
    "www      CNAME mx1\n"
    "out      CNAME mx.secure.test.\n"
    "gone     CNAME nothing\n"
    "loop     CNAME loop2\n"
    "loop2    CNAME loop\n"
    "bad      FAIL  servfail\n"
    "slow     FAIL  timeout\n"
    "forged   FAIL  bogus\n"
    "text     TXT   \"a\\\"b\\\\c;\\010\" plain;secure\n"
    "_25._tcp.mx1 TLSA 3 1 1 00112233445566778899aabbccddeeff 00112233445566778899aabbccddeeff\n"
    "short._tcp   TLSA \\# 3 030101\n"
    "one      A     192.0.2.4 ; secure\n"
    "$ORIGIN test.\n"
    "$SECURE secure\n"
    "mx.secure A    192.0.2.5\n"
    "1.2.0.192.in-addr.arpa. PTR mx1.example.net.\n";

/* Name, type, and what is to be said: "status security canonical record record …". */
static void say(struct dns_zone *z, const char *name, enum dns_type type, struct arena *arena,
                struct buf *out)
{
    struct dns_answer a = dns_zone_answer(z, str_of(name), type, arena);
    err e = buf_addf(out, "%s, %s, %.*s", dns_answer_status_name(a.status),
                     dns_answer_security_name(a.security), STR_ARG(a.canonical));
    for (size_t i = 0; i < a.count; i++) {
        const struct dns_record *r = &a.records[i];
        char ip[ADDRESS_CHARS] = "";
        if (r->type == DNS_A || r->type == DNS_AAAA) {
            struct address address = dns_record_address(r);
            address_format_ip(&address, ip);
        }
        e = e ? e
              : buf_addf(out, " [%u%s%.*s%.*s%s%s]", r->preference, ip, STR_ARG(r->name),
                         STR_ARG(r->text), r->type == DNS_TLSA ? "tlsa" : "",
                         r->tlsa.usable ? " usable" : "");
    }
    CHECK_DONE(e, name);
}

TEST(dns_zone_answers)
{
    static const struct {
        const char *name;
        enum dns_type type;
        const char *said;
    } cases[] = {
        {"example.net",              DNS_MX,
         "found, insecure, example.net [10mx1.example.net] [5mx2.example.org]"                       },
        {"example.net",              DNS_TXT,   "found, insecure, example.net [0v=spf1 -all]"        },
        {"example.net",              DNS_A,     "no such records, insecure, example.net"             },
        {"net",                      DNS_A,     "no such records, insecure, net"                     },
        {"nothing.example.net",      DNS_A,     "no such name, insecure, nothing.example.net"        },
        {"mx1.example.net",          DNS_A,     "found, insecure, mx1.example.net [0192.0.2.1]"      },
        {"mx1.example.net",          DNS_AAAA,  "found, insecure, mx1.example.net [02001:db8::1]"    },
        {"www.example.net",          DNS_A,     "found, insecure, mx1.example.net [0192.0.2.1]"      },
        {"www.example.net",          DNS_CNAME, "found, insecure, www.example.net [0mx1.example.net]"},
        {"www.example.net",          DNS_MX,    "no such records, insecure, mx1.example.net"         },
        {"gone.example.net",         DNS_A,     "no such name, insecure, nothing.example.net"        },
        {"loop.example.net",         DNS_A,     "the name servers failed, indeterminate, "           },
        {"x.wild.example.net",       DNS_TXT,   "found, insecure, x.wild.example.net [0any]"         },
        {"x.y.wild.example.net",     DNS_TXT,   "found, insecure, x.y.wild.example.net [0any]"       },
        {"x.wild.example.net",       DNS_A,     "no such records, insecure, x.wild.example.net"      },
        {"c.wild.example.net",       DNS_TXT,   "no such records, insecure, c.wild.example.net"      },
        {"x.c.wild.example.net",     DNS_TXT,   "no such name, insecure, x.c.wild.example.net"       },
        {"bad.example.net",          DNS_A,     "the name servers failed, indeterminate, "           },
        {"slow.example.net",         DNS_A,     "no answer from the name servers, indeterminate, "   },
        {"forged.example.net",       DNS_A,     "DNSSEC validation failed, bogus, "                  },
        {"text.example.net",         DNS_TXT,   "found, secure, text.example.net [0a\"b\\c;\nplain]" },
        {"_25._tcp.mx1.example.net", DNS_TLSA,
         "found, insecure, _25._tcp.mx1.example.net [0tlsa usable]"                                  },
        {"short._tcp.example.net",   DNS_TLSA,  "found, insecure, short._tcp.example.net [0tlsa]"    },
        {"one.example.net",          DNS_A,     "found, secure, one.example.net [0192.0.2.4]"        },
        {"one.example.net",          DNS_MX,    "no such records, insecure, one.example.net"         },
        {"mx.secure.test",           DNS_A,     "found, secure, mx.secure.test [0192.0.2.5]"         },
        {"no.secure.test",           DNS_A,     "no such name, secure, no.secure.test"               },
        {"out.example.net",          DNS_A,     "found, insecure, mx.secure.test [0192.0.2.5]"       },
        {"1.2.0.192.in-addr.arpa",   DNS_PTR,
         "found, insecure, 1.2.0.192.in-addr.arpa [0mx1.example.net]"                                },
    };
    struct dns_zone *z = NULL;
    CHECK_DONE(dns_zone_parse(str_of(zone_text), "zone.txt", &z), "the zone");
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; z && i < ARRAY_LEN(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        say(z, cases[i].name, cases[i].type, arena, &out);
        CHECK_STR(buf_str(&out), cases[i].said, cases[i].name);
        buf_release(&out);
    }
    struct dns_answer a = dns_zone_answer(z, S("www.example.net"), DNS_AAAA, arena);
    CHECK(a.ttl == 60, "the smallest TTL on the way");
    a = dns_zone_answer(z, S("nothing.example.net"), DNS_A, arena);
    CHECK(a.ttl == 3600, "a zone that does not say how long nothing lasts");
    arena_close(arena);
    dns_zone_close(z);
}

/* How long an answer is good for: RFC 2308 section 3 for "there is none". */
TEST(dns_zone_ttl)
{
    static const char text[] = "$ORIGIN long.test.\n"
                               "@ 86400 SOA ns1 ops.long.test. 1 7200 900 1209600 300\n"
                               "@ 172800 NS ns1\n"
                               "ns1 86400 A 192.0.2.1\n"
                               "$ORIGIN short.test.\n"
                               "@ 60 SOA ns1 ops 1 2 3 4 900\n";
    static const struct {
        const char *name;
        enum dns_type type;
        uint32_t ttl;
    } cases[] = {
        {"long.test",     DNS_NS,  172800},
        {"long.test",     DNS_SOA, 86400 },
        {"ns1.long.test", DNS_A,   86400 },
        {"ns1.long.test", DNS_TXT, 300   },
        {"a.b.long.test", DNS_TXT, 300   },
        {"a.short.test",  DNS_TXT, 60    },
    };
    struct dns_zone *z = NULL;
    CHECK_DONE(dns_zone_parse(str_of(text), "zone.txt", &z), "the zone");
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; z && i < ARRAY_LEN(cases); i++)
        CHECK(dns_zone_answer(z, str_of(cases[i].name), cases[i].type, arena).ttl == cases[i].ttl,
              cases[i].name);
    struct dns_answer soa = dns_zone_answer(z, S("long.test"), DNS_SOA, arena);
    CHECK(soa.count == 1 && soa.records[0].minimum == 300, "the minimum");
    CHECK_STR(soa.records[0].name, "ns1.long.test", "the primary server");
    arena_close(arena);
    dns_zone_close(z);
}

TEST(dns_zone_errors)
{
    static const struct {
        const char *input, *said;
    } cases[] = {
        {"a A 192.0.2.1\nb A 1.2.3\n", "zone.txt:2: \"1.2.3\" is not an IP address"                     },
        {"a A 2001:db8::1",            "zone.txt:1: \"2001:db8::1\" is not an IPv4 address"             },
        {"a AAAA 192.0.2.1",           "zone.txt:1: \"192.0.2.1\" is not an IPv6 address"               },
        {"a MX mx",                    "zone.txt:1: the preference \"mx\" is not a number up to 65535"  },
        {"a SOA b c 1 2 3 4",          "zone.txt:1: the minimum is missing"                             },
        {"a SOA b c 1 2 3 4 x",        "zone.txt:1: the minimum \"x\" is not a number up to 4294967295" },
        {"a MX 10",                    "zone.txt:1: the host is missing"                                },
        {"a MX 10 mx more",            "zone.txt:1: \"more\" is too much"                               },
        {"a MX 10 m..x",               "zone.txt:1: \"m..x\" is not a domain name"                      },
        {"a",                          "zone.txt:1: the type is missing"                                },
        {"a HIP 1",                    "zone.txt:1: \"HIP\" is not a type this program knows"           },
        {" A 192.0.2.1",               "zone.txt:1: there is no name on an earlier line"                },
        {"a TXT \"open",               "zone.txt:1: a quote is not closed"                              },
        {"a TXT",                      "zone.txt:1: a text is missing"                                  },
        {"a TXT ( b",                  "zone.txt:1: records over several lines are not supported"       },
        {"a TLSA 3 1 256 00",          "zone.txt:1: the matching type \"256\" is not a number up to 255"},
        {"a TLSA 3 1 1 0x",            "zone.txt:1: \"0x\" is not hex"                                  },
        {"a TLSA \\# 2 00",            "zone.txt:1: 1 bytes, not 2"                                     },
        {"a A \\# 2 0000",             "zone.txt:1: an address record of 2 bytes"                       },
        {"a FAIL maybe",               "zone.txt:1: \"maybe\" is not servfail, timeout or bogus"        },
        {"a FAIL",                     "zone.txt:1: the kind of failure is missing"                     },
        {"$INCLUDE x",                 "zone.txt:1: unknown directive $INCLUDE"                         },
        {"$TTL 1h",                    "zone.txt:1: the TTL \"1h\" is not a number up to 2147483647"    },
        {"a A 192.0.2.1\na CNAME b",   "zone.txt:2: a CNAME stands alone (RFC 1034 section 3.6.2)"      },
        {"a CNAME b\na A 192.0.2.1",   "zone.txt:2: a CNAME stands alone (RFC 1034 section 3.6.2)"      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_zone *z = NULL;
        char why[512] = "";
        err e = dns_zone_parse(str_of(cases[i].input), "zone.txt", &z);
        CHECK(e && e->kind != ERR_SYSTEM, cases[i].input);
        if (e)
            err_describe(e, why, sizeof why);
        CHECK(str_starts(str_of(why), str_of(cases[i].said)), cases[i].input);
        if (!str_starts(str_of(why), str_of(cases[i].said)))
            fprintf(stderr, "    got %s\n", why);
        CHECK(z == NULL, cases[i].input);
        dns_zone_close(z);
        err_forget();
    }
}
