#include "mailauth/bimi.h"
#include "mailauth/dmarc_domain.h"
#include "mailauth/tag.h"
#include <stdarg.h>
#include <stdio.h>

enum { REMARK_BYTES_MAX = 300, QUOTED_BYTES_MAX = 80 };

void mailauth_bimi_remark(struct mailauth_bimi_remarks *r, struct arena *arena, bool is_mistake,
                          const char *where, const char *fmt, ...)
{
    char text[REMARK_BYTES_MAX];
    r->mistaken |= is_mistake;
    if (r->count == MAILAUTH_BIMI_REMARKS_MAX) {
        r->left_out++;
        return;
    }
    if (r->items == NULL)
        r->items = ARENA_ARRAY(arena, struct mailauth_bimi_remark, MAILAUTH_BIMI_REMARKS_MAX);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    for (size_t i = 0; text[i]; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    r->items[r->count++] = (struct mailauth_bimi_remark){
        is_mistake, arena_str(arena, str_of(where)), arena_str(arena, str_of(text))};
}

struct reader {
    struct mailauth_bimi *bimi;
    struct arena *arena;
};

static void wrong(struct reader *r, const char *tag, str value, const char *wanted)
{
    mailauth_bimi_remark(&r->bimi->remarks, r->arena, true, tag, "\"%.*s\" is not %s",
                         STR_ARG(str_slice(value, 0, QUOTED_BYTES_MAX)), wanted);
}

/* An https URI with a host; anything else is never fetched. */
static bool is_https(str uri, struct arena *arena)
{
    str host, path, canonical;
    if (!str_skip_nocase(&uri, S("https://")))
        return false;
    for (size_t i = 0; i < uri.len; i++)
        if (uri.ptr[i] <= ' ' || uri.ptr[i] > '~')
            return false;
    str_split(uri, '/', &host, &path);
    return path.len > 0 && mailauth_dmarc_domain_read(host, arena, &canonical) == NULL;
}

static void read_location(struct reader *r, const char *tag, str value, str *field, str ending)
{
    if (value.len == 0)
        return;
    if (!is_https(value, r->arena)) {
        wrong(r, tag, value, "an https URI with a host and a path");
        return;
    }
    *field = value;
    if (!str_ends_nocase(value, ending))
        mailauth_bimi_remark(&r->bimi->remarks, r->arena, false, tag,
                             "does not end in \"%.*s\", as most readers want it", STR_ARG(ending));
}

static void read_l(struct reader *r, str value)
{
    read_location(r, "l", value, &r->bimi->logo, S(".svg"));
}

static void read_a(struct reader *r, str value)
{
    read_location(r, "a", value, &r->bimi->authority, S(".pem"));
}

static void read_avp(struct reader *r, str value)
{
    if (str_eq_nocase(value, S("brand")) || str_eq_nocase(value, S("personal")))
        r->bimi->avatar = value;
    else
        wrong(r, "avp", value, "brand or personal");
}

static bool is_selector(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return s.len > 0 && s.len <= 63;
}

static str lower(str text, struct arena *arena)
{
    str copy = arena_str(arena, text);
    for (size_t i = 0; i < copy.len; i++)
        ((char *)copy.ptr)[i] = char_lower(copy.ptr[i]);
    return copy;
}

static void read_lps(struct reader *r, str value)
{
    struct mailauth_bimi *b = r->bimi;
    str list = value, one;
    while (mailauth_tag_next(&list, ',', &one)) {
        if (!is_selector(one))
            wrong(r, "lps", one, "letters, digits and hyphens");
        else if (b->selector_count == MAILAUTH_BIMI_SELECTORS_MAX)
            mailauth_bimi_remark(&b->remarks, r->arena, false, "lps", "more than %d selectors",
                                 MAILAUTH_BIMI_SELECTORS_MAX);
        else
            b->selectors[b->selector_count++] = lower(one, r->arena);
    }
}

static const struct {
    const char *name;
    void (*read)(struct reader *, str value);
} readers[] = {
    {"l",   read_l  },
    {"a",   read_a  },
    {"avp", read_avp},
    {"lps", read_lps}
};

static void read_tag(struct reader *r, const struct mailauth_tag *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (str_eq(tag->name, str_of(readers[i].name))) {
            readers[i].read(r, tag->value);
            return;
        }
    mailauth_bimi_remark(&r->bimi->remarks, r->arena, false, arena_chars(r->arena, tag->name),
                         "not known: it has no effect");
}

err mailauth_bimi_parse(str text, struct arena *arena, struct mailauth_bimi *ret_bimi)
{
    struct mailauth_tags tags;
    struct mailauth_bimi *bimi = ARENA_NEW(arena, struct mailauth_bimi);
    struct reader r = {bimi, arena};
    TRY(mailauth_tag_parse(text, arena, &tags));
    if (tags.count == 0 || !str_eq(tags.items[0].name, S("v")) ||
        !str_eq(tags.items[0].value, S("BIMI1")))
        return err_new(ERR_PROTOCOL, "not a BIMI record: it does not begin with \"v=BIMI1\"");
    for (size_t i = 1; i < tags.count; i++)
        read_tag(&r, &tags.items[i]);
    const struct mailauth_tag *l = mailauth_tag_find(&tags, S("l"));
    bimi->declined = l && l->value.len == 0 && bimi->authority.len == 0;
    if (l == NULL && bimi->authority.len == 0)
        mailauth_bimi_remark(&bimi->remarks, arena, false, "l", "is missing: nothing is shown");
    *ret_bimi = *bimi;
    return NULL;
}

str mailauth_bimi_name(str selector, str domain, struct arena *arena)
{
    return arena_printf(arena, "%.*s._bimi.%.*s", STR_ARG(selector), STR_ARG(domain));
}
