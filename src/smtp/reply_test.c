#include "smtp/reply.h"
#include "tests/test.h"

TEST(smtp_reply_parse)
{
    /* clang-format off */
    static const struct {
        const char *label, *input, *text, *enhanced, *left;
        int code; /* 0: not a whole reply, or refused with kind */
        bool broken;
        enum err_kind kind;
    } cases[] = {
        {.label = "one line", .input = "250 ok\r\n", .code = 250, .text = "ok"},
        {.label = "no text", .input = "250\r\n", .code = 250},
        {.label = "no text behind a blank", .input = "250 \r\n", .code = 250},
        {.label = "hyphen without text", .input = "250-\r\n250 x\r\n", .code = 250, .text = "\nx"},
        {.label = "enhanced on each line", .input = "550-5.1.1 no\r\n550 5.1.1 such\r\n",
         .code = 550, .text = "no\nsuch", .enhanced = "5.1.1"},
        {.label = "attack 35: enhanced without text", .input = "550 5.7.2\r\n", .code = 550,
         .enhanced = "5.7.2"},
        {.label = "enhanced of another class is text", .input = "550 2.1.5 x\r\n", .code = 550,
         .text = "2.1.5 x"},
        {.label = "an address is no enhanced code", .input = "250 2.1.5.1 x\r\n", .code = 250,
         .text = "2.1.5.1 x"},
        {.label = "leaves the rest", .input = "220 a\r\n250 b\r\n", .code = 220, .text = "a",
         .left = "250 b\r\n"},
        {.label = "control bytes", .input = "250 a\x1b[2J\r\n", .code = 250, .text = "a?[2J"},
        {.label = "codes differ", .input = "250-a\r\n251 b\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "bare LF", .input = "250 ok\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "bare CR", .input = "250 o\rk\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "unfinished reply", .input = "250-ok\r\n"},
        {.label = "unfinished line", .input = "250 ok\r"},
        {.label = "nothing", .input = ""},
        {.label = "attack 34: code 99", .input = "99\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "attack 34: code 1000", .input = "1000\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "attack 34: 250x", .input = "250x\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "attack 34: empty line", .input = "\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "code 600", .input = "600 x\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "two digits", .input = "25\r\n", .broken = true, .kind = ERR_PROTOCOL},
        {.label = "HTTP is refused before its line ends", .input = "HTTP/1.1", .broken = true,
         .kind = ERR_PROTOCOL},
    };
    /* clang-format on */
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str input = str_of(cases[i].input);
        struct smtp_reply reply = {.code = -1};
        bool complete = false;
        err e = smtp_reply_parse(&input, arena, &complete, &reply);
        CHECK((e != NULL) == cases[i].broken, cases[i].label);
        if (e)
            CHECK(e->kind == cases[i].kind, cases[i].label);
        CHECK(complete == (cases[i].code != 0), cases[i].label);
        CHECK(reply.code == (complete ? cases[i].code : -1), cases[i].label);
        CHECK_STR(reply.text, cases[i].text, cases[i].label);
        CHECK_STR(reply.enhanced, cases[i].enhanced, cases[i].label);
        CHECK_STR(input, complete ? cases[i].left : cases[i].input, cases[i].label);
    }
}

static err parse_repeated(const char *piece, int times, struct arena *arena, bool *ret_complete)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < times; i++)
        CHECK_DONE(buf_add(&b, str_of(piece)), "fill");
    str input = buf_str(&b);
    struct smtp_reply reply;
    err e = smtp_reply_parse(&input, arena, ret_complete, &reply);
    buf_release(&b);
    return e;
}

TEST(smtp_reply_limits) /* attack 34 */
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    bool complete = false;
    err e = parse_repeated("550-x\r\n", 128, arena, &complete);
    CHECK(e && e->kind == ERR_LIMIT, "128 lines and no end");
    CHECK(parse_repeated("550-x\r\n", 127, arena, &complete) == NULL && !complete, "127 lines");
    e = parse_repeated("550 ", 600, arena, &complete);
    CHECK(e && e->kind == ERR_LIMIT, "a line without an end");
    char line[1002];
    snprintf(line, sizeof line, "550-%0994d\r\n", 7);
    e = parse_repeated(line, 66, arena, &complete);
    CHECK(e && e->kind == ERR_LIMIT, "64 KiB in all");
    str nul = S("250 a\0b\r\n");
    struct smtp_reply reply;
    CHECK(smtp_reply_parse(&nul, arena, &complete, &reply), "NUL");
}

TEST(smtp_reply_format)
{
    static const struct {
        const char *label, *enhanced, *text, *want;
        int code;
    } cases[] = {
        {"one line",               "2.1.0", "ok",           "250 2.1.0 ok\r\n",               250},
        {"no enhanced code",       "",      "go",           "354 go\r\n",                     354},
        {"several lines",          "5.7.1", "a\nb",         "550-5.7.1 a\r\n550 5.7.1 b\r\n", 550},
        {"attack 35: no text",     "5.7.2", "",             "550 5.7.2\r\n",                  550},
        {"control and 8-bit",      NULL,    "a\r\x1b\xc3z", "250 a???z\r\n",                  250},
        {"a line feed at the end", "",      "a\n",          "250 a\r\n",                      250},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;
        buf_init(&b, 4096);
        CHECK_DONE(smtp_reply_format(&b, cases[i].code, cases[i].enhanced, str_of(cases[i].text)),
                   cases[i].label);
        CHECK_STR(buf_str(&b), cases[i].want, cases[i].label);
        buf_release(&b);
    }
}

TEST(smtp_reply_format_long)
{
    struct buf text, out;
    buf_init(&text, 4096);
    buf_init(&out, 4096);
    for (int i = 0; i < 150; i++)
        CHECK_DONE(buf_add(&text, S("word45678 ")), "fill");
    CHECK_DONE(smtp_reply_format(&out, 550, "5.7.1", buf_str(&text)), "format");
    str rest = buf_str(&out), line;
    int lines = 0;
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        CHECK(line.len + 1 <= SMTP_REPLY_LINE_BYTES_WRITE_MAX, "line length");
        CHECK(str_starts(line, rest.len ? S("550-5.7.1 word") : S("550 5.7.1 word")), "codes");
        lines++;
    }
    CHECK(lines == 3 || lines == 4, "number of lines");
    out.max = out.len + 5;
    size_t before = out.len;
    CHECK(smtp_reply_format(&out, 250, "", S("too long")) && out.len == before, "full");
    buf_release(&text);
    buf_release(&out);
}
