/* The text of accounts.yaml with one entry more or less: all other lines stay. */
#include "cli/profiles.h"
#include "tests/test.h"

enum { TEXT_BYTES = 4096 };

#define TWO                                                                                 \
    "# mine\ndefault_account: a\naccounts:\n  a:\n    user: x\n    # of a\n    secret: y\n" \
    "  # of b\n  b:\n    user: z\n"

TEST(cli_profiles_text)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, TEXT_BYTES);
    CHECK_DONE(cli_profiles_text_add(S(TWO), S("c"), S("    user: n\n"), &out), "done");
    CHECK_STR(buf_str(&out),
              "# mine\ndefault_account: a\naccounts:\n  c:\n    user: n\n"
              "  a:\n    user: x\n    # of a\n    secret: y\n"
              "  # of b\n  b:\n    user: z\n",
              "buf_str(&out)");
    buf_clear(&out);
    CHECK_DONE(cli_profiles_text_remove(S(TWO), S("a"), &out), "done");
    CHECK_STR(buf_str(&out), "# mine\naccounts:\n  # of b\n  b:\n    user: z\n", "buf_str(&out)");
    buf_clear(&out);
    CHECK_DONE(cli_profiles_text_default(S(TWO), S("b"), &out), "done");
    CHECK(str_contains(buf_str(&out), S("# mine\ndefault_account: b\naccounts:\n")),
          "str_contains(buf_str(&out), S('# minendefault_account: bnaccounts:n'))");
    CHECK(!str_contains(buf_str(&out), S("default_account: a")),
          "!str_contains(buf_str(&out), S('default_account: a'))");
    buf_clear(&out);
    err e = cli_profiles_text_remove(S(TWO), S("c"), &out);
    CHECK(e != NULL && e->kind == ERR_CONFIG, "e != NULL && e->kind == ERR_CONFIG");
    err_forget();
}

/* The last one takes the heading along: "accounts:" with nothing below is no map. */
TEST(cli_profiles_text_last)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, TEXT_BYTES);
    CHECK_DONE(
        cli_profiles_text_remove(S("accounts:\n  a:\n    user: x\nhostname: h\n"), S("a"), &out),
        "done");
    CHECK_STR(buf_str(&out), "hostname: h\n", "buf_str(&out)");
}

TEST(cli_profiles_name)
{
    CHECK(cli_profiles_is_name(S("my-gmail.2")), "cli_profiles_is_name(S('my-gmail.2'))");
    CHECK(!cli_profiles_is_name(S("")), "!cli_profiles_is_name(S(''))");
    CHECK(!cli_profiles_is_name(S("-a")), "!cli_profiles_is_name(S('-a'))");
    CHECK(!cli_profiles_is_name(S("a b")), "!cli_profiles_is_name(S('a b'))");
    CHECK(!cli_profiles_is_name(S("a:\n  b")), "!cli_profiles_is_name(S('a:n b'))");
    CHECK(!cli_profiles_is_name(S("../a")), "!cli_profiles_is_name(S('../a'))");
}

TEST(cli_profiles_text_quotes)
{
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, TEXT_BYTES);
    CHECK_DONE(cli_profiles_text_key(&out, "user", S("a\"b\\c: #")), "a key");
    CHECK_DONE(cli_profiles_text_list(&out, "aliases", S("x@y")), "a list");
    CHECK_DONE(cli_profiles_text_key(&out, "mechanism", (str){0}), "none");
    CHECK_STR(buf_str(&out), "    user: \"a\\\"b\\\\c: #\"\n    aliases: [\"x@y\"]\n", "both");
    CHECK(cli_profiles_text_key(&out, "user", S("a\nsecret: x")) != NULL, "a line of its own");
    err_forget();
}
