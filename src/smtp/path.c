#include "smtp/path.h"
#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

static const struct smtp_refusal bad_sender = {501, "5.1.7", "Bad sender address syntax"};
static const struct smtp_refusal bad_recipient = {501, "5.1.3", "Bad recipient address syntax"};
static const struct smtp_refusal needs_utf8 = {553, "5.6.7", "A non-ASCII address needs SMTPUTF8"};

static bool is_high(char c) { return (unsigned char)c > 127; }
static bool is_atext(char c)
{
    return char_is_alnum(c) || is_high(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}
static bool is_printable(char c) { return c >= ' ' && c <= '~'; }

/* C1 controls (U+0080..U+009F) say nothing in an address and much to a terminal. */
static bool holds_c1(str s)
{
    for (size_t i = 0; i + 1 < s.len; i++)
        if (s.ptr[i] == '\xc2' && (unsigned char)s.ptr[i + 1] < 0xa0)
            return true;
    return false;
}

/* ---- domains ---- */

static bool label_is_ldh(str label, bool underscores)
{
    if (label.len == 0 || label.len > SMTP_PATH_LABEL_BYTES_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!char_is_alnum(c) && c != '-' && !(c == '_' && underscores))
            return false;
    }
    return label.ptr[0] != '-' && label.ptr[label.len - 1] != '-';
}

static bool domain_is_ldh(str domain, bool underscores)
{
    if (domain.len == 0 || domain.len > SMTP_PATH_DOMAIN_BYTES_MAX)
        return false;
    for (size_t from = 0; from <= domain.len;) {
        str rest = str_from(domain, from);
        size_t dot = str_find(rest, '.');
        str label = dot == STR_NONE ? rest : str_slice(rest, 0, dot);
        if (!label_is_ldh(label, underscores))
            return false;
        from += label.len + 1;
    }
    return true;
}

/* Does a label claim to be an A-label? Only then is libidn2 asked about an ASCII domain. */
static bool holds_a_label(str domain)
{
    str head;
    for (str rest = domain; rest.len > 0;) {
        str_split(rest, '.', &head, &rest);
        if (str_starts_nocase(head, S("xn--")))
            return true;
    }
    return false;
}

/* U-labels, or A-labels that must prove themselves, become A-labels: IDNA2008 with the mapping of
 * UTS 46, non-transitional (so that "ß" stays itself). */
static bool domain_to_ascii(str domain, struct arena *arena, str *ret_domain)
{
    char *ascii = NULL;
    const char *text = arena_chars(arena, domain);
    int rc = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii,
                            IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK)
        return false;
    *ret_domain = arena_str(arena, str_of(ascii));
    idn2_free(ascii);
    return true;
}

static str lower_copy(str s, struct arena *arena)
{
    char *copy = arena_chars(arena, s);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = char_lower(copy[i]);
    return (str){copy, s.len};
}

/* A name, with or without one trailing dot, into its canonical form. */
static bool name_parse(str text, bool underscores, struct arena *arena, str *ret_domain)
{
    if (text.len > SMTP_PATH_DOMAIN_INPUT_BYTES_MAX || !str_is_utf8(text))
        return false;
    if (text.len > 1 && text.ptr[text.len - 1] == '.')
        text.len--;
    str domain = lower_copy(text, arena);
    bool ascii = str_is_ascii(domain);
    if (ascii && !domain_is_ldh(domain, underscores))
        return false;
    if ((!ascii || holds_a_label(domain)) && !domain_to_ascii(domain, arena, &domain))
        return false;
    if (domain.len > 1 && domain.ptr[domain.len - 1] == '.') /* an ideographic one was mapped */
        domain.len--;
    if (!domain_is_ldh(domain, underscores))
        return false;
    *ret_domain = lower_copy(domain, arena);
    return true;
}

/* ---- address literals (RFC 5321 section 4.1.3) ---- */

/* The grammar lets "::" stand for two groups or more, never for one; the kernel's parser does
 * not mind, so the groups are counted. ip6 has been parsed before. */
static bool ip6_compression_is_allowed(str ip6)
{
    if (!str_contains(ip6, S("::")))
        return true;
    size_t groups = 0;
    bool inside = false;
    for (size_t i = 0; i < ip6.len; i++) {
        if (ip6.ptr[i] != ':' && !inside)
            groups++;
        inside = ip6.ptr[i] != ':';
    }
    if (str_find(ip6, '.') != STR_NONE) /* the IPv4 tail is two groups */
        groups++;
    return groups <= 6;
}

/* text is "[...]"; false: it is no address literal we know. */
static bool literal_parse(str text, struct arena *arena, str *ret_domain)
{
    char chars[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return false;
    str inner = str_slice(text, 1, text.len - 2);
    bool six = str_skip_nocase(&inner, S("IPv6:"));
    struct in6_addr ip; /* room for either family */
    if (!str_to_chars(inner, chars, sizeof chars) ||
        inet_pton(six ? AF_INET6 : AF_INET, chars, &ip) != 1)
        return false;
    if (six && !ip6_compression_is_allowed(inner))
        return false;
    if (inet_ntop(six ? AF_INET6 : AF_INET, &ip, canonical, sizeof canonical) == NULL)
        return false;
    *ret_domain = arena_printf(arena, six ? "[IPv6:%s]" : "[%s]", canonical);
    return true;
}

static bool is_graphic(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_high(s.ptr[i]) && (s.ptr[i] <= ' ' || s.ptr[i] > '~'))
            return false;
    return s.len > 0 && str_is_utf8(s) && !holds_c1(s);
}

bool smtp_domain_parse(str text, enum smtp_domain_rule rule, struct arena *arena, str *ret_domain)
{
    bool lenient = rule == SMTP_DOMAIN_HELLO;
    if (!lenient || text.len == 0 || text.ptr[0] != '[')
        return is_graphic(text) && name_parse(text, lenient, arena, ret_domain);
    if (literal_parse(text, arena, ret_domain))
        return true;
    if (text.len > SMTP_PATH_DOMAIN_BYTES_MAX || !is_graphic(text))
        return false;
    *ret_domain = arena_str(arena, text);
    return true;
}

/* ---- local parts ---- */

/* Length of the dot-string at the start of s; 0: none is there. */
static size_t dot_string_length(str s)
{
    size_t i = 0;
    for (; i < s.len; i++) {
        bool dot = s.ptr[i] == '.';
        if (!is_atext(s.ptr[i]) && !(dot && i > 0 && s.ptr[i - 1] != '.'))
            break;
    }
    return i > 0 && s.ptr[i - 1] == '.' ? 0 : i;
}

/* Length of the quoted string at the start of s, with its quotes; 0: it is broken. */
static size_t quoted_length(str s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\' && (++i == s.len || !is_printable(s.ptr[i])))
            return 0;
        if (!is_printable(s.ptr[i]) && !is_high(s.ptr[i]))
            return 0;
    }
    return 0;
}

/* The content of a quoted string: as a dot-string when it is one, else quoted again with only the
 * backslashes that must be. Never longer than what came in. */
static str requote(str quoted, struct arena *arena)
{
    char *plain = arena_alloc(arena, quoted.len), *again = arena_alloc(arena, quoted.len);
    size_t plain_len = 0, len = 0;
    again[len++] = '"';
    for (size_t i = 1; i + 1 < quoted.len; i++) {
        if (quoted.ptr[i] == '\\')
            i++;
        char c = quoted.ptr[i];
        plain[plain_len++] = c;
        if (c == '"' || c == '\\')
            again[len++] = '\\';
        again[len++] = c;
    }
    again[len++] = '"';
    str dequoted = {plain, plain_len};
    bool suffices = plain_len > 0 && dot_string_length(dequoted) == plain_len;
    return suffices ? dequoted : (str){again, len};
}

/* Take a local part off the front of *rest. */
static bool take_local(str *rest, struct arena *arena, struct smtp_path *path)
{
    bool quoted = rest->len > 0 && rest->ptr[0] == '"';
    size_t len = quoted ? quoted_length(*rest) : dot_string_length(*rest);
    if (len == 0 || len > SMTP_PATH_LOCAL_BYTES_MAX)
        return false;
    str raw = str_slice(*rest, 0, len);
    if (!str_is_utf8(raw) || holds_c1(raw))
        return false;
    path->local = quoted ? requote(raw, arena) : arena_str(arena, raw);
    *rest = str_from(*rest, len);
    return true;
}

/* ---- mailboxes and paths ---- */

/* Length of what may be a domain at the start of s: up to a delimiter of the grammar around it. */
static size_t domain_length(str s)
{
    if (s.len > 0 && s.ptr[0] == '[') {
        size_t end = str_find(s, ']');
        return end == STR_NONE ? 0 : end + 1;
    }
    size_t i = 0;
    while (i < s.len &&
           (char_is_alnum(s.ptr[i]) || is_high(s.ptr[i]) || s.ptr[i] == '-' || s.ptr[i] == '.'))
        i++;
    return i;
}

static bool take_domain(str *rest, struct arena *arena, str *ret_domain, bool *ret_literal)
{
    str raw = str_slice(*rest, 0, domain_length(*rest));
    bool literal = raw.len > 0 && raw.ptr[0] == '[';
    if (literal ? !literal_parse(raw, arena, ret_domain)
                : holds_c1(raw) || !name_parse(raw, false, arena, ret_domain))
        return false;
    *rest = str_from(*rest, raw.len);
    *ret_literal = literal;
    return true;
}

static str join_at(str local, str domain, struct arena *arena)
{
    char *text = arena_alloc(arena, local.len + 1 + domain.len);
    char *end = str_put(str_put(str_put(text, local), S("@")), domain);
    return (str){text, (size_t)(end - text)};
}

static bool take_mailbox(str *rest, struct arena *arena, struct smtp_path *path)
{
    size_t before = rest->len;
    if (!take_local(rest, arena, path))
        return false;
    size_t raw_local = before - rest->len;
    if (!str_skip(rest, S("@")) || !take_domain(rest, arena, &path->domain, &path->literal))
        return false;
    if (raw_local + 1 + path->domain.len > SMTP_PATH_BYTES_MAX)
        return false;
    path->text = join_at(path->local, path->domain, arena);
    path->utf8 = !str_is_ascii(path->text);
    return true;
}

/* "@a,@b:" before a mailbox: must be understood and should be ignored (RFC 5321 appendix C). */
static bool skip_route(str *rest, struct arena *arena)
{
    str domain;
    bool literal;
    if (rest->len == 0 || rest->ptr[0] != '@')
        return true;
    for (int hops = 0; hops < SMTP_PATH_ROUTE_HOPS_MAX; hops++) {
        if (!str_skip(rest, S("@")) || !take_domain(rest, arena, &domain, &literal))
            return false;
        if (str_skip(rest, S(":")))
            return true;
        if (!str_skip(rest, S(",")))
            return false;
    }
    return false;
}

/* What stands between the angle brackets. */
static bool take_inner(str *rest, enum smtp_path_kind kind, struct arena *arena,
                       struct smtp_path *path)
{
    static const str postmaster = S("postmaster");
    if (kind == SMTP_PATH_REVERSE && str_starts(*rest, S(">"))) {
        path->null = true;
        return true;
    }
    if (kind == SMTP_PATH_FORWARD && str_starts_nocase(*rest, S("postmaster>"))) {
        *rest = str_from(*rest, postmaster.len);
        path->local = path->text = postmaster;
        path->postmaster_bare = true;
        return true;
    }
    return skip_route(rest, arena) && take_mailbox(rest, arena, path);
}

/* The bytes of the address as they came, to tell "bad" from "needs SMTPUTF8". */
static bool forbidden_utf8(str raw, bool smtputf8)
{
    return !smtputf8 && !str_is_ascii(raw) && str_is_utf8(raw);
}

smtp_refusal smtp_path_parse(str *input, enum smtp_path_kind kind, bool smtputf8,
                             struct arena *arena, struct smtp_path *ret_path)
{
    smtp_refusal bad = kind == SMTP_PATH_REVERSE ? &bad_sender : &bad_recipient;
    struct smtp_path path = {0};
    str rest = *input;
    if (!str_skip(&rest, S("<")) || !take_inner(&rest, kind, arena, &path) ||
        !str_skip(&rest, S(">")))
        return bad;
    if (forbidden_utf8(str_slice(*input, 0, input->len - rest.len), smtputf8))
        return &needs_utf8;
    *input = rest;
    *ret_path = path;
    return NULL;
}

smtp_refusal smtp_path_parse_bare(str text, bool smtputf8, struct arena *arena,
                                  struct smtp_path *ret_path)
{
    struct smtp_path path = {0};
    str rest = text;
    if (!take_mailbox(&rest, arena, &path) || rest.len > 0)
        return &bad_recipient;
    if (forbidden_utf8(text, smtputf8))
        return &needs_utf8;
    *ret_path = path;
    return NULL;
}
