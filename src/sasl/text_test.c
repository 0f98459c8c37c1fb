#include "sasl/text.h"
#include "tests/test.h"

TEST(sasl_text_check)
{
    static const struct {
        const char *label;
        str input;
        bool ok;
    } cases[] = {
        {"ascii",                 {"secret", 6},           true },
        {"spaces and signs",      {"a b=,%\"", 7},         true },
        {"umlaut",                {"\xc3\xbc", 2},         true },
        {"emoji",                 {"\xf0\x9f\x98\x80", 4}, true },
        {"empty",                 {"", 0},                 false},
        {"longer than the limit", {"123456789", 9},        false},
        {"attack 79: NUL",        {"a\0b", 3},             false},
        {"line end",              {"a\r\n", 3},            false},
        {"DEL",                   {"\x7f", 1},             false},
        {"C1",                    {"\xc2\x85", 2},         false},
        {"attack 79: not UTF-8",  {"\xff", 1},             false},
        {"attack 154: overlong",  {"\xc0\xaf", 2},         false},
        {"bidi override",         {"\xe2\x80\xae", 3},     false},
        {"non-character",         {"\xef\xbf\xbe", 3},     false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK((sasl_text_check(cases[i].input, 8) == NULL) == cases[i].ok, cases[i].label);
}
