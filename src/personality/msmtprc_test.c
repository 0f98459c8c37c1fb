/* msmtp's configuration as its manual has it: inheritance, defaults, what is refused. */
#include "personality/msmtprc.h"
#include "tests/test.h"

static const struct msmtprc_account *read_one(struct arena *arena, const char *text,
                                              const char *name, err *ret_err)
{
    struct msmtprc *rc = ARENA_NEW(arena, struct msmtprc);
    *ret_err = personality_msmtprc_read(rc, str_of(text), arena);
    return personality_msmtprc_find(rc, str_of(name));
}

TEST(personality_msmtprc_inherits)
{
    struct arena *arena = arena_open(8 << 20);
    err e;
    const struct msmtprc_account *a =
        read_one(arena,
                 "# a comment\ndefaults\nport 587\ntls\n\naccount one\nhost a.example\n"
                 "user \" joe \"\naccount two : one\nfrom x@y\ntls off\naccount default : two\n",
                 "default", &e);
    CHECK(e == NULL && a != NULL, "read");
    CHECK_STR(a->values[MSMTPRC_HOST], "a.example", "of the grandparent");
    CHECK_STR(a->values[MSMTPRC_PORT], "587", "of the defaults");
    CHECK_STR(a->values[MSMTPRC_USER], " joe ", "in quotes");
    CHECK_STR(a->values[MSMTPRC_FROM], "x@y", "of the parent");
    CHECK(a->values[MSMTPRC_LOGFILE].ptr == NULL, "not set");
    CHECK(a->line == 12 && a->lines[MSMTPRC_HOST] == 7 && a->lines[MSMTPRC_PORT] == 3,
          "where they stand");
    arena_close(arena);
}

TEST(personality_msmtprc_refuses)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"account a\nfoo bar\n",     "line 2: unknown command foo"                   },
        {"account a : b\n",          "line 1: account b not (yet) defined"           },
        {"account a\nport 0\n",      "line 2: invalid argument 0 for command port"   },
        {"account a\ntls maybe\n",   "line 2: invalid argument maybe for command tls"},
        {"account a\n\naccount a\n", "line 3: account a was already defined"         },
        {"eval echo host x\n",       "line 1: eval is not allowed here"              },
    };
    struct arena *arena = arena_open(16 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        err e;
        read_one(arena, rows[i].text, "a", &e);
        CHECK(e != NULL, rows[i].text);
        if (e)
            CHECK_STR(e->text, rows[i].why, rows[i].text);
        err_forget();
    }
    arena_close(arena);
}
