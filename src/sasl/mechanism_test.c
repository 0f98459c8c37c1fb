#include "sasl/mechanism.h"
#include "tests/test.h"

TEST(sasl_mechanism_choose)
{
    static const struct {
        const char *label, *offered;
        struct sasl_mechanism_wish wish;
        enum sasl_mechanism want;
    } cases[] = {
        {"PLUS is best",
         "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS",                                      {.binding_known = true},
         SASL_SCRAM_SHA_256_PLUS                                                                                                         },
        {"PLUS needs a binding",                    "SCRAM-SHA-256-PLUS SCRAM-SHA-256", {0},                           SASL_SCRAM_SHA_256},
        {"SCRAM before PLAIN",                      "PLAIN LOGIN scram-sha-256",        {0},                           SASL_SCRAM_SHA_256},
        {"PLAIN before LOGIN",                      "LOGIN PLAIN",                      {0},                           SASL_PLAIN        },
        {"CRAM-MD5 before PLAIN",                   "LOGIN PLAIN CRAM-MD5",             {0},                           SASL_CRAM_MD5     },
        {"SHA-1 before CRAM-MD5",                   "CRAM-MD5 PLAIN SCRAM-SHA-1",       {0},                           SASL_SCRAM_SHA_1  },
        {"SHA-256 before SHA-1",                    "SCRAM-SHA-1 SCRAM-SHA-256",        {0},                           SASL_SCRAM_SHA_256},
        {"a bound SHA-1 before an unbound SHA-256",
         "SCRAM-SHA-256 SCRAM-SHA-1-PLUS",                                              {.binding_known = true},
         SASL_SCRAM_SHA_1_PLUS                                                                                                           },
        {"no binding, no PLUS of SHA-1",            "SCRAM-SHA-1-PLUS SCRAM-SHA-1",     {0},                           SASL_SCRAM_SHA_1  },
        {"CRAM-MD5, named",
         "PLAIN SCRAM-SHA-256 CRAM-MD5",                                                {.named = SASL_CRAM_MD5},
         SASL_CRAM_MD5                                                                                                                   },
        {"named but not offered",                   "PLAIN",                            {.named = SASL_SCRAM_SHA_256}, SASL_NONE         },
        {"a token",                                 "XOAUTH2 PLAIN OAUTHBEARER",        {.token = true},               SASL_OAUTHBEARER  },
        {"a token, the older way",                  "XOAUTH2 PLAIN",                    {.token = true},               SASL_XOAUTH2      },
        {"a token is no password",                  "PLAIN SCRAM-SHA-256",              {.token = true},               SASL_NONE         },
        {"unknown names and blanks",                " GSSAPI  NTLM LOGIN ",             {0},                           SASL_LOGIN        },
        {"nothing",                                 "",                                 {0},                           SASL_NONE         },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned offered = sasl_mechanism_offered(str_of(cases[i].offered));
        CHECK(sasl_mechanism_choose(offered, &cases[i].wish) == cases[i].want, cases[i].label);
    }
}
