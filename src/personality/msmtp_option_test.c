/* The words of msmtp: bundled letters, attached values, what does not go together. */
#include "personality/msmtp_option.h"
#include "tests/test.h"

enum { WORDS_MAX = 20 };

static struct msmtp *read_words(struct arena *arena, const char *line, err *ret_err)
{
    struct msmtp *m = ARENA_NEW(arena, struct msmtp);
    char **argv = ARENA_ARRAY(arena, char *, WORDS_MAX);
    str rest = str_of(line), word;
    int argc = 0;
    m->arena = arena;
    argv[argc++] = arena_chars(arena, S("msmtp"));
    while (rest.len && argc < WORDS_MAX) {
        str_split(rest, ' ', &word, &rest);
        argv[argc++] = arena_chars(arena, word);
    }
    *ret_err = personality_msmtp_option_read(m, argc, argv);
    return m;
}

TEST(personality_msmtp_option_reads)
{
    struct arena *arena = arena_open(16 << 20);
    err e;
    const struct msmtp *m =
        read_words(arena, "-tPd -awork -Nfailure,delay -R hdrs -oi --tls --host-x=1", &e);
    CHECK(e && str_eq(e->text, S("unrecognized option '--host-x'")), "an option that is none");
    m = read_words(arena, "-tPd -awork -Nfailure,delay -R hdrs -oi --tls --port 26 -- -a b@c", &e);
    CHECK_DONE(e, "read");
    CHECK(m->from_header && m->pretend && m->debug && m->rcpt_count == 2, "letters");
    CHECK_STR(m->account, "work", "attached");
    CHECK_STR(m->given.values[MSMTPRC_DSN_NOTIFY], "failure,delay", "notify");
    CHECK_STR(m->given.values[MSMTPRC_DSN_RETURN], "headers", "sendmail's word");
    CHECK_STR(m->given.values[MSMTPRC_TLS], "on", "a bare switch");
    CHECK_STR(m->given.values[MSMTPRC_PORT], "26", "the next word");
    m = read_words(arena, "--keepbcc --add-missing-date-header=off --connect-timeout=3 x", &e);
    CHECK_DONE(e, "older names");
    CHECK_STR(m->given.values[MSMTPRC_REMOVE_BCC_HEADERS], "off", "keepbcc");
    CHECK_STR(m->given.values[MSMTPRC_SET_DATE_HEADER], "off", "date");
    CHECK_STR(m->given.values[MSMTPRC_TIMEOUT], "3", "timeout");
    arena_close(arena);
}

TEST(personality_msmtp_option_modes)
{
    static const struct {
        const char *line;
        enum msmtp_mode mode;
        const char *why; /* NULL: fine */
    } rows[] = {
        {"-S",                            MSMTP_SERVERINFO, NULL                                     },
        {"--serverinfo --host=x",         MSMTP_SERVERINFO, NULL                                     },
        {"--rmqs=@x",                     MSMTP_RMQS,       NULL                                     },
        {"--configure a@b",               MSMTP_CONFIGURE,  NULL                                     },
        {"-P",                            MSMTP_SEND,       NULL                                     },
        {"",                              MSMTP_SEND,       "no recipients found"                    },
        {"-S x",                          MSMTP_SEND,       "too many arguments"                     },
        {"-S --rmqs=x",                   MSMTP_SEND,       "cannot use both --serverinfo and --rmqs"},
        {"-a x --host=y z",               MSMTP_SEND,       "cannot use both --host and --account"   },
        {"-f a@b --read-envelope-from x", MSMTP_SEND,
         "cannot use both --from and --read-envelope-from"                                           },
        {"-bq x",                         MSMTP_SEND,       "unsupported operation mode bq"          },
        {"-y x",                          MSMTP_SEND,       "invalid option -- 'y'"                  },
        {"-a",                            MSMTP_SEND,       "option requires an argument -- 'a'"     },
        {"--host",                        MSMTP_SEND,       "option '--host' requires an argument"   },
        {"--password=x y",                MSMTP_SEND,       "unrecognized option '--password'"       },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *arena = arena_open(16 << 20);
        err e;
        const struct msmtp *m = read_words(arena, rows[i].line, &e);
        CHECK((e != NULL) == (rows[i].why != NULL), rows[i].line);
        if (e)
            CHECK(str_eq(e->text, str_of(rows[i].why)) && m->exit == EX_USAGE, rows[i].line);
        else
            CHECK(m->mode == rows[i].mode, rows[i].line);
        err_forget();
        arena_close(arena);
    }
}
