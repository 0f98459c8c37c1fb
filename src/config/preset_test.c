#include "base/mem.h"
#include "config/preset.h"
#include "config/share.h"
#include "config/value.h"
#include "tests/test.h"

enum { PRESETS_LEAST = 60, ARENA_BYTES_MAX = 2 * CONFIG_YAML_ARENA_BYTES_MAX };

static const struct config_preset *find(const struct config_presets *presets, const char *key)
{
    const struct config_preset *found = config_presets_find(presets, str_of(key));
    CHECK(found != NULL, key);
    return found;
}

static void read_shipped(struct arena *arena, struct config_presets *ret_presets)
{
    struct config_errors errors;
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 1 << 20);
    config_errors_init(&errors);
    CHECK(config_presets_read((str){0}, arena, &errors, ret_presets), "what ships is right");
    CHECK_DONE(config_errors_print(&errors, &text), "print");
    CHECK_STR(buf_str(&text), "", "no errors");
    config_errors_release(&errors);
}

static void check_preset(const struct config_preset *p, struct arena *arena)
{
    char label[100];
    struct config_hop hops[CONFIG_ACCOUNT_SERVERS_MAX];
    snprintf(label, sizeof label, "%.*s", STR_ARG(p->key));
    CHECK(p->name.len > 0 && p->date.len == 10, label);
    CHECK(str_starts(p->source, S("https://")), label);
    CHECK((p->server_count > 0) == (p->unavailable.len == 0), label);
    CHECK((p->licence_count > 0) == (p->unavailable.len == 0), label);
    CHECK_DONE(config_preset_hops(p, S("mx.example.net"), arena, hops), label);
    for (size_t i = 0; i < p->server_count; i++)
        CHECK(hops[i].tls == HOP_TLS_VERIFIED || config_value_hop_is_local(&hops[i]), label);
    for (size_t i = 0; i < p->licence_count; i++)
        CHECK(config_preset_licence(p, p->licences[i].name) == &p->licences[i], label);
}

/* All of them, strictly. */
TEST(config_preset_shipped)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct config_presets presets = {0};
    read_shipped(arena, &presets);
    CHECK(presets.count >= PRESETS_LEAST, "so many are promised");
    for (size_t i = 0; i < presets.count; i++)
        check_preset(&presets.list[i], arena);
    CHECK(config_presets_find(&presets, S("nobody")) == NULL, "an unknown name");
}

/* The figures that people plan with. */
TEST(config_preset_figures)
{
    static const struct {
        const char *preset, *licence;
        int per_minute, per_hour, per_day, recipients_per_message, recipients_per_day;
    } cases[] = {
        {"gmail",                "",           0,  0,  500,   100, 0    },
        {"google-workspace",     "paid",       0,  0,  2000,  100, 10000},
        {"google-workspace",     "trial",      0,  0,  500,   100, 0    },
        {"microsoft365",         "basic",      30, 0,  500,   500, 0    },
        {"microsoft365",         "enterprise", 30, 0,  10000, 500, 10000},
        {"amazon-ses-eu-west-1", "sandbox",    60, 0,  200,   50,  200  },
        {"rackspace",            "",           0,  0,  0,     0,   10000},
        {"webhostmost",          "",           -1, -1, -1,    0,   -1   },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct config_presets presets = {0};
    read_shipped(arena, &presets);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_preset *p = find(&presets, cases[i].preset);
        const struct config_preset_licence *l =
            p ? config_preset_licence(p, str_of(cases[i].licence)) : NULL;
        CHECK(l != NULL, cases[i].preset);
        if (l == NULL)
            continue;
        CHECK(l->per_minute == (int)cases[i].per_minute, cases[i].preset);
        CHECK(l->per_hour == (int)cases[i].per_hour, cases[i].preset);
        CHECK(l->per_day == (int)cases[i].per_day, cases[i].preset);
        CHECK(l->recipients_per_message == (int)cases[i].recipients_per_message, cases[i].preset);
        CHECK(l->recipients_per_day == (int)cases[i].recipients_per_day, cases[i].preset);
    }
}

TEST(config_preset_servers_and_rules)
{
    static const struct {
        const char *preset, *servers, *logins;
        enum config_from_rule from;
    } cases[] = {
        {"gmail",                  "smtp://smtp.gmail.com:587 smtps://smtp.gmail.com:465",             "XOAUTH2 PLAIN LOGIN",
         FROM_RULE_REWRITES                                                                                                                     },
        {"microsoft365",           "smtp://smtp.office365.com:587",                                    "XOAUTH2 LOGIN",       FROM_RULE_REFUSES },
        {"microsoft365-connector", "smtp://h.example:25",                                              "none",                FROM_RULE_VERIFIED},
        {"webhostmost",            "smtp://h.example:587 smtps://h.example:465 smtp://h.example:2525",
         "PLAIN LOGIN",                                                                                                       FROM_RULE_FREE    },
        {"mailgun-eu",
         "smtp://smtp.eu.mailgun.org:587 smtps://smtp.eu.mailgun.org:465 "
         "smtp://smtp.eu.mailgun.org:2525 smtp://smtp.eu.mailgun.org:25",                              "PLAIN LOGIN",         FROM_RULE_VERIFIED},
        {"tuta",                   "",                                                                 "",                    FROM_RULE_UNKNOWN },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(ARENA_BYTES_MAX);
    struct config_presets presets = {0};
    read_shipped(arena, &presets);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_preset *p = find(&presets, cases[i].preset);
        struct config_hop hops[CONFIG_ACCOUNT_SERVERS_MAX];
        str servers = {0}, logins = {0};
        CHECK_DONE(config_preset_hops(p, S("h.example"), arena, hops), cases[i].preset);
        for (size_t j = 0; j < p->server_count; j++)
            servers = arena_printf(arena, "%.*s%s%.*s", STR_ARG(servers), j ? " " : "",
                                   STR_ARG(hops[j].url));
        for (size_t j = 0; j < p->login_count; j++)
            logins = arena_printf(arena, "%.*s%s%.*s", STR_ARG(logins), j ? " " : "",
                                  STR_ARG(p->logins[j]));
        CHECK_STR(servers, cases[i].servers, cases[i].preset);
        CHECK_STR(logins, cases[i].logins, cases[i].preset);
        CHECK(p->from == cases[i].from, cases[i].preset);
    }
}
