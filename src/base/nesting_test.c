#include "base/nesting.h"
#include "tests/test.h"

TEST(nesting_is_counted_outside_of_strings)
{
    static const struct {
        const char *label, *json;
        int most;
        bool shallow;
    } cases[] = {
        {"nothing",                          "",                0, true },
        {"a number",                         "17",              0, true },
        {"as many as may be",                "{\"a\":[{}]}",    3, true },
        {"one more",                         "{\"a\":[{}]}",    2, false},
        {"side by side",                     "[[],[],{},{}]",   2, true },
        {"in a string",                      "[\"[[[{{{\"]",    1, true },
        {"behind a string",                  "[\"[\",[]]",      1, false},
        {"a quote that is escaped",          "[\"\\\"[[[\"]",   1, true },
        {"a backslash that is escaped",      "[\"\\\\\",[[]]]", 2, false},
        {"never closed",                     "[[[",             3, true },
        {"closed before it is open",         "]]]][[[[",        3, false},
        {"what was closed below is no room", "]]]][[[",         3, true },
        {"a string that never ends",         "[\"[[[",          1, true },
        {"the text ends behind a backslash", "[\"\\",           1, true },
        {"too deep, then back again",        "[[[[]]]]",        3, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(nesting_is_shallow(str_of(cases[i].json), cases[i].most) == cases[i].shallow,
              cases[i].label);
}
