#include "oauth/advice.h"
#include "oauth/answer.h"
#include "tests/test.h"

TEST(oauth_answer_token)
{
    static const struct {
        const char *label;
        int status;
        const char *body;
        const char *access; /* NULL: no token */
        int64_t life_s;
        enum oauth_refusal_kind refusal;
        bool err;
    } cases[] = {
        {"RFC 6749",              200, "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":60}",
         "at",                                                                                                        60,                  0,                 false},
        {"seconds as a text",     200, "{\"access_token\":\"at\",\"expires_in\":\"3599\"}",                     "at", 3599,
         0,                                                                                                                                                   false},
        {"no end told",           200, "{\"access_token\":\"at\"}",                                             "at", OAUTH_LIFE_S_UNTOLD, 0,                 false},
        {"null is absent",        200, "{\"access_token\":\"at\",\"refresh_token\":null}",                      "at", 3600,                0,
         false                                                                                                                                                     },
        {"pending",               400, "{\"error\":\"authorization_pending\"}",                                 NULL, 0,                   OAUTH_PENDING,     false},
        {"slow down",             400, "{\"error\":\"slow_down\"}",                                             NULL, 0,                   OAUTH_SLOW_DOWN,   false},
        {"an error in a 200",     200, "{\"error\":\"invalid_grant\"}",                                         NULL, 0,                   OAUTH_LOGIN_AGAIN,
         false                                                                                                                                                     },
        {"Microsoft declined",    400, "{\"error\":\"authorization_declined\"}",                                NULL, 0,                   OAUTH_DENIED,
         false                                                                                                                                                     },
        {"a page with 503",       503, "<html>down</html>",                                                     NULL, 0,                   OAUTH_TEMPORARY,   false},
        {"throttled",             429, "",                                                                      NULL, 0,                   OAUTH_TEMPORARY,   false},
        {"a redirect",            302, "",                                                                      NULL, 0,                   OAUTH_OTHER,       false},
        {"an error of their own", 400, "{\"error\":\"moon_phase\"}",                                            NULL, 0,                   OAUTH_OTHER,       false},
        {"no JSON",               200, "at",                                                                    NULL, 0,                   0,                 true },
        {"a list",                200, "[]",                                                                    NULL, 0,                   0,                 true },
        {"no token",              200, "{}",                                                                    NULL, 0,                   0,                 true },
        {"another type",          200, "{\"access_token\":\"at\",\"token_type\":\"mac\"}",                      NULL, 0,                   0,                 true },
        {"a line end in it",      200, "{\"access_token\":\"a\\nt\"}",                                          NULL, 0,                   0,                 true },
        {"a blank in it",         200, "{\"access_token\":\"a t\"}",                                            NULL, 0,                   0,                 true },
        {"a number as token",     200, "{\"access_token\":1}",                                                  NULL, 0,                   0,                 true },
        {"a life below zero",     200, "{\"access_token\":\"at\",\"expires_in\":-1}",                           NULL, 0,                   0,                 true },
        {"a life without end",    200, "{\"access_token\":\"at\",\"expires_in\":1e300}",                        NULL, 0,                   0,
         true                                                                                                                                                      },
        {"the token twice",       200, "{\"access_token\":\"a\",\"access_token\":\"b\"}",                       NULL, 0,                   0,
         true                                                                                                                                                      },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        struct oauth_token_answer a = {0};
        struct oauth_refusal r = {0};
        err e = oauth_answer_token(cases[i].status, str_of(cases[i].body), arena, &a, &r);
        CHECK((e != NULL) == cases[i].err, cases[i].label);
        CHECK(r.kind == cases[i].refusal, cases[i].label);
        CHECK_STR(a.access, cases[i].access ? cases[i].access : "", cases[i].label);
        CHECK(a.life_s == cases[i].life_s, cases[i].label);
        CHECK(r.kind == OAUTH_NOT_REFUSED || oauth_advice_of(&r)[0], cases[i].label);
        err_forget();
    }
}

TEST(oauth_answer_refusal_words)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
    struct oauth_token_answer a;
    struct oauth_refusal r = {0};
    CHECK_DONE(oauth_answer_token(400,
                                  S("{\"error\":\"invalid_client\",\"error_description\":"
                                    "\"AADSTS7000218: The \\u001b[2J request\\r\\nbody\"}"),
                                  arena, &a, &r),
               "a refusal");
    CHECK_STR(r.description, "AADSTS7000218: The ?[2J request  body", "made visible");
    CHECK(strstr(oauth_advice_of(&r), "Allow public client flows") != NULL, "by their number");
}

TEST(oauth_answer_device)
{
    static const struct {
        const char *label, *body;
        int64_t interval_s;
        bool err;
    } cases[] = {
        {"RFC 8628",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_uri\":\"https://e.example/"
         "d\",\"expires_in\":1800,\"interval\":7}",                                                            7, false},
        {"no interval",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_uri\":\"https://e.example/d\"}",           5, false},
        {"Google's name",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_url\":\"https://www.google.com/"
         "device\"}",                                                                                          5, false},
        {"no code",                      "{\"user_code\":\"W\",\"verification_uri\":\"https://e.example/d\"}", 0, true },
        {"a URL in clear",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_uri\":\"http://e.example/d\"}",            0, true },
        {"no URL at all",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_uri\":\"call us\"}",                       0, true },
        {"a code that moves the cursor",
         "{\"device_code\":\"d\",\"user_code\":\"\\u001b[H\",\"verification_uri\":\"https://"
         "e.example/d\"}",                                                                                     0, true },
        {"an interval of a day",
         "{\"device_code\":\"d\",\"user_code\":\"W\",\"verification_uri\":\"https://e.example/"
         "d\",\"interval\":86400}",                                                                            0, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        struct oauth_device_answer a = {0};
        struct oauth_refusal r = {0};
        err e = oauth_answer_device(200, str_of(cases[i].body), arena, &a, &r);
        CHECK((e != NULL) == cases[i].err, cases[i].label);
        CHECK(a.interval_s == cases[i].interval_s, cases[i].label);
        err_forget();
    }
}

TEST(oauth_answer_discovery)
{
    static const struct {
        const char *label, *body;
        bool err;
    } cases[] = {
        {"whole",
         "{\"issuer\":\"https://i.example/\",\"authorization_endpoint\":\"https://i.example/"
         "a\",\"token_endpoint\":\"https://i.example/"
         "t\",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\"]}",               false},
        {"another issuer",
         "{\"issuer\":\"https://mallory.example\",\"authorization_endpoint\":\"https://i.example/"
         "a\",\"token_endpoint\":\"https://i.example/t\"}",                                       true },
        {"no token endpoint",
         "{\"issuer\":\"https://i.example\",\"authorization_endpoint\":\"https://i.example/a\"}", true },
        {"tokens in clear",
         "{\"issuer\":\"https://i.example\",\"authorization_endpoint\":\"https://i.example/"
         "a\",\"token_endpoint\":\"http://i.example/t\"}",                                        true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        struct oauth_discovery d = {0};
        err e =
            oauth_answer_discovery(200, str_of(cases[i].body), S("https://i.example"), arena, &d);
        CHECK((e != NULL) == cases[i].err, cases[i].label);
        CHECK(d.by_form == !cases[i].err, cases[i].label);
        err_forget();
    }
}

TEST(oauth_answer_missing_scope)
{
    static const struct {
        const char *wanted, *granted, *missing;
    } cases[] = {
        {"https://mail.google.com/",                            "https://mail.google.com/",       ""                                    },
        {"https://mail.google.com/",                            "https://mail.google.com openid", ""                                    },
        {"https://mail.google.com/",                            "openid email",                   "https://mail.google.com/"            },
        {"https://outlook.office.com/SMTP.Send offline_access",
         "https://outlook.office.com/smtp.send",                                                  ""                                    },
        {"https://outlook.office.com/SMTP.Send offline_access",
         "https://outlook.office.com/IMAP.AccessAsUser.All",                                      "https://outlook.office.com/SMTP.Send"},
        {"https://outlook.office365.com/.default",              "",                               ""                                    },
        {"a b",                                                 "",                               "a b"                                 },
        {"a  b ",                                               "b",                              "a"                                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        CHECK_STR(
            oauth_answer_missing_scope(str_of(cases[i].wanted), str_of(cases[i].granted), arena),
            cases[i].missing, cases[i].wanted);
    }
}
