#include "oauth/form.h"
#include "tests/test.h"

TEST(oauth_form_add_and_find)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
    struct buf form;
    str value;
    buf_init(&form, OAUTH_FORM_BYTES_MAX);
    CHECK_DONE(oauth_form_add(&form, S("scope"), S("https://mail.google.com/ a&b=c%")), "scope");
    CHECK_DONE(oauth_form_add(&form, S("state"), S("a-b._~\xc3\xa9")), "state");
    CHECK_STR(buf_str(&form),
              "scope=https%3A%2F%2Fmail.google.com%2F%20a%26b%3Dc%25&state=a-b._~%C3%A9",
              "encoded");
    CHECK_DONE(oauth_form_find(buf_str(&form), S("scope"), arena, &value), "scope");
    CHECK_STR(value, "https://mail.google.com/ a&b=c%", "there and back");
    CHECK_DONE(oauth_form_find(buf_str(&form), S("code"), arena, &value), "code");
    CHECK(value.len == 0, "there is no code");
    buf_release(&form);
}

TEST(oauth_form_malformed)
{
    static const struct {
        const char *label, *form, *value; /* value NULL: refused */
    } cases[] = {
        {"plus is a blank",    "code=a+b",        "a b"},
        {"empty fields",       "&&code=x&",       "x"  },
        {"no value",           "code",            ""   },
        {"a name in code",     "c%6fde=x",        "x"  },
        {"the value has =",    "code=a=b",        "a=b"},
        {"twice",              "code=a&code=a",   NULL },
        {"twice, one encoded", "code=a&c%6Fde=b", NULL },
        {"one digit",          "code=%4",         NULL },
        {"no digits",          "code=%zz",        NULL },
        {"% at the end",       "code=%",          NULL },
        {"% elsewhere",        "x=1&%=2",         NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(64 * 1024);
        str value = S("untouched");
        err e = oauth_form_find(str_of(cases[i].form), S("code"), arena, &value);
        CHECK((e == NULL) == (cases[i].value != NULL), cases[i].label);
        CHECK_STR(value, cases[i].value ? cases[i].value : "untouched", cases[i].label);
        err_forget();
    }
}
