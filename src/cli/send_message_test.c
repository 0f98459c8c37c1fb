/* What `send` makes of its options, and what it refuses: nothing may hide behind a line end. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/send_compose.h"
#include "cli/send_message.h"
#include "tests/test.h"
#include <stdlib.h>
#include <unistd.h>

enum { ARENA_BYTES = 32 << 20 };

static struct cli_send_message_list one(const char **item)
{
    return (struct cli_send_message_list){item, *item != NULL};
}

TEST(cli_send_compose)
{
    /* clang-format off */
    static const struct {
        const char *label, *from, *to, *cc, *bcc, *subject, *header, *text;
        const char *refused; /* part of the message */
        const char *holds;   /* in the content */
    } cases[] = {
        {.label = "plain", .from = "a@x.example", .to = "b@y.example", .subject = "Hi", .text = "t",
         .holds = "Subject: Hi\r\n"},
        {.label = "LF becomes CRLF", .from = "a@x.example", .to = "b@y.example", .text = "a\nb",
         .holds = "\r\n\r\na\r\nb\r\n"},
        {.label = "names", .from = "Al <a@x.example>", .to = "Bo <b@y.example>, c@y.example", .text = "t",
         .holds = "To: \"Bo\" <b@y.example>,\r\n c@y.example\r\n"},
        {.label = "only hidden recipients", .from = "a@x.example", .bcc = "b@y.example", .text = "t",
         .holds = "From: a@x.example\r\nSubject:"},
        {.label = "a field", .from = "a@x.example", .to = "b@y.example", .header = "X-Y: z", .text = "t",
         .holds = "X-Y: z\r\n"},
        {.label = "no sender", .to = "b@y.example", .text = "t", .refused = "--from"},
        {.label = "line end in the subject", .from = "a@x.example", .to = "b@y.example",
         .subject = "x\r\nBcc: evil@x.example", .refused = "--subject"},
        {.label = "bare LF in the subject", .from = "a@x.example", .to = "b@y.example",
         .subject = "x\nBcc: evil@x.example", .refused = "--subject"},
        {.label = "bare CR in a field", .from = "a@x.example", .to = "b@y.example",
         .header = "X-Y: z\rBcc: evil@x.example", .refused = "--header"},
        {.label = "line end in the sender", .from = "a@x.example\r\nRCPT TO:<evil@x.example>",
         .to = "b@y.example", .refused = "--from"},
        {.label = "line end in a recipient", .from = "a@x.example", .to = "b@y.example\nDATA",
         .refused = "recipient"},
        {.label = "line end in cc", .from = "a@x.example", .to = "b@y.example", .cc = "c@y.example\r\nX: y",
         .refused = "--cc"},
        {.label = "a field of ours", .from = "a@x.example", .to = "b@y.example", .header = "Bcc: e@x.example",
         .refused = "Bcc"},
        {.label = "no field", .from = "a@x.example", .to = "b@y.example", .header = "just text",
         .refused = "Name: value"},
        {.label = "no address", .from = "a@x.example", .to = "b@@y.example", .refused = "recipient"},
        {.label = "no UTF-8", .from = "a@x.example", .to = "b@y.example", .subject = "\xff",
         .refused = "--subject"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *to = cases[i].to, *cc = cases[i].cc, *bcc = cases[i].bcc;
        const char *header = cases[i].header;
        struct cli_send_message_args args = {
            .from = cases[i].from,
            .to = one(&to),
            .cc = one(&cc),
            .bcc = one(&bcc),
            .headers = one(&header),
            .subject = cases[i].subject,
            .text = cases[i].text,
            .hostname = S("client.example"),
        };
        CLEANUP(buf_release) struct buf content;
        buf_init(&content, 1 << 20);
        err e = cli_send_compose(&args, &content);
        if (cases[i].refused) {
            CHECK(e && e->kind == ERR_CONFIG, cases[i].label);
            CHECK(e && str_contains(e->text, str_of(cases[i].refused)), cases[i].label);
            CHECK(content.len == 0, cases[i].label);
            continue;
        }
        CHECK_DONE(e, cases[i].label);
        if (cases[i].holds)
            CHECK(str_contains(buf_str(&content), str_of(cases[i].holds)), cases[i].label);
        CHECK(!str_contains(buf_str(&content), S("Bcc")), cases[i].label);
    }
}

TEST(cli_send_message_files)
{
    static const struct {
        const char *label, *html, *image, *file, *refused;
    } cases[] = {
        {"all",                   "tests/talk/data/plain.eml", "logo=tests/talk/data/dots.eml",
         "tests/talk/data/eight.eml",                                                                         NULL                 },
        {"no such file",          NULL,                        NULL,                            "tests/none", "--attach tests/none"},
        {"no id",                 "tests/talk/data/plain.eml", "tests/talk/data/dots.eml",      NULL,         "ID=FILE"            },
        {"an image without HTML", NULL,                        "logo=tests/talk/data/dots.eml", NULL,         "no HTML"            },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *to = "b@y.example", *image = cases[i].image, *file = cases[i].file;
        struct cli_send_message_args args = {.from = "a@x.example",
                                             .to = one(&to),
                                             .text = "t",
                                             .html_file = cases[i].html,
                                             .inlines = one(&image),
                                             .attachments = one(&file),
                                             .hostname = S("client.example")};
        CLEANUP(buf_release) struct buf content;
        buf_init(&content, 1 << 20);
        err e = cli_send_compose(&args, &content);
        if (cases[i].refused) {
            char text[400];
            CHECK(e != NULL, cases[i].label);
            err_words(e, text, sizeof text);
            CHECK(str_contains(str_of(text), str_of(cases[i].refused)), cases[i].label);
            continue;
        }
        CHECK_DONE(e, cases[i].label);
        CHECK(str_contains(buf_str(&content), S("multipart/mixed")), cases[i].label);
        CHECK(str_contains(buf_str(&content), S("Content-ID: <logo>")), cases[i].label);
        CHECK(str_contains(buf_str(&content), S("filename=eight.eml")), cases[i].label);
    }
}

static int64_t steady_zero(void) { return 0; }
static int64_t real_new_year(void) { return 1767225600000; }
static const struct clock_source new_year = {steady_zero, real_new_year};

TEST(cli_send_message_envelope)
{
    /* clang-format off */
    static const struct {
        const char *label, *from, *to, *notify, *ret, *envid, *content;
        const char *sender; /* NULL: refused */
        size_t rcpts;
        uint8_t wanted;
    } cases[] = {
        {.label = "given", .from = "a@X.example", .to = "b@y.example", .content = "From: z@z.example\r\n\r\n",
         .sender = "a@x.example", .rcpts = 1},
        {.label = "from the field", .to = "b@y.example", .content = "From: Z\r\n <z@z.example>\r\n\r\n",
         .sender = "z@z.example", .rcpts = 1},
        {.label = "null", .from = "<>", .to = "b@y.example", .content = "X: y\r\n\r\n", .sender = "", .rcpts = 1},
        {.label = "twice the same", .from = "a@x.example", .to = "b@y.example, b@Y.example",
         .content = "X: y\r\n\r\n", .sender = "a@x.example", .rcpts = 1},
        {.label = "notify", .from = "a@x.example", .to = "b@y.example", .notify = "success,delay",
         .ret = "hdrs", .envid = "x1", .content = "X: y\r\n\r\n", .sender = "a@x.example", .rcpts = 1,
         .wanted = NOTIFY_SUCCESS | NOTIFY_DELAY},
        {.label = "never and more", .from = "a@x.example", .to = "b@y.example", .notify = "never,delay",
         .content = "X: y\r\n\r\n"},
        {.label = "unknown word", .from = "a@x.example", .to = "b@y.example", .notify = "always",
         .content = "X: y\r\n\r\n"},
        {.label = "ret", .from = "a@x.example", .to = "b@y.example", .ret = "half", .content = "X: y\r\n\r\n"},
        {.label = "envid", .from = "a@x.example", .to = "b@y.example", .envid = "a\nb", .content = "X: y\r\n\r\n"},
        {.label = "no recipient", .from = "a@x.example", .content = "X: y\r\n\r\n"},
        {.label = "no sender anywhere", .to = "b@y.example", .content = "X: y\r\n\r\n"},
        {.label = "two senders", .from = "a@x.example,b@x.example", .to = "b@y.example", .content = "X: y\r\n\r\n"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES);
        const char *to = cases[i].to;
        struct cli_send_message_args args = {.from = cases[i].from,
                                             .to = one(&to),
                                             .notify = cases[i].notify,
                                             .ret = cases[i].ret,
                                             .envid = cases[i].envid};
        struct envelope *env;
        err e = cli_send_message_envelope(&args, str_of(cases[i].content), arena, &env);
        if (cases[i].sender == NULL) {
            CHECK(e && e->kind == ERR_CONFIG, cases[i].label);
            continue;
        }
        CHECK_DONE(e, cases[i].label);
        CHECK_STR(env->sender, cases[i].sender, cases[i].label);
        CHECK(env->rcpt_count == cases[i].rcpts, cases[i].label);
        CHECK(env->rcpts[0].notify == cases[i].wanted, cases[i].label);
    }
}

TEST(cli_send_message_times)
{
    static const struct {
        const char *label, *priority, *by, *hold_for, *hold_until;
        bool good;
        int want_priority;
        int64_t want_by_ms, want_hold_ms; /* from now on */
        enum envelope_by mode;
    } cases[] = {
        {.label = "none",          .good = true    },
        {                                          .label = "priority",        .priority = "-4",     .good = true, .want_priority = -4},
        {                       .label = "too urgent",    .priority = "10"},
        {                   .label = "by",             .by = "30m",     .good = true, .want_by_ms = 1800000, .mode = BY_RETURN},
        {                     .label = "told",
         .by = "2h,notify",
         .good = true,
         .want_by_ms = 7200000,
         .mode = BY_NOTIFY},
        {                                                                     .label = "another word",    .by = "2h,shout"                         },
        {                                                                   .label = "no time",     .by = "soon"},
        {.label = "less than a second",                        .by = "500ms"                },
        {                                                                     .label = "hold",          .hold_for = "8h", .good = true, .want_hold_ms = 28800000},
        {.label = "until",
         .hold_until = "2026-01-01T10:00:00Z",
         .good = true,
         .want_hold_ms = 36000000},
        {                                                  .label = "past", .hold_until = "2020-01-01T10:00:00Z"                },
        {.label = "no date",                        .hold_until = "tomorrow"      },
        {       .label = "both",          .hold_for = "8h", .hold_until = "2026-01-01T10:00:00Z"},
    };
    const int64_t now_ms = 1767225600000; /* 2026-01-01T00:00:00Z */
    clock_use(&new_year);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES);
        const char *to = "b@y.example";
        struct cli_send_message_args args = {.from = "a@x.example",
                                             .to = one(&to),
                                             .priority = cases[i].priority,
                                             .by = cases[i].by,
                                             .hold_for = cases[i].hold_for,
                                             .hold_until = cases[i].hold_until};
        struct envelope *env;
        err e = cli_send_message_envelope(&args, S("X: y\r\n\r\n"), arena, &env);
        CHECK((e == NULL) == cases[i].good, cases[i].label);
        if (e)
            continue;
        CHECK(env->priority == cases[i].want_priority, cases[i].label);
        CHECK(env->by_ms == (cases[i].want_by_ms ? now_ms + cases[i].want_by_ms : 0),
              cases[i].label);
        CHECK(env->by_mode == cases[i].mode, cases[i].label);
        CHECK(env->not_before_ms == (cases[i].want_hold_ms ? now_ms + cases[i].want_hold_ms : 0),
              cases[i].label);
    }
    clock_use(NULL);
}

TEST(cli_send_compose_read)
{
    /* clang-format off */
    static const struct {
        const char *label;
        str bytes;
        const char *content; /* NULL: refused */
        bool warned;
    } cases[] = {
        {"LF",       S("A: b\n\nt\n"),         "A: b\r\n\r\nt\r\n",   false},
        {"CRLF",     S("A: b\r\n\r\nt\r\n"),   "A: b\r\n\r\nt\r\n",   false},
        {"bare CR",  S("A: b\n\nt\rBcc: x\n"), "A: b\r\n\r\nt\r\nBcc: x\r\n", false},
        {"Bcc",      S("Bcc: x@y\n\nt\n"),     "Bcc: x@y\r\n\r\nt\r\n", true},
        {"NUL",      S("A: b\n\nt\0\n"),       NULL,                  false},
        {"empty",    S(""),                    NULL,                  false},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[] = "/tmp/smtptool-send-XXXXXX";
        const char *warning = NULL;
        CLEANUP(buf_release) struct buf content;
        buf_init(&content, 1 << 20);
        int fd = mkstemp(path);
        ssize_t n = write(fd, cases[i].bytes.ptr, cases[i].bytes.len);
        close(fd);
        CHECK(n == (ssize_t)cases[i].bytes.len, cases[i].label);
        err e = cli_send_compose_read(path, &content, &warning);
        unlink(path);
        CHECK((e != NULL) == (cases[i].content == NULL), cases[i].label);
        if (e)
            continue;
        CHECK_STR(buf_str(&content), cases[i].content, cases[i].label);
        CHECK((warning != NULL) == cases[i].warned, cases[i].label);
    }
}
