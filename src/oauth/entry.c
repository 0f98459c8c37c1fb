#include "oauth/entry.h"
#include "base/mem.h"
#include <jansson.h>
#include <stddef.h>
#include <string.h>

static const char *const flows[] = {"device", "loopback", "client-credentials"};

static const struct {
    const char *name;
    size_t offset;
} texts[] = {
    {"provider",          offsetof(struct oauth_entry, provider)         },
    {"token_url",         offsetof(struct oauth_entry, token)            },
    {"revoke_url",        offsetof(struct oauth_entry, revoke)           },
    {"client_id",         offsetof(struct oauth_entry, client_id)        },
    {"client_secret_ref", offsetof(struct oauth_entry, client_secret_ref)},
    {"scopes",            offsetof(struct oauth_entry, scopes)           },
    {"user",              offsetof(struct oauth_entry, user)             },
    {"ca_file",           offsetof(struct oauth_entry, ca_file)          },
    {"access",            offsetof(struct oauth_entry, access)           },
    {"refresh",           offsetof(struct oauth_entry, refresh)          },
    {"granted",           offsetof(struct oauth_entry, granted)          },
    {"trouble",           offsetof(struct oauth_entry, trouble)          },
};
static const struct {
    const char *name;
    size_t offset;
} times[] = {
    {"got_ms",   offsetof(struct oauth_entry, got_ms)  },
    {"ends_ms",  offsetof(struct oauth_entry, ends_ms) },
    {"login_ms", offsetof(struct oauth_entry, login_ms)},
    {"tried_ms", offsetof(struct oauth_entry, tried_ms)},
};

const char *oauth_entry_flow_name(enum oauth_entry_flow flow) { return flows[flow]; }

bool oauth_entry_name_ok(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!char_is_alnum(c) && c != '-' && c != '_' && c != '@' && (c != '.' || i == 0))
            return false;
    }
    return name.len > 0 && name.len <= OAUTH_ENTRY_NAME_CHARS;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *to_json(const struct oauth_entry *entry)
{
    json_t *o = json_pack("{ss,sb,sb}", "flow", flows[entry->flow], "basic", entry->basic,
                          "login_again", entry->login_again);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const str *text = (const str *)((const char *)entry + texts[i].offset);
        if (text->len > 0)
            json_object_set_new(o, texts[i].name, json_stringn(text->ptr, text->len));
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        json_object_set_new(
            o, times[i].name,
            json_integer(*(const int64_t *)((const char *)entry + times[i].offset)));
    return o;
}

/* Straight into the buffer, which never moves: no copy stays behind in freed memory. */
err oauth_entry_write(const struct oauth_entry *entry, struct buf *out)
{
    char *room;
    TRY(buf_reserve(out, OAUTH_ENTRY_BYTES_MAX, &room));
    json_t *o = to_json(entry);
    size_t len = json_dumpb(o, room, OAUTH_ENTRY_BYTES_MAX, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(o);
    if (len == 0 || len > OAUTH_ENTRY_BYTES_MAX)
        return err_new(ERR_LIMIT, "a login above %d bytes", OAUTH_ENTRY_BYTES_MAX);
    out->len += len;
    return NULL;
}

static bool read_flow(const json_t *o, enum oauth_entry_flow *ret_flow)
{
    const char *name = json_string_value(json_object_get(o, "flow"));
    for (size_t i = 0; name && i < ARRAY_LEN(flows); i++)
        if (strcmp(flows[i], name) == 0) {
            *ret_flow = (enum oauth_entry_flow)i;
            return true;
        }
    return false;
}

static bool read_object(const json_t *o, struct arena *arena, struct oauth_entry *entry)
{
    if (!read_flow(o, &entry->flow))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const json_t *v = json_object_get(o, texts[i].name);
        str text = {json_string_value(v), json_string_length(v)};
        if (v && !json_is_string(v))
            return false;
        *(str *)((char *)entry + texts[i].offset) = arena_str(arena, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        const json_t *v = json_object_get(o, times[i].name);
        if (!json_is_integer(v))
            return false;
        *(int64_t *)((char *)entry + times[i].offset) = json_integer_value(v);
    }
    entry->basic = json_is_true(json_object_get(o, "basic"));
    entry->login_again = json_is_true(json_object_get(o, "login_again"));
    return entry->provider.len > 0 && entry->token.len > 0;
}

err oauth_entry_read(str json, struct arena *arena, struct oauth_entry *ret_entry)
{
    struct oauth_entry entry = {0};
    json_error_t why;
    if (json.len == 0 || json.len > OAUTH_ENTRY_BYTES_MAX)
        return err_new(ERR_DAMAGED, "a login that is empty or above %d bytes",
                       OAUTH_ENTRY_BYTES_MAX);
    json_t *o = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &why);
    bool good = json_is_object(o) && read_object(o, arena, &entry);
    json_decref(o);
    if (!good)
        return err_new(ERR_DAMAGED, "a login that is not as it was written");
    *ret_entry = entry;
    return NULL;
}

/* ---- time ---------------------------------------------------------------------------------- */

bool oauth_entry_is_over(const struct oauth_entry *entry, int64_t now_ms)
{
    return entry->access.len == 0 || now_ms >= entry->ends_ms || now_ms < entry->got_ms;
}

int64_t oauth_entry_due_ms(const struct oauth_entry *entry)
{
    int64_t part_ms = (entry->ends_ms - entry->got_ms) * OAUTH_ENTRY_EARLY_PERCENT / 100;
    return entry->ends_ms - (part_ms < OAUTH_ENTRY_EARLY_MS ? part_ms : OAUTH_ENTRY_EARLY_MS);
}

bool oauth_entry_is_due(const struct oauth_entry *entry, int64_t now_ms)
{
    return oauth_entry_is_over(entry, now_ms) || now_ms >= oauth_entry_due_ms(entry);
}

void oauth_entry_take(struct oauth_entry *entry, const struct oauth_token_answer *answer,
                      int64_t now_ms)
{
    entry->access = answer->access;
    if (answer->refresh.len > 0)
        entry->refresh = answer->refresh;
    entry->granted = answer->scope.len > 0 ? answer->scope : entry->scopes;
    entry->got_ms = entry->tried_ms = now_ms;
    entry->ends_ms = now_ms + answer->life_s * 1000;
    entry->trouble = (str){0};
    entry->login_again = false;
}
