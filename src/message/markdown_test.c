#include "message/markdown.h"
#include "tests/test.h"

TEST(message_markdown)
{
    static const struct {
        const char *markdown, *html;
    } cases[] = {
        {"# Hello\n\n*you*",                "<h1>Hello</h1>\n<p><em>you</em></p>"},
        {"| a | b |\n|---|---|\n| 1 | 2 |", "<table>"                            },
        {"~~no~~ https://x.example/",       "<del>no</del> <a href=\"https://x.e"},
        {"1 < 2 & 3",                       "1 &lt; 2 &amp; 3"                   },
        {"",                                "<body>\n</body>"                    },
    };
    CLEANUP(buf_release) struct buf html;
    buf_init(&html, 1 << 20);
    err e = message_markdown_add(S("x"), &html);
    if (e && str_contains(e->text, S("libmd4c"))) {
        test_skip("libmd4c-html is not installed");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&html);
        CHECK_DONE(message_markdown_add(str_of(cases[i].markdown), &html), cases[i].markdown);
        CHECK(str_contains(buf_str(&html), str_of(cases[i].html)), cases[i].markdown);
    }
    CHECK(message_markdown_add(S("\xff"), &html) != NULL, "no UTF-8");
    err_forget();
}

TEST(message_markdown_bounds)
{
    static char many[MESSAGE_MARKDOWN_BYTES_MAX + 1];
    CLEANUP(buf_release) struct buf html, small;
    buf_init(&html, 1 << 20);
    buf_init(&small, 80);
    memset(many, '>', sizeof many); /* quotes in quotes in quotes */
    CHECK(message_markdown_add((str){many, sizeof many}, &html) != NULL, "too long");
    err_forget();
    CHECK(message_markdown_add(S("a text that is longer than the room for it"), &small) != NULL,
          "no room");
    err_forget();
}
