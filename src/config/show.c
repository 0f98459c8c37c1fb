#include "config/client_policy.h"
#include "config/schema.h"
#include "config/source.h"
#include "config/type.h"
#include "config/value.h"
#include "runtime/tls.h"
#include <string.h>

enum { CIPHERS_BYTES_MAX = 4096 };

/* One struct being shown; a stack of these stands for what would be recursion. */
struct frame {
    const struct config_schema_group *group;
    const struct config_schema_key *owner; /* the LIST or MAP; NULL: a group */
    const char *base;
    size_t at;   /* next key */
    size_t left; /* items behind this one */
    int indent;
    bool dash; /* a list's item whose first line is still to come */
};

struct shower {
    const struct config *config;
    struct buf *out;
    bool origin;
    struct frame frames[CONFIG_SCHEMA_DEPTH_MAX];
    size_t depth;
};

static err start_line(struct shower *s, struct frame *f)
{
    for (int i = f->dash ? 2 : 0; i < f->indent; i++)
        TRY(buf_add_char(s->out, ' '));
    if (f->dash)
        TRY(buf_add(s->out, S("- ")));
    f->dash = false;
    return NULL;
}

/* A comment ends at the line's end, so a file's name must not bring one of its own. */
static err add_comment_text(struct shower *s, str text)
{
    for (size_t i = 0; i < text.len; i++)
        TRY(buf_add_char(s->out, text.ptr[i] < ' ' || text.ptr[i] > '~' ? '?' : text.ptr[i]));
    return NULL;
}

static err end_line(struct shower *s, const void *field)
{
    int line = config_source_line(s->config, field);
    if (s->origin && line) {
        TRY(buf_add(s->out, S("  # ")));
        TRY(add_comment_text(s, s->config->file));
        TRY(buf_addf(s->out, ":%d", line));
    } else if (s->origin) {
        TRY(buf_add(s->out, S("  # default")));
    }
    return buf_add_char(s->out, '\n');
}

static err show_unset(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    TRY(start_line(s, f));
    TRY(buf_addf(s->out, "# %s: not set", key->name));
    if (key->normal_told)
        TRY(buf_addf(s->out, " (%s)", key->normal_told));
    return buf_add_char(s->out, '\n');
}

static err show_value(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    const void *field = f->base + key->offset;
    if (key->type->empty && key->type->empty(field))
        return show_unset(s, f, key);
    TRY(start_line(s, f));
    TRY(buf_addf(s->out, "%s: ", key->name));
    TRY(key->type->write(key, field, s->out));
    return end_line(s, field);
}

static err write_file(const char *base, const struct config_schema_key *key, struct buf *out)
{
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, CONFIG_YAML_BYTES_MAX + 8);
    TRY(buf_add(&text, S("file:")));
    TRY(buf_add(&text, *(const str *)(base + key->file_offset)));
    return config_type_write_text(buf_str(&text), out);
}

static err write_items(const char *base, const struct config_schema_key *key, struct buf *out)
{
    const char *items = *(char *const *)(base + key->offset);
    size_t count = *(const size_t *)(base + key->count_offset);
    TRY(buf_add_char(out, '['));
    for (size_t i = 0; i < count; i++) {
        if (i)
            TRY(buf_add(out, S(", ")));
        TRY(key->type->write(key, items + i * key->item_size, out));
    }
    return buf_add_char(out, ']');
}

static err show_values(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    int word = key->choices ? *(const int *)(f->base + key->word_offset) : 0;
    TRY(start_line(s, f));
    TRY(buf_addf(s->out, "%s: ", key->name));
    if (key->choices == NULL || word == key->word_list)
        TRY(write_items(f->base, key, s->out));
    else if (key->file_offset && word == key->word_file)
        TRY(write_file(f->base, key, s->out));
    else
        TRY(buf_add(s->out, str_of(config_schema_choice_name(key->choices, word))));
    return end_line(s, f->base + key->offset);
}

static void push(struct shower *s, const struct frame *frame)
{
    ASSERT(s->depth < CONFIG_SCHEMA_DEPTH_MAX);
    s->frames[s->depth++] = *frame;
}

/* The line that opens an item: a name in a map; in a list its first key's line does it. */
static err open_item(struct shower *s, struct frame *f)
{
    f->at = 0;
    f->dash = f->owner->shape == SHAPE_LIST;
    if (f->dash)
        return NULL;
    for (int i = 2; i < f->indent; i++)
        TRY(buf_add_char(s->out, ' '));
    TRY(config_type_write_text(*(const str *)(f->base + f->group->name_offset), s->out));
    return buf_add(s->out, S(":\n"));
}

static err show_items(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    const void *field = f->base + key->offset;
    const char *items = *(char *const *)field;
    size_t count = *(const size_t *)(f->base + key->count_offset);
    if (count == 0 && config_source_line(s->config, field) == 0)
        return show_unset(s, f, key);
    TRY(start_line(s, f));
    TRY(buf_addf(s->out, "%s:", key->name));
    if (count == 0)
        TRY(buf_add(s->out, key->shape == SHAPE_LIST ? S(" []") : S(" {}")));
    TRY(end_line(s, field));
    if (count == 0)
        return NULL;
    push(s, &(struct frame){
                .group = key->group,
                .owner = key,
                .base = items,
                .left = count - 1,
                .indent = f->indent + 4,
            });
    return open_item(s, &s->frames[s->depth - 1]);
}

static err show_group(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    TRY(start_line(s, f));
    TRY(buf_addf(s->out, "%s:\n", key->name));
    push(s, &(struct frame){.group = key->group, .base = f->base, .indent = f->indent + 2});
    return NULL;
}

static err show_key(struct shower *s, struct frame *f, const struct config_schema_key *key)
{
    switch (key->shape) {
    case SHAPE_VALUE:
        return show_value(s, f, key);
    case SHAPE_VALUES:
        return show_values(s, f, key);
    case SHAPE_GROUP:
        return show_group(s, f, key);
    default:
        return show_items(s, f, key);
    }
}

static err show_all(struct shower *s)
{
    while (s->depth) {
        struct frame *f = &s->frames[s->depth - 1];
        if (f->at < f->group->count) {
            TRY(show_key(s, f, &f->group->keys[f->at++]));
        } else if (f->left) {
            f->left--;
            f->base += f->group->size;
            TRY(open_item(s, f));
        } else {
            s->depth--;
        }
    }
    return NULL;
}

static err show_seconds(struct buf *out, const char *what, int64_t ms)
{
    TRY(buf_addf(out, "#   %s: ", what));
    TRY(config_value_format_duration(ms, out));
    return buf_add_char(out, '\n');
}

/* The other timing policy is not a matter of the file: it is told, so that both can be compared. */
static err show_client_policy(struct buf *out)
{
    const struct config_client_policy *p = &config_client_policy;
    TRY(buf_add(out, S("\n# What send and bulk do instead; these are not keys:\n")));
    TRY(buf_addf(out, "#   tls: %s\n", p->tls_required ? "required and verified" : "when offered"));
    TRY(show_seconds(out, "connect to one address", p->connect_ms));
    TRY(show_seconds(out, "read or write, for each reply", p->reply_ms));
    TRY(show_seconds(out, "reply to the whole message", p->data_done_ms));
    TRY(buf_addf(out, "#   connections: at most %d, %d messages each\n", p->connections,
                 p->messages_per_connection));
    TRY(buf_addf(out, "#   retries: %d, after", p->retries));
    for (int i = 0; i < p->retries; i++)
        TRY(buf_addf(out, "%s%lld", i ? ", " : " ", (long long)(p->retry_first_ms << i) / 1000));
    return buf_addf(out, " s and up to %d %% more; none after a 5xx; then exit %d\n",
                    p->retry_jitter_percent, p->exit_later);
}

/* ---- what the listeners offer by TLS ---------------------------------------------------- */

static const struct {
    enum tls_profile resolved;
    const char *name;
} profiles[] = {
    [TLS_PROFILE_MODERN] = {TLS_MODERN,        "modern"       },
    [TLS_PROFILE_INTERMEDIATE] = {TLS_INTERMEDIATE,  "intermediate" },
    [TLS_PROFILE_OPPORTUNISTIC] = {TLS_OPPORTUNISTIC, "opportunistic"},
};

/* "a:b:c" in lines of at most so many columns. */
static err show_ciphers(enum config_tls_profile profile, struct buf *out)
{
    enum { COLUMNS = 100 };
    CLEANUP(buf_release) struct buf list;
    buf_init(&list, CIPHERS_BYTES_MAX);
    TRY(tls_profile_ciphers(profiles[profile].resolved, &list));
    TRY(buf_addf(out, "#   %s is", profiles[profile].name));
    size_t column = COLUMNS; /* the first one begins a line */
    for (str rest = buf_str(&list), name; rest.len > 0; column += name.len + 1) {
        str_split(rest, ':', &name, &rest);
        bool fits = column + 1 + name.len <= COLUMNS;
        TRY(buf_add(out, fits ? S(" ") : S("\n#    ")));
        if (!fits) {
            TRY(buf_add_char(out, ' '));
            column = 5;
        }
        TRY(buf_add(out, name));
    }
    return buf_add_char(out, '\n');
}

/* Each listener's profile with tls.minimum applied, and once what that profile is today. */
static err show_tls(const struct config *config, struct buf *out)
{
    bool used[ARRAY_LEN(profiles)] = {0};
    TRY(buf_add(out, S("\n# What the listeners offer by TLS, best first; these are not keys:\n")));
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *l = &config->listeners[i];
        char text[ADDRESS_CHARS];
        enum config_tls_profile profile = config_listener_profile(config, l);
        bool tls = l->tls != LISTENER_TLS_NONE;
        address_format(&l->address, text);
        TRY(buf_addf(out, "#   %s: %s\n", text, tls ? profiles[profile].name : "no TLS"));
        used[profile] |= tls;
    }
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (used[i])
            TRY(show_ciphers((enum config_tls_profile)i, out));
    return NULL;
}

err config_show(const struct config *config, bool origin, struct buf *out)
{
    struct shower s = {.config = config, .out = out, .origin = origin};
    TRY(buf_add(out, S("# From ")));
    TRY(config->file.len ? add_comment_text(&s, config->file)
                         : buf_add(out, S("no file: the built-in defaults")));
    TRY(buf_add_char(out, '\n'));
    push(&s, &(struct frame){.group = &config_schema_root, .base = (const char *)config});
    TRY(show_all(&s));
    TRY(show_tls(config, out));
    return show_client_policy(out);
}
