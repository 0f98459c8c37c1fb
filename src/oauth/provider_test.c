#include "config/yaml.h"
#include "oauth/provider.h"
#include "oauth/url.h"
#include "tests/test.h"

TEST(oauth_provider_all_that_ship)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CONFIG_YAML_ARENA_BYTES_MAX);
    struct config_errors errors;
    struct oauth_providers all = {0};
    config_errors_init(&errors);
    CHECK(oauth_provider_read_all((str){0}, arena, &errors, &all), "what ships is right");
    for (size_t i = 0; i < errors.count; i++)
        test_fail(__FILE__, __LINE__, "oauth.yaml", arena_chars(arena, errors.list[i].message));
    config_errors_release(&errors);
    CHECK(all.count == 5, "google, microsoft, yahoo, fastmail, zoho");
    for (size_t i = 0; i < all.count; i++) {
        const struct oauth_provider *p = &all.list[i];
        CHECK(str_starts(p->source, S("https://")) && p->date.len == 10, "source and date");
        CHECK(p->unavailable.len > 0 || p->step_count > 1, "steps for the console");
        CHECK(p->unavailable.len > 0 || p->device.len > 0 || p->authorize.len > 0, "a flow");
    }
    CHECK_STR(oauth_provider_find(&all, S("google"))->scopes, "https://mail.google.com/",
              "smallest");
    CHECK_STR(oauth_provider_find(&all, S("microsoft"))->scopes,
              "https://outlook.office.com/SMTP.Send offline_access", "smallest");
    CHECK(oauth_provider_find(&all, S("nobody")) == NULL, "nobody");
}

TEST(oauth_provider_tenant)
{
    static const struct {
        const char *key, *tenant, *url; /* url NULL: refused */
    } cases[] = {
        {"microsoft", "",            "https://login.microsoftonline.com/common/oauth2/v2.0/token"},
        {"microsoft", "example.com",
         "https://login.microsoftonline.com/example.com/oauth2/v2.0/token"                       },
        {"microsoft", "../x",        NULL                                                        },
        {"microsoft", "a?b",         NULL                                                        },
        {"google",    "",            "https://oauth2.googleapis.com/token"                       },
        {"google",    "example.com", NULL                                                        },
    };
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(CONFIG_YAML_ARENA_BYTES_MAX);
    struct config_errors errors;
    struct oauth_providers all = {0};
    config_errors_init(&errors);
    CHECK(oauth_provider_read_all((str){0}, arena, &errors, &all), "what ships");
    config_errors_release(&errors);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oauth_provider p = {0};
        err e = oauth_provider_of_tenant(oauth_provider_find(&all, str_of(cases[i].key)),
                                         str_of(cases[i].tenant), arena, &p);
        CHECK((e == NULL) == (cases[i].url != NULL), cases[i].tenant);
        CHECK_STR(p.token, cases[i].url ? cases[i].url : "", cases[i].tenant);
        CHECK(e || oauth_url_check(p.token) == NULL, cases[i].tenant);
        err_forget();
    }
}
