#include "template/template.h"
#include "tests/test.h"

struct bench {
    struct arena *arena;
    struct template_names *names;
    struct template_scope scope;
    struct buf out;
};

static const struct template_value orders[] = {
    {.kind = VALUE_TEXT, .text = {"one", 3}  },
    {.kind = VALUE_TEXT, .text = {"<two>", 5}},
};
static const struct template_member person[] = {
    {{"name", 4},  {.kind = VALUE_TEXT, .text = {"Ann", 3}} },
    {{"items", 5}, {.kind = VALUE_LIST, .list = {orders, 2}}},
};
static const struct template_value people[] = {
    {.kind = VALUE_OBJECT, .object = {person, 2}},
    {.kind = VALUE_OBJECT, .object = {person, 2}},
};

static const struct {
    const char *name;
    struct template_value value;
} row[] = {
    {"name",   {.kind = VALUE_TEXT, .text = {"Ann", 3}}                        },
    {"evil",   {.kind = VALUE_TEXT, .text = {"<b>\"x\" & 'y'", 12}}            },
    {"line",   {.kind = VALUE_TEXT, .text = {"a\r\nBcc: x@y.example", 19}}     },
    {"nul",    {.kind = VALUE_TEXT, .text = {"a\0b", 3}}                       },
    {"two",    {.kind = VALUE_TEXT, .text = {"a@x.example, b@y.example", 24}}  },
    {"mail",   {.kind = VALUE_TEXT, .text = {"ann@x.example", 13}}             },
    {"comma",  {.kind = VALUE_TEXT, .text = {"Smith, \"Jo\"", 11}}             },
    {"js",     {.kind = VALUE_TEXT, .text = {"javascript:alert(1)", 19}}       },
    {"tags",   {.kind = VALUE_TEXT, .text = {"{{name}}{{> self}}", 18}}        },
    {"link",   {.kind = VALUE_TEXT, .text = {"https://x.example/?a=1&b=2", 26}}},
    {"orders", {.kind = VALUE_LIST, .list = {orders, 2}}                       },
    {"people", {.kind = VALUE_LIST, .list = {people, 2}}                       },
    {"user",   {.kind = VALUE_OBJECT, .object = {person, 2}}                   },
    {"none",   {.kind = VALUE_MISSING}                                         },
};

static void set_up(struct bench *b)
{
    b->arena = arena_open((16 << 20) + TEMPLATE_ARENA_BYTES_MAX);
    b->names = template_names_open(b->arena);
    buf_init(&b->out, 1 << 20);
    struct template_value *slots = ARENA_ARRAY(b->arena, struct template_value, ARRAY_LEN(row));
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        size_t slot = 0;
        CHECK_DONE(template_names_add(b->names, str_of(row[i].name), &slot), row[i].name);
        slots[slot] = row[i].value;
    }
    b->names->closed = true;
    b->scope =
        (struct template_scope){.slots = slots, .slot_count = ARRAY_LEN(row), .arena = b->arena};
}

static void tear_down(struct bench *b)
{
    template_names_close(b->names);
    buf_release(&b->out);
    arena_close(b->arena);
}

static err find_partial(void *arg, str name, struct arena *arena,
                        struct template_source *ret_source)
{
    (void)arg;
    *ret_source = (struct template_source){arena_printf(arena, "%.*s.html", STR_ARG(name)),
                                           S("-{{name}}-\n")};
    if (str_eq(name, S("self")))
        ret_source->text = S("{{> self}}");
    if (str_eq(name, S("open")))
        ret_source->text = S("\n {{#if name}}");
    if (str_eq(name, S("gone")))
        return err_new(ERR_CONFIG, "no such file");
    return NULL;
}

/* What comes out, or "compile: ..." or "render: ...". */
static str work_out(struct bench *b, enum template_context context, const char *text, bool raw)
{
    static char why[700];
    const struct template *t;
    struct template_options options = {
        .context = context,
        .source = {S("t.html"), str_of(text)},
        .names = b->names,
        .allow_raw = raw,
        .partial = find_partial
    };
    buf_clear(&b->out);
    err e = template_compile(&options, b->arena, &t);
    if (e == NULL)
        e = template_render(t, &b->scope, &b->out);
    if (e == NULL)
        return buf_str(&b->out);
    CHECK(b->out.len == 0, "nothing is left behind");
    err_words(e, why, sizeof why);
    err_forget();
    return str_of(why);
}

TEST(template_render)
{
    static const struct {
        const char *label;
        enum template_context context;
        const char *input, *want;
    } cases[] = {
        {"a value",                     TEMPLATE_PLAIN,     "Hi {{name}}!",                                      "Hi Ann!"                                    },
        {"blanks in the tag",           TEMPLATE_PLAIN,     "{{  name  }}",                                      "Ann"                                        },
        {"default",                     TEMPLATE_PLAIN,     "{{none | default: \"x}}y\"}}",                      "x}}y"                                       },
        {"an escaped tag",              TEMPLATE_PLAIN,     "\\{{name}} {{name}}",                               "{{name}} Ann"                               },
        {"if",                          TEMPLATE_PLAIN,     "{{#if name}}a{{else}}b{{/if}}",                     "a"                                          },
        {"else",                        TEMPLATE_PLAIN,     "{{#if none}}a{{else}}b{{/if}}c",                    "bc"                                         },
        {"else if",                     TEMPLATE_PLAIN,
         "{{#if none}}a{{else if name = Ann}}b{{else if name}}c{{else}}d{{/if}}e",                               "be"                                         },
        {"else if, none",               TEMPLATE_PLAIN,     "{{#if none}}a{{else if none}}b{{/if}}e",            "e"                                          },
        {"if in if",                    TEMPLATE_PLAIN,     "{{#if name}}{{#if none}}a{{else}}b{{/if}}c{{/if}}", "bc"                                         },
        {"each",                        TEMPLATE_PLAIN,
         "{{#each orders}}{{@index}}={{this}}{{#if not @last}}, {{/if}}{{/each}}",                               "1=one, 2=<two>"                             },
        {"each of nothing",             TEMPLATE_PLAIN,     "{{#each none}}a{{else}}b{{/each}}",                 "b"                                          },
        {"each with its else",          TEMPLATE_PLAIN,     "{{#each orders}}a{{else}}b{{/each}}c",              "aac"                                        },
        {"each in each",                TEMPLATE_PLAIN,
         "{{#each people as p}}{{#each p.items as i}}{{p.name}}{{i}} {{/each}}{{/each}}",                        "Annone Ann<two> Annone Ann<two> "           },
        {"members",                     TEMPLATE_PLAIN,     "{{user.name}}",                                     "t.html:1:3: there is no field \"user.name\""},
        {"each over an object is once", TEMPLATE_PLAIN,     "{{#each user}}{{this.name}}{{/each}}",
         "Ann"                                                                                                                                                },
        {"comment",                     TEMPLATE_PLAIN,     "a{{! b }}c{{!-- {{name}} --}}d",                    "acd"                                        },
        {"a block's line goes",         TEMPLATE_PLAIN,     "a\n  {{#if name}}  \nb\n{{/if}}\nc\n",
         "a\nb\nc\n"                                                                                                                                          },
        {"a block in a line stays",     TEMPLATE_PLAIN,     "a {{#if name}}\nb{{/if}}\n",                        "a \nb\n"                                    },
        {"a value's line stays",        TEMPLATE_PLAIN,     "{{none}}\na",                                       "\na"                                        },
        {"partial",                     TEMPLATE_PLAIN,     "{{> part}}\nx {{> dir/part}}",                      "-Ann-\nx -Ann-\n"                           },
        {"html",                        TEMPLATE_HTML,      "<p title=\"{{evil}}\">{{evil}}</p>",
         "<p title=\"&lt;b&gt;&quot;x&quot; &amp; &#39;y&#39;\">&lt;b&gt;&quot;x&quot; &amp; "
         "&#39;y&#39;</p>"                                                                                                                                    },
        {"raw",                         TEMPLATE_HTML,      "{{{evil}}}",                                        "<b>\"x\" & 'y'"                             },
        {"a URL",                       TEMPLATE_HTML,      "<a href=\"{{link}}\">",
         "<a href=\"https://x.example/?a=1&amp;b=2\">"                                                                                                        },
        {"a URL that is a program",     TEMPLATE_HTML,      "<a href=\"{{js}}\">",                               "<a href=\"#\">"                             },
        {"a URL's part",                TEMPLATE_HTML,      "<a href=\"https://x.example/?u={{link}}\">",
         "<a href=\"https://x.example/?u=https%3A%2F%2Fx.example%2F%3Fa%3D1%26b%3D2\">"                                                                       },
        {"a URL's part, once",          TEMPLATE_HTML,      "<a href=\"https://x.example/?u={{mail | url}}\">",
         "<a href=\"https://x.example/?u=ann%40x.example\">"                                                                                                  },
        {"a URL begun in one branch",   TEMPLATE_HTML,      "<a href=\"{{#if none}}https:{{/if}}{{js}}\">",
         "<a href=\"javascript%3Aalert%281%29\">"                                                                                                             },
        {"attack 47: tags in a value",  TEMPLATE_PLAIN,     "{{tags}}",                                          "{{name}}{{> self}}"                         },
        {"plain text is not escaped",   TEMPLATE_PLAIN,     "{{evil}}",                                          "<b>\"x\" & 'y'"                             },
        {"header",                      TEMPLATE_HEADER,    "Hi {{name}}",                                       "Hi Ann"                                     },
        {"addresses",                   TEMPLATE_ADDRESSES, "{{comma}} <{{mail}}>, {{mail}}",
         "\"Smith, \\\"Jo\\\"\" <ann@x.example>, ann@x.example"                                                                                               },
        {"addresses, quoted",           TEMPLATE_ADDRESSES, "\"{{comma}}\" <{{mail}}>",
         "\"Smith, \\\"Jo\\\"\" <ann@x.example>"                                                                                                              },
        {"one URL",                     TEMPLATE_URL,       "https://x.example/{{link}}",
         "https://x.example/https%3A%2F%2Fx.example%2F%3Fa%3D1%26b%3D2"                                                                                       },
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(work_out(&b, cases[i].context, cases[i].input, true), cases[i].want,
                  cases[i].label);
    tear_down(&b);
}

TEST(template_refused)
{
    static const struct {
        const char *label;
        enum template_context context;
        const char *input, *want;
    } cases[] = {
        {"attack 48: a subject with a line end",      TEMPLATE_HEADER,    "Hi {{line}}",
         "{{line}}: a line end or control character in a header field"                                                                                          },
        {"attack 49: a display name with a line end", TEMPLATE_ADDRESSES, "{{line}} <{{mail}}>",
         "{{line}}: a line end or control character in a header field"                                                                                          },
        {"attack 49: a NUL",                          TEMPLATE_HEADER,    "{{nul}}",
         "{{nul}}: a line end or control character in a header field"                                                                                           },
        {"attack 48: a second address",               TEMPLATE_ADDRESSES, "X <{{two}}>",
         "{{two}}: no single e-mail address"                                                                                                                    },
        {"attack 48: no address at all",              TEMPLATE_ADDRESSES, "X <{{none}}>",
         "{{none}}: no single e-mail address"                                                                                                                   },
        {"attack 52: a URL with a line end",          TEMPLATE_URL,       "{{line}}",                            "#"                                            },
        {"misspelt field",                            TEMPLATE_PLAIN,     "a\n{{nmae}}",
         "t.html:2:3: there is no field \"nmae\" (did you mean \"name\"?)"                                                                                      },
        {"misspelt block",                            TEMPLATE_PLAIN,     "{{#eech x}}",
         "t.html:1:1: there is no {{#eech}} (did you mean \"each\"?)"                                                                                           },
        {"no end of the tag",                         TEMPLATE_PLAIN,     "a {{name",                            "t.html:1:3: {{ without its }}"                },
        {"no end of the block",                       TEMPLATE_PLAIN,     "\n{{#if name}}a",
         "t.html:2:1: this {{#if}} has no {{/if}}"                                                                                                              },
        {"the wrong end",                             TEMPLATE_PLAIN,     "{{#if name}}a{{/each}}",
         "t.html:1:14: {{/if}} is wanted here"                                                                                                                  },
        {"an end alone",                              TEMPLATE_PLAIN,     "{{/if}}",                             "t.html:1:1: {{/if}} closes nothing"           },
        {"else alone",                                TEMPLATE_PLAIN,     "{{else}}",
         "t.html:1:1: an {{else}} without its {{#if}} or {{#each}}"                                                                                             },
        {"else twice",                                TEMPLATE_PLAIN,     "{{#if name}}{{else}}{{else}}{{/if}}",
         "t.html:1:21: a second {{else}}"                                                                                                                       },
        {"empty tag",                                 TEMPLATE_PLAIN,     "{{ }}",                               "t.html:1:1: a field's name is missing in {{}}"},
        {"raw in text",                               TEMPLATE_PLAIN,     "{{{name}}}",                          "t.html:1:1: {{{raw}}} stands in HTML only"    },
        {"raw not allowed",                           TEMPLATE_HTML,      "{{{name}}}",
         "t.html:1:1: {{{raw}}} must be allowed first: a row could add markup with it"                                                                          },
        {"in a script",                               TEMPLATE_HTML,      "<script>{{name}}</script>",
         "t.html:1:9: a value cannot stand in a script, style or the like: nothing makes it "
         "harmless there"                                                                                                                                       },
        {"bare attribute",                            TEMPLATE_HTML,      "<p class={{name}}>",
         "t.html:1:10: a value cannot stand in an attribute without quotes: nothing makes it "
         "harmless there; write it in quotes"                                                                                                                   },
        {"a handler",                                 TEMPLATE_HTML,      "<p onclick=\"{{name}}\">",
         "t.html:1:13: a value cannot stand in an attribute that is a program: nothing makes it "
         "harmless there"                                                                                                                                       },
        {"a branch ends elsewhere",                   TEMPLATE_HTML,      "{{#if name}}<p class=\"{{/if}}",
         "t.html:1:23: this branch ends elsewhere in the HTML than the one before"                                                                              },
        {"a loop ends elsewhere",                     TEMPLATE_HTML,      "{{#each orders}}<p {{/each}}",
         "t.html:1:20: the loop ends elsewhere in the HTML than it begins"                                                                                      },
        {"a partial in itself",                       TEMPLATE_PLAIN,     "{{> self}}",
         "self.html:1:1: partials more than 7 deep: is \"self\" in itself?"                                                                                     },
        {"a partial's block",                         TEMPLATE_PLAIN,     "{{> open}}{{/if}}",
         "open.html:2:2: this {{#if}} has no {{/if}}"                                                                                                           },
        {"a partial's name",                          TEMPLATE_PLAIN,     "{{> ../etc/passwd}}",
         "t.html:1:1: a partial's name is letters, digits, \"-_.\" and \"/\""                                                                                   },
        {"no such partial",                           TEMPLATE_PLAIN,     "{{> gone}}",
         "t.html:1:1: partial \"gone\": no such file"                                                                                                           },
    };
    struct bench b;
    set_up(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STR(work_out(&b, cases[i].context, cases[i].input, false), cases[i].want,
                  cases[i].label);
    tear_down(&b);
}

TEST(template_bounds)
{
    struct bench b;
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 1 << 20);
    set_up(&b);
    for (int i = 0; i < TEMPLATE_BLOCKS_MAX + 1; i++)
        CHECK_DONE(buf_add(&text, S("{{#if name}}")), "text");
    CHECK(str_contains(work_out(&b, TEMPLATE_PLAIN, buf_chars(&text), false),
                       S("more than 16 blocks")),
          "blocks");
    buf_clear(&text);
    for (int i = 0; i < TEMPLATE_STEPS_MAX + 1; i++)
        CHECK_DONE(buf_add(&text, S("{{name}}")), "text");
    CHECK(str_contains(work_out(&b, TEMPLATE_PLAIN, buf_chars(&text), false), S("too long")),
          "steps");
    tear_down(&b);
}
