#include "base/arena.h"
#include "message/dsn.h"
#include "message/header.h"
#include "tests/test.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define ORIGINAL "From: alice@our.example\r\nSubject: hi\r\n\r\nHello\r\n"

static const struct message_dsn_rcpt failed = {.address = TEXT("bob@example.net"),
                                               .orcpt = TEXT("rfc822;robert@example.org"),
                                               .action = DSN_FAILED,
                                               .status = TEXT("5.1.1"),
                                               .remote_mta = TEXT("mx.example.net"),
                                               .diagnostic =
                                                   TEXT("550 5.1.1 No such\n550 5.1.1 user"),
                                               .last_attempt_ms = 1795250896000};

static const struct message_dsn base = {.hostname = TEXT("mail.example"),
                                        .sender = TEXT("alice@our.example"),
                                        .message_id = TEXT("<m@our.example>"),
                                        .unique = TEXT("19f.0123"),
                                        .envid = TEXT("QQ314"),
                                        .received_from = TEXT("c.example"),
                                        .arrival_ms = 1795250890000,
                                        .now_ms = 1795250896000,
                                        .original = TEXT(ORIGINAL),
                                        .original_bytes = sizeof ORIGINAL - 1,
                                        .rcpts = &failed,
                                        .rcpt_count = 1};

/* The report as text in the arena; "" when it could not be made. */
static str build(const struct message_dsn *d, struct arena *arena, uint8_t *ret_found)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 1 << 20);
    CHECK_DONE(message_dsn_build(d, &out, ret_found), "build");
    return arena_str(arena, buf_str(&out));
}

TEST(message_dsn_golden)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    uint8_t found = 77;
    CHECK_STR(build(&base, arena, &found),
              "From: Mail Delivery System <MAILER-DAEMON@mail.example>\r\n"
              "To: <alice@our.example>\r\n"
              "Subject: Your message could not be delivered\r\n"
              "Date: Sat, 21 Nov 2026 08:48:16 +0000\r\n"
              "Message-ID: <19f.0123@mail.example>\r\n"
              "References: <m@our.example>\r\n"
              "Auto-Submitted: auto-replied\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: multipart/report; report-type=delivery-status;\r\n"
              "\tboundary=\"=_19f.0123\"\r\n"
              "\r\n"
              "This is a delivery report in parts (RFC 3464).\r\n"
              "\r\n"
              "--=_19f.0123\r\n"
              "Content-Type: text/plain; charset=us-ascii\r\n"
              "\r\n"
              "This is the mail system at mail.example\r\n"
              "about your message that arrived here on Sat, 21 Nov 2026 08:48:10 +0000\r\n"
              "with the Message-ID <m@our.example>\r\n"
              "\r\n"
              "It could not be delivered to the following, and is not tried again:\r\n"
              "\r\n"
              "  bob@example.net\r\n"
              "    The server that answered: mx.example.net\r\n"
              "    Its answer: 550 5.1.1 No such 550 5.1.1 user\r\n"
              "    There is no such address. Check its spelling, or ask the recipient for\r\n"
              "    the right one.\r\n"
              "\r\n"
              "--=_19f.0123\r\n"
              "Content-Type: message/delivery-status\r\n"
              "\r\n"
              "Reporting-MTA: dns; mail.example\r\n"
              "Original-Envelope-Id: QQ314\r\n"
              "Received-From-MTA: dns; c.example\r\n"
              "Arrival-Date: Sat, 21 Nov 2026 08:48:10 +0000\r\n"
              "\r\n"
              "Original-Recipient: rfc822; robert@example.org\r\n"
              "Final-Recipient: rfc822; bob@example.net\r\n"
              "Action: failed\r\n"
              "Status: 5.1.1\r\n"
              "Remote-MTA: dns; mx.example.net\r\n"
              "Diagnostic-Code: smtp; 550 5.1.1 No such 550 5.1.1 user\r\n"
              "Last-Attempt-Date: Sat, 21 Nov 2026 08:48:16 +0000\r\n"
              "\r\n"
              "--=_19f.0123\r\n"
              "Content-Type: message/rfc822\r\n"
              "\r\n" ORIGINAL "\r\n"
              "--=_19f.0123--\r\n",
              "attack 102: a failure");
    CHECK(found == 0, "all of it is ASCII");
}

static bool has(str text, const char *part) { return str_contains(text, str_of(part)); }

TEST(message_dsn_original)
{
    static const struct {
        const char *label, *original, *part, *missing;
        enum envelope_ret ret;
        size_t more; /* bytes of the message that are not at hand */
        enum message_dsn_action action;
    } cases[] = {
        {"whole",                        ORIGINAL,                     "message/rfc822\r\n\r\nFrom: alice", "rfc822-headers", RET_FULL, 0,
         DSN_FAILED                                                                                                                                  },
        {"RET=HDRS",                     ORIGINAL,                     "text/rfc822-headers",               "Hello",          RET_HDRS, 0, DSN_FAILED},
        {"a delay returns the header",   ORIGINAL,                     "text/rfc822-headers",               "Hello",          RET_FULL, 0,
         DSN_DELAYED                                                                                                                                 },
        {"only the front is at hand",    ORIGINAL,                     "text/rfc822-headers",               "Hello",          RET_FULL, 9,
         DSN_FAILED                                                                                                                                  },
        {"bare LF in the body",          "A: b\r\n\r\nHel\nlo\r\n",    "text/rfc822-headers",               "Hel",            RET_FULL,
         0,                                                                                                                                DSN_FAILED},
        {"attack 43: a malformed field", "A: b\nC: d\r\nE: f\r\n\r\n",
         "headers\r\n\r\nC: d\r\nE: f",                                                                     "A: b",           RET_HDRS, 0, DSN_FAILED},
        {"8-bit body",                   "A: b\r\n\r\n\xc3\xa9\r\n",
         "message/rfc822\r\nContent-Transfer-Encoding: 8bit",                                               "global",         RET_FULL, 0, DSN_FAILED},
        {"no message at all",            "",                           "text/rfc822-headers\r\n\r\n\r\n--", "global",         RET_FULL, 0,
         DSN_FAILED                                                                                                                                  },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct message_dsn d = base;
        struct message_dsn_rcpt r = failed;
        uint8_t found;
        r.action = cases[i].action;
        d.rcpts = &r;
        d.ret = cases[i].ret;
        d.original = str_of(cases[i].original);
        d.original_bytes = d.original.len + cases[i].more;
        str text = build(&d, arena, &found);
        if (cases[i].original[0] == '\0')
            CHECK(has(text, "message/rfc822"), cases[i].label);
        else
            CHECK(has(text, cases[i].part), cases[i].label);
        CHECK(!has(text, cases[i].missing), cases[i].label);
        CHECK((found == FOUND_8BIT) == !str_is_ascii(d.original), cases[i].label);
    }
}

TEST(message_dsn_smtputf8)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct message_dsn d = base;
    struct message_dsn_rcpt r = failed;
    uint8_t found;
    d.rcpts = &r;
    r.address = S("j\xc3\xb6rg@example.net");
    str text = build(&d, arena, &found);
    CHECK(has(text, "Final-Recipient: utf-8; j\\x{F6}rg@example.net\r\n"), "escaped in 7 bits");
    CHECK(has(text, "message/delivery-status"), "not global");
    CHECK(found == 0, "text in quoted-printable");
    d.smtputf8 = true;
    text = build(&d, arena, &found);
    CHECK(has(text, "Final-Recipient: utf-8; j\xc3\xb6rg@example.net\r\n"), "as it is");
    CHECK(has(text, "message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit"), "global");
    CHECK(has(text, "Content-Type: message/global\r\n"), "global");
    CHECK(found == FOUND_8BIT, "8 bits in the body only");
    d.sender = S("\xc3\xa4@our.example");
    (void)build(&d, arena, &found);
    CHECK(found == (FOUND_8BIT | FOUND_8BIT_HEADER), "the sender is in the header");
}

/* Attacks 43 and 102: whatever the texts of others hold, they start no field and no part. */
TEST(message_dsn_injection)
{
    static const char evil[] =
        "x\r\nBcc: v@x.example\r\n\r\n--=_19f.0123\r\nContent-Type: evil\x1b\0";
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    str e = {evil, sizeof evil};
    struct message_dsn_rcpt r = {.address = e,
                                 .orcpt = e,
                                 .status = e,
                                 .remote_mta = e,
                                 .diagnostic = e,
                                 .action = DSN_DELAYED};
    struct message_dsn_rcpt two[] = {r, r};
    two[1].orcpt = arena_printf(arena, "rfc822;%.*s", STR_ARG(str_slice(e, 0, sizeof evil - 1)));
    two[1].diagnostic = S("");
    two[1].reason = e;
    struct message_dsn d = base;
    d.rcpts = two;
    d.rcpt_count = 2;
    d.sender = d.envid = d.message_id = d.received_from = e;
    uint8_t found;
    str text = build(&d, arena, &found), rest = text;
    CHECK(!has(text, "\nBcc"), "no field");
    CHECK(!has(text, "\nContent-Type: evil"), "no part");
    CHECK(!has(text, "\x1b"), "no control byte");
    CHECK(has(text, "Status: 4.0.0\r\n"), "what is no status");
    struct message_field f;
    size_t fields = 0;
    while (message_header_next(&rest, &f)) {
        CHECK(f.flags == 0, "well formed");
        fields++;
    }
    CHECK(fields == 9, "no more fields than ours");
}

TEST(message_dsn_wanted)
{
    static const struct {
        const char *label;
        bool null_sender;
        enum envelope_origin origin;
        uint8_t notify;
        const char *wanted; /* of failed, delayed, delivered, relayed, expanded */
    } cases[] = {
        {"default, submission",              false, ORIGIN_SUBMISSION, 0,                                              "yy---"},
        {"default, relay",                   false, ORIGIN_RELAY,      0,                                              "y----"},
        {"default, mx",                      false, ORIGIN_MX,         0,                                              "y----"},
        {"success",                          false, ORIGIN_MX,         NOTIFY_SUCCESS,                                 "--yyy"},
        {"failure",                          false, ORIGIN_SUBMISSION, NOTIFY_FAILURE,                                 "y----"},
        {"delay, submission",                false, ORIGIN_SUBMISSION, NOTIFY_DELAY,                                   "-y---"},
        {"delay, mx",                        false, ORIGIN_MX,         NOTIFY_DELAY,                                   "-----"},
        {"all",                              false, ORIGIN_SUBMISSION, NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY, "yyyyy"},
        {"attack 102: never",                false, ORIGIN_SUBMISSION, NOTIFY_NEVER,                                   "-----"},
        {"attack 101: null sender",          true,  ORIGIN_SUBMISSION, NOTIFY_SUCCESS | NOTIFY_FAILURE,
         "-----"                                                                                                              },
        {"attack 101: about a notification", false, ORIGIN_DSN,        NOTIFY_FAILURE,                                 "-----"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct envelope env = {.origin = cases[i].origin};
        struct envelope_rcpt rcpt = {.notify = cases[i].notify};
        env.sender = cases[i].null_sender ? S("") : S("a@b.example");
        for (int action = DSN_FAILED; action <= DSN_EXPANDED; action++)
            CHECK(message_dsn_wanted(&env, &rcpt, (enum message_dsn_action)action) ==
                      (cases[i].wanted[action] == 'y'),
                  cases[i].label);
    }
}
