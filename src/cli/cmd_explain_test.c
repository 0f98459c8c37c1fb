/* `smtptool explain` as people call it: what it prints and what it exits with. */
#include "cli/run_test.h"
#include "outcome/class.h"

/* One run with stdout and stderr in a file; what was printed goes into ret_text. */
static int run(const char *const *words, char *ret_text, size_t size)
{
    const char *argv[12] = {"smtptool", "explain"};
    int argc = 2;
    for (; words[argc - 2]; argc++)
        argv[argc] = words[argc - 2];
    return run_test_cli(argv, ret_text, size);
}

TEST(cli_explain)
{
    static const struct {
        const char *words[8];
        int exit;
        const char *said[3];
    } cases[] = {
        {{"reply", "550 5.1.1 no such user"},
         CLI_OK,                                                                           {"bad_mailbox (hard", "to do: Send nothing more to this recipient.",
          "it said: 550 5.1.1 no such user\n"}                                                                             },
        {{"reply", "--stage", "data", "550", "no", "such", "user"},           CLI_OK,      {"filtered\n"}                                  },
        {{"reply", "450 4.7.1 Greylisted, try again in 5 minutes"},
         CLI_OK,                                                                           {"greylist (temporary)", "wait for 300 seconds"}},
        {{"reply", "--host", "mx1.comcast.net", "421 RL000001"},
         CLI_OK,                                                                           {"rate (temporary)", "answered by: comcast"}    },
        {{"reply", "--json", "550 x\033[31m"},
         CLI_UNKNOWN,                                                                      {"\"class\":\"permanent_other\"", "\\u001B"}    },
        {{"reply", "550 x\033[31m"},                                          CLI_UNKNOWN, {"550 x?[31m"}                                  },
        {{"reply", "--stage", "quit", "550 x"},                               CLI_USAGE,   {"none of connect"}                             },
        {{"bounce", "tests/corpus/outcome_notice/qmail.eml"},
         CLI_OK,                                                                           {"qmail.eml: failed, about <2@example.com>\n", "bob@example.net: bad_mailbox (hard",
          "carol@example.net: "}                                                                                           },
        {{"bounce", "--json", "tests/corpus/outcome_notice/a-complaint.eml"},
         CLI_OK,                                                                           {"\"kind\":\"complaint\"", "\"address\":\"bob@example.net\"",
          "\"feedback_type\":\"abuse\""}                                                                                   },
        {{"bounce", "tests/corpus/outcome_notice/mail-of-a-person.eml"},
         CLI_FINDINGS,                                                                     {"no bounce, complaint"}                        },
        {{"bounce", "tests/corpus/outcome_notice/none.eml"},                  CLI_UNKNOWN, {"none.eml"}                                    },
        {{"bounce"},                                                          CLI_USAGE,   {"usage: smtptool explain bounce FILE..."}      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[8192], label[100];
        snprintf(label, sizeof label, "%s %s", cases[i].words[0], cases[i].words[1]);
        CHECK(run(cases[i].words, text, sizeof text) == cases[i].exit, label);
        for (size_t k = 0; k < ARRAY_LEN(cases[i].said) && cases[i].said[k]; k++)
            if (strstr(text, cases[i].said[k]) == NULL)
                test_fail(__FILE__, __LINE__, label, text);
    }
}

/* docs/outcomes.md tells of every class, with its advice. */
TEST(cli_explain_page)
{
    CLEANUP(buf_release) struct buf page;
    buf_init(&page, 1 << 20);
    CHECK_DONE(cli_read_file("docs/outcomes.md", &page), "the page");
    for (int i = 0; i < OUTCOME_CLASSES; i++) {
        const struct outcome_class_facts *class = outcome_class_of((enum outcome_class)i);
        char row[400];
        snprintf(row, sizeof row, "| `%s` | %s | %s | %s | %s |", class->name, class->meaning,
                 class->dead ? "yes" : "", outcome_class_whose(class->whose),
                 outcome_class_advice(class->advice));
        CHECK(str_contains(buf_str(&page), str_of(row)), row);
    }
}
