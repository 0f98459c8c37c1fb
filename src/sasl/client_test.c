#include "base/arena.h"
#include "sasl/client.h"
#include "sasl/cram.h"
#include "tests/test.h"

static struct sasl_client *open_client(struct sasl_client_options options)
{
    struct sasl_client *c = NULL;
    CHECK_DONE(sasl_client_open(&options, &c), "open");
    return c;
}

TEST(sasl_client_plain_login)
{
    str response = {0};
    struct sasl_client *c = open_client(
        (struct sasl_client_options){.mechanism = SASL_PLAIN, .user = S("u"), .secret = S("p")});
    CHECK(sasl_client_speaks_first(c), "PLAIN");
    CHECK(sasl_client_finish(c) != NULL, "a 235 before we said anything");
    CHECK_DONE(sasl_client_step(c, S(""), &response), "PLAIN");
    CHECK(str_eq(response, (str){"\0u\0p", 4}), "PLAIN");
    CHECK_DONE(sasl_client_finish(c), "PLAIN");
    CHECK(sasl_client_step(c, S("more"), &response) != NULL, "PLAIN has no more to say");
    sasl_client_close(c);

    c = open_client(
        (struct sasl_client_options){.mechanism = SASL_LOGIN, .user = S("u"), .secret = S("p")});
    CHECK(!sasl_client_speaks_first(c), "LOGIN");
    CHECK_DONE(sasl_client_step(c, S("Username:"), &response), "LOGIN");
    CHECK_STR(response, "u", "LOGIN");
    CHECK_DONE(sasl_client_step(c, S("Password:"), &response), "LOGIN");
    CHECK_STR(response, "p", "LOGIN");
    CHECK_DONE(sasl_client_finish(c), "LOGIN");
    sasl_client_close(c);
}

TEST(sasl_client_cram_rfc2195)
{
    str response = {0};
    struct sasl_client *c = open_client((struct sasl_client_options){
        .mechanism = SASL_CRAM_MD5, .user = S("tim"), .secret = S("tanstaaftanstaaf")});
    CHECK_DONE(sasl_client_step(c, S("<1896.697170952@postoffice.reston.mci.net>"), &response),
               "CRAM");
    CHECK_STR(response, "tim b913a602c7eda7a495b4e6e7334d3890", "RFC 2195 section 2");
    sasl_client_close(c);
}

TEST(sasl_client_tokens)
{
    str response = {0};
    struct sasl_client_options options = {.mechanism = SASL_OAUTHBEARER,
                                          .user = S("user@example.com"),
                                          .secret = S("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
                                          .host = S("server.example.com"),
                                          .port = 143};
    struct sasl_client *c = open_client(options);
    CHECK_DONE(sasl_client_step(c, S(""), &response), "OAUTHBEARER");
    CHECK_STR(response,
              "n,a=user@example.com,\1host=server.example.com\1port=143\1"
              "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
              "RFC 7628 section 4.1");
    CHECK_DONE(sasl_client_finish(c), "accepted at once");
    CHECK_DONE(sasl_client_step(c, S("{\"status\":\"invalid_token\"}"), &response), "refused");
    CHECK_STR(response, "\1", "the dummy answer");
    CHECK_STR(sasl_client_said(c), "{\"status\":\"invalid_token\"}", "the reason");
    CHECK(sasl_client_finish(c) != NULL, "refused is not accepted");
    sasl_client_close(c);

    options.mechanism = SASL_XOAUTH2;
    options.secret = S("tok");
    c = open_client(options);
    CHECK_DONE(sasl_client_step(c, S(""), &response), "XOAUTH2");
    CHECK_STR(response, "user=user@example.com\1auth=Bearer tok\1\1", "XOAUTH2");
    CHECK_DONE(sasl_client_step(c, S("{}"), &response), "refused");
    CHECK_STR(response, "", "the dummy answer");
    sasl_client_close(c);
}

TEST(sasl_client_bad_options)
{
    static const struct {
        const char *label;
        struct sasl_client_options options;
    } cases[] = {
        {"no user",                 {.mechanism = SASL_PLAIN, .secret = {"p", 1}}                       },
        {"no password",             {.mechanism = SASL_PLAIN, .user = {"u", 1}}                         },
        {"NUL in the password",     {.mechanism = SASL_PLAIN, .user = {"u", 1}, .secret = {"a\0b", 3}}  },
        {"a token with a line end",
         {.mechanism = SASL_XOAUTH2, .user = {"u", 1}, .secret = {"a\n", 2}}                            },
        {"a token with ^A",         {.mechanism = SASL_XOAUTH2, .user = {"u", 1}, .secret = {"a\1b", 3}}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_client *c = NULL;
        err e = sasl_client_open(&cases[i].options, &c);
        CHECK(e && e->kind == ERR_CONFIG, cases[i].label);
        CHECK(c == NULL, cases[i].label);
    }
}

TEST(sasl_client_scram_server_first) /* attack 80 */
{
    static const struct {
        const char *label, *challenge;
        enum err_kind kind;
    } cases[] = {
        {"2^31 rounds",         "r=abcX,s=QSXCR+Q6sek8bf92,i=2147483648",           ERR_LIMIT   },
        {"2^64 rounds",         "r=abcX,s=QSXCR+Q6sek8bf92,i=18446744073709551616", ERR_PROTOCOL},
        {"one above the limit", "r=abcX,s=QSXCR+Q6sek8bf92,i=1000001",              ERR_LIMIT   },
        {"too few rounds",      "r=abcX,s=QSXCR+Q6sek8bf92,i=4095",                 ERR_PROTOCOL},
        {"no rounds",           "r=abcX,s=QSXCR+Q6sek8bf92,i=0",                    ERR_PROTOCOL},
        {"signed",              "r=abcX,s=QSXCR+Q6sek8bf92,i=-1",                   ERR_PROTOCOL},
        {"another nonce",       "r=abdX,s=QSXCR+Q6sek8bf92,i=4096",                 ERR_PROTOCOL},
        {"our nonce alone",     "r=abc,s=QSXCR+Q6sek8bf92,i=4096",                  ERR_PROTOCOL},
        {"no salt",             "r=abcX,s=,i=4096",                                 ERR_PROTOCOL},
        {"salt is not base64",  "r=abcX,s=!,i=4096",                                ERR_PROTOCOL},
        {"no nonce",            "s=QSXCR+Q6sek8bf92,i=4096",                        ERR_PROTOCOL},
        {"mandatory extension", "m=1,r=abcX,s=QSXCR+Q6sek8bf92,i=4096",             ERR_PROTOCOL},
        {"an error",            "e=other-error",                                    ERR_PROTOCOL},
        {"empty",               "",                                                 ERR_PROTOCOL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_client *c = open_client((struct sasl_client_options){
            .mechanism = SASL_SCRAM_SHA_256, .user = S("u"), .secret = S("p"), .nonce = S("abc")});
        str response = {0};
        CHECK_DONE(sasl_client_step(c, S(""), &response), cases[i].label);
        CHECK_STR(response, "n,,n=u,r=abc", cases[i].label);
        err e = sasl_client_step(c, str_of(cases[i].challenge), &response);
        CHECK(e && e->kind == cases[i].kind, cases[i].label);
        CHECK(sasl_client_finish(c) != NULL, cases[i].label);
        sasl_client_close(c);
        err_forget();
    }
}

static const struct vector {
    const char *label;
    enum sasl_mechanism mechanism;
    const char *nonce, *binding, *first, *challenge, *second, *signature;
} vectors[] = {
    {"RFC 7677 section 3", SASL_SCRAM_SHA_256,    "rOprNGfwEbeRWgbNEkqO",     NULL,
     "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",                  "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",                                     "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {"RFC 5802 section 5", SASL_SCRAM_SHA_1,      "fyko+d2lbbFgONRv9qkxdawL", NULL,
     "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",              "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="                },
 /* no RFC has one with a binding: made with Python's hashlib out of the one above */
    {"SHA-1, bound",       SASL_SCRAM_SHA_1_PLUS, "fyko+d2lbbFgONRv9qkxdawL", "the channel",
     "p=tls-exporter,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
     "c=cD10bHMtZXhwb3J0ZXIsLHRoZSBjaGFubmVs,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
     "p=l5qH3jSLVIK+E8l0CdlaJHedrNA=",                                                     "O4UvTY12B9IkiCv4gRuWSDY7OpI="                },
};

/* One login as in the vector, but with this as the server's last word. */
static void check_vector(const struct vector *v, str final, bool ok, const char *label)
{
    struct sasl_client *c =
        open_client((struct sasl_client_options){.mechanism = v->mechanism,
                                                 .user = S("user"),
                                                 .secret = S("pencil"),
                                                 .nonce = str_of(v->nonce),
                                                 .binding = str_of(v->binding)});
    str response = {0};
    CHECK_DONE(sasl_client_step(c, S(""), &response), v->label);
    CHECK_STR(response, v->first, v->label);
    CHECK_DONE(sasl_client_step(c, str_of(v->challenge), &response), v->label);
    CHECK_STR(response, v->second, v->label);
    CHECK((sasl_client_step(c, final, &response) == NULL) == ok, label);
    CHECK((sasl_client_finish(c) == NULL) == ok, label);
    sasl_client_close(c);
    err_forget();
}

TEST(sasl_client_scram_vectors)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        char *wrong = arena_chars(arena, str_of(v->signature));
        check_vector(v, arena_printf(arena, "v=%s", wrong), true, "right signature");
        wrong[0] = wrong[0] == 'A' ? 'B' : 'A';
        check_vector(v, arena_printf(arena, "v=%s", wrong), false, "wrong signature");
        check_vector(v, S("v=6rri"), false, "short signature");
        check_vector(v, S(""), false, "no signature");
        check_vector(v, S("e=invalid-proof"), false, "an error");
    }
}

TEST(sasl_client_binding_flag)
{
    static const struct {
        const char *label, *binding;
        unsigned offered;
        const char *want;
    } cases[] = {
        {"cannot bind",                              NULL, 0,                             "n,,n=u,r=abc"},
        {"can bind, PLUS is not offered",            "B",  0,                             "y,,n=u,r=abc"},
        {"can bind, but PLUS is of another hash",    "B",  1u << SASL_SCRAM_SHA_1_PLUS,   "n,,n=u,r=abc"},
        {"can bind, the operator named plain SCRAM", "B",  1u << SASL_SCRAM_SHA_256_PLUS,
         "n,,n=u,r=abc"                                                                                 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_client *c =
            open_client((struct sasl_client_options){.mechanism = SASL_SCRAM_SHA_256,
                                                     .user = S("u"),
                                                     .secret = S("p"),
                                                     .nonce = S("abc"),
                                                     .binding = str_of(cases[i].binding),
                                                     .offered = cases[i].offered});
        str response = {0};
        CHECK_DONE(sasl_client_step(c, S(""), &response), cases[i].label);
        CHECK_STR(response, cases[i].want, cases[i].label);
        sasl_client_close(c);
    }
}
