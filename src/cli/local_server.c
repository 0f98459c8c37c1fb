#include "cli/local_server.h"
#include "cli/admin_client.h"
#include "cli/oauth_logins.h"

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

const struct personality_server cli_local_server = {list, retry, cli_oauth_logins_read};
