#include "oauth/entry.h"
#include "tests/test.h"

static struct oauth_entry sample(void)
{
    return (struct oauth_entry){.provider = S("google"),
                                .token = S("https://t.example/token"),
                                .client_id = S("id"),
                                .scopes = S("a b"),
                                .flow = OAUTH_FLOW_LOOPBACK,
                                .login_ms = 5};
}

TEST(oauth_entry_there_and_back)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
    struct oauth_entry e = sample(), back;
    struct oauth_token_answer a = {.access = S("at"), .refresh = S("rt"), .life_s = 100};
    struct buf json;
    buf_init(&json, OAUTH_ENTRY_BYTES_MAX);
    oauth_entry_take(&e, &a, 1000);
    CHECK_DONE(oauth_entry_write(&e, &json), "write");
    CHECK_DONE(oauth_entry_read(buf_str(&json), arena, &back), "read");
    CHECK_STR(back.access, "at", "access");
    CHECK_STR(back.refresh, "rt", "refresh");
    CHECK_STR(back.granted, "a b", "what was not told is as asked for");
    CHECK(back.flow == OAUTH_FLOW_LOOPBACK && back.ends_ms == 101000 && back.got_ms == 1000 &&
              back.login_ms == 5,
          "times");
    a.refresh = (str){0};
    a.access = S("at2");
    oauth_entry_take(&back, &a, 2000);
    CHECK_STR(back.refresh, "rt", "a refresh token that is not sent anew stays");
    buf_release(&json);
}

TEST(oauth_entry_damaged)
{
    static const char *const cases[] = {
        "",
        "{}",
        "[]",
        "x",
        "{\"flow\":\"device\"}",
        "{\"flow\":\"moon\",\"provider\":\"p\",\"token_url\":\"t\"}",
        "{\"flow\":\"device\",\"provider\":\"p\",\"token_url\":\"t\",\"got_ms\":\"1\"}",
        "{\"flow\":\"device\",\"provider\":1,\"token_url\":\"t\",\"got_ms\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        struct oauth_entry e;
        err why = oauth_entry_read(str_of(cases[i]), arena, &e);
        CHECK(why && why->kind == ERR_DAMAGED, cases[i]);
        err_forget();
    }
}

TEST(oauth_entry_due)
{
    enum { S1 = 1000, MIN = 60 * S1 };
    static const struct {
        const char *label;
        int64_t life_s, now_ms;
        bool due, over;
    } cases[] = {
        {"fresh",                       3600, 0,        false, false},
        {"6 min before its end",        3600, 54 * MIN, false, false},
        {"5 min before its end",        3600, 55 * MIN, true,  false},
        {"at its end",                  3600, 60 * MIN, true,  true },
        {"a short one, with 11 % left", 100,  89 * S1,  false, false},
        {"a short one, with 10 % left", 100,  90 * S1,  true,  false},
        {"a clock that went back",      3600, -1,       true,  true },
        {"one that ends at once",       0,    0,        true,  true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oauth_entry e = sample();
        struct oauth_token_answer a = {.access = S("at"), .life_s = cases[i].life_s};
        oauth_entry_take(&e, &a, 1000000);
        CHECK(oauth_entry_is_due(&e, 1000000 + cases[i].now_ms) == cases[i].due, cases[i].label);
        CHECK(oauth_entry_is_over(&e, 1000000 + cases[i].now_ms) == cases[i].over, cases[i].label);
    }
}

TEST(oauth_entry_names)
{
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        {"me",             true },
        {"me@example.com", true },
        {"a.b-c_d",        true },
        {"",               false},
        {".",              false},
        {"..",             false},
        {"../x",           false},
        {"a/b",            false},
        {"a b",            false},
        {".hidden",        false},
        {"a\nb",           false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(oauth_entry_name_ok(str_of(cases[i].name)) == cases[i].good, cases[i].name);
}
