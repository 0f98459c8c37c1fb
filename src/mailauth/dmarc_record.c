#include "mailauth/dmarc_record.h"
#include "mailauth/tag.h"
#include <string.h>

enum { QUOTED_BYTES_MAX = 80 };

/* One reading of one record. */
struct reader {
    struct mailauth_dmarc_record record;
    struct arena *arena;
    struct mailauth_dmarc_remark *remarks;
    str seen[MAILAUTH_TAGS_MAX]; /* names so far */
    size_t seen_count;
    bool policies_bad; /* p, sp or np is there and wrong */
};

struct tag {
    str name, value;
};

str mailauth_dmarc_record_policy_name(enum mailauth_dmarc_policy policy)
{
    static const char *const names[] = {"", "none", "quarantine", "reject"};
    return str_of(names[policy]);
}

/* What was published, for people. */
static str printable(str text, struct arena *arena)
{
    str copy = arena_str(arena, str_slice(text, 0, QUOTED_BYTES_MAX));
    char *chars = (char *)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)chars[i] < ' ' || (unsigned char)chars[i] > 126)
            chars[i] = '?';
    return copy;
}

static void remark(struct reader *r, bool is_mistake, str tag, str text)
{
    if (r->record.remark_count == MAILAUTH_DMARC_REMARKS_MAX)
        return;
    r->remarks[r->record.remark_count++] =
        (struct mailauth_dmarc_remark){is_mistake, printable(tag, r->arena), text};
}

static void mistake_value(struct reader *r, const struct tag *tag, const char *wanted)
{
    str value = printable(tag->value, r->arena);
    remark(r, true, tag->name,
           arena_printf(r->arena, "\"%.*s\" is not %s", STR_ARG(value), wanted));
}

/* The place of the value among the words; false: none of them. */
static bool choose(str value, const char *const *words, size_t count, size_t *ret_place)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(value, str_of(words[i]))) {
            *ret_place = i;
            return true;
        }
    return false;
}

static void read_policy(struct reader *r, const struct tag *tag, enum mailauth_dmarc_policy *policy)
{
    static const char *const words[] = {"none", "quarantine", "reject"};
    size_t place;
    if (choose(tag->value, words, ARRAY_LEN(words), &place)) {
        *policy = MAILAUTH_DMARC_NONE + (enum mailauth_dmarc_policy)place;
        return;
    }
    r->policies_bad = true;
    mistake_value(r, tag, "none, quarantine or reject");
}

static void read_p(struct reader *r, const struct tag *tag) { read_policy(r, tag, &r->record.p); }
static void read_sp(struct reader *r, const struct tag *tag) { read_policy(r, tag, &r->record.sp); }
static void read_np(struct reader *r, const struct tag *tag) { read_policy(r, tag, &r->record.np); }

static void read_psd(struct reader *r, const struct tag *tag)
{
    static const char *const words[] = {"u", "y", "n"};
    size_t place;
    if (choose(tag->value, words, ARRAY_LEN(words), &place))
        r->record.psd = (enum mailauth_dmarc_psd)place;
    else
        mistake_value(r, tag, "y, n or u");
}

static void read_t(struct reader *r, const struct tag *tag)
{
    static const char *const words[] = {"n", "y"};
    size_t place;
    if (choose(tag->value, words, ARRAY_LEN(words), &place))
        r->record.testing = place;
    else
        mistake_value(r, tag, "y or n");
}

static void read_alignment(struct reader *r, const struct tag *tag)
{
    static const char *const words[] = {"r", "s"};
    size_t place;
    if (!choose(tag->value, words, ARRAY_LEN(words), &place))
        mistake_value(r, tag, "r or s");
    else if (str_eq(tag->name, S("adkim")))
        r->record.adkim_strict = place;
    else
        r->record.aspf_strict = place;
}

/* "0" and "1" exclude each other, and each word may stand there once (section 4.7). */
static void read_fo(struct reader *r, const struct tag *tag)
{
    static const char *const words[] = {"0", "1", "d", "s"};
    unsigned fo = 0;
    str list = tag->value, word;
    while (mailauth_tag_next(&list, ':', &word)) {
        size_t place;
        if (!choose(word, words, ARRAY_LEN(words), &place) || (fo & 1U << place)) {
            mistake_value(r, tag, "0, 1, d or s, each at most once, with colons between");
            return;
        }
        fo |= 1U << place;
    }
    if ((fo & MAILAUTH_DMARC_FO_ALL) && (fo & MAILAUTH_DMARC_FO_ANY))
        remark(r, false, tag->name, S("0 and 1 exclude each other: 1 holds"));
    r->record.fo = fo;
}

static void add_uri(struct reader *r, const struct tag *tag, str text,
                    struct mailauth_dmarc_uris *u)
{
    struct mailauth_dmarc_uri uri;
    err e = mailauth_dmarc_uri_parse(text, r->arena, &uri);
    if (e) {
        remark(r, true, tag->name, printable(e->text, r->arena));
        return;
    }
    if (uri.sized)
        remark(r, false, tag->name, S("a size behind \"!\" is obsolete and has no effect"));
    if (uri.address.len == 0)
        remark(r, false, tag->name,
               arena_printf(r->arena, "no report goes to \"%.*s\": only mailto: is of use",
                            STR_ARG(printable(uri.text, r->arena))));
    u->items[u->count++] = uri;
}

static void read_uris(struct reader *r, const struct tag *tag)
{
    struct mailauth_dmarc_uris uris = {
        ARENA_ARRAY(r->arena, struct mailauth_dmarc_uri, MAILAUTH_DMARC_URIS_MAX), 0};
    str list = tag->value, text;
    while (mailauth_tag_next(&list, ',', &text)) {
        if (uris.count == MAILAUTH_DMARC_URIS_MAX) {
            remark(r, false, tag->name, S("too many addresses: those behind are not used"));
            break;
        }
        add_uri(r, tag, text, &uris);
    }
    *(str_eq(tag->name, S("rua")) ? &r->record.rua : &r->record.ruf) = uris;
}

/* RFC 9989 appendix C: of the DMARC before it. */
static void read_historic(struct reader *r, const struct tag *tag)
{
    remark(r, false, tag->name, S("of the older DMARC (RFC 7489): it has no effect any more"));
}

static const struct {
    const char *name;
    void (*read)(struct reader *, const struct tag *);
} readers[] = {
    {"p",     read_p        },
    {"sp",    read_sp       },
    {"np",    read_np       },
    {"psd",   read_psd      },
    {"t",     read_t        },
    {"adkim", read_alignment},
    {"aspf",  read_alignment},
    {"fo",    read_fo       },
    {"rua",   read_uris     },
    {"ruf",   read_uris     },
    {"pct",   read_historic },
    {"rf",    read_historic },
    {"ri",    read_historic },
};

static void read_tag(struct reader *r, const struct tag *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (str_eq(tag->name, str_of(readers[i].name))) {
            readers[i].read(r, tag);
            return;
        }
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (str_eq_nocase(tag->name, str_of(readers[i].name))) {
            remark(r, false, tag->name, S("not known: names of tags are in lower case"));
            return;
        }
    remark(r, false, tag->name, S("not known: it has no effect"));
}

/* ABNF: 1*ALPHA *WSP "=" *WSP value. False: not a tag; a remark says so. */
static bool split_tag(struct reader *r, str part, struct tag *ret_tag)
{
    size_t len = 0;
    while (len < part.len && (char_is_alnum(part.ptr[len]) || part.ptr[len] == '_'))
        len++;
    struct tag tag = {.name = str_slice(part, 0, len), .value = str_trim(str_from(part, len))};
    if (len == 0 || !str_skip(&tag.value, S("="))) {
        str shown = printable(part, r->arena);
        remark(r, true, tag.name,
               arena_printf(r->arena, "\"%.*s\" is not of the form name=value", STR_ARG(shown)));
        return false;
    }
    tag.value = str_trim(tag.value);
    *ret_tag = tag;
    return true;
}

static err note_name(struct reader *r, str name)
{
    for (size_t i = 0; i < r->seen_count; i++)
        if (str_eq(r->seen[i], name))
            return err_new(ERR_PROTOCOL, "the tag \"%.*s\" stands there twice",
                           STR_ARG(printable(name, r->arena)));
    if (r->seen_count == MAILAUTH_TAGS_MAX)
        return err_new(ERR_LIMIT, "more than %d tags", MAILAUTH_TAGS_MAX);
    r->seen[r->seen_count++] = name;
    return NULL;
}

/* "v" *WSP "=" *WSP "DMARC1", then ";" or nothing. */
static bool take_version(str *text)
{
    str rest = *text, value;
    if (!str_skip(&rest, S("v")))
        return false;
    rest = str_trim(rest);
    if (!str_skip(&rest, S("=")))
        return false;
    str_split(rest, ';', &value, &rest);
    if (!str_eq(str_trim(value), S("DMARC1")))
        return false;
    *text = rest;
    return true;
}

bool mailauth_dmarc_record_is(str text) { return take_version(&text); }

/* Section 4.10.1: without a good p, or with a bad sp or np. */
static void settle_policies(struct reader *r)
{
    struct mailauth_dmarc_record *record = &r->record;
    if (record->p == MAILAUTH_DMARC_ABSENT && !r->policies_bad)
        remark(r, false, S("p"), S("is missing: it is taken as \"none\", and only with a rua tag"));
    if (record->p != MAILAUTH_DMARC_ABSENT && !r->policies_bad)
        return;
    record->assumed = record->rua.count > 0;
    record->useless = !record->assumed;
    record->p = MAILAUTH_DMARC_NONE;
    record->sp = record->np = MAILAUTH_DMARC_ABSENT;
}

static void settle_remarks(struct reader *r)
{
    if (r->record.fo == 0)
        r->record.fo = MAILAUTH_DMARC_FO_ALL;
    else if (r->record.ruf.count == 0)
        remark(r, false, S("fo"), S("has no effect without ruf"));
    if (r->record.rua.count == 0 && !r->record.useless)
        remark(r, false, S("rua"), S("is missing: nobody will send reports"));
    r->record.remarks = r->remarks;
}

static err read_tags(struct reader *r, str rest)
{
    while (str_trim(rest).len > 0) {
        str part;
        struct tag tag;
        str_split(rest, ';', &part, &rest);
        if (!split_tag(r, str_trim(part), &tag))
            continue;
        TRY(note_name(r, tag.name));
        read_tag(r, &tag);
    }
    return NULL;
}

err mailauth_dmarc_record_parse(str text, struct arena *arena,
                                struct mailauth_dmarc_record *ret_record)
{
    struct reader *r = ARENA_NEW(arena, struct reader);
    str rest = text;
    if (text.len > MAILAUTH_DMARC_RECORD_BYTES_MAX)
        return err_new(ERR_LIMIT, "a DMARC record of %zu bytes", text.len);
    if (!take_version(&rest))
        return err_new(ERR_PROTOCOL, "not a DMARC record: it does not begin with \"v=DMARC1\"");
    r->arena = arena;
    r->record.text = text;
    r->remarks = ARENA_ARRAY(arena, struct mailauth_dmarc_remark, MAILAUTH_DMARC_REMARKS_MAX);
    TRY(note_name(r, S("v")));
    TRY(read_tags(r, rest));
    settle_policies(r);
    settle_remarks(r);
    *ret_record = r->record;
    return NULL;
}

enum mailauth_dmarc_policy mailauth_dmarc_record_policy(const struct mailauth_dmarc_record *record,
                                                        bool is_below, bool exists,
                                                        const char **ret_tag)
{
    if (is_below && !exists && record->np != MAILAUTH_DMARC_ABSENT) {
        *ret_tag = "np";
        return record->np;
    }
    if (is_below && record->sp != MAILAUTH_DMARC_ABSENT) {
        *ret_tag = "sp";
        return record->sp;
    }
    *ret_tag = "p";
    return record->p;
}
