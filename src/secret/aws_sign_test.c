/* The cases that AWS publishes for Signature Version 4: what is signed, and the signature. They
 * stand in github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4, each in a folder whose
 * name is in the label; paths and parameters are in their canonical form here, for nothing else is
 * ours to sign. */
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
        {"get-vanilla", "GET", "/", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"post-vanilla", "POST", "/", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"get-vanilla-query-order-key-case", "GET", "/", "Param1=value1&Param2=value2", {HOST, DATE}, 2, "", "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-header-key-duplicate", "GET", "/", "",
         {HOST, FIELD("My-Header1", "value2"), FIELD("My-Header1", "value2"), FIELD("My-Header1", "value1"), DATE},
         5, "", "host;my-header1;x-amz-date",
         "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
        {"get-header-value-trim", "GET", "/", "",
         {HOST, FIELD("My-Header1", " value1"), FIELD("My-Header2", " \"a   b   c\""), DATE}, 4, "",
         "host;my-header1;my-header2;x-amz-date",
         "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        {"post-x-www-form-urlencoded, of the older suite", "POST", "/", "", {FIELD("Content-Type", "application/x-www-form-urlencoded"), HOST, DATE}, 3,
         "Param1=value1", "content-type;host;x-amz-date",
         "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
        {"post-header-key-sort", "POST", "/", "", {HOST, FIELD("My-Header1", "value1"), DATE}, 3, "",
         "host;my-header1;x-amz-date",
         "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
        {"post-vanilla-query", "POST", "/", "Param1=value1", {HOST, DATE}, 2, "", "host;x-amz-date",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
        {"get-vanilla-with-session-token", "GET", "/", "",
         {HOST, DATE, FIELD("X-Amz-Security-Token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267")},
         3, "", "host;x-amz-date;x-amz-security-token",
         "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
        {"post-sts-header-before", "POST", "/", "",
         {HOST, FIELD("X-Amz-Security-Token",
                      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPf"
                      "IeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7W"
                      "Z0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8F"
                      "DrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="), DATE},
         3, "", "host;x-amz-date;x-amz-security-token",
         "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
        {"post-x-www-form-urlencoded", "POST", "/", "",
         {FIELD("Content-Type", "application/x-www-form-urlencoded"), HOST, FIELD("Content-Length", "13"), DATE,
          FIELD("x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e")},
         5, "Param1=value1", "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
         "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
        {"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", {HOST, DATE}, 2, "",
         "host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {"get-vanilla-query-unreserved", "GET", "/",
         "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
         "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {HOST, DATE}, 2, "", "host;x-amz-date",
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        {"get-utf8", "GET", "/%E1%88%B4", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"get-vanilla-utf8-query", "GET", "/", "%E1%88%B4=bar", {HOST, DATE}, 2, "", "host;x-amz-date",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-space-normalized", "GET", "/example%20space/", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        {"get-slash-pointless-dot-normalized", "GET", "/example", "", {HOST, DATE}, 2, "", "host;x-amz-date",
         "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
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
