#include "lib/client.h"
#include "tests/test.h"

static void check(int kind, int want, struct smtptool_error **ret_error, const char *label)
{
    struct smtptool_error *error = *ret_error;
    CHECK(kind == want, label);
    CHECK((error != NULL) == (kind != SMTPTOOL_OK), label);
    CHECK(!str_contains(str_of(smtptool_error_text(error)), S("hunter2")), "no secret is told");
    smtptool_error_free(error);
}

TEST(lib_client_urls)
{
    static const struct {
        const char *label, *url;
        int kind;
    } cases[] = {
        {"a name",         "smtp://mail.example.com",           SMTPTOOL_OK     },
        {"implicit TLS",   "smtps://mail.example.com:465",      SMTPTOOL_OK     },
        {"a socket",       "lmtp+unix:///run/x",                SMTPTOOL_OK     },
        {"a login in it",  "smtp://me:hunter2@mail.example",    SMTPTOOL_INVALID},
        {"another scheme", "https://mail.example.com",          SMTPTOOL_INVALID},
        {"nothing",        "",                                  SMTPTOOL_INVALID},
        {"a line end",     "smtp://mail.example.com\r\nQUIT",   SMTPTOOL_INVALID},
        {"no such word",   "smtp://mail.example.com?tls=maybe", SMTPTOOL_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct smtptool_client *c = NULL;
        struct smtptool_error *e = NULL;
        int kind = smtptool_client_new(cases[i].url, &c, &e);
        check(kind, cases[i].kind, &e, cases[i].label);
        CHECK((c != NULL) == (kind == SMTPTOOL_OK), cases[i].label);
        smtptool_client_free(c);
    }
}

TEST(lib_client_settings)
{
    struct smtptool_client *c = NULL;
    struct smtptool_error *e = NULL;
    char large[9000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    check(smtptool_client_new("smtp://mail.example.com", &c, &e), SMTPTOOL_OK, &e, "new");
    check(smtptool_client_login(c, "me", "hunter2", SMTPTOOL_PASSWORD, &e), SMTPTOOL_OK, &e,
          "login");
    check(smtptool_client_login(c, "me", "hunter2\n", 0, &e), SMTPTOOL_INVALID, &e, "a line end");
    CHECK(c->secret.len == 0, "a login that is refused is none");
    check(smtptool_client_login(c, "me", "", 0, &e), SMTPTOOL_INVALID, &e, "no secret");
    check(smtptool_client_login(c, "me", NULL, 0, &e), SMTPTOOL_INVALID, &e, "NULL");
    check(smtptool_client_login(c, "me", large, 0, &e), SMTPTOOL_TOO_LARGE, &e, "a large one");
    check(smtptool_client_login(c, large, "hunter2", 0, &e), SMTPTOOL_TOO_LARGE, &e,
          "a large user");
    check(smtptool_client_login(c, "me", "hunter2", 7, &e), SMTPTOOL_INVALID, &e, "no such secret");
    check(smtptool_client_login(c, NULL, NULL, 0, &e), SMTPTOOL_OK, &e, "no login");
    check(smtptool_client_mechanism(c, "SCRAM-SHA-256", &e), SMTPTOOL_OK, &e, "mechanism");
    check(smtptool_client_mechanism(c, "NTLM", &e), SMTPTOOL_INVALID, &e, "an unknown one");
    check(smtptool_client_ca_file(c, "/does/not/exist", &e), SMTPTOOL_INVALID, &e, "no such file");
    check(smtptool_client_ca_file(c, NULL, &e), SMTPTOOL_OK, &e, "the system's");
    check(smtptool_client_hello(c, "a b", &e), SMTPTOOL_INVALID, &e, "no name");
    check(smtptool_client_hello(c, "me.example.com", &e), SMTPTOOL_OK, &e, "a name");
    check(smtptool_client_timeouts(c, -1, 0, 0, &e), SMTPTOOL_INVALID, &e, "less than nothing");
    check(smtptool_client_timeouts(c, 5, 0, 0, &e), SMTPTOOL_OK, &e, "one of them");
    CHECK(c->policy.connect_ms == 5 && c->policy.reply_ms == CONFIG_CLIENT_POLICY_REPLY_MS, "kept");
    check(smtptool_client_retries(c, 11, 1, &e), SMTPTOOL_INVALID, &e, "too often");
    check(smtptool_client_retries(c, 1, 0, &e), SMTPTOOL_INVALID, &e, "no wait");
    check(smtptool_client_send(c, NULL, NULL, 0, NULL, NULL, &e), SMTPTOOL_MISUSE, &e,
          "no message");
    check(smtptool_client_send_all(c, NULL, 3, 1, NULL, &e), SMTPTOOL_MISUSE, &e, "no messages");
    c->busy = true;
    check(smtptool_client_hello(c, NULL, &e), SMTPTOOL_MISUSE, &e, "in use");
    c->busy = false;
    smtptool_client_free(c);
}

TEST(lib_client_same_message_twice)
{
    struct smtptool_message *m = smtptool_message_new();
    struct smtptool_message *twice[] = {m, m};
    struct smtptool_results *results[2];
    struct smtptool_client *c = NULL;
    struct smtptool_error *e = NULL;
    check(smtptool_client_new("smtp://192.0.2.1", &c, &e), SMTPTOOL_OK, &e, "new");
    check(smtptool_client_send_all(c, twice, 2, 1, results, &e), SMTPTOOL_MISUSE, &e, "twice");
    CHECK(results[0] == NULL && results[1] == NULL, "no results");
    check(smtptool_message_subject(m, "x", &e), SMTPTOOL_OK, &e, "it is free again");
    check(smtptool_message_from(m, "a@x.example", &e), SMTPTOOL_OK, &e, "from");
    check(smtptool_client_send(c, NULL, NULL, 0, m, results, &e), SMTPTOOL_INVALID, &e,
          "to nobody");
    CHECK(results[0] == NULL, "nobody was asked");
    smtptool_client_free(c);
    smtptool_message_free(m);
}

TEST(lib_results_of_nothing)
{
    CHECK(smtptool_results_count(NULL) == 0, "count");
    CHECK(smtptool_results_kind(NULL, 0) == SMTPTOOL_MISUSE, "kind");
    CHECK_STR(str_of(smtptool_results_address(NULL, 3)), "", "address");
    CHECK_STR(str_of(smtptool_kind_name(99)), "unknown", "no such kind");
    CHECK_STR(str_of(smtptool_kind_name(-1)), "unknown", "below all");
    smtptool_results_free(NULL);
}

TEST(lib_template_limits)
{
    struct smtptool_template *t = NULL;
    struct smtptool_error *e = NULL;
    char *text = NULL;
    static char large[SMTPTOOL_VALUE_BYTES_MAX + 2], commas[2001];
    memset(large, 'x', sizeof large - 1);
    memset(commas, ',', sizeof commas - 1);
    struct smtptool_field fields[] = {
        {"a",       commas},
        {"c",       large },
        {"unknown", "y"   },
        {NULL,      "z"   }
    };
    static const char hungry[] = "{{#each a | split: \",\" as x}}{{#each a | split: \",\" as y}}"
                                 "{{#if c | upper = 1}}z{{/if}}{{/each}}{{/each}}";
    check(smtptool_template_compile(9, NULL, "x", &t, &e), SMTPTOOL_INVALID, &e, "no such context");
    check(smtptool_template_compile(SMTPTOOL_PLAIN, "n", "{{#if", &t, &e), SMTPTOOL_INVALID, &e,
          "it does not end");
    check(smtptool_template_compile(SMTPTOOL_PLAIN, "n", hungry, &t, &e), SMTPTOOL_OK, &e,
          "hungry");
    check(smtptool_template_render(t, fields, 4, &text, NULL, &e), SMTPTOOL_TOO_LARGE, &e,
          "attack 47: a field that is too large");
    large[SMTPTOOL_VALUE_BYTES_MAX] = '\0';
    check(smtptool_template_render(t, fields, 4, &text, NULL, &e), SMTPTOOL_TOO_LARGE, &e,
          "attack 47: loops that eat memory and write nothing");
    CHECK(text == NULL, "untouched");
    check(smtptool_template_render(NULL, fields, 1, &text, NULL, &e), SMTPTOOL_MISUSE, &e, "none");
    smtptool_template_free(t);
}
