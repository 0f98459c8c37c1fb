/* The cases that AWS publishes for Signature Version 4: what is signed, and the signature. */
#include "secret/aws_sign.h"
#include "tests/test.h"

#define HOST                                         \
    {                                                \
        {"Host", 4}, { "example.amazonaws.com", 21 } \
    }
#define DATE                                           \
    {                                                  \
        {"X-Amz-Date", 10}, { "20150830T123600Z", 16 } \
    }
#define FIELD(name, value)                                     \
    {                                                          \
        {name, sizeof(name) - 1}, { value, sizeof(value) - 1 } \
    }

TEST(secret_aws_sign)
{
    static const struct secret_aws_credentials who = {
        {"AKIDEXAMPLE",                              11},
        {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40},
        {NULL,                                       0 }
    };
    static const struct {
        const char *label, *method, *path, *query;
        struct secret_aws_field fields[6];
        size_t count;
        const char *body, *names, *signature;
    } cases[] = {
  /* clang-format off */
        {"vanilla", "GET", "/", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"vanilla POST", "POST", "/", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"order of parameters", "GET", "/", "Param1=value1&Param2=value2", {HOST, DATE}, 2, "", "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"a field twice", "GET", "/", "",
         {HOST, FIELD("My-Header1", "value2"), FIELD("My-Header1", "value2"), FIELD("My-Header1", "value1"), DATE},
         5, "", "host;my-header1;x-amz-date",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        {"blanks in values", "GET", "/", "",
         {HOST, FIELD("My-Header1", " value1"), FIELD("My-Header2", " \"a   b   c\""), DATE}, 4, "",
         "host;my-header1;my-header2;x-amz-date",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"a form", "POST", "/", "", {FIELD("Content-Type", "application/x-www-form-urlencoded"), HOST, DATE}, 3,
         "Param1=value1", "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
        {"order of fields", "POST", "/", "", {HOST, FIELD("My-Header1", "value1"), DATE}, 3, "",
         "host;my-header1;x-amz-date",
         "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
        {"a parameter with a POST", "POST", "/", "Param1=value1", {HOST, DATE}, 2, "", "host;x-amz-date",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
  /* clang-format on */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct secret_aws_request r = {str_of(cases[i].method), str_of(cases[i].path),
                                       str_of(cases[i].query),  cases[i].fields,
                                       cases[i].count,          str_of(cases[i].body)};
        struct buf got, want;
        buf_init(&got, 4096);
        buf_init(&want, 4096);
        CHECK_DONE(
            secret_aws_sign(&r, &who, S("us-east-1"), S("service"), "20150830T123600Z", &got),
            cases[i].label);
        CHECK_DONE(buf_addf(&want,
                            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                            "aws4_request, SignedHeaders=%s, Signature=%s",
                            cases[i].names, cases[i].signature),
                   "want");
        CHECK_STR(buf_str(&got), buf_chars(&want), cases[i].label);
        buf_release(&got);
        buf_release(&want);
    }
}

TEST(secret_aws_sign_time)
{
    char time[SECRET_AWS_TIME_CHARS];
    secret_aws_sign_time(1440938160999, time);
    CHECK_STR(str_of(time), "20150830T123600Z", "in UTC, cut to seconds");
}
