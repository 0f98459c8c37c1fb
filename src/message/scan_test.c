#include "base/buf.h"
#include "message/scan.h"
#include "tests/test.h"

TEST(message_scan)
{
    static const struct {
        const char *label, *input, *message_id;
        size_t header_bytes, body_at, received;
        bool separator;
        int code;
    } cases[] = {
        {"with a body",                     "A: b\r\n\r\nbody",                                "",      6,  8,  0, true,  0  },
        {"header only",                     "A: b\r\n",                                        "",      6,  6,  0, false, 0  },
        {"no header",                       "\r\nbody",                                        "",      0,  2,  0, true,  0  },
        {"nothing",                         "",                                                "",      0,  0,  0, false, 0  },
        {"message id",                      "Message-Id:\r\n <a@b>\r\n\r\n",                   "<a@b>", 21, 23, 0, true,  0  },
        {"a message id that is none",       "Message-ID: <a b>\r\n\r\n",                       "",      19, 21, 0, true,  0  },
        {"hops",                            "Received: x\r\nreceived: y\r\n\r\n",              "",      26, 28, 2, true,  0  },
        {"attack 103: one hop too many",    "Received:\r\nReceived:\r\nReceived:\r\n",         "",      0,  0,  0,
         false,                                                                                                           554},
        {"attack 90: header too large",     "A: 0123456789012345678901234567890123456789\r\n", "",      0,  0,
         0,                                                                                                        false, 552},
        {"attack 90: too many fields",      "A:\r\nA:\r\nA:\r\nA:\r\nA:\r\n",                  "",      0,  0,  0, false, 554},
        {"attack 118: begins with a blank", " From: x\r\n\r\n",                                "",      0,  0,  0, false, 554},
    };
    static const struct message_scan_limits limits = {.hops = 2, .header_bytes = 40, .fields = 4};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message_scan scan = {0};
        struct message_refusal r = message_scan(str_of(cases[i].input), &limits, &scan);
        CHECK(r.code == cases[i].code, cases[i].label);
        CHECK(scan.header_bytes == cases[i].header_bytes, cases[i].label);
        CHECK(scan.body_at == cases[i].body_at, cases[i].label);
        CHECK(scan.received == cases[i].received, cases[i].label);
        CHECK(scan.separator == cases[i].separator, cases[i].label);
        CHECK_STR(scan.message_id, cases[i].message_id, cases[i].label);
    }
}

/* Attack 211: only the RFC's own word counts. */
TEST(message_scan_tls_required)
{
    static const struct {
        const char *input;
        bool optional;
    } cases[] = {
        {"TLS-Required: No\r\n\r\n",             true },
        {"tls-required:\r\n no \r\n\r\n",        true },
        {"A: b\r\nTLS-Required: NO\r\n",         true },
        {"TLS-Required: Yes\r\n\r\n",            false},
        {"TLS-Required: No, really\r\n\r\n",     false},
        {"A: b\r\n\r\nTLS-Required: No\r\n\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message_scan scan;
        struct message_refusal r =
            message_scan(str_of(cases[i].input), &message_scan_defaults, &scan);
        CHECK(r.code == 0 && scan.tls_optional == cases[i].optional, cases[i].input);
    }
}

TEST(message_scan_hop_limit)
{
    CLEANUP(buf_release) struct buf b;
    buf_init(&b, 1 << 20);
    struct message_scan scan;
    for (int i = 0; i < 100; i++)
        CHECK_DONE(buf_add(&b, S("Received: from a by b; date\r\n")), "100 hops");
    CHECK(message_scan(buf_str(&b), &message_scan_defaults, &scan).code == 0, "100 hops pass");
    CHECK_DONE(buf_add(&b, S("Received: from a by b; date\r\n")), "one more");
    struct message_refusal r = message_scan(buf_str(&b), &message_scan_defaults, &scan);
    CHECK(r.code == 554, "attack 103: 101 hops");
    CHECK(r.enhanced && strcmp(r.enhanced, "5.4.6") == 0, "attack 103: 101 hops");
}
