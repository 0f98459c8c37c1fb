#include "oauth/url.h"
#include "tests/test.h"

TEST(oauth_url_check)
{
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"https://accounts.google.com/o/oauth2/v2/auth",                   true },
        {"https://login.microsoftonline.com/common/oauth2/v2.0/token?x=y", true },
        {"http://127.0.0.1:8080/token",                                    true },
        {"http://localhost/token",                                         true },
        {"http://[::1]:1/",                                                true },
        {"http://example.com/token",                                       false},
        {"http://127.0.0.1.example.com/",                                  false},
        {"http://localhost.example.com/",                                  false},
        {"http://localhost@example.com/",                                  false},
        {"https://user:pw@example.com/",                                   false},
        {"https:///path",                                                  false},
        {"https://",                                                       false},
        {"ftp://example.com/",                                             false},
        {"javascript:alert(1)",                                            false},
        {"https://example.com/#x",                                         false},
        {"https://example.com/a b",                                        false},
        {"https://example.com/\x1b[2J",                                    false},
        {"",                                                               false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK((oauth_url_check(str_of(cases[i].url)) == NULL) == cases[i].good, cases[i].url);
        err_forget();
    }
}
