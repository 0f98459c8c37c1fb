#include "sasl/client.h"
#include "sasl/server.h"
#include "tests/test.h"

static struct sasl_server *open_server(enum sasl_mechanism m, const char *binding)
{
    return sasl_server_open(&(struct sasl_server_options){
        .mechanism = m, .hostname = S("mx.example.net"), .binding = str_of(binding)});
}

TEST(sasl_server_plain) /* attack 79 */
{
    static const struct {
        const char *label;
        str response;
        enum sasl_server_status want;
    } cases[] = {
        {"plain",                  {"\0bob\0pw", 7},     SASL_SERVER_CHECK    },
        {"authzid is the user",    {"bob\0bob\0pw", 10}, SASL_SERVER_CHECK    },
        {"authzid in other case",  {"BOB\0bob\0pw", 10}, SASL_SERVER_CHECK    },
        {"authzid is another",     {"amy\0bob\0pw", 10}, SASL_SERVER_REFUSED  },
        {"one NUL",                {"bob\0pw", 6},       SASL_SERVER_MALFORMED},
        {"no NUL",                 {"bob", 3},           SASL_SERVER_MALFORMED},
        {"three NULs",             {"\0bob\0pw\0", 8},   SASL_SERVER_MALFORMED},
        {"no user",                {"\0\0pw", 4},        SASL_SERVER_MALFORMED},
        {"no password",            {"\0bob\0", 5},       SASL_SERVER_MALFORMED},
        {"empty",                  {"", 0},              SASL_SERVER_MALFORMED},
        {"not UTF-8",              {"\0bob\0\xff", 6},   SASL_SERVER_MALFORMED},
        {"a line end in the user", {"\0b\n\0pw", 6},     SASL_SERVER_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_server *s = open_server(SASL_PLAIN, NULL);
        CHECK(sasl_server_step(s, &cases[i].response) == cases[i].want, cases[i].label);
        if (cases[i].want == SASL_SERVER_CHECK) {
            CHECK_STR(sasl_server_claim(s).user, "bob", cases[i].label);
            CHECK_STR(sasl_server_claim(s).password, "pw", cases[i].label);
        } else {
            CHECK(sasl_server_why(s).len > 0, cases[i].label);
        }
        sasl_server_close(s);
    }
}

TEST(sasl_server_long_password) /* attack 79 */
{
    static char bytes[1 << 20];
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "\0bob", 5);
    static const size_t sizes[] = {5 + SASL_PASSWORD_BYTES_MAX, 6 + SASL_PASSWORD_BYTES_MAX,
                                   SASL_MESSAGE_BYTES_MAX, sizeof bytes};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sasl_server *s = open_server(SASL_PLAIN, NULL);
        str response = {bytes, sizes[i]};
        enum sasl_server_status want = i == 0 ? SASL_SERVER_CHECK : SASL_SERVER_MALFORMED;
        CHECK(sasl_server_step(s, &response) == want, "a long password");
        sasl_server_close(s);
    }
}

TEST(sasl_server_login)
{
    struct sasl_server *s = open_server(SASL_LOGIN, NULL);
    str user = S("bob"), password = S("pw");
    CHECK(sasl_server_step(s, NULL) == SASL_SERVER_CHALLENGE, "first prompt");
    CHECK_STR(sasl_server_challenge(s), "Username:", "first prompt");
    CHECK(sasl_server_step(s, &user) == SASL_SERVER_CHALLENGE, "second prompt");
    CHECK_STR(sasl_server_challenge(s), "Password:", "second prompt");
    CHECK(sasl_server_step(s, &password) == SASL_SERVER_CHECK, "claim");
    CHECK_STR(sasl_server_claim(s).user, "bob", "user");
    CHECK_STR(sasl_server_claim(s).password, "pw", "password");
    sasl_server_close(s);

    s = open_server(SASL_LOGIN, NULL);
    CHECK(sasl_server_step(s, &user) == SASL_SERVER_CHALLENGE, "initial response");
    CHECK_STR(sasl_server_challenge(s), "Password:", "initial response");
    sasl_server_close(s);
}

TEST(sasl_server_cram)
{
    struct sasl_server *s = open_server(SASL_CRAM_MD5, NULL);
    CHECK(sasl_server_step(s, NULL) == SASL_SERVER_CHALLENGE, "challenge");
    str challenge = sasl_server_challenge(s);
    CHECK(str_starts(challenge, S("<")), "challenge");
    CHECK(str_ends_nocase(challenge, S("@mx.example.net>")), "challenge");
    str response = S("tim b913a602c7eda7a495b4e6e7334d3890");
    CHECK(sasl_server_step(s, &response) == SASL_SERVER_CHECK, "claim");
    CHECK_STR(sasl_server_claim(s).user, "tim", "user");
    CHECK_STR(sasl_server_claim(s).digest, "b913a602c7eda7a495b4e6e7334d3890", "digest");
    CHECK(str_eq(sasl_server_claim(s).challenge, sasl_server_challenge(s)), "challenge in claim");
    sasl_server_close(s);

    static const char *const bad[] = {"", "tim", "tim b913", " b913a602c7eda7a495b4e6e7334d3890"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        s = open_server(SASL_CRAM_MD5, NULL);
        response = str_of(bad[i]);
        CHECK(sasl_server_step(s, NULL) == SASL_SERVER_CHALLENGE, bad[i]);
        CHECK(sasl_server_step(s, &response) == SASL_SERVER_MALFORMED, bad[i]);
        sasl_server_close(s);
    }
    s = open_server(SASL_CRAM_MD5, NULL);
    CHECK(sasl_server_step(s, &response) == SASL_SERVER_MALFORMED, "an initial response");
    sasl_server_close(s);
}

static struct sasl_scram_verifier pencil(void)
{
    static const char salt[] = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    struct sasl_scram_verifier v;
    sasl_scram_verifier_make(S("pencil"), (str){salt, 16}, 4096, &v);
    return v;
}

TEST(sasl_server_scram_rfc7677)
{
    struct sasl_server *s = sasl_server_open(&(struct sasl_server_options){
        .mechanism = SASL_SCRAM_SHA_256, .nonce = S("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")});
    struct sasl_scram_verifier v = pencil();
    str first = S("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    CHECK(sasl_server_step(s, NULL) == SASL_SERVER_CHALLENGE, "no initial response");
    CHECK_STR(sasl_server_challenge(s), "", "no initial response");
    CHECK(sasl_server_step(s, &first) == SASL_SERVER_LOOKUP, "client-first");
    CHECK_STR(sasl_server_claim(s).user, "user", "client-first");
    CHECK(sasl_server_verifier(s, &v) == SASL_SERVER_CHALLENGE, "server-first");
    CHECK_STR(sasl_server_challenge(s),
              "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
              "i=4096",
              "server-first");
    str final = S("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(sasl_server_step(s, &final) == SASL_SERVER_CHALLENGE, "client-final");
    CHECK_STR(sasl_server_why(s), "", "client-final");
    CHECK_STR(sasl_server_challenge(s),
              "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "server-final");
    str empty = {0};
    CHECK(sasl_server_step(s, &empty) == SASL_SERVER_DONE, "end");
    sasl_server_close(s);
}

TEST(sasl_server_scram_first) /* attack 80 */
{
    static const struct {
        const char *label, *binding;
        enum sasl_mechanism mechanism;
        const char *first;
        enum sasl_server_status want;
    } cases[] = {
        {"y while PLUS is offered", "B",  SASL_SCRAM_SHA_256,      "y,,n=u,r=x",              SASL_SERVER_REFUSED  },
        {"y without PLUS",          NULL, SASL_SCRAM_SHA_256,      "y,,n=u,r=x",              SASL_SERVER_LOOKUP   },
        {"n while PLUS is offered", "B",  SASL_SCRAM_SHA_256,      "n,,n=u,r=x",              SASL_SERVER_LOOKUP   },
        {"p in plain SCRAM",        "B",  SASL_SCRAM_SHA_256,      "p=tls-exporter,,n=u,r=x",
         SASL_SERVER_REFUSED                                                                                       },
        {"p in PLUS",               "B",  SASL_SCRAM_SHA_256_PLUS, "p=tls-exporter,,n=u,r=x", SASL_SERVER_LOOKUP   },
        {"n in PLUS",               "B",  SASL_SCRAM_SHA_256_PLUS, "n,,n=u,r=x",              SASL_SERVER_REFUSED  },
        {"another binding",         "B",  SASL_SCRAM_SHA_256_PLUS, "p=tls-unique,,n=u,r=x",
         SASL_SERVER_REFUSED                                                                                       },
        {"p without name",          "B",  SASL_SCRAM_SHA_256_PLUS, "p=,,n=u,r=x",             SASL_SERVER_MALFORMED},
        {"authzid equal",           NULL, SASL_SCRAM_SHA_256,      "n,a=u,n=u,r=x",           SASL_SERVER_LOOKUP   },
        {"authzid differs",         NULL, SASL_SCRAM_SHA_256,      "n,a=v,n=u,r=x",           SASL_SERVER_REFUSED  },
        {"authzid empty",           NULL, SASL_SCRAM_SHA_256,      "n,a=,n=u,r=x",            SASL_SERVER_MALFORMED},
        {"escapes in the name",     NULL, SASL_SCRAM_SHA_256,      "n,,n=a=2Cb=3Dc,r=x",      SASL_SERVER_LOOKUP   },
        {"a bad escape",            NULL, SASL_SCRAM_SHA_256,      "n,,n=a=2cb,r=x",          SASL_SERVER_MALFORMED},
        {"no name",                 NULL, SASL_SCRAM_SHA_256,      "n,,n=,r=x",               SASL_SERVER_MALFORMED},
        {"no nonce",                NULL, SASL_SCRAM_SHA_256,      "n,,n=u,r=",               SASL_SERVER_MALFORMED},
        {"nonce with a blank",      NULL, SASL_SCRAM_SHA_256,      "n,,n=u,r=a b",            SASL_SERVER_MALFORMED},
        {"mandatory extension",     NULL, SASL_SCRAM_SHA_256,      "n,,m=x,n=u,r=x",          SASL_SERVER_MALFORMED},
        {"extension",               NULL, SASL_SCRAM_SHA_256,      "n,,n=u,r=x,z=1",          SASL_SERVER_LOOKUP   },
        {"no extension",            NULL, SASL_SCRAM_SHA_256,      "n,,n=u,r=x,zz",           SASL_SERVER_MALFORMED},
        {"unknown flag",            NULL, SASL_SCRAM_SHA_256,      "x,,n=u,r=x",              SASL_SERVER_MALFORMED},
        {"cut short",               NULL, SASL_SCRAM_SHA_256,      "n,",                      SASL_SERVER_MALFORMED},
        {"empty",                   NULL, SASL_SCRAM_SHA_256,      "",                        SASL_SERVER_MALFORMED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl_server *s = open_server(cases[i].mechanism, cases[i].binding);
        str first = str_of(cases[i].first);
        CHECK(sasl_server_step(s, &first) == cases[i].want, cases[i].label);
        sasl_server_close(s);
        err_forget();
    }
}

/* Run both ends against each other; spoil replaces one byte of the client's last message. */
static enum sasl_server_status converse(enum sasl_mechanism m, const char *client_binding,
                                        const char *password, bool known, size_t spoil)
{
    struct sasl_server *s = open_server(m, "the channel");
    struct sasl_client *c = NULL;
    CHECK_DONE(sasl_client_open(&(struct sasl_client_options){.mechanism = m,
                                                              .offered = ~0u,
                                                              .user = S("us,er="),
                                                              .secret = str_of(password),
                                                              .binding = str_of(client_binding)},
                                &c),
               "client");
    struct sasl_scram_verifier v = pencil();
    v.known = known;
    str response = {0};
    CHECK_DONE(sasl_client_step(c, S(""), &response), "client-first");
    CHECK(sasl_server_step(s, &response) == SASL_SERVER_LOOKUP, "lookup");
    CHECK_STR(sasl_server_claim(s).user, "us,er=", "user");
    CHECK(sasl_server_verifier(s, &v) == SASL_SERVER_CHALLENGE, "server-first");
    CHECK_DONE(sasl_client_step(c, sasl_server_challenge(s), &response), "client-final");
    char copy[1024] = {0};
    ASSERT(response.len < sizeof copy);
    memcpy(copy, response.ptr, response.len);
    if (spoil)
        copy[spoil] = (char)(copy[spoil] == 'A' ? 'B' : 'A');
    str final = {copy, response.len};
    enum sasl_server_status status = sasl_server_step(s, &final);
    if (status == SASL_SERVER_CHALLENGE) {
        CHECK(sasl_client_finish(c) != NULL, "an early 235 is no proof");
        CHECK_DONE(sasl_client_step(c, sasl_server_challenge(s), &response), "server-final");
        CHECK_DONE(sasl_client_finish(c), "the server has proven itself");
        status = sasl_server_step(s, &response);
    }
    sasl_client_close(c);
    sasl_server_close(s);
    err_forget();
    return status;
}

TEST(sasl_server_scram_both_ends) /* attack 80 */
{
    const enum sasl_mechanism scram = SASL_SCRAM_SHA_256, plus = SASL_SCRAM_SHA_256_PLUS;
    CHECK(converse(scram, NULL, "pencil", true, 0) == SASL_SERVER_DONE, "SCRAM");
    CHECK(converse(plus, "the channel", "pencil", true, 0) == SASL_SERVER_DONE, "PLUS");
    CHECK(converse(plus, "another one", "pencil", true, 0) == SASL_SERVER_REFUSED,
          "a man in the middle");
    CHECK(converse(scram, NULL, "pen", true, 0) == SASL_SERVER_REFUSED, "wrong password");
    CHECK(converse(scram, NULL, "pencil", false, 0) == SASL_SERVER_REFUSED, "unknown user");
    CHECK(converse(scram, NULL, "pencil", true, 2) == SASL_SERVER_REFUSED, "another header");
    CHECK(converse(scram, NULL, "pencil", true, 12) == SASL_SERVER_REFUSED, "wrong nonce");
}

TEST(sasl_server_scram_replay) /* attack 80: what was heard once is worth nothing */
{
    struct sasl_scram_verifier v = pencil();
    struct sasl_server *s = open_server(SASL_SCRAM_SHA_256, NULL);
    str first = S("n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    str final = S("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK(sasl_server_step(s, &first) == SASL_SERVER_LOOKUP, "replayed first");
    CHECK(sasl_server_verifier(s, &v) == SASL_SERVER_CHALLENGE, "a new nonce");
    CHECK(sasl_server_step(s, &final) == SASL_SERVER_REFUSED, "replayed final");
    sasl_server_close(s);
}

TEST(sasl_scram_verifier_fake)
{
    struct sasl_scram_verifier a, b, other, elsewhere;
    sasl_scram_verifier_fake(S("key"), S("nobody"), &a);
    sasl_scram_verifier_fake(S("key"), S("nobody"), &b);
    sasl_scram_verifier_fake(S("key"), S("noone"), &other);
    sasl_scram_verifier_fake(S("yek"), S("nobody"), &elsewhere);
    CHECK(!a.known, "fake");
    CHECK(a.known == b.known && a.iterations == b.iterations, "the same each time");
    CHECK(a.salt_len == b.salt_len && memcmp(a.salt, b.salt, sizeof a.salt) == 0, "the same salt");
    CHECK(memcmp(a.salt, other.salt, a.salt_len) != 0, "other user");
    CHECK(memcmp(a.salt, elsewhere.salt, a.salt_len) != 0, "other server");
    CHECK(a.salt_len == SASL_SCRAM_SALT_BYTES, "looks like a real one");
    CHECK(a.iterations == SASL_SCRAM_ITERATIONS, "looks like a real one");
}
