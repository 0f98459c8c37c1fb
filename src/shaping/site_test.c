#include "config/text_test.h"
#include "shaping/limits.h"
#include "shaping/site.h"
#include "tests/test.h"

static struct dns_mx mx_of(const char *const hosts[3], const uint16_t preferences[3])
{
    struct dns_mx mx = {0};
    for (; mx.count < 3 && hosts[mx.count]; mx.count++)
        mx.hosts[mx.count] = (struct dns_mx_host){preferences[mx.count], str_of(hosts[mx.count])};
    return mx;
}

TEST(shaping_site_names)
{
    static const struct {
        const char *label, *hosts[3];
        uint16_t preferences[3];
        const char *name, *provider;
    } cases[] = {
        {"a provider",                            {"gmail-smtp-in.l.google.com"}, {5},      "google",           "google" },
        {"its other suffix",
         {"smtp.google.com", "aspmx2.googlemail.com"},
         {1, 1},
         "google",                                                                                              "google" },
        {"whatever the case",                     {"ASPMX.L.GOOGLE.COM"},         {1},      "google",           "google" },
        {"the longer suffix wins",
         {"hotmail-com.olc.protection.outlook.com"},
         {2},
         "outlook",                                                                                             "outlook"},
        {"only at a dot",                         {"mx.notgoogle.com"},           {5},      "mx.notgoogle.com", ""       },
        {"nobody's",
         {"b.example", "a.example", "c.example"},
         {10, 10, 20},
         "a.example b.example",                                                                                 ""       },
        {"twice the same",                        {"a.example", "a.example"},     {10, 10}, "a.example",        ""       },
        {"half a provider's",
         {"mx.example", "aspmx.l.google.com"},
         {1, 1},
         "aspmx.l.google.com mx.example",                                                                       ""       },
        {"a backup elsewhere counts for nothing",
         {"aspmx.l.google.com", "mx.example"},
         {1, 10},
         "google",                                                                                              "google" },
    };
    struct config *config = config_default();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shaping_site site;
        struct dns_mx mx = mx_of(cases[i].hosts, cases[i].preferences);
        shaping_site_of_mx(config, &mx, config->arena, &site);
        CHECK_STR(site.name, cases[i].name, cases[i].label);
        CHECK_STR(site.provider, cases[i].provider, cases[i].label);
    }
    config_close(config);
}

/* Many long names make one that is bounded and still different. */
TEST(shaping_site_bounded)
{
    struct config *config = config_default();
    struct shaping_site sites[2];
    for (int n = 0; n < 2; n++) {
        struct dns_mx mx = {.count = DNS_MX_HOSTS_MAX};
        for (int i = 0; i < DNS_MX_HOSTS_MAX; i++)
            mx.hosts[i].name = arena_printf(config->arena, "%c-host-%d.a-long-name.example",
                                            'z' - i, i == 0 ? n : 0);
        shaping_site_of_mx(config, &mx, config->arena, &sites[n]);
        CHECK(sites[n].name.len <= SHAPING_SITE_NAME_BYTES_MAX, "bounded");
    }
    CHECK(!str_eq(sites[0].name, sites[1].name), "different");
    config_close(config);
}

static struct shaping_resolved site_limits(const struct config *config, const char *site,
                                           const char *provider, char origins[2][80])
{
    struct shaping_limits *limits;
    struct shaping_resolved r;
    shaping_limits_open(config, &limits);
    shaping_limits_site(limits, str_of(site), str_of(provider), &r);
    for (int i = 0; i < 2; i++)
        snprintf(origins[i], 80, "%s", r.origin[i] ? r.origin[i] : "");
    shaping_limits_close(limits);
    return r;
}

/* The first that says something wins, key by key, and is named. */
TEST(shaping_limits_order)
{
    static const char text[] = "shaping:\n"
                               "  sites:\n"
                               "    default: {connections: 7, rate: 20/s}\n"
                               "    yahoo: {connections: 9, messages_per_connection: none}\n"
                               "    a.example: {messages_per_connection: 3, per_hour: 1000}\n"
                               "    relay.example: {connections: 2}\n"
                               "  tenants:\n"
                               "    default: {rate: 1/s}\n"
                               "    acme: {connections: 4}\n";
    static const struct {
        const char *site, *provider;
        int64_t connections, messages;
        const char *from[2];
    } cases[] = {
        {"a.example",                    "",       7,  3,   {"shaping.sites.default", "shaping.sites.a.example"}        },
        {"b.example",                    "",       7,  100, {"shaping.sites.default", "outbound"}                       },
        {"yahoo",                        "yahoo",  9,  0,   {"shaping.sites.yahoo", "shaping.sites.yahoo"}              },
        {"google",                       "google", 10, 100, {"share/shaping.yaml: google", "share/shaping.yaml: google"}},
        {"via smtp://relay.example:587", "",       2,  100, {"shaping.sites.relay.example", "outbound"}                 },
    };
    struct config *config = config_text_test(str_of(text));
    for (size_t i = 0; config && i < ARRAY_LEN(cases); i++) {
        char origins[2][80];
        struct shaping_resolved r = site_limits(config, cases[i].site, cases[i].provider, origins);
        CHECK(r.value[SHAPING_CONNECTIONS] == cases[i].connections, cases[i].site);
        CHECK(r.value[SHAPING_MESSAGES_PER_CONNECTION] == cases[i].messages, cases[i].site);
        CHECK_STR(str_of(origins[0]), cases[i].from[0], cases[i].site);
        CHECK_STR(str_of(origins[1]), cases[i].from[1], cases[i].site);
    }
    struct shaping_limits *limits;
    struct shaping_resolved r;
    shaping_limits_open(config, &limits);
    shaping_limits_of(limits, SHAPING_TENANT, S("acme"), &r);
    CHECK(r.value[SHAPING_CONNECTIONS] == 4, "its own");
    CHECK(shaping_limits_interval_ns(&r) == 1000000000, "and what all have");
    shaping_limits_close(limits);
    config_close(config);
}
