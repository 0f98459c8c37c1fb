#include "base/crc.h"
#include "tests/test.h"

/* A machine with the instruction never takes the way by table: here both are compared. */
#define crc32c crc32c_again
uint32_t crc32c_again(uint32_t seed, str bytes);
#include "base/crc.c" /* NOLINT(bugprone-suspicious-include) */
#undef crc32c

TEST(crc32c_vectors)
{
    char zeros[32] = {0}, ones[32], up[32], down[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = (char)0xff;
        up[i] = (char)i;
        down[i] = (char)(31 - i);
    }
    const struct { /* RFC 3720 section B.4, and the usual one */
        const char *label;
        str input;
        uint32_t want;
    } cases[] = {
        {"nothing", S(""),          0         },
        {"digits",  S("123456789"), 0xe3069283},
        {"zeros",   {zeros, 32},    0x8a9136aa},
        {"ones",    {ones, 32},     0x62a8ab43},
        {"up",      {up, 32},       0x46dd794e},
        {"down",    {down, 32},     0x113fdb5c},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(crc32c(0, cases[i].input) == cases[i].want, cases[i].label);
        CHECK(~by_table(~0u, cases[i].input) == cases[i].want, cases[i].label);
    }
}

TEST(crc32c_continues)
{
    char bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37);
    str whole = {bytes, sizeof bytes};
    for (size_t cut = 0; cut <= whole.len; cut++) {
        uint32_t parts = crc32c(crc32c(0, str_slice(whole, 0, cut)), str_from(whole, cut));
        CHECK(parts == crc32c(0, whole), "in two parts");
        CHECK(~by_table(~0u, str_from(whole, cut)) == crc32c(0, str_from(whole, cut)),
              "by table, at any alignment");
    }
    CHECK(crc32c_again(7, whole) == crc32c(7, whole), "a seed");
}
