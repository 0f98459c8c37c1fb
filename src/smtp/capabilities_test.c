#include "smtp/capabilities.h"
#include "tests/test.h"

TEST(smtp_capabilities_parse)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct smtp_reply reply = {
        .code = 250,
        .text =
            S("mx.example at your service\nPIPELINING\nsize 1000\n8BITMIME\nCHUNKING\nX-FOO bar\n"
              "AUTH PLAIN  SCRAM-SHA-256 NTLM\nAUTH=LOGIN\n"
              "LIMITS RCPTMAX=50 MAILMAX=x RCPTDOMAINMAX=1\nSMTPUTF8\nSTARTTLS"),
    };
    struct smtp_capabilities c = smtp_capabilities_parse(&reply, arena);
    CHECK(c.pipelining && c.eight_bit_mime && c.chunking && c.smtputf8 && c.starttls, "flags");
    CHECK(!c.binary_mime && !c.dsn && !c.enhanced_codes && !c.requiretls, "flags not there");
    CHECK(c.size && c.size_max == 1000, "SIZE");
    CHECK(c.auth == (SMTP_AUTH_PLAIN | SMTP_AUTH_SCRAM_SHA_256 | SMTP_AUTH_LOGIN), "AUTH");
    CHECK_STR(c.auth_names, "PLAIN SCRAM-SHA-256 NTLM LOGIN", "AUTH, as offered");
    CHECK(c.rcpt_max == 50 && c.mail_max == 0 && c.rcpt_domain_max == 1, "LIMITS");
    CHECK_STR(c.greeting, "mx.example at your service", "greeting");

    reply.text = S("STARTTLS\nSIZE\nSIZE 99999999999999999999");
    c = smtp_capabilities_parse(&reply, arena);
    CHECK(!c.starttls, "the first line is a name");
    CHECK(c.size && c.size_max == 0, "SIZE without a limit");
    reply.text = (str){0};
    c = smtp_capabilities_parse(&reply, arena);
    CHECK(c.auth == 0 && c.greeting.len == 0, "no text at all");
}
