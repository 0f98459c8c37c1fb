/* Words become settings: names, values, what is forgotten, what is refused. */
#include "personality/personality.h"
#include "personality/swaks_option.h"
#include "personality/swaks_source.h"
#include "tests/test.h"

enum { WORDS_MAX = 10 };

struct row {
    const char *label;
    const char *words[WORDS_MAX];
    enum swaks_key key;
    const char *value; /* NULL: not set */
    const char *why;   /* NULL: it is fine */
};

static void check_row(const struct row *r)
{
    struct arena *arena = arena_open(1 << 20);
    struct swaks_settings s;
    str words[WORDS_MAX];
    size_t count = 0;
    personality_swaks_option_init(&s, arena);
    while (count < WORDS_MAX && r->words[count]) {
        words[count] = str_of(r->words[count]);
        count++;
    }
    err e = personality_swaks_option_take(&s, words, count, "command line");
    CHECK((e != NULL) == (r->why != NULL), r->label);
    if (e && r->why)
        CHECK_STR(e->text, r->why, r->label);
    const struct swaks_setting *set = personality_swaks_option_find(&s, r->key);
    CHECK((set != NULL) == (r->value != NULL), r->label);
    if (set && r->value)
        CHECK_STR(set->value, r->value, r->label);
    err_forget();
    arena_close(arena);
}

TEST(personality_swaks_option_take)
{
    static const struct row rows[] = {
        {"long",                      {"--server", "a"},               SWAKS_SERVER,        "a",            NULL                                    },
        {"short",                     {"-s", "a"},                     SWAKS_SERVER,        "a",            NULL                                    },
        {"one dash",                  {"-server", "a"},                SWAKS_SERVER,        "a",            NULL                                    },
        {"attached",                  {"--server=a=b"},                SWAKS_SERVER,        "a=b",          NULL                                    },
        {"the last one wins",         {"-s", "a", "--server", "b"},    SWAKS_SERVER,        "b",            NULL                                    },
        {"no value before an option", {"-s", "-n"},                    SWAKS_SERVER,        "",             NULL                                    },
        {"stdin is a value",          {"--data", "-"},                 SWAKS_DATA,          "-",            NULL                                    },
        {"must take",                 {"-q", "-n"},                    SWAKS_QUIT,          "-n",           NULL                                    },
        {"forgotten",                 {"-s", "a", "--no-server"},      SWAKS_SERVER,        NULL,           NULL                                    },
        {"forgotten by its alias",    {"-tls", "--no-tls"},            SWAKS_TLS,           NULL,           NULL                                    },
        {"no- by nature",             {"--no-hints"},                  SWAKS_NO_HINTS,      "",             NULL                                    },
        {"and forgotten",             {"--no-hints", "--no-no-hints"}, SWAKS_NO_HINTS,      NULL,           NULL                                    },
        {"cut short",                 {"--suppress"},                  SWAKS_SUPPRESS_DATA, "",             NULL                                    },
        {"a header",                  {"--h-Subject", "x y"},          SWAKS_HEADER,        "Subject: x y", NULL                                    },
        {"a header, long",            {"--header-Subject:", "x"},      SWAKS_HEADER,        "Subject: x",   NULL                                    },
        {"headers forgotten",         {"--h-A", "x", "--no-h-B"},      SWAKS_HEADER,        NULL,           NULL                                    },
        {"-g",                        {"-g"},                          SWAKS_DATA,          "-",            NULL                                    },
        {"-g beside --data",          {"-g", "--data", "x"},           SWAKS_DATA,          "x",            NULL                                    },
        {"capital",                   {"-S", "2"},                     SWAKS_SILENT,        "2",            NULL                                    },
        {"two unknown",
         {"--foo", "-bar"},
         SWAKS_DATA,                                                                        NULL,
         "Unknown option: foo\nUnknown option: bar"                                                                                                 },
        {"ambiguous",
         {"--hid"},
         SWAKS_DATA,                                                                        NULL,
         "Option hid is ambiguous (hide-all, hide-informational, hide-receive, hide-send)"                                                          },
        {"nothing to take",           {"-q"},                          SWAKS_QUIT,          NULL,           "Option quit-after requires an argument"},
        {"left",
         {"a", "b"},
         SWAKS_DATA,                                                                        NULL,
         "Data left in option list when processing  command line ('a', 'b').  Exiting"                                                              },
        {"a value for a flag",
         {"--tls=1"},
         SWAKS_TLS,                                                                         "",
         "Data left in option list when processing  command line ('1').  Exiting"                                                                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
}

TEST(personality_swaks_option_list)
{
    struct arena *arena = arena_open(1 << 20);
    struct swaks_settings s;
    const str words[] = {S("--ah"), S("A: 1"), S("-ah"), S("B: 2"), S("--add-header=C: 3")};
    personality_swaks_option_init(&s, arena);
    CHECK_DONE(personality_swaks_option_take(&s, words, ARRAY_LEN(words), "x"), "taken");
    CHECK(s.count == 3, "each time counts");
    CHECK_STR(s.list[1].value, "B: 2", "in order");
    arena_close(arena);
}

TEST(personality_swaks_source_lines)
{
    struct arena *arena = arena_open(1 << 20);
    struct swaks_settings s;
    personality_swaks_option_init(&s, arena);
    str text = S("# a comment\n--from fred@example.com\r\nh-From: \"Fred\" <f@e>\napt\n\nahp \n");
    CHECK_DONE(personality_swaks_source_lines(&s, text, "rc"), "read");
    CHECK_STR(personality_swaks_option_find(&s, SWAKS_FROM)->value, "fred@example.com", "from");
    CHECK_STR(personality_swaks_option_find(&s, SWAKS_HEADER)->value, "From: \"Fred\" <f@e>",
              "no shell, so no quotes");
    CHECK(personality_swaks_option_given(&s, SWAKS_AUTH_PLAINTEXT), "without dashes");
    CHECK(personality_swaks_option_given(&s, SWAKS_AUTH_HIDE), "with an empty value");
    err e = personality_swaks_source_lines(&s, S("n yes\n"), "rc");
    CHECK(e != NULL, "a flag takes no value");
    if (e)
        CHECK_STR(e->text,
                  "Data left in option list when processing  Config file rc ('yes').  Exiting",
                  "and it is told");
    err_forget();
    arena_close(arena);
}

/* What is named on the command line beats the environment; secrets do not stay where they stood. */
TEST(personality_swaks_source_read)
{
    struct arena *arena = arena_open(4 << 20);
    struct swaks_settings s;
    char words[][24] = {"swaks", "-ap", "hush", "--auth-password=hush2", "-f", "a@b", "--config"};
    char *argv[ARRAY_LEN(words) + 1] = {NULL};
    char own[][32] = {"SWAKS_OPT_from=c@d", "SWAKS_OPT_auth_password=hush3",
                      "SWAKS_OPT_n=", "SWAKS_OPT_h_X=1"};
    char *environment[ARRAY_LEN(own) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        argv[i] = words[i];
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        environment[i] = own[i];
    personality_swaks_option_init(&s, arena);
    CHECK_DONE(personality_swaks_source_read(&s, (int)ARRAY_LEN(words), argv, environment), "read");
    CHECK_STR(personality_swaks_option_find(&s, SWAKS_FROM)->value, "a@b", "the line beats it");
    CHECK_STR(personality_swaks_option_find(&s, SWAKS_AUTH_PASSWORD)->value, "hush2", "password");
    CHECK(personality_swaks_option_given(&s, SWAKS_SUPPRESS_DATA), "a flag in a variable");
    CHECK_STR(personality_swaks_option_find(&s, SWAKS_HEADER)->value, "X: 1", "a header in one");
    CHECK_STR(str_of(words[2]), "xxxx", "overwritten");
    CHECK_STR(str_of(words[3]), "--auth-password=xxxxx", "attached, overwritten");
    CHECK_STR(str_of(own[1]), "SWAKS_OPT_auth_password=xxxxx", "variable, overwritten");
    CHECK_STR(str_of(words[5]), "a@b", "others stay");
    arena_close(arena);
}

TEST(personality_find)
{
    CHECK(personality_find(S("/usr/local/bin/swaks")) != NULL, "with folders");
    CHECK(personality_find(S("swaks")) == personality_at(0), "alone");
    CHECK(personality_find(S("smtptool")) == NULL, "ourselves");
    CHECK(personality_find(S("swaks2")) == NULL, "another name");
    CHECK(personality_find(S("")) == NULL, "none");
}
