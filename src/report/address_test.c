#include "report/address.h"
#include "tests/test.h"

TEST(report_address_is_one_that_needs_no_quotes)
{
    static const struct {
        const char *given, *to; /* NULL: it cannot be used */
    } cases[] = {
        {"reports@Example.COM",   "reports@example.com"},
        {"a.b+c@example.com",     "a.b+c@example.com"  },
        {"\"a b\"@example.com",   NULL                 },
        {"\"a@b\"@example.com",   NULL                 },
        {"a@[192.0.2.1]",         NULL                 },
        {"a@b@example.com",       NULL                 },
        {"a\r\nBcc: x@y@example", NULL                 },
        {"",                      NULL                 },
    };
    struct arena *arena = arena_open(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mailauth_dmarc_uri uri = {.address = str_of(cases[i].given)};
        str to = S("untouched");
        bool usable = report_address_read(&uri, arena, &to);
        CHECK(usable == (cases[i].to != NULL), cases[i].given);
        CHECK_STR(to, usable ? cases[i].to : "untouched", cases[i].given);
        err_forget();
    }
    arena_close(arena);
}
