#include "account/sender.h"
#include "tests/test.h"

TEST(account_sender_allowed) /* attack 82 */
{
    static const struct {
        const char *label, *login, *pattern, *sender;
        bool allowed;
    } cases[] = {
        {"own",                               "bob@example.com",         "own",             "bob@example.com",                true },
        {"own in other case",                 "bob@example.com",         "own",             "Bob@EXAMPLE.com",                true },
        {"not own",                           "bob@example.com",         "own",             "amy@example.com",                false},
        {"own is no prefix",                  "bob@example.com",         "own",             "bob@example.com.evil.example",   false},
        {"a login without domain",            "bob",                     "own",             "bob@mail.example.com",           true },
        {"a login without domain, elsewhere", "bob",                     "own",             "bob@example.com",                false},
        {"attack 155: own in NFD",            "jos\xc3\xa9@example.com", "own",             "jose\xcc\x81@example.com",
         true                                                                                                                      },
        {"attack 155: not own in Cyrillic",   "paul@example.com",        "own",             "p\xd0\xb0ul@example.com",
         false                                                                                                                     },
        {"null sender",                       "bob@example.com",         "own",             "",                               true },
        {"an address",                        "bob@example.com",         "amy@example.com", "amy@example.com",                true },
        {"another address",                   "bob@example.com",         "amy@example.com", "bob@example.com",                false},
        {"a domain",                          "bob@example.com",         "@example.net",    "any@Example.NET",                true },
        {"not its subdomains",                "bob@example.com",         "@example.net",    "any@a.example.net",              false},
        {"not its neighbours",                "bob@example.com",         "@example.net",    "any@notexample.net",             false},
        {"a quoted @",                        "bob@example.com",         "@example.net",    "\"x@example.net\"@evil.example", false},
        {"all",                               "bob@example.com",         "*",               "any@example.org",                true },
        {"no domain in the sender",           "bob@example.com",         "@example.net",    "postmaster",                     false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        str pattern = str_of(cases[i].pattern);
        bool allowed = account_sender_allowed(str_of(cases[i].login), S("mail.example.com"),
                                              &pattern, 1, str_of(cases[i].sender));
        CHECK(allowed == cases[i].allowed, cases[i].label);
    }
    CHECK(!account_sender_allowed(S("bob@x"), S("x"), NULL, 0, S("bob@x")), "no patterns");
}

TEST(account_sender_check)
{
    static const struct {
        const char *pattern;
        bool ok;
    } cases[] = {
        {"own",           true },
        {"*",             true },
        {"@example.com",  true },
        {"a@example.com", true },
        {"",              false},
        {"example.com",   false},
        {"a@",            false},
        {"*@",            false},
        {"a b@c",         false},
        {"a\n@b",         false}
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK((account_sender_check(str_of(cases[i].pattern)) == NULL) == cases[i].ok,
              cases[i].pattern);
}
