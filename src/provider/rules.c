#include "provider/rules.h"
#include "config/schema.h"
#include "config/suggest.h"
#include "config/value.h"
#include "config/yaml.h"
#include <string.h>

#define HOUR_MS (60 * 60 * 1000LL)
#define DAY_MS (24 * HOUR_MS)
#define FOREVER_MS (10 * 365 * DAY_MS)
#define COUNT_MAX (1000 * 1000 * 1000LL)

/* clang-format off */
static const struct config_schema_choice kinds[] = {
    {"throttle", PROVIDER_THROTTLE}, {"quota", PROVIDER_QUOTA},
    {"connections", PROVIDER_CONNECTIONS}, {"login", PROVIDER_LOGIN}, {"storm", PROVIDER_STORM},
    {"greylist", PROVIDER_GREYLIST}, {"block", PROVIDER_BLOCK}, {"slow", PROVIDER_SLOW},
    {"recipients", PROVIDER_RECIPIENTS}, {0},
};
static const struct config_schema_choice personas[] = {
    {"plain", PROVIDER_AS_PLAIN}, {"gmail", PROVIDER_AS_GMAIL}, {"microsoft", PROVIDER_AS_MICROSOFT},
    {"yahoo", PROVIDER_AS_YAHOO}, {0},
};
static const struct config_schema_choice stages[] = {
    {"connect", PROVIDER_CONNECT}, {"hello", PROVIDER_HELLO}, {"auth", PROVIDER_AUTH},
    {"mail", PROVIDER_MAIL}, {"rcpt", PROVIDER_RCPT}, {"data", PROVIDER_DATA},
    {"dot", PROVIDER_DOT}, {0},
};
static const struct config_schema_choice pers[] = {
    {"source", PROVIDER_PER_SOURCE}, {"sender", PROVIDER_PER_SENDER},
    {"login", PROVIDER_PER_LOGIN}, {"recipient", PROVIDER_PER_RECIPIENT},
    {"all", PROVIDER_PER_ALL}, {0},
};
static const struct config_schema_choice meters[] = {
    {"sliding", PROVIDER_METER_SLIDING}, {"fixed", PROVIDER_METER_FIXED},
    {"bucket", PROVIDER_METER_BUCKET}, {0},
};
static const struct config_schema_choice answers[] = {
    {"unknown", PROVIDER_NOBODY}, {"full", PROVIDER_FULL}, {"disabled", PROVIDER_DISABLED},
    {"spam", PROVIDER_SPAM}, {0},
};
/* clang-format on */

const char *provider_rules_kind(enum provider_kind kind)
{
    return config_schema_choice_name(kinds, (int)kind);
}

/* ---- values ----------------------------------------------------------------------------- */

struct key;
struct reader;

struct given { /* a rule, and what of it was written */
    struct provider_rule *rule;
    const struct config_yaml_node *node;
    unsigned keys; /* bits of rule_keys */
    int stage, per, answer, close;
};

struct key {
    const char *name;
    unsigned kinds; /* bits of those that have it */
    err (*read)(const struct key *, str text, struct arena *, void *ret_field);
    size_t offset; /* in struct given_fields */
    const struct config_schema_choice *choices;
};

static err read_choice(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)arena;
    const struct config_schema_choice *choice = config_schema_choose(key->choices, text);
    if (choice == NULL)
        return err_new(ERR_CONFIG, "\"%.*s\" is not known here", STR_ARG(str_slice(text, 0, 60)));
    *(int *)ret_field = choice->value;
    return NULL;
}

static err read_time(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    int64_t ms;
    TRY(config_value_duration(text, &ms));
    if (ms > FOREVER_MS)
        return err_new(ERR_CONFIG, "that is longer than ten years");
    *(int64_t *)ret_field = ms;
    return NULL;
}

static err read_count(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    int64_t count;
    TRY(config_value_int(text, &count));
    if (count < 1 || count > COUNT_MAX)
        return err_new(ERR_CONFIG, "must be 1 to %lld", COUNT_MAX);
    *(int64_t *)ret_field = count;
    return NULL;
}

static err read_bytes(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    int64_t bytes;
    TRY(config_value_size(text, &bytes));
    if (bytes < 1)
        return err_new(ERR_CONFIG, "must be at least 1B");
    *(int64_t *)ret_field = bytes;
    return NULL;
}

static err read_bool(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    return config_value_bool(text, ret_field);
}

static err read_close(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    bool close;
    TRY(read_bool(key, text, arena, &close));
    *(int *)ret_field = close;
    return NULL;
}

/* "5%", "0.25%", "150%" in ten-thousandths */
static err read_share(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    str whole = text, part = {0};
    uint64_t ones, parts = 0;
    bool ends = whole.len > 1 && whole.ptr[whole.len - 1] == '%';
    if (ends)
        whole.len--;
    bool dotted = str_find(whole, '.') != STR_NONE;
    str_split(whole, '.', &whole, &part);
    if (!ends || !str_to_u64(whole, 100 * 100, &ones) ||
        (dotted && (part.len > 2 || !str_to_u64(part, 99, &parts))))
        return err_new(ERR_CONFIG, "\"%.*s\" is not a share such as 5%% or 0.25%%",
                       STR_ARG(str_slice(text, 0, 60)));
    *(int64_t *)ret_field = (int64_t)(ones * 100 + (part.len == 1 ? parts * 10 : parts));
    return NULL;
}

/* "1000/h", "10/s", "30/15m" */
static err read_limit(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    static const struct {
        str name;
        int64_t ms;
    } units[] = {
        {{"s", 1}, 1000     },
        {{"m", 1}, 60 * 1000},
        {{"h", 1}, HOUR_MS  },
        {{"d", 1}, DAY_MS   }
    };
    struct provider_measure *limit = ret_field;
    str number, unit;
    uint64_t count;
    int64_t window_ms = 0;
    str_split(text, '/', &number, &unit);
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(unit, units[i].name))
            window_ms = units[i].ms;
    if (window_ms == 0 && config_value_duration(unit, &window_ms))
        window_ms = 0;
    if (!str_to_u64(number, COUNT_MAX, &count) || window_ms < 1 || window_ms > FOREVER_MS)
        return err_new(ERR_CONFIG, "\"%.*s\" is not a limit such as 1000/h, 10/s or 30/15m",
                       STR_ARG(str_slice(text, 0, 60)));
    limit->count = (int64_t)count;
    limit->window_ms = window_ms;
    return NULL;
}

/* "421 4.7.28 …", one line of printable ASCII */
static err read_say(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key;
    uint64_t code;
    if (!str_to_u64(str_slice(text, 0, 3), 599, &code) || code < 400 || text.len < 5 ||
        text.ptr[3] != ' ')
        return err_new(ERR_CONFIG, "a refusal is wanted, such as \"421 4.7.0 Too fast\"");
    if (text.len > PROVIDER_RULES_SAY_BYTES_MAX)
        return err_new(ERR_CONFIG, "longer than %d bytes", PROVIDER_RULES_SAY_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return err_new(ERR_CONFIG, "one line of ASCII is wanted");
    *(str *)ret_field = arena_str(arena, text);
    return NULL;
}

static err read_network(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key, (void)arena;
    return network_parse(text, ret_field);
}

static err read_domain(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key;
    str host = text, read;
    bool below = str_skip(&host, S("*."));
    TRY(config_value_host(host, arena, &read));
    *(str *)ret_field = below ? arena_printf(arena, "*.%.*s", STR_ARG(read)) : read;
    return NULL;
}

static err read_name(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    (void)key;
    if (text.len == 0 || text.len > 255)
        return err_new(ERR_CONFIG, "1 to 255 bytes are wanted");
    *(str *)ret_field = arena_str(arena, text);
    return NULL;
}

static err read_local(const struct key *key, str text, struct arena *arena, void *ret_field)
{
    if (str_find(text, '*') != str_find_last(text, '*'))
        return err_new(ERR_CONFIG, "at most one \"*\"");
    return read_name(key, text, arena, ret_field);
}

/* ---- keys ------------------------------------------------------------------------------- */

#define OF(kind) (1U << PROVIDER_##kind)
#define ALL ((1U << PROVIDER_KINDS) - 1)
#define LIMITED (OF(THROTTLE) | OF(QUOTA) | OF(LOGIN))
#define RULE(field) offsetof(struct provider_rule, field)
#define GIVEN(field) (sizeof(struct provider_rule) + offsetof(struct given, field))

static const struct key rule_keys[] = {
    {"rule",                       ALL,                                   read_choice,RULE(kind),kinds},
    {"from",                            ALL,                                                            read_network,RULE(from)},
    {"sender",                            ALL,                                                          read_domain,RULE(sender) },
    {"login",                            ALL,                                                           read_name,RULE(login)},
    {"begins",                            ALL,                                                          read_time,RULE(begins_ms) },
    {"ends",                            ALL,                                                            read_time,RULE(ends_ms)},
    {"say",                            ALL & ~OF(SLOW),                                                             read_say,RULE(say)},
    {"close",                            ALL & ~OF(SLOW),                                                           read_close,GIVEN(close)},
    {"stage",                            ALL & ~OF(BLOCK) & ~OF(LOGIN),                                                           read_choice,GIVEN(stage),stages},
    {"per",                      LIMITED | OF(CONNECTIONS) | OF(BLOCK),                                                           read_choice,GIVEN(per),pers},
    {"limit",                  LIMITED,                                                   read_limit,RULE(limit)                                                        },
    {"meter",                  LIMITED,read_choice,RULE(limit.kind),meters},
    {"burst",                 LIMITED,                                             read_count,                                          RULE(limit.burst)                                                                                                                                                                                                 },
    {"strict",     LIMITED,read_bool,RULE(strict)},
    {"at_once",                 OF(CONNECTIONS) | OF(LOGIN),                                                          read_count,                                                                                                                     RULE(at_once)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   },
    {"messages",OF(CONNECTIONS),read_count,RULE(messages)},
    {"share",                             OF(STORM) | OF(RECIPIENTS),                                                                                                      read_share,                                                                                                                                                                                                                                                                       RULE(share)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                               },
    {"lasts",OF(STORM) | OF(BLOCK),read_time,RULE(lasts_ms)},
    {"wait",                                  OF(GREYLIST),                                                                                                                                                                   read_time,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           RULE(wait_ms)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      },
    {"keep",OF(GREYLIST),read_time,RULE(keep_ms)},
    {"after",                                  OF(BLOCK),                                                                                                                                                                                                                      read_count,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        RULE(after)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   },
    {"over",OF(BLOCK),read_share,RULE(over)},
    {"within",                                  OF(BLOCK),                                                                                                                                                                                                                                                                      read_time,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                       RULE(within_ms)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                           },
    {"delay",OF(SLOW),read_time,RULE(delay_ms)},
    {"body",                                   OF(SLOW),                                                                                                                                                                                                                                                                                                                       read_bytes,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      RULE(body_bytes)                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    },
    {"local",OF(RECIPIENTS),read_local,RULE(local)},
    {"reply",                             OF(RECIPIENTS),                                                                                                                                                                                                                                                                                                                                                                  read_choice,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      GIVEN(answer),                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                answers},
    {"at",OF(THROTTLE) | OF(QUOTA),NULL,0},
};

/* ---- reading ---------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    struct config_errors *errors;
    str name;
    size_t refused; /* how many things */
};

static void complain_at(struct reader *r, const struct config_yaml_node *node, int line, int col,
                        str what, str near)
{
    r->refused++;
    config_errors_add(r->errors, &(struct config_error){.file = r->name,
                                                        .line = line,
                                                        .col = col,
                                                        .key = config_yaml_path(node, r->arena),
                                                        .message = what,
                                                        .suggestion = near});
}

static void complain(struct reader *r, const struct config_yaml_node *node, str what)
{
    complain_at(r, node, node->line, node->col, what, (str){0});
}

static void complain_key(struct reader *r, const struct config_yaml_node *node, str near)
{
    complain_at(r, node, node->key_line, node->key_col, S("unknown key"), near);
}

static const struct key *find_key(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(rule_keys); i++)
        if (str_eq(name, str_of(rule_keys[i].name)))
            return &rule_keys[i];
    return NULL;
}

static str near_key(str name, enum provider_kind kind)
{
    struct config_suggest near;
    config_suggest_init(&near, name);
    for (size_t i = 0; i < ARRAY_LEN(rule_keys); i++)
        if (rule_keys[i].kinds & 1U << kind)
            config_suggest_offer(&near, str_of(rule_keys[i].name));
    return near.best;
}

static bool is_text(struct reader *r, const struct config_yaml_node *node)
{
    if (node->kind == YAML_KIND_TEXT && !config_yaml_is_null(node))
        return true;
    r->refused++;
    if (node->kind != YAML_KIND_REFUSED)
        complain(r, node, S("one value is wanted"));
    return false;
}

static void read_value(struct reader *r, const struct key *key, const struct config_yaml_node *node,
                       void *field)
{
    if (!is_text(r, node))
        return;
    err e = key->read(key, node->text, r->arena, field);
    if (e == NULL)
        return;
    struct config_suggest near;
    config_suggest_init(&near, node->text);
    for (const struct config_schema_choice *c = key->choices; c && c->name; c++)
        config_suggest_offer(&near, str_of(c->name));
    complain_at(r, node, node->line, node->col, e->text, near.best);
    err_forget();
}

/* "at": {20m: 4000/h, 1h: 1000/h}, in the order of time */
static void read_changes(struct reader *r, struct provider_rule *rule,
                         const struct config_yaml_node *node)
{
    static const struct key limit = {.read = read_limit};
    if (node->kind != YAML_KIND_MAP) {
        complain(r, node, S("times with limits are wanted, such as {20m: 4000/h}"));
        return;
    }
    if (node->count > PROVIDER_RULES_CHANGES_MAX) {
        complain(r, node, S("too many changes"));
        return;
    }
    for (const struct config_yaml_node *each = node->first; each; each = each->next) {
        struct provider_change *change = &rule->changes[rule->change_count];
        struct provider_measure to = {.window_ms = rule->limit.window_ms};
        read_value(r, &limit, each, &to);
        if (config_value_duration(each->key, &change->at_ms) || change->at_ms > FOREVER_MS ||
            (rule->change_count > 0 && change->at_ms <= change[-1].at_ms))
            complain(r, each, S("times since the start are wanted, each later than the last"));
        else if (to.window_ms != rule->limit.window_ms)
            complain(r, each, S("a change has the same time behind the \"/\" as the limit"));
        change->count = to.count;
        rule->change_count++;
        err_forget();
    }
}

static void read_key(struct reader *r, struct given *g, const struct config_yaml_node *node)
{
    const struct key *key = find_key(node->key);
    if (key == NULL || !(key->kinds & 1U << g->rule->kind)) {
        complain_key(r, node, near_key(node->key, g->rule->kind));
        return;
    }
    g->keys |= 1U << (key - rule_keys);
    if (key->read == NULL || str_eq(node->key, S("rule")))
        return; /* read before, or when the limit is known */
    bool in_rule = key->offset < sizeof(struct provider_rule);
    char *field = in_rule ? (char *)g->rule + key->offset
                          : (char *)g + (key->offset - sizeof(struct provider_rule));
    read_value(r, key, node, field);
}

/* ---- what was not written --------------------------------------------------------------- */

static enum provider_topic topic_of(const struct given *g)
{
    const struct provider_rule *rule = g->rule;
    switch (rule->kind) {
    case PROVIDER_QUOTA:
        return PROVIDER_QUOTA_USED;
    case PROVIDER_CONNECTIONS:
        return rule->at_once ? PROVIDER_TOO_MANY : PROVIDER_LONG_ENOUGH;
    case PROVIDER_LOGIN:
        return rule->at_once || rule->limit.window_ms ? PROVIDER_LOGINS_MANY : PROVIDER_LOGIN_WRONG;
    case PROVIDER_STORM:
        return PROVIDER_BUSY;
    case PROVIDER_GREYLIST:
        return PROVIDER_GREYLISTED;
    case PROVIDER_BLOCK:
        return PROVIDER_BLOCKED;
    case PROVIDER_RECIPIENTS:
        return (enum provider_topic)g->answer;
    default:
        return PROVIDER_TOO_FAST;
    }
}

static const struct {
    int stage, per;
} usual[PROVIDER_KINDS] = {
    [PROVIDER_THROTTLE] = {PROVIDER_MAIL,    PROVIDER_PER_SOURCE   },
    [PROVIDER_QUOTA] = {PROVIDER_MAIL,    PROVIDER_PER_LOGIN    },
    [PROVIDER_CONNECTIONS] = {PROVIDER_CONNECT, PROVIDER_PER_SOURCE   },
    [PROVIDER_LOGIN] = {PROVIDER_AUTH,    PROVIDER_PER_LOGIN    },
    [PROVIDER_STORM] = {PROVIDER_CONNECT, PROVIDER_PER_SOURCE   },
    [PROVIDER_GREYLIST] = {PROVIDER_RCPT,    PROVIDER_PER_RECIPIENT},
    [PROVIDER_BLOCK] = {PROVIDER_CONNECT, PROVIDER_PER_SOURCE   },
    [PROVIDER_SLOW] = {PROVIDER_STAGES,  PROVIDER_PER_SOURCE   },
    [PROVIDER_RECIPIENTS] = {PROVIDER_RCPT,    PROVIDER_PER_RECIPIENT},
};

static bool was_given(const struct given *g, const char *name)
{
    return g->keys & 1U << (find_key(str_of(name)) - rule_keys);
}

static void fill_defaults(const struct provider_rules *rules, struct given *g)
{
    struct provider_rule *rule = g->rule;
    rule->stage = was_given(g, "stage") ? g->stage : usual[rule->kind].stage;
    rule->per = was_given(g, "per") ? g->per : usual[rule->kind].per;
    if (rule->kind == PROVIDER_CONNECTIONS && rule->at_once == 0 && !was_given(g, "stage"))
        rule->stage = PROVIDER_MAIL;
    if (rule->say.len == 0)
        rule->say = provider_words_of((enum provider_persona)rules->persona, topic_of(g));
    bool says_bye = str_starts(rule->say, S("421")) || rule->stage == PROVIDER_CONNECT;
    rule->close = was_given(g, "close") ? g->close : says_bye;
    if (!was_given(g, "ends"))
        rule->ends_ms = FOREVER_MS;
    if (!was_given(g, "share"))
        rule->share = PROVIDER_RULES_WHOLE;
    if (!was_given(g, "keep"))
        rule->keep_ms = 35 * DAY_MS;
    if (!was_given(g, "meter") && rule->kind == PROVIDER_QUOTA)
        rule->limit.kind = PROVIDER_METER_FIXED;
    if (!was_given(g, "burst"))
        rule->limit.burst = rule->limit.count < 10 ? 1 : rule->limit.count / 10;
}

/* NULL: it makes sense. */
static const char *trouble_of(const struct provider_rules *rules, const struct given *g)
{
    const struct provider_rule *rule = g->rule;
    bool limited = rule->kind == PROVIDER_THROTTLE || rule->kind == PROVIDER_QUOTA;
    if (limited && rule->limit.window_ms == 0)
        return "\"limit\" is missing, such as 1000/h";
    if (was_given(g, "burst") && rule->limit.kind != PROVIDER_METER_BUCKET)
        return "\"burst\" is for \"meter: bucket\"";
    if (rule->kind == PROVIDER_CONNECTIONS && rule->at_once == 0 && rule->messages == 0)
        return "\"at_once\" or \"messages\" is missing";
    if (rule->kind == PROVIDER_CONNECTIONS && rule->at_once && rule->messages)
        return "\"at_once\" and \"messages\" are two rules";
    if (rule->kind == PROVIDER_CONNECTIONS && rule->per != PROVIDER_PER_SOURCE &&
        rule->per != PROVIDER_PER_ALL)
        return "connections are counted per source or all";
    if (rule->kind == PROVIDER_LOGIN &&
        (rule->per == PROVIDER_PER_RECIPIENT || rule->per == PROVIDER_PER_SENDER))
        return "logins are counted per login, source or all";
    if (rule->kind == PROVIDER_GREYLIST && rule->wait_ms == 0)
        return "\"wait\" is missing, such as 5m";
    if (rule->kind == PROVIDER_BLOCK && (rule->after == 0) == (rule->over == 0))
        return "either \"after\" or \"over\" is wanted";
    if (rule->kind == PROVIDER_BLOCK && (rule->within_ms == 0 || rule->lasts_ms == 0))
        return "\"within\" and \"lasts\" are wanted";
    if (rule->kind == PROVIDER_BLOCK && rule->over && provider_rules_allowed(rules, 0, 1) < 0)
        return "\"over\" needs a throttle above it to measure by";
    if (rule->kind == PROVIDER_SLOW && rule->delay_ms == 0 && rule->body_bytes == 0)
        return "\"delay\" or \"body\" is missing";
    if (rule->kind == PROVIDER_RECIPIENTS && !was_given(g, "say") && !was_given(g, "reply"))
        return "\"reply\" (unknown, full, disabled, spam) or \"say\" is missing";
    if (rule->kind == PROVIDER_RECIPIENTS && rule->stage != PROVIDER_RCPT &&
        rule->stage != PROVIDER_DOT)
        return "recipients are refused at rcpt or dot";
    if (rule->per == PROVIDER_PER_RECIPIENT && limited && rule->stage != PROVIDER_RCPT)
        return "recipients are counted at \"stage: rcpt\"";
    if (rule->share > PROVIDER_RULES_WHOLE)
        return "more than all";
    return NULL;
}

/* ---- all of it -------------------------------------------------------------------------- */

static bool read_kind(struct reader *r, const struct config_yaml_node *node, int *ret_kind)
{
    const struct config_yaml_node *kind =
        node->kind == YAML_KIND_MAP ? config_yaml_find(node, S("rule")) : NULL;
    if (kind == NULL) {
        complain(r, node, S("a rule starts with its kind, such as \"rule: throttle\""));
        return false;
    }
    size_t before = r->refused;
    read_value(r, &rule_keys[0], kind, ret_kind);
    return r->refused == before;
}

static void read_rule(struct reader *r, struct provider_rules *rules,
                      const struct config_yaml_node *node)
{
    struct given g = {.rule = &rules->list[rules->count], .node = node};
    size_t before = r->refused;
    int kind = 0;
    if (!read_kind(r, node, &kind))
        return;
    g.rule->kind = (enum provider_kind)kind;
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        read_key(r, &g, each);
    const struct config_yaml_node *changes = config_yaml_find(node, S("at"));
    if (changes && was_given(&g, "at"))
        read_changes(r, g.rule, changes);
    fill_defaults(rules, &g);
    const char *trouble = r->refused == before ? trouble_of(rules, &g) : NULL;
    if (trouble)
        complain(r, node, str_of(trouble));
    bool logs_in = g.rule->kind == PROVIDER_LOGIN || g.rule->per == PROVIDER_PER_LOGIN;
    rules->logins = rules->logins || logs_in || g.rule->login.len > 0;
    rules->count++;
}

static void read_list(struct reader *r, struct provider_rules *rules,
                      const struct config_yaml_node *node)
{
    if (node->kind != YAML_KIND_LIST) {
        complain(r, node, S("a list of rules is wanted"));
        return;
    }
    if (node->count > PROVIDER_RULES_MAX) {
        complain(r, node, S("more than 64 rules"));
        return;
    }
    rules->list = ARENA_ARRAY(r->arena, struct provider_rule, node->count + 1);
    for (const struct config_yaml_node *each = node->first; each; each = each->next)
        read_rule(r, rules, each);
}

static void read_root(struct reader *r, struct provider_rules *rules,
                      const struct config_yaml_node *root)
{
    static const struct key persona = {.read = read_choice, .choices = personas};
    static const struct key seed = {.read = read_count};
    const struct config_yaml_node *node;
    for (node = root->first; node; node = node->next) {
        if (str_eq(node->key, S("provider")))
            read_value(r, &persona, node, &rules->persona);
        else if (str_eq(node->key, S("seed")))
            read_value(r, &seed, node, &rules->seed);
        else if (!str_eq(node->key, S("rules")))
            complain_key(r, node, (str){0});
    }
    node = config_yaml_find(root, S("rules"));
    if (node)
        read_list(r, rules, node); /* behind the others: its defaults depend on them */
    else
        complain(r, root, S("\"rules\" is missing"));
}

bool provider_rules_read(str text, str name, struct arena *arena, struct config_errors *errors,
                         struct provider_rules *ret_rules)
{
    struct reader r = {.arena = arena, .errors = errors, .name = name};
    struct provider_rules rules = {.seed = 1};
    struct config_yaml_node *root;
    size_t count;
    if (!config_yaml_parse(text, name, arena, errors, &root, &count))
        return false;
    if (root == NULL || root->kind != YAML_KIND_MAP) {
        config_errors_add(
            errors, &(struct config_error){.file = name, .message = S("\"rules\" is missing")});
        return false;
    }
    read_root(&r, &rules, root);
    config_errors_sort(errors);
    if (r.refused || errors->count)
        return false;
    *ret_rules = rules;
    return true;
}

/* ---- what is allowed -------------------------------------------------------------------- */

int64_t provider_rules_count_at(const struct provider_rule *rule, int64_t at_ms)
{
    int64_t count = rule->limit.count;
    for (size_t i = 0; i < rule->change_count && rule->changes[i].at_ms <= at_ms; i++)
        count = rule->changes[i].count;
    return count;
}

static double allowed_by(const struct provider_rule *rule, int64_t from_ms, int64_t until_ms)
{
    double sum = 0;
    int64_t at_ms = from_ms;
    for (size_t i = 0; i <= rule->change_count; i++) {
        int64_t end_ms = i < rule->change_count ? rule->changes[i].at_ms : until_ms;
        end_ms = end_ms < until_ms ? end_ms : until_ms;
        if (end_ms <= at_ms)
            continue;
        double share = (double)(end_ms - at_ms) / (double)rule->limit.window_ms;
        sum += share * (double)provider_rules_count_at(rule, at_ms);
        at_ms = end_ms;
    }
    return sum;
}

double provider_rules_allowed(const struct provider_rules *rules, int64_t from_ms, int64_t until_ms)
{
    double least = -1;
    for (size_t i = 0; i < rules->count; i++) {
        const struct provider_rule *rule = &rules->list[i];
        if (rule->kind != PROVIDER_THROTTLE || rule->limit.window_ms == 0)
            continue;
        double sum = allowed_by(rule, from_ms, until_ms);
        least = least < 0 || sum < least ? sum : least;
    }
    return least;
}
