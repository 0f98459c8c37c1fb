/* Which selectors are taken, and what counts as published. */
#include "cli/rotate_keys.h"
#include "tests/test.h"

#define RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define DAY_MS ((int64_t)1795286760000) /* 2026-11-21 */

TEST(cli_rotate_keys_choose)
{
    static const struct {
        const char *label, *used, *word, *first; /* first: NULL: refused */
    } cases[] = {
        {"by the date",            "",                     NULL,                                        "r20261121" },
        {"the same day again",     "r20261121",            NULL,                                        "r20261121b"},
        {"the other one is taken", "e20261121",            NULL,                                        "r20261121b"},
        {"and again",              "r20261121 e20261121b", NULL,                                        "r20261121c"},
        {"a word",                 "",                     "2027",                                      "r2027"     },
        {"a word that was taken",  "e2027",                "2027",                                      NULL        },
        {"in other letters",       "RX",                   "x",                                         NULL        },
        {"not a word",             "",                     "../x",                                      NULL        },
        {"too long a word",        "",                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL        },
    };
    static struct account_rotation r;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 16);
        str pair[2] = {{0}, {0}}, word;
        r = (struct account_rotation){0};
        for (str rest = str_of(cases[i].used); rest.len > 0;) {
            str_split(rest, ' ', &word, &rest);
            r.used[r.used_count++] = word;
        }
        err e = cli_rotate_keys_choose(&r, cases[i].word, DAY_MS, arena, pair);
        CHECK((e == NULL) == (cases[i].first != NULL), cases[i].label);
        if (e == NULL) {
            CHECK_STR(pair[0], cases[i].first, cases[i].label);
            CHECK(pair[1].ptr[0] == 'e' && str_eq(str_from(pair[0], 1), str_from(pair[1], 1)),
                  cases[i].label);
        }
        arena_close(arena);
        err_forget();
    }
}

static struct dns_answer answer(enum dns_status status, struct dns_record *records, size_t count)
{
    return (struct dns_answer){.status = status, .records = records, .count = count, .ttl = 300};
}

TEST(cli_rotate_keys_judge)
{
    static const struct {
        const char *label;
        enum dns_status status;
        const char *texts[2];
        bool key_gone;
        enum account_rotation_records records;
    } cases[] = {
        {"as it is to be",          DNS_OK,       {RECORD},                                                                    false, ACCOUNT_ROTATION_LIVE   },
        {"with blanks",
         DNS_OK,                                  {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQ HOg7hcvPapiMlrwIaaPcHURo="},
         false,                                                                                                                       ACCOUNT_ROTATION_LIVE   },
        {"with a flag",
         DNS_OK,                                  {"v=DKIM1; k=ed25519; t=s; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
         false,                                                                                                                       ACCOUNT_ROTATION_LIVE   },
        {"another key",
         DNS_OK,                                  {"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURp="},
         false,                                                                                                                       ACCOUNT_ROTATION_MIXED  },
        {"another kind",
         DNS_OK,                                  {"v=DKIM1; k=rsa; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
         false,                                                                                                                       ACCOUNT_ROTATION_MIXED  },
        {"something else",          DNS_OK,       {"v=spf1 -all"},                                                             false, ACCOUNT_ROTATION_MIXED  },
        {"twice",                   DNS_OK,       {RECORD, RECORD},                                                            false, ACCOUNT_ROTATION_MIXED  },
        {"revoked",                 DNS_OK,       {"v=DKIM1; p="},                                                             false, ACCOUNT_ROTATION_GONE   },
        {"not there",               DNS_NXDOMAIN, {NULL},                                                                      false, ACCOUNT_ROTATION_GONE   },
        {"nothing of it",           DNS_NODATA,   {NULL},                                                                      false, ACCOUNT_ROTATION_GONE   },
        {"servers failed",          DNS_SERVFAIL, {NULL},                                                                      false, ACCOUNT_ROTATION_UNKNOWN},
        {"no answer",               DNS_TIMEOUT,  {NULL},                                                                      false, ACCOUNT_ROTATION_UNKNOWN},
        {"forged",                  DNS_BOGUS,    {NULL},                                                                      false, ACCOUNT_ROTATION_UNKNOWN},
        {"still there",             DNS_OK,       {RECORD},                                                                    true,  ACCOUNT_ROTATION_MIXED  },
        {"the key and it are gone", DNS_NXDOMAIN, {NULL},                                                                      true,  ACCOUNT_ROTATION_GONE   },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct dns_record records[2] = {{.type = DNS_TXT}, {.type = DNS_TXT}};
        struct cli_rotate_key key = {.selector = S("e1"),
                                     .record = cases[i].key_gone ? (str){0} : S(RECORD)};
        size_t count = 0;
        while (count < 2 && cases[i].texts[count]) {
            records[count].text = str_of(cases[i].texts[count]);
            count++;
        }
        struct dns_answer said = answer(cases[i].status, records, count);
        CHECK(cli_rotate_keys_judge_answer(&key, &said, arena) == cases[i].records, cases[i].label);
        arena_close(arena);
    }
}

/* All servers must say the same; one that cannot be asked leaves it open. */
TEST(cli_rotate_judge_servers)
{
    static const struct {
        const char *label;
        const char *said; /* a letter for each server */
        enum cli_live_source source;
        bool resolver;
        enum account_rotation_records records;
    } cases[] = {
        {"all have it",                  "LLL", CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_LIVE   },
        {"one lags behind",              "LGL", CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_MIXED  },
        {"one is silent",                "LUL", CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_UNKNOWN},
        {"none has it",                  "GG",  CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_GONE   },
        {"one still has it",             "GL",  CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_MIXED  },
        {"nobody was asked",             "",    CLI_LIVE_SERVERS,  false, ACCOUNT_ROTATION_UNKNOWN},
        {"a resolver's word",            "L",   CLI_LIVE_RESOLVER, false, ACCOUNT_ROTATION_UNKNOWN},
        {"a resolver, as was asked for", "L",   CLI_LIVE_RESOLVER, true,  ACCOUNT_ROTATION_LIVE   },
        {"a file",                       "L",   CLI_LIVE_FILE,     false, ACCOUNT_ROTATION_LIVE   },
    };
    struct dns_record record = {.type = DNS_TXT, .text = S(RECORD)};
    struct cli_rotate_key key = {.selector = S("e1"), .record = S(RECORD)};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *arena = arena_open(1 << 20);
        struct cli_live_question q = {.source = cases[i].source};
        for (const char *c = cases[i].said; *c; c++)
            q.said[q.said_count++].answer = *c == 'L'   ? answer(DNS_OK, &record, 1)
                                            : *c == 'G' ? answer(DNS_NXDOMAIN, NULL, 0)
                                                        : answer(DNS_TIMEOUT, NULL, 0);
        CHECK(cli_rotate_keys_judge(&key, &q, cases[i].resolver, arena) == cases[i].records,
              cases[i].label);
        arena_close(arena);
    }
}
