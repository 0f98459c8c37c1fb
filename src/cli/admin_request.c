#include "cli/admin_request.h"
#include "base/nesting.h"
#include "cli/admin.h"
#include "cli/warmup_view.h"
#include "queue/id.h"
#include <jansson.h>
#include <string.h>

static const char *const verb_names[CLI_ADMIN_VERBS] = {
    [CLI_ADMIN_LS] = "ls",           [CLI_ADMIN_HOLD] = "hold",
    [CLI_ADMIN_RELEASE] = "release", [CLI_ADMIN_RETRY] = "retry",
    [CLI_ADMIN_RM] = "rm",           [CLI_ADMIN_STATS] = "stats",
    [CLI_ADMIN_EGRESS] = "egress",   [CLI_ADMIN_TRANSCRIPT] = "transcript",
    [CLI_ADMIN_RELOAD] = "reload",   [CLI_ADMIN_STOP] = "stop",
    [CLI_ADMIN_WARMUP] = "warmup",   [CLI_ADMIN_WARMUP_SET] = "warmup_set",
    [CLI_ADMIN_SHAPING] = "shaping", [CLI_ADMIN_SUPPRESS] = "suppress",
};

const char *cli_admin_request_verb_name(enum cli_admin_verb verb) { return verb_names[verb]; }

static err take_text(const json_t *value, const char *name, struct arena *arena, str *ret_text)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return err_new(ERR_PROTOCOL, "\"%s\" is no text", name);
    *ret_text = arena_str(arena, (str){json_string_value(value), json_string_length(value)});
    return NULL;
}

static err take_flag(const json_t *value, const char *name, bool *ret_flag)
{
    if (!json_is_boolean(value))
        return err_new(ERR_PROTOCOL, "\"%s\" is neither true nor false", name);
    *ret_flag = json_is_true(value);
    return NULL;
}

static err take_verb(const json_t *value, enum cli_admin_verb *ret_verb)
{
    const char *name = json_string_value(value);
    for (size_t i = 0; name && i < CLI_ADMIN_VERBS; i++) {
        if (strcmp(name, verb_names[i]) == 0) {
            *ret_verb = (enum cli_admin_verb)i;
            return NULL;
        }
    }
    return err_new(ERR_PROTOCOL, "an unknown verb");
}

static err take_ids(const json_t *value, struct arena *arena, struct cli_admin_request *r)
{
    uint64_t number;
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > CLI_ADMIN_REQUEST_IDS_MAX)
        return err_new(ERR_PROTOCOL, "\"ids\" is no list of 1 to %d ids",
                       CLI_ADMIN_REQUEST_IDS_MAX);
    r->ids = ARENA_ARRAY(arena, str, count);
    r->id_count = count;
    for (size_t i = 0; i < count; i++) {
        TRY(take_text(json_array_get(value, i), "ids", arena, &r->ids[i]));
        if (!queue_id_parse(r->ids[i], &number))
            return err_new(ERR_PROTOCOL, "\"%.*s\" is no queue id",
                           STR_ARG(str_slice(r->ids[i], 0, 40)));
    }
    return NULL;
}

static err take_change(const json_t *value, struct cli_admin_request *r)
{
    r->has_change = json_is_string(value) &&
                    cli_warmup_view_find_change(str_of(json_string_value(value)), &r->change);
    return r->has_change ? NULL : err_new(ERR_PROTOCOL, "an unknown \"change\"");
}

static err take_value(const json_t *value, struct cli_admin_request *r)
{
    r->has_value = json_is_integer(value);
    r->value = json_integer_value(value);
    return r->has_value ? NULL : err_new(ERR_PROTOCOL, "\"value\" is no number");
}

static err take_member(const char *name, const json_t *value, struct arena *arena,
                       struct cli_admin_request *r)
{
    if (strcmp(name, "verb") == 0)
        return take_verb(value, &r->verb);
    if (strcmp(name, "ids") == 0)
        return take_ids(value, arena, r);
    if (strcmp(name, "to") == 0)
        return take_text(value, name, arena, &r->to);
    if (strcmp(name, "from") == 0)
        return take_text(value, name, arena, &r->from);
    if (strcmp(name, "rcpt") == 0)
        return take_text(value, name, arena, &r->rcpt);
    if (strcmp(name, "held") == 0)
        return take_flag(value, name, &r->held);
    if (strcmp(name, "all") == 0)
        return take_flag(value, name, &r->all);
    if (strcmp(name, "egress") == 0)
        return take_text(value, name, arena, &r->egress);
    if (strcmp(name, "site") == 0)
        return take_text(value, name, arena, &r->site);
    if (strcmp(name, "change") == 0)
        return take_change(value, r);
    if (strcmp(name, "value") == 0)
        return take_value(value, r);
    return err_new(ERR_PROTOCOL, "an unknown member");
}

/* What is said of warm-up must be meant for it, and nothing else may be said with it. */
static err check_warmup(const struct cli_admin_request *r)
{
    bool shows = r->verb == CLI_ADMIN_WARMUP, sets = r->verb == CLI_ADMIN_WARMUP_SET;
    bool sites = r->verb == CLI_ADMIN_SHAPING && r->egress.len == 0;
    bool said = r->egress.len || (r->site.len && !sites), changes = r->has_change || r->has_value;
    bool queue = r->to.len || r->from.len || r->rcpt.len || r->id_count || r->held || r->all;
    if ((shows || sets) ? queue : said || changes || (sites && queue))
        return err_new(ERR_PROTOCOL, "members that do not go together");
    if (shows && changes)
        return err_new(ERR_PROTOCOL, "\"warmup\" changes nothing");
    if (sets && (r->egress.len == 0 || !r->has_change))
        return err_new(ERR_PROTOCOL, "\"egress\" and \"change\" are wanted");
    if (sets && r->has_value != cli_warmup_view_has_value(r->change))
        return err_new(ERR_PROTOCOL, "\"value\" goes with \"day\" and \"cap\"");
    return NULL;
}

/* A change must say what it is for; one that says "all" must mean it. */
static err check_aim(const struct cli_admin_request *r)
{
    bool changes = r->verb >= CLI_ADMIN_HOLD && r->verb <= CLI_ADMIN_RM;
    bool filtered = r->to.len || r->from.len || r->rcpt.len;
    if (changes && !r->id_count && !filtered && !r->all)
        return err_new(ERR_PROTOCOL, "which messages? ids, a filter, or all");
    if (r->verb == CLI_ADMIN_TRANSCRIPT && !r->id_count)
        return err_new(ERR_PROTOCOL, "which messages? ids");
    if (r->all && (r->id_count || filtered))
        return err_new(ERR_PROTOCOL, "\"all\" goes with nothing else");
    return NULL;
}

static err take_object(const json_t *object, struct arena *arena, struct cli_admin_request *ret)
{
    struct cli_admin_request r = {.verb = CLI_ADMIN_VERBS};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) TRY(take_member(name, value, arena, &r));
    if (r.verb == CLI_ADMIN_VERBS)
        return err_new(ERR_PROTOCOL, "no verb");
    TRY(check_aim(&r));
    TRY(check_warmup(&r));
    *ret = r;
    return NULL;
}

err cli_admin_request_parse(str json, struct arena *arena, struct cli_admin_request *ret_request)
{
    json_error_t trouble;
    if (json.len > CLI_ADMIN_REQUEST_BYTES_MAX || !nesting_is_shallow(json, CLI_ADMIN_DEPTH_MAX))
        return err_new(ERR_PROTOCOL, "the request is too large or too deep");
    json_t *object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &trouble);
    err e = json_is_object(object) ? take_object(object, arena, ret_request)
                                   : err_new(ERR_PROTOCOL, "the request is no JSON object");
    json_decref(object);
    return e;
}
