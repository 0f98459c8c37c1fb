/* What --configure writes is an msmtprc again, and nothing that was found adds a line to it. */
#include "personality/msmtp_configure.h"
#include "tests/test.h"

static void check_account(const struct personality_way *way, const char *label, const char *port,
                          const char *starttls, const char *user)
{
    struct arena *arena = arena_open(16 << 20);
    struct msmtprc *rc = ARENA_NEW(arena, struct msmtprc);
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 100000);
    CHECK_DONE(personality_msmtp_configure_write(way, S("me@x.example"), "~/.msmtprc", &out),
               label);
    CHECK_DONE(personality_msmtprc_read(rc, buf_str(&out), arena), label);
    const struct msmtprc_account *a = personality_msmtprc_find(rc, S("me@x.example"));
    CHECK(a != NULL && rc->count == 1, label);
    CHECK_STR(a->values[MSMTPRC_PORT], port, label);
    CHECK_STR(a->values[MSMTPRC_TLS], "on", label);
    CHECK_STR(a->values[MSMTPRC_TLS_STARTTLS], starttls, label);
    CHECK_STR(a->values[MSMTPRC_USER], user, label);
    CHECK_STR(a->values[MSMTPRC_FROM], "me@x.example", label);
    CHECK_STR(a->values[MSMTPRC_AUTH], way->token.len ? "xoauth2" : "on", label);
    bool warned = str_contains(buf_str(&out), S("does not match the mail domain"));
    CHECK(warned == str_eq(way->host, S("smtp.other.example")), label);
    CHECK(str_contains(buf_str(&out), S("secret-tool")) != (way->token.len > 0), label);
    arena_close(arena);
}

TEST(personality_msmtp_configure_write)
{
    struct personality_way way = {.host = S("smtp.x.example"),
                                  .port = 465,
                                  .implicit_tls = true,
                                  .origin = S("the SRV records")};
    check_account(&way, "from the first byte", "465", "off", "me@x.example");
    way = (struct personality_way){.host = S("smtp.other.example"),
                                   .port = 587,
                                   .user = S("me"),
                                   .note = S("two\nhost lines")};
    check_account(&way, "another domain", "587", "on", "me");
    way = (struct personality_way){.host = S("x.example"), .port = 587, .token = S("xoauth2")};
    check_account(&way, "a token", "587", "on", "me@x.example");
}

TEST(personality_msmtp_configure_refuses_lines)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 100000);
    struct personality_way way = {.host = S("x.example\nlogfile /etc/passwd"), .port = 587};
    CHECK(personality_msmtp_configure_write(&way, S("me@x.example"), "f", &out) != NULL, "host");
    way = (struct personality_way){.host = S("x.example"), .port = 587, .user = S("a\nb")};
    CHECK(personality_msmtp_configure_write(&way, S("me@x.example"), "f", &out) != NULL, "user");
    err_forget();
}
