#include "mailauth/spf_field.h"
#include "tests/test.h"

static void check_field(const struct mailauth_spf *spf, str helo, const char *want)
{
    struct address ip = {
        .family = ADDRESS_IP6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}
    };
    struct mailauth_spf_args args = {.ip = &ip, .helo = helo, .receiver = S("mx.example.org")};
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, MAILAUTH_SPF_FIELD_BYTES_MAX);
    CHECK_DONE(mailauth_spf_field_write(spf, &args, &out), want);
    CHECK_STR(buf_str(&out), want, "the field");
}

TEST(mailauth_spf_field_write)
{
    struct mailauth_spf spf = {.result = MAILAUTH_PASS,
                               .sender = S("bob@example.com"),
                               .mechanism = S("include:_spf.example.net")};
    check_field(&spf, S("mail.example.com"),
                "Received-SPF: pass (the domain permits this client)\r\n"
                " receiver=mx.example.org;\r\n identity=mailfrom;\r\n"
                " envelope-from=\"bob@example.com\";\r\n helo=mail.example.com;\r\n"
                " client-ip=\"2001:db8::1\";\r\n mechanism=\"include:_spf.example.net\"\r\n");
    spf = (struct mailauth_spf){.result = MAILAUTH_NEUTRAL, .identity = MAILAUTH_SPF_HELO};
    check_field(&spf, S(""),
                "Received-SPF: neutral (the domain says nothing about this client)\r\n"
                " receiver=mx.example.org;\r\n identity=helo;\r\n helo=unknown;\r\n"
                " client-ip=\"2001:db8::1\";\r\n mechanism=default\r\n");
}

/* Attack 122's cousin: nobody writes a field, a pair or a comment of his own into ours. */
TEST(mailauth_spf_field_injection)
{
    struct mailauth_spf spf = {.result = MAILAUTH_PERMERROR,
                               .sender =
                                   S("a\"; identity=x; b=\\\"@\r\nX-Evil: 1\r\n\r\n.(\xc3\xa4"),
                               .reason = S("term 1 \"a\x1b[2J\"")};
    check_field(&spf, S("x)\ny\0z;pass"),
                "Received-SPF: permerror (the domain's policy cannot be used)\r\n"
                " receiver=mx.example.org;\r\n identity=mailfrom;\r\n"
                " envelope-from=\"a\\\"; identity=x; b=\\\\\\\"@??X-Evil: 1????.(??\";\r\n"
                " helo=\"x)?y?z;pass\";\r\n client-ip=\"2001:db8::1\";\r\n"
                " problem=\"term 1 \\\"a?[2J\\\"\"\r\n");

    static char quotes[1000];
    struct address ip = {.family = ADDRESS_IP4};
    memset(quotes, '"', sizeof quotes);
    str s = {quotes, sizeof quotes};
    struct mailauth_spf_args args = {.ip = &ip, .helo = s, .receiver = s};
    spf = (struct mailauth_spf){.result = MAILAUTH_FAIL, .sender = s, .mechanism = s};
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 2 * MAILAUTH_SPF_FIELD_BYTES_MAX);
    CHECK_DONE(mailauth_spf_field_write(&spf, &args, &out), "the longest");
    size_t line = 0;
    for (size_t i = 0; i < out.len; i++) {
        line = out.ptr[i] == '\n' ? 0 : line + 1;
        CHECK(line < 998, "lines of RFC 5322");
    }
}
