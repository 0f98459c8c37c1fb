#include "smtp/status.h"
#include "tests/test.h"

TEST(smtp_status)
{
    static const struct {
        const char *label, *code, *text;
        int class;
    } cases[] = {
        {"registered",      "5.1.1",    "Bad destination mailbox address",       5},
        {"two digits",      "5.7.30",   "REQUIRETLS support required",           5},
        {"class 4",         "4.4.7",    "Delivery time expired",                 4},
        {"unknown detail",  "4.3.99",   "Other or undefined mail system status", 4},
        {"unknown subject", "5.9.1",    "Other undefined status",                5},
        {"long subject",    "5.10.1",   "Other undefined status",                5},
        {"class 3",         "3.1.1",    "Other undefined status",                0},
        {"text behind",     "5.1.1 x",  "Other undefined status",                0},
        {"four digits",     "5.1.1000", "Other undefined status",                0},
        {"empty",           "",         "Other undefined status",                0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(smtp_status_class(str_of(cases[i].code)) == cases[i].class, cases[i].label);
        CHECK_STR(str_of(smtp_status_text(str_of(cases[i].code))), cases[i].text, cases[i].label);
    }
    CHECK_STR(smtp_status_for_code(550), "5.0.0", "may mean many things");
    CHECK_STR(smtp_status_for_code(535), "5.7.8", "means one thing");
    CHECK_STR(smtp_status_for_code(451), "4.0.0", "class 4");
    CHECK_STR(smtp_status_for_code(250), "2.0.0", "class 2");
    for (int code = 200; code < 600; code++)
        CHECK(code / 100 == 3 || smtp_status_class(smtp_status_for_code(code)) == code / 100,
              "the class of the code");
}
