#include "template/html.h"
#include "tests/test.h"

TEST(template_html_place)
{
    static const struct {
        const char *label, *before;
        enum template_html_place want;
    } cases[] = {
        {"nothing",                            "",                                         HTML_TEXT     },
        {"text",                               "<p>Hello ",                                HTML_TEXT     },
        {"a tag's name",                       "<",                                        HTML_NOWHERE  },
        {"inside a tag",                       "<p ",                                      HTML_NOWHERE  },
        {"an attribute's name",                "<p cl",                                    HTML_NOWHERE  },
        {"bare value",                         "<p class=",                                HTML_NOWHERE  },
        {"bare value begun",                   "<p class=a",                               HTML_NOWHERE  },
        {"double quotes",                      "<p class=\"",                              HTML_ATTRIBUTE},
        {"single quotes",                      "<p title='x ",                             HTML_ATTRIBUTE},
        {"a URL",                              "<a HREF=\"",                               HTML_URL      },
        {"a URL, begun",                       "<a href=\"https://x.example/?u=",          HTML_URL_PART },
        {"an image",                           "<img src='",                               HTML_URL      },
        {"a handler",                          "<p onclick=\"",                            HTML_NOWHERE  },
        {"a style",                            "<p style=\"",                              HTML_NOWHERE  },
        {"srcset",                             "<img srcset=\"",                           HTML_NOWHERE  },
        {"script",                             "<script>var a = \"",                       HTML_NOWHERE  },
        {"behind script",                      "<SCRIPT>if (a < b) </script> </Script > ", HTML_TEXT     },
        {"style sheet",                        "<style>p { ",                              HTML_NOWHERE  },
        {"behind a style sheet",               "<style>p{}</style><p>",                    HTML_TEXT     },
        {"comment",                            "<!-- a > b ",                              HTML_NOWHERE  },
        {"behind a comment",                   "<!-- a -- > b -->",                        HTML_TEXT     },
        {"doctype",                            "<!DOCTYPE html>",                          HTML_TEXT     },
        {"less than in text",                  "a < b ",                                   HTML_TEXT     },
        {"behind a value",                     "<a href=\"x\">",                           HTML_TEXT     },
        {"second attribute",                   "<a href=\"x\" title=\"",                   HTML_ATTRIBUTE},
        {"blanks around =",                    "<p class = \"",                            HTML_NOWHERE  },
        {"end tag",                            "<b>x</b> ",                                HTML_TEXT     },
        {"title is text for the browser only", "<title>",                                  HTML_NOWHERE  },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_html h;
        template_html_init(&h);
        template_html_feed(&h, str_of(cases[i].before));
        CHECK(template_html_place(&h) == cases[i].want, cases[i].label);
    }
}
