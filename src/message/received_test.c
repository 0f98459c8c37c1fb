#include "base/arena.h"
#include "message/header.h"
#include "message/received.h"
#include "tests/test.h"

#define HELO .helo = {"c.example", 9}, .extended = true
#define BASE .hostname = {"mail.example", 12}, .id = {"4Xk2", 4}, .now_ms = 1795250896000
#define AT "; Sat, 21 Nov 2026 08:48:16 +0000\r\n"
#define AT_FOLDED ";\r\n\tSat, 21 Nov 2026 08:48:16 +0000\r\n"
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

TEST(message_received_add)
{
    static const struct {
        const char *label, *want;
        struct message_received in;
    } cases[] = {
        {"in clear",
         "Received: from c.example ([192.0.2.1]) by mail.example with ESMTP id 4Xk2" AT_FOLDED,
         {HELO, BASE, .peer = TEXT("192.0.2.1")}                                                                                         },
        {"HELO",
         "Received: from c.example ([192.0.2.1]) by mail.example with SMTP id 4Xk2" AT_FOLDED,
         {BASE, .helo = TEXT("c.example"), .peer = TEXT("192.0.2.1")}                                                                    },
        {"all there is",
         "Received: from c.example (r.example [IPv6:2001:db8::1]) by mail.example with\r\n"
         "\tESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384) id 4Xk2 for <bob@example.net>;\r\n"
         "\tSat, 21 Nov 2026 08:48:16 +0000\r\n",                                                       {HELO, BASE, .peer = TEXT("2001:db8::1"), .peer_name = TEXT("r.example"),
          .authenticated = true, .tls_version = TEXT("TLSv1.3"),
          .tls_cipher = TEXT("TLS_AES_256_GCM_SHA384"), .rcpt = TEXT("bob@example.net")}},
        {"SMTPUTF8",
         "Received: from c.example ([192.0.2.1]) by mail.example with UTF8SMTPS\r\n"
         "\t(TLSv1.3) id 4Xk2 for <j\xc3\xb6rg@example.net>" AT,
         {HELO, BASE, .peer = TEXT("192.0.2.1"), .smtputf8 = true, .tls_version = TEXT("TLSv1.3"),
          .rcpt = TEXT("j\xc3\xb6rg@example.net")}                                                                                       },
        {"LMTP on a socket",
         "Received: from c.example (local socket) by mail.example with LMTP id 4Xk2" AT_FOLDED,
         {HELO, BASE, .peer = TEXT("unix"), .lmtp = true}                                                                                },
        {"made here",                                 "Received: by mail.example with SMTP id 4Xk2" AT, {BASE}                           },
        {"attack 146: escapes and line ends in HELO",
         "Received: from a?_2J??x:?y ([192.0.2.1]) by mail.example with SMTP id 4Xk2" AT_FOLDED,
         {BASE, .peer = TEXT("192.0.2.1"), .helo = TEXT("a\x1b_2J\r\nx:(y")}                                                             },
        {"attack 41: a line end in the recipient",
         "Received: from c.example ([192.0.2.1]) by mail.example with ESMTP id 4Xk2" AT_FOLDED,
         {HELO, BASE, .peer = TEXT("192.0.2.1"), .rcpt = TEXT("a@b\r\nX: y")}                                                            },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 4000);
        CHECK_DONE(message_received_add(&cases[i].in, &out), cases[i].label);
        CHECK_STR(buf_str(&out), cases[i].want, cases[i].label);
    }
}

/* Attack 146: whatever the peer says, it is one field of lines within the limits. */
TEST(message_received_limits)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 4000);
    char long_text[3000];
    memset(long_text, ')', sizeof long_text);
    str text = {long_text, sizeof long_text};
    struct message_received r = {
        HELO,        BASE, .peer = text, .peer_name = text, .tls_version = text, .tls_cipher = text,
        .rcpt = text};
    r.helo = r.id = text;
    CHECK_DONE(message_received_add(&r, &out), "all texts too long");
    str rest = buf_str(&out), line;
    struct message_field f;
    CHECK(message_header_next(&rest, &f) && rest.len == 0 && f.flags == 0, "one field");
    for (rest = buf_str(&out); rest.len > 0;) {
        str_split(rest, '\n', &line, &rest);
        CHECK(line.len <= 999, "lines of at most 998 octets and CR");
    }
}
