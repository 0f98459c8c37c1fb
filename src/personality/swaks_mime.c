#include "personality/swaks_mime.h"
#include "base/codec.h"
#include "message/id.h"
#include "personality/swaks_data.h"

enum { BODY_BYTES_MAX = 200 << 20, NAME_BYTES_MAX = 500 };

struct part {
    str content, type, name;
};

struct parts {
    struct part bodies[SWAKS_PARTS_MAX], others[SWAKS_PARTS_MAX];
    size_t body_count, other_count;
    str type; /* for the next one; empty: its own default */
    str name;
    bool named; /* the next one's name was given, maybe as none */
};

/* No name or type ends its line: not by a line end, and not by what becomes one later on. */
static err check_word(const char *option, str value)
{
    TRY(personality_swaks_plan_check_line(option, value));
    if (value.len > NAME_BYTES_MAX)
        return err_new(ERR_CONFIG, "the value of --%s is above %d bytes", option, NAME_BYTES_MAX);
    if (str_contains(value, S("\\n")) || str_contains(value, S("%NEWLINE%")))
        return err_new(ERR_CONFIG, "the value of --%s would end its line", option);
    return NULL;
}

/* "@/path/name.txt": the name that the file has. Control bytes and backslashes are left out. */
static str name_of_file(struct arena *arena, str given)
{
    if (given.len < 2 || given.ptr[0] != '@' || given.ptr[1] == '@')
        return (str){0};
    size_t slash = str_find_last(given, '/');
    str name = str_slice(str_from(given, slash == STR_NONE ? 1 : slash + 1), 0, NAME_BYTES_MAX);
    char *clean = arena_chars(arena, name);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)clean[i] < 0x20 || clean[i] == '\\' || clean[i] == '%' ||
            clean[i] == 0x7f)
            clean[i] = '_';
    return (str){clean, name.len};
}

static err add_body(struct parts *all, str content)
{
    if (all->body_count == SWAKS_PARTS_MAX)
        return err_new(ERR_LIMIT, "more than %d bodies", SWAKS_PARTS_MAX);
    all->bodies[all->body_count++] =
        (struct part){content, all->type.len ? all->type : S("text/plain"), {0}};
    all->type = all->name = (str){0};
    all->named = false;
    return NULL;
}

static err add_other(struct swaks_plan *p, struct parts *all, str given, str content)
{
    if (all->other_count == SWAKS_PARTS_MAX)
        return err_new(ERR_LIMIT, "more than %d attachments", SWAKS_PARTS_MAX);
    str name = all->named ? all->name : name_of_file(p->arena, given);
    all->others[all->other_count++] =
        (struct part){content, all->type.len ? all->type : S("application/octet-stream"), name};
    all->name = (str){0};
    all->named = false;
    return NULL;
}

static err take(struct swaks_plan *p, const struct swaks_setting *s, struct parts *all)
{
    str value = {0};
    enum swaks_key key = s->option->key;
    if (key != SWAKS_ATTACH && key != SWAKS_ATTACH_BODY && key != SWAKS_ATTACH_NAME &&
        key != SWAKS_ATTACH_TYPE)
        return NULL;
    TRY(personality_swaks_value_of(p->values, s, &value));
    if (key == SWAKS_ATTACH)
        return add_other(p, all, s->value, value);
    if (key == SWAKS_ATTACH_BODY)
        return add_body(all, value);
    TRY(check_word(s->option->names[0], value));
    if (key == SWAKS_ATTACH_TYPE) {
        all->type = value;
        return NULL;
    }
    all->name = value;
    all->named = true;
    return NULL;
}

/* ---- writing ---------------------------------------------------------------------------- */

static str quote(struct arena *arena, str name)
{
    char *text = arena_alloc(arena, name.len * 2 + 1), *at = text;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            *at++ = '\\';
        *at++ = name.ptr[i];
    }
    return (str){text, (size_t)(at - text)};
}

static err add_content(const struct part *part, bool plain, struct buf *out)
{
    if (plain) {
        bool ended = part->content.len && part->content.ptr[part->content.len - 1] == '\n';
        TRY(buf_add(out, S("\n")));
        TRY(buf_add(out, part->content));
        return ended ? NULL : buf_add_char(out, '\n');
    }
    TRY(buf_add(out, S("Content-Transfer-Encoding: BASE64\n\n")));
    TRY(codec_base64_encode_lines(part->content, out));
    bool ended = out->len && out->ptr[out->len - 1] == '\n';
    return buf_add(out, ended ? S("\n") : S("\n\n"));
}

static err add_part(struct arena *arena, const struct part *part, bool is_body, str boundary,
                    struct buf *out)
{
    str name = quote(arena, part->name);
    bool plain = is_body && str_eq_nocase(part->type, S("text/plain"));
    TRY(buf_addf(out, "--%.*s\nContent-Type: %.*s", STR_ARG(boundary), STR_ARG(part->type)));
    if (name.len)
        TRY(buf_addf(out, "; name=\"%.*s\"\nContent-Description: %.*s", STR_ARG(name),
                     STR_ARG(part->name)));
    TRY(buf_add_char(out, '\n'));
    if (!is_body)
        TRY(buf_add(out, S("Content-Disposition: attachment")));
    if (!is_body && name.len)
        TRY(buf_addf(out, "; filename=\"%.*s\"", STR_ARG(name)));
    if (!is_body)
        TRY(buf_add_char(out, '\n'));
    return add_content(part, plain, out);
}

static err add_bodies(struct arena *arena, const struct parts *all, str boundary, struct buf *out)
{
    for (size_t i = 0; i < all->body_count; i++)
        TRY(add_part(arena, &all->bodies[i], true, boundary, out));
    return NULL;
}

static err write_parts(struct arena *arena, const struct parts *all, str outer, str inner,
                       struct buf *out)
{
    if (all->other_count && all->body_count > 1) {
        TRY(buf_addf(out, "--%.*s\nContent-Type: multipart/alternative; boundary=\"%.*s\"\n\n",
                     STR_ARG(outer), STR_ARG(inner)));
        TRY(add_bodies(arena, all, inner, out));
        TRY(buf_addf(out, "--%.*s--\n", STR_ARG(inner)));
    } else {
        TRY(add_bodies(arena, all, outer, out));
    }
    for (size_t i = 0; i < all->other_count; i++)
        TRY(add_part(arena, &all->others[i], false, outer, out));
    return buf_addf(out, "--%.*s--\n", STR_ARG(outer));
}

static err write_all(struct swaks_plan *p, struct parts *all, str *body, str *ret_type)
{
    char unique[MESSAGE_UNIQUE_CHARS];
    struct buf out;
    message_id_unique(clock_real_ms(), unique);
    str outer = arena_printf(p->arena, "----=_MIME_BOUNDARY_000_%s", unique);
    str inner = arena_printf(p->arena, "----=_MIME_BOUNDARY_004_%s", unique);
    all->type = (str){0}; /* the last one was not for this body */
    if (all->body_count == 0)
        TRY(add_body(all, *body));
    bool alternative = all->other_count == 0 && all->body_count > 1;
    buf_init(&out, BODY_BYTES_MAX);
    err e = write_parts(p->arena, all, outer, inner, &out);
    if (e == NULL) {
        *body = arena_str(p->arena, buf_str(&out));
        *ret_type = arena_printf(
            p->arena, "MIME-Version: 1.0\nContent-Type: multipart/%s; boundary=\"%.*s\"\n",
            alternative ? "alternative" : "mixed", STR_ARG(outer));
    }
    buf_release(&out);
    return e;
}

err personality_swaks_mime_make(struct swaks_plan *p, str *body, str *ret_type)
{
    const struct swaks_settings *settings = p->values->settings;
    struct parts *all = arena_alloc(p->arena, sizeof *all);
    for (size_t i = 0; i < settings->count; i++)
        TRY(take(p, &settings->list[i], all));
    if (all->body_count + all->other_count == 0)
        return NULL;
    return write_all(p, all, body, ret_type);
}
