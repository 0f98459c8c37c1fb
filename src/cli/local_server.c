#include "cli/local_server.h"
#include "cli/account_discover.h"
#include "cli/admin_client.h"
#include "cli/oauth_logins.h"
#include "config/value.h"

enum { RCPTS_MAX = 100 }; /* of one delivery that are shown */

struct listing {
    void (*each)(void *arg, const struct personality_queued *);
    void *arg;
};

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static void take_line(void *arg, const json_t *line)
{
    const struct listing *listing = arg;
    const char *rcpts[RCPTS_MAX];
    const json_t *list = json_object_get(line, "rcpts");
    struct personality_queued q = {
        .id = text_of(line, "id"),
        .state = text_of(line, "state"),
        .sender = text_of(line, "sender"),
        .reply = text_of(line, "reply"),
        .size = json_integer_value(json_object_get(line, "size")),
        .accepted_ms = json_integer_value(json_object_get(line, "accepted_ms")),
        .rcpts = rcpts,
    };
    for (size_t i = 0; i < json_array_size(list) && i < RCPTS_MAX; i++) {
        const char *rcpt = json_string_value(json_array_get(list, i));
        rcpts[q.rcpt_count++] = rcpt ? rcpt : "";
    }
    listing->each(listing->arg, &q);
}

static err list(const struct config *config,
                void (*each)(void *arg, const struct personality_queued *), void *arg,
                int64_t *ret_count)
{
    struct listing listing = {each, arg};
    return cli_admin_client_ask(config, json_pack("{ss}", "verb", "ls"), take_line, &listing,
                                ret_count);
}

static err retry(const struct config *config, const char *id, const char *to, int64_t *ret_count)
{
    json_t *request = json_pack("{ss}", "verb", "retry");
    if (id)
        json_object_set_new(request, "ids", json_pack("[s]", id));
    if (to)
        json_object_set_new(request, "to", json_string(to));
    if (id == NULL && to == NULL)
        json_object_set_new(request, "all", json_true());
    return cli_admin_client_ask(config, request, NULL, NULL, ret_count);
}

/* ---- where mail is handed over ---------------------------------------------------------- */

/* The token to log in by, when there is no other way; empty: a password will do. */
static str token_of(const struct config_preset *p)
{
    str token = {0};
    for (size_t i = 0; i < p->login_count; i++) {
        bool bearer = str_eq_nocase(p->logins[i], S("OAUTHBEARER"));
        if (!bearer && !str_eq_nocase(p->logins[i], S("XOAUTH2")))
            return (str){0};
        if (token.len == 0)
            token = bearer ? S("oauthbearer") : S("xoauth2");
    }
    return token;
}

static err way_of_preset(const struct config_preset *p, struct personality_way *way)
{
    if (p->unavailable.len)
        return err_new(ERR_CONFIG, "%.*s: %.*s", STR_ARG(p->name), STR_ARG(p->unavailable));
    if (p->needs_host)
        return err_new(ERR_CONFIG, "%.*s gives each account a server of its own: %.*s",
                       STR_ARG(p->name), STR_ARG(p->host));
    way->known = true;
    way->token = token_of(p);
    way->note = p->enable;
    return NULL;
}

static err discover(str address, struct arena *arena, struct personality_way *ret_way)
{
    struct cli cli = {0};
    CLEANUP(config_errors_release) struct config_errors errors;
    struct config_presets presets;
    struct cli_account_search search = {.address = address, .presets = &presets};
    struct cli_account_found found = {0};
    struct personality_way way = {0};
    struct config_hop hop;
    config_errors_init(&errors);
    if (!config_presets_read((str){0}, arena, &errors, &presets))
        return err_new(ERR_CONFIG, "the presets cannot be read");
    if (cli_account_discover(&cli, &search, arena, &found) != CLI_OK || found.origin.len == 0)
        return err_new(ERR_CONFIG, "nobody says where %.*s hands over its mail",
                       STR_ARG(str_slice(address, 0, 200)));
    if (found.preset)
        TRY(way_of_preset(found.preset, &way));
    else
        way.token = found.oauth && !found.password ? S("xoauth2") : (str){0};
    str url = found.preset ? found.preset->servers[0] : found.servers[0];
    TRY(config_value_hop(url, arena, &hop));
    way.host = hop.host;
    way.port = hop.port;
    way.implicit_tls = hop.implicit_tls;
    way.user = found.user;
    way.origin = found.origin;
    *ret_way = way;
    return NULL;
}

const struct personality_server cli_local_server = {list, retry, cli_oauth_logins_read, discover};
