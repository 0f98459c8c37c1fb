/* GnuTLS's priorities as versions of ours, or refused with what to write. */
#include "personality/msmtp_secure.h"
#include "tests/test.h"

TEST(personality_msmtp_secure_priorities)
{
    static const struct {
        const char *words;
        enum tls_choice_version oldest, newest;
        const char *why; /* NULL: fine */
    } rows[] = {
        {"",                                  TLS_CHOICE_1_2, TLS_CHOICE_1_3, NULL                            },
        {"NORMAL",                            TLS_CHOICE_1_2, TLS_CHOICE_1_3, NULL                            },
        {"PFS:-VERS-TLS1.0:-VERS-TLS1.1",     TLS_CHOICE_1_2, TLS_CHOICE_1_3, NULL                            },
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3",     TLS_CHOICE_1_3, TLS_CHOICE_1_3, NULL                            },
        {"normal:-vers-tls-all:+vers-tls1.2", TLS_CHOICE_1_2, TLS_CHOICE_1_2, NULL                            },
        {"SECURE256:!VERS-TLS1.2",            TLS_CHOICE_1_3, TLS_CHOICE_1_3, NULL                            },
        {"NORMAL:+VERS-TLS1.0",               0,              0,              "TLS1.0 is never spoken here"   },
        {"NORMAL:-VERS-ALL",                  0,              0,              "no version of TLS is left"     },
        {"NORMAL:+VERS-TLS1.9",               0,              0,              "unknown version TLS1.9"        },
        {"NORMAL:+AES-128-CBC",               0,              0,              "+AES-128-CBC is not understood"},
        {"NORMAL:%COMPAT",                    0,              0,              "%COMPAT is not understood"     },
        {"BOGUS",                             0,              0,              "BOGUS is not understood"       },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum tls_choice_version oldest = TLS_CHOICE_USUAL, newest = TLS_CHOICE_USUAL;
        err e = personality_msmtp_secure_priorities(str_of(rows[i].words), &oldest, &newest);
        CHECK((e != NULL) == (rows[i].why != NULL), rows[i].words);
        if (e && rows[i].why)
            CHECK(str_starts(e->text, str_of(rows[i].why)), rows[i].words);
        if (e == NULL)
            CHECK(oldest == rows[i].oldest && newest == rows[i].newest, rows[i].words);
        err_forget();
    }
}

TEST(personality_msmtp_secure_print)
{
    struct arena *arena = arena_open(1 << 16);
    static const uint8_t bytes[] = {0x00, 0xab, 0x0f};
    CHECK_STR(personality_msmtp_secure_print(bytes, sizeof bytes, arena), "00:AB:0F", "colons");
    arena_close(arena);
}
