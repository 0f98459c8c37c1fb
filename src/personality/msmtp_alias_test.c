/* msmtp's aliases: what a recipient leads to, and files that are none. */
#include "base/buf.h"
#include "personality/msmtp_alias.h"
#include "tests/test.h"

static err add(void *arg, str address)
{
    struct buf *out = arg;
    return buf_addf(out, "%s%.*s", out->len ? " " : "", STR_ARG(address));
}

TEST(personality_msmtp_alias_expand)
{
    static const char file[] = "# who gets what\n\nroot: a@x.example, b@x.example\n"
                               "cron: root # and nobody else\n both : cron, c@x.example\n"
                               "round: trip\ntrip: round\nself: self\ndefault: rest@x.example\n";
    static const struct {
        const char *recipient, *want; /* NULL: they lead round in a circle */
    } rows[] = {
        {"root",           "a@x.example b@x.example"            },
        {"cron",           "a@x.example b@x.example"            },
        {"both",           "a@x.example b@x.example c@x.example"},
        {"nobody",         "rest@x.example"                     },
        {"ROOT",           "rest@x.example"                     },
        {"root@y.example", "root@y.example"                     },
        {"round",          NULL                                 },
        {"self",           NULL                                 },
    };
    struct arena *arena = arena_open(4 << 20);
    struct msmtp_aliases aliases;
    CHECK_DONE(personality_msmtp_alias_read(str_of(file), arena, &aliases), "read");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, 10000);
        err e = personality_msmtp_alias_expand(&aliases, str_of(rows[i].recipient), add, &out);
        CHECK((e == NULL) == (rows[i].want != NULL), rows[i].recipient);
        if (e)
            CHECK(str_starts(e->text, S("Too many redirects")), rows[i].recipient);
        if (rows[i].want)
            CHECK_STR(buf_str(&out), rows[i].want, rows[i].recipient);
        err_forget();
    }
    arena_close(arena);
}

/* "default" may lead to a name that is no alias: that is the server's to know. */
TEST(personality_msmtp_alias_default_is_local)
{
    struct arena *arena = arena_open(4 << 20);
    struct msmtp_aliases aliases;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 10000);
    CHECK_DONE(
        personality_msmtp_alias_read(S("default: admin, b\nb: c@x.example"), arena, &aliases),
        "read");
    CHECK_DONE(personality_msmtp_alias_expand(&aliases, S("foo"), add, &out), "expand");
    CHECK_STR(buf_str(&out), "admin c@x.example", "the name itself");
    arena_close(arena);
}

/* Doubling at each step would be 2^40 addresses. */
TEST(personality_msmtp_alias_is_bounded)
{
    struct arena *arena = arena_open(4 << 20);
    struct msmtp_aliases aliases;
    CLEANUP(buf_release) struct buf file, out;
    buf_init(&file, 10000);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 40; i++)
        CHECK_DONE(buf_addf(&file, "a%d: a%d, a%d\n", i, i + 1, i + 1), "file");
    CHECK_DONE(personality_msmtp_alias_read(buf_str(&file), arena, &aliases), "read");
    err e = personality_msmtp_alias_expand(&aliases, S("a0"), add, &out);
    CHECK(e && str_starts(e->text, S("Too many redirects")), "an end");
    err_forget();
    arena_close(arena);
}

TEST(personality_msmtp_alias_refuses)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"root a@b\n",     "line 1: single ':' delimiter expected"},
        {"\nr: x\nr: y\n", "line 3: duplicate alias 'r'"          },
        {" : r@r\n",       "line 1: invalid alias ''"             },
        {"a@b: r@r\n",     "line 1: invalid alias 'a@b'"          },
        {"a: b, , c\n",    "line 1: an address is missing"        },
        {"a:\n",           "line 1: an address is missing"        },
    };
    struct arena *arena = arena_open(4 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct msmtp_aliases aliases;
        err e = personality_msmtp_alias_read(str_of(rows[i].text), arena, &aliases);
        CHECK(e != NULL, rows[i].text);
        if (e)
            CHECK_STR(e->text, rows[i].why, rows[i].text);
        err_forget();
    }
    arena_close(arena);
}
