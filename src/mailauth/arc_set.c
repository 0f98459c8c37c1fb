#include "mailauth/arc_set.h"

enum { NUMBER_DIGITS_MAX = 2, FIELDS_MAX = 3 * MAILAUTH_ARC_SETS_MAX };

struct collecting {
    const struct mailauth_dkim_header *header;
    struct arena *arena;
    size_t fields; /* seen so far */
    struct mailauth_arc_sets sets;
    struct mailauth_arc_set items[MAILAUTH_ARC_SETS_MAX];
};

static void complain(struct collecting *c, str why)
{
    if (c->sets.wrong.len == 0)
        c->sets.wrong = why;
}

static bool read_number(str text, unsigned *ret_number)
{
    uint64_t number;
    if (text.len > NUMBER_DIGITS_MAX || !str_to_u64(text, MAILAUTH_ARC_SETS_MAX, &number) ||
        number == 0)
        return false;
    *ret_number = (unsigned)number;
    return true;
}

/* "i=1; ..." in front of the results. */
static bool results_number(str value, unsigned *ret_number)
{
    size_t end = str_find(value, ';');
    if (end == STR_NONE)
        return false;
    str name, number;
    str_split(str_slice(value, 0, end), '=', &name, &number);
    return str_eq(str_trim(name), S("i")) && read_number(str_trim(number), ret_number);
}

static bool signature_number(const struct mailauth_dkim_signature *s, unsigned *ret_number)
{
    return read_number(mailauth_tag_value(&s->tags, S("i"), S("")), ret_number);
}

/* The place of a field in its set. */
static const struct message_field **place_of(struct collecting *c, unsigned number,
                                             enum mailauth_dkim_kind kind)
{
    struct mailauth_arc_set *set = &c->items[number - 1];
    if (kind == MAILAUTH_DKIM_FIELD_ARC_MESSAGE)
        return &set->message;
    return kind == MAILAUTH_DKIM_FIELD_ARC_SEAL ? &set->seal : &set->results;
}

static void add_field(struct collecting *c, const struct message_field *f,
                      enum mailauth_dkim_kind kind, const char *name)
{
    struct mailauth_dkim_signature signature = {0};
    unsigned number;
    bool signs = kind == MAILAUTH_DKIM_FIELD_ARC_MESSAGE || kind == MAILAUTH_DKIM_FIELD_ARC_SEAL;
    c->sets.present = true;
    if (++c->fields > FIELDS_MAX) { /* not even read: each takes memory */
        complain(c, S("more than three fields for each of fifty sets"));
        return;
    }
    if (signs)
        mailauth_dkim_signature_read(f, kind, c->arena, &signature);
    bool numbered =
        signs ? signature_number(&signature, &number) : results_number(f->value, &number);
    if (!numbered) {
        complain(c, arena_printf(c->arena, "%s without a number from 1 to %d", name,
                                 MAILAUTH_ARC_SETS_MAX));
        return;
    }
    const struct message_field **place = place_of(c, number, kind);
    if (*place != NULL)
        complain(c, arena_printf(c->arena, "%s i=%u stands there twice", name, number));
    if (signature.wrong.len > 0)
        complain(c,
                 arena_printf(c->arena, "%s i=%u: %.*s", name, number, STR_ARG(signature.wrong)));
    *place = f;
    if (kind == MAILAUTH_DKIM_FIELD_ARC_MESSAGE)
        c->items[number - 1].message_signature = signature;
    if (kind == MAILAUTH_DKIM_FIELD_ARC_SEAL)
        c->items[number - 1].seal_signature = signature;
    c->sets.count = number > c->sets.count ? number : c->sets.count;
}

static str chain_validation(const struct mailauth_arc_set *set)
{
    return mailauth_tag_value(&set->seal_signature.tags, S("cv"), S(""));
}

static void check_set(struct collecting *c, unsigned number)
{
    const struct mailauth_arc_set *set = &c->items[number - 1];
    if (set->results == NULL || set->message == NULL || set->seal == NULL) {
        complain(c, arena_printf(c->arena, "the set i=%u is not whole", number));
        return;
    }
    str cv = chain_validation(set);
    if (!str_eq(cv, number == 1 ? S("none") : S("pass")))
        complain(c, arena_printf(c->arena, "ARC-Seal i=%u does not say cv=%s", number,
                                 number == 1 ? "none" : "pass"));
}

struct mailauth_arc_sets mailauth_arc_set_collect(const struct mailauth_dkim_header *header,
                                                  struct arena *arena)
{
    static const struct {
        const char *name;
        enum mailauth_dkim_kind kind; /* 0: the results */
    } kinds[] = {
        {"ARC-Authentication-Results", 0                              },
        {"ARC-Message-Signature",      MAILAUTH_DKIM_FIELD_ARC_MESSAGE},
        {"ARC-Seal",                   MAILAUTH_DKIM_FIELD_ARC_SEAL   },
    };
    struct collecting *c = ARENA_NEW(arena, struct collecting);
    c->header = header;
    c->arena = arena;
    c->sets.items = c->items;
    for (size_t i = 0; i < mailauth_dkim_header_size(header); i++) {
        const struct message_field *f = mailauth_dkim_header_at(header, i);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (str_eq_nocase(f->name, str_of(kinds[k].name)))
                add_field(c, f, kinds[k].kind, kinds[k].name);
    }
    for (unsigned number = 1; number <= c->sets.count; number++)
        check_set(c, number);
    c->sets.ended =
        c->sets.count > 0 && str_eq(chain_validation(&c->items[c->sets.count - 1]), S("fail"));
    return c->sets;
}
