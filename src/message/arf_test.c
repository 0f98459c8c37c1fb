#include "message/arf.h"
#include "tests/test.h"

#define ORIGINAL "From: a@b.example\r\nMessage-ID: <1@b.example>\r\nSubject: buy\r\n\r\nnow\r\n"

static void read_back(const struct message_arf_letter *letter, const char *label,
                      struct arena *arena, struct message_arf *ret_arf)
{
    CLEANUP(buf_release) struct buf out;
    size_t count;
    buf_init(&out, 1 << 20);
    CHECK_DONE(message_arf_build(letter, &out), label);
    str message = arena_str(arena, buf_str(&out));
    const struct message_mime_part *parts = message_mime_parse(message, arena, &count);
    CHECK_STR(parts[0].type, "multipart/report", label);
    CHECK(str_is_ascii(message), label);
    for (size_t i = 0; i < count; i++)
        CHECK(!message_mime_ambiguous(&parts[i]), label);
    CHECK_DONE(message_arf_read(message, parts, count, arena, ret_arf), label);
}

TEST(message_arf)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 << 20);
    static struct message_arf report = {.original_rcpt_count = 2}, back;
    report.feedback_type = S("abuse");
    report.user_agent = S("smtptool/1");
    report.version = S("1");
    report.original_mail_from = S("a@b.example");
    report.original_rcpts[0] = S("c@d.example");
    report.original_rcpts[1] = S("e@d.example");
    report.source_ip = S("192.0.2.1");
    report.reported_domain = S("b.example");
    struct message_arf_letter letter = {.report = &report,
                                        .from = S("abuse@d.example"),
                                        .to = S("fbl@b.example"),
                                        .subject = S("a complaint"),
                                        .text = S("Somebody did not want this."),
                                        .unique = S("1.2"),
                                        .hostname = S("d.example"),
                                        .original = S(ORIGINAL)};
    read_back(&letter, "round", arena, &back);
    CHECK_STR(back.feedback_type, "abuse", "type");
    CHECK_STR(back.original_mail_from, "a@b.example", "sender");
    CHECK(back.original_rcpt_count == 2, "recipients");
    CHECK_STR(back.original_rcpts[1], "e@d.example", "the second recipient");
    CHECK_STR(back.source_ip, "192.0.2.1", "address");
    CHECK_STR(back.incidents, "1", "one when not said");
    CHECK_STR(back.original_id, "<1@b.example>", "what it is about");

    report.source_ip = S("192.0.2.1\r\nFeedback-Type: other\r\n\r\n--=_1.2--");
    letter.original =
        S("Subject: x\r\n caf\xe9\r\nMessage-ID: <2@b>\r\nbad\r\n\r\n--=_1.2--\r\n\xff");
    letter.text = S("a\r\n--=_1.2--\r\nb");
    read_back(&letter, "attack 50: line ends in what others said", arena, &back);
    CHECK_STR(back.feedback_type, "abuse", "no second type");
    CHECK_STR(back.original_id, "<2@b>", "the fields that can be shown");
}

TEST(message_arf_read)
{
    static const struct {
        const char *label, *body;
        bool ok;
    } cases[] = {
        {"RFC 5965 B.1", "Feedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n",
         true                                                                                            },
        {"no type",      "Version: 1\r\n",                                                          false},
        {"nothing",      "\r\n",                                                                    false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_MIME_ARENA_BYTES);
        CLEANUP(buf_release) struct buf message;
        static struct message_arf arf;
        size_t count;
        buf_init(&message, 4096);
        CHECK_DONE(
            buf_addf(&message, "Content-Type: message/feedback-report\r\n\r\n%s", cases[i].body),
            "room");
        const struct message_mime_part *parts =
            message_mime_parse(buf_str(&message), arena, &count);
        err e = message_arf_read(buf_str(&message), parts, count, arena, &arf);
        CHECK((e == NULL) == cases[i].ok, cases[i].label);
    }
}
