#include "mailauth/spf_record.h"
#include "mailauth/spf_macro.h"
#include <arpa/inet.h>
#include <assert.h>

enum { QUOTED_BYTES_MAX = 60 }; /* of a term, in an err */

static_assert(MAILAUTH_SPF_RECORD_TERMS_MAX * sizeof(struct mailauth_spf_term) <
                  MAILAUTH_SPF_RECORD_ARENA_BYTES - 2048,
              "what is promised to the arena");

/* ---- the parts of a term; each takes *rest, which is behind the name ---- */

/* Is there a "/digits" at the end? Then it is cut off. The digits are judged here: a prefix length
 * has no sign, no leading zero and at most so many bits. */
static err cut_length(str *rest, str slash, unsigned max, uint8_t *bits)
{
    size_t from = rest->len;
    uint64_t number;
    while (from > 0 && char_is_digit(rest->ptr[from - 1]))
        from--;
    str digits = str_from(*rest, from);
    if (digits.len == 0 || from < slash.len ||
        !str_eq(str_slice(*rest, from - slash.len, slash.len), slash))
        return NULL;
    if (digits.len > 1 && digits.ptr[0] == '0')
        return err_new(ERR_PROTOCOL, "a prefix length with a leading zero");
    if (!str_to_u64(digits, max, &number))
        return err_new(ERR_PROTOCOL, "a prefix length above %u", max);
    *bits = (uint8_t)number;
    rest->len = from - slash.len;
    return NULL;
}

/* "/24", "//64", "/24//64". Taken from the end, because a domain-spec may hold slashes. */
static err cut_dual_length(str *rest, struct mailauth_spf_term *t)
{
    TRY(cut_length(rest, S("//"), 128, &t->bits6));
    return cut_length(rest, S("/"), 32, &t->bits4);
}

static err take_domain(str rest, bool must, struct mailauth_spf_term *t)
{
    if (rest.len == 0 && !must)
        return NULL;
    if (!str_skip(&rest, S(":")))
        return err_new(ERR_PROTOCOL, must ? "\":\" and a domain are missing"
                                          : "what stands behind the name is not understood");
    if (rest.len == 0)
        return err_new(ERR_PROTOCOL, "no domain behind the \":\"");
    TRY(mailauth_spf_macro_check(rest, MAILAUTH_SPF_MACRO_DOMAIN));
    t->domain = rest;
    return NULL;
}

static err take_all(str rest, struct mailauth_spf_term *t)
{
    (void)t;
    return rest.len ? err_new(ERR_PROTOCOL, "\"all\" stands alone") : NULL;
}

static err take_must_domain(str rest, struct mailauth_spf_term *t)
{
    return take_domain(rest, true, t);
}

static err take_may_domain(str rest, struct mailauth_spf_term *t)
{
    return take_domain(rest, false, t);
}

static err take_host(str rest, struct mailauth_spf_term *t)
{
    TRY(cut_dual_length(&rest, t));
    return take_domain(rest, false, t);
}

/* inet_pton() takes what section 12 does: four numbers without leading zeros, and the forms of
 * RFC 4291. A mapped IPv4 address stays IPv6 here: it then matches no client (section 5). */
static err take_ip(str rest, int family, struct mailauth_spf_term *t)
{
    char chars[INET6_ADDRSTRLEN];
    if (!str_skip(&rest, S(":")))
        return err_new(ERR_PROTOCOL, "\":\" and an address are missing");
    if (!str_to_chars(rest, chars, sizeof chars) || inet_pton(family, chars, t->ip) != 1)
        return err_new(ERR_PROTOCOL, "\"%.*s\" is not an IPv%d address",
                       STR_ARG(str_slice(rest, 0, QUOTED_BYTES_MAX)), family == AF_INET ? 4 : 6);
    return NULL;
}

static err take_ip4(str rest, struct mailauth_spf_term *t)
{
    TRY(cut_length(&rest, S("/"), 32, &t->bits4));
    return take_ip(rest, AF_INET, t);
}

static err take_ip6(str rest, struct mailauth_spf_term *t)
{
    TRY(cut_length(&rest, S("/"), 128, &t->bits6));
    return take_ip(rest, AF_INET6, t);
}

static const struct mechanism {
    const char *name;
    enum mailauth_spf_kind kind;
    err (*take)(str rest, struct mailauth_spf_term *);
} mechanisms[] = {
    {"all",     MAILAUTH_SPF_ALL,     take_all        },
    {"include", MAILAUTH_SPF_INCLUDE, take_must_domain},
    {"a",       MAILAUTH_SPF_A,       take_host       },
    {"mx",      MAILAUTH_SPF_MX,      take_host       },
    {"ptr",     MAILAUTH_SPF_PTR,     take_may_domain },
    {"ip4",     MAILAUTH_SPF_IP4,     take_ip4        },
    {"ip6",     MAILAUTH_SPF_IP6,     take_ip6        },
    {"exists",  MAILAUTH_SPF_EXISTS,  take_must_domain},
};

/* ---- terms ---- */

static enum mailauth_result take_qualifier(str *text)
{
    if (str_skip(text, S("-")))
        return MAILAUTH_FAIL;
    if (str_skip(text, S("~")))
        return MAILAUTH_SOFTFAIL;
    if (str_skip(text, S("?")))
        return MAILAUTH_NEUTRAL;
    str_skip(text, S("+"));
    return MAILAUTH_PASS;
}

static err take_mechanism(str text, struct mailauth_spf_term *t)
{
    size_t len = 0;
    t->result = take_qualifier(&text);
    while (len < text.len && char_is_alnum(text.ptr[len]))
        len++;
    str name = str_slice(text, 0, len);
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (!str_eq_nocase(name, str_of(mechanisms[i].name)))
            continue;
        t->kind = mechanisms[i].kind;
        return mechanisms[i].take(str_from(text, len), t);
    }
    if (str_eq_nocase(name, S("redirect")) || str_eq_nocase(name, S("exp")))
        return err_new(ERR_PROTOCOL, "it is written \"%.*s=\"", STR_ARG(name));
    return err_new(ERR_PROTOCOL, "no such mechanism");
}

/* A name and "=" make a modifier; "" when it is none. */
static str modifier_name(str text)
{
    size_t len = 0;
    while (len < text.len && (char_is_alnum(text.ptr[len]) ||
                              (len > 0 && str_find(S("-_."), text.ptr[len]) != STR_NONE)))
        len++;
    bool is = len > 0 && len < text.len && text.ptr[len] == '=' && char_is_alpha(text.ptr[0]);
    return str_slice(text, 0, is ? len : 0);
}

static err take_modifier(str name, struct mailauth_spf_term *t)
{
    str value = str_from(t->text, name.len + 1);
    t->kind = MAILAUTH_SPF_OTHER;
    if (str_eq_nocase(name, S("redirect")))
        t->kind = MAILAUTH_SPF_REDIRECT;
    else if (str_eq_nocase(name, S("exp")))
        t->kind = MAILAUTH_SPF_EXP;
    else
        return mailauth_spf_macro_check(value, MAILAUTH_SPF_MACRO_MODIFIER);
    if (value.len == 0)
        return err_new(ERR_PROTOCOL, "no domain behind the \"=\"");
    t->domain = value;
    return mailauth_spf_macro_check(value, MAILAUTH_SPF_MACRO_DOMAIN);
}

static err parse_term(struct mailauth_spf_term *t)
{
    str name = modifier_name(t->text);
    return name.len ? take_modifier(name, t) : take_mechanism(t->text, t);
}

/* Section 6: redirect and exp at most once each. */
static err add_term(struct mailauth_spf_record *r, const struct mailauth_spf_term *t,
                    struct arena *arena)
{
    if (t->kind == MAILAUTH_SPF_OTHER) {
        r->others++;
        return NULL;
    }
    if (t->kind < MAILAUTH_SPF_REDIRECT) {
        r->terms[r->count++] = *t;
        return NULL;
    }
    const struct mailauth_spf_term **place =
        t->kind == MAILAUTH_SPF_REDIRECT ? &r->redirect : &r->exp;
    if (*place)
        return err_new(ERR_PROTOCOL, "it stands there twice");
    struct mailauth_spf_term *kept = ARENA_NEW(arena, struct mailauth_spf_term);
    *kept = *t;
    *place = kept;
    return NULL;
}

static str first_word(str rest) { return str_slice(rest, 0, str_find(rest, ' ')); }

static size_t count_words(str rest)
{
    size_t words = 0;
    for (size_t i = 0; i < rest.len; i++)
        words += rest.ptr[i] != ' ' && (i == 0 || rest.ptr[i - 1] == ' ');
    return words;
}

bool mailauth_spf_record_is(str text)
{
    return str_skip_nocase(&text, S("v=spf1")) && (text.len == 0 || text.ptr[0] == ' ');
}

err mailauth_spf_record_parse(str text, struct arena *arena, struct mailauth_spf_record *ret_record)
{
    if (text.len > MAILAUTH_SPF_RECORD_BYTES_MAX)
        return err_new(ERR_LIMIT, "an SPF record of %zu bytes", text.len);
    if (!mailauth_spf_record_is(text))
        return err_new(ERR_PROTOCOL, "it does not begin with \"v=spf1\"");
    str rest = str_from(text, S("v=spf1").len);
    size_t words = count_words(rest), number = 0;
    if (words > MAILAUTH_SPF_RECORD_TERMS_MAX)
        return err_new(ERR_LIMIT, "an SPF record of %zu terms", words);
    struct mailauth_spf_record r = {.terms = ARENA_ARRAY(arena, struct mailauth_spf_term, words)};
    while (rest.len > 0) {
        if (str_skip(&rest, S(" ")))
            continue;
        str word = first_word(rest);
        struct mailauth_spf_term t = {
            .text = word, .at = text.len - rest.len, .bits4 = 32, .bits6 = 128};
        number++;
        err e = parse_term(&t);
        if (e == NULL)
            e = add_term(&r, &t, arena);
        if (e)
            return err_wrap(e, "term %zu \"%.*s\" at byte %zu", number,
                            STR_ARG(str_slice(word, 0, QUOTED_BYTES_MAX)), t.at);
        rest = str_from(rest, word.len);
    }
    *ret_record = r;
    return NULL;
}

bool mailauth_spf_record_term_asks(const struct mailauth_spf_term *t)
{
    switch (t->kind) {
    case MAILAUTH_SPF_INCLUDE:
    case MAILAUTH_SPF_A:
    case MAILAUTH_SPF_MX:
    case MAILAUTH_SPF_PTR:
    case MAILAUTH_SPF_EXISTS:
    case MAILAUTH_SPF_REDIRECT:
        return true;
    default:
        return false;
    }
}
