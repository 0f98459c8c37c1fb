#include "mailauth/spf_match.h"
#include <string.h>

/* ---- addresses ---- */

static bool in_network(const struct mailauth_spf_state *s, const uint8_t *ip,
                       const struct mailauth_spf_term *t)
{
    struct network n = {.base = {.family = s->ip->family}};
    bool four = s->ip->family == ADDRESS_IP4;
    memcpy(n.base.ip, ip, four ? 4 : 16);
    n.bits = four ? t->bits4 : t->bits6;
    return network_holds(&n, s->ip);
}

static enum dns_type address_type(const struct mailauth_spf_state *s)
{
    return s->ip->family == ADDRESS_IP4 ? DNS_A : DNS_AAAA;
}

/* Section 5: what the DNS cannot say makes the check a temperror. False: it did not say. */
static bool said(struct mailauth_spf_state *s, str name, const struct dns_answer *a)
{
    if (a->status >= DNS_SERVFAIL)
        mailauth_spf_state_fail(s, MAILAUTH_TEMPERROR, "%.*s: %s", STR_ARG(name),
                                dns_answer_status_name(a->status));
    return s->failed == MAILAUTH_NONE;
}

static bool is_void(const struct dns_answer *a)
{
    return a->status == DNS_NODATA || a->status == DNS_NXDOMAIN;
}

/* The target of a mechanism: its domain-spec, or the domain whose policy it stands in. */
static err target_of(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str *ret_name)
{
    if (t->domain.len)
        return mailauth_spf_state_name(s, t->domain, ret_name);
    *ret_name = s->values.domain;
    return NULL;
}

/* A mechanism's own question. True: there are records, and nothing went wrong. */
static err ask_target(struct mailauth_spf_state *s, str name, enum dns_type type,
                      struct arena *arena, struct dns_answer *ret_answer, bool *ret_there)
{
    bool asked;
    TRY(mailauth_spf_state_ask(s, name, type, arena, ret_answer, &asked));
    if (!asked)
        mailauth_story_tell(s->story, "\"%.*s\" cannot be a name in the DNS", STR_ARG(name));
    bool ok = said(s, name, ret_answer);
    if (ok && asked && is_void(ret_answer))
        mailauth_spf_state_count_void(s, name);
    *ret_there = ok && ret_answer->status == DNS_OK;
    return NULL;
}

static bool any_in_network(const struct mailauth_spf_state *s, const struct dns_answer *a,
                           const struct mailauth_spf_term *t)
{
    for (size_t i = 0; i < a->count; i++)
        if (in_network(s, a->records[i].ip, t))
            return true;
    return false;
}

/* ---- a, exists: sections 5.3, 5.7 ---- */

static err match_a(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str name,
                   bool *ret_matches)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    bool there;
    TRY(ask_target(s, name, address_type(s), arena, &a, &there));
    *ret_matches = there && any_in_network(s, &a, t);
    return NULL;
}

/* Always an A record, for IPv6 clients as well. */
static err match_exists(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str name,
                        bool *ret_matches)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    (void)t;
    return ask_target(s, name, DNS_A, arena, &a, ret_matches);
}

/* ---- mx: section 5.4 ---- */

static err match_mx_host(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str host,
                         bool *ret_matches)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    *ret_matches = false;
    if (str_eq(host, S("."))) /* RFC 7505: the domain takes no mail */
        return NULL;
    TRY(mailauth_spf_state_ask_canonical(s, host, address_type(s), arena, &a));
    bool ok = said(s, host, &a);
    if (ok && a.status == DNS_NXDOMAIN)
        mailauth_spf_state_count_void(s, host);
    *ret_matches = ok && any_in_network(s, &a, t);
    if (*ret_matches)
        mailauth_story_tell(s->story, "the MX host %.*s has it", STR_ARG(host));
    return NULL;
}

static err match_mx(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str name,
                    bool *ret_matches)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    bool there, matches = false;
    TRY(ask_target(s, name, DNS_MX, arena, &a, &there));
    if (there && a.count > MAILAUTH_SPF_MX_HOSTS_MAX)
        mailauth_spf_state_fail(s, MAILAUTH_PERMERROR, "%.*s has %zu MX hosts; %d are the limit",
                                STR_ARG(name), a.count, MAILAUTH_SPF_MX_HOSTS_MAX);
    for (size_t i = 0; there && i < a.count && !matches && s->failed == MAILAUTH_NONE; i++)
        TRY(match_mx_host(s, t, a.records[i].name, &matches));
    *ret_matches = matches && s->failed == MAILAUTH_NONE;
    return NULL;
}

/* ---- ptr and %{p}: sections 5.5, 7.3 ---- */

str mailauth_spf_match_reverse(const struct address *a, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char text[sizeof a->ip * 4];
    if (a->family == ADDRESS_IP4)
        return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", a->ip[3], a->ip[2], a->ip[1],
                            a->ip[0]);
    for (size_t i = 0; i < sizeof a->ip; i++) {
        uint8_t byte = a->ip[sizeof a->ip - 1 - i];
        text[4 * i] = digits[byte & 0x0f];
        text[4 * i + 2] = digits[byte >> 4];
        text[4 * i + 1] = text[4 * i + 3] = '.';
    }
    return arena_printf(arena, "%.*sip6.arpa", (int)sizeof text, text);
}

/* Does the name have the client's address? What cannot be found out is a no (section 5.5). */
static err confirm(struct mailauth_spf_state *s, str name, bool *ret_agrees)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    static const struct mailauth_spf_term whole = {.bits4 = 32, .bits6 = 128};
    struct dns_answer a;
    TRY(mailauth_spf_state_ask_canonical(s, name, address_type(s), arena, &a));
    *ret_agrees = any_in_network(s, &a, &whole);
    return NULL;
}

/* 0: the domain itself; 1: below it; 2: elsewhere. */
static int distance(str name, str domain)
{
    if (str_eq_nocase(name, domain))
        return 0;
    bool below = name.len > domain.len && str_ends_nocase(name, domain) &&
                 name.ptr[name.len - domain.len - 1] == '.';
    return below && domain.len ? 1 : 2;
}

/* The first name of the client, of the nearest ones first, that is not farther from the domain
 * and has the client's address. Empty: none. */
static err find_name(struct mailauth_spf_state *s, str domain, int farthest, struct arena *arena,
                     str *ret_name)
{
    struct dns_answer names;
    bool asked, agrees = false;
    *ret_name = (str){0};
    TRY(mailauth_spf_state_ask(s, mailauth_spf_match_reverse(s->ip, arena), DNS_PTR, arena, &names,
                               &asked));
    size_t count =
        names.count < MAILAUTH_SPF_PTR_NAMES_MAX ? names.count : MAILAUTH_SPF_PTR_NAMES_MAX;
    for (int far = 0; far <= farthest; far++)
        for (size_t i = 0; i < count && s->failed == MAILAUTH_NONE; i++) {
            str name = names.records[i].name;
            if (distance(name, domain) != far)
                continue;
            TRY(confirm(s, name, &agrees));
            if (agrees) {
                *ret_name = name;
                return NULL;
            }
        }
    return NULL;
}

static err match_ptr(struct mailauth_spf_state *s, const struct mailauth_spf_term *t, str domain,
                     bool *ret_matches)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    char canonical[DNS_NAME_CHARS];
    str name = {0};
    (void)t;
    *ret_matches = false;
    if (!dns_name_canonical(domain, canonical))
        return NULL;
    TRY(find_name(s, str_of(canonical), 1, arena, &name));
    *ret_matches = name.len > 0;
    mailauth_story_tell(s->story, "the client's name: %.*s",
                        STR_ARG(name.len ? name : S("none in that domain that has its address")));
    return NULL;
}

err mailauth_spf_match_validated(struct mailauth_spf_state *s, str *ret_name)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    str name;
    TRY(find_name(s, s->values.domain, 2, arena, &name));
    *ret_name = name.len ? arena_str(s->arena, name) : S("unknown");
    return NULL;
}

/* ---- */

err mailauth_spf_match(struct mailauth_spf_state *s, const struct mailauth_spf_term *t,
                       bool *ret_matches)
{
    str name;
    bool four = s->ip->family == ADDRESS_IP4;
    *ret_matches = false;
    if (t->kind == MAILAUTH_SPF_ALL || t->kind == MAILAUTH_SPF_IP4 || t->kind == MAILAUTH_SPF_IP6) {
        *ret_matches = t->kind == MAILAUTH_SPF_ALL ||
                       (four == (t->kind == MAILAUTH_SPF_IP4) && in_network(s, t->ip, t));
        return NULL;
    }
    mailauth_spf_state_count(s);
    if (s->failed)
        return NULL;
    TRY(target_of(s, t, &name));
    if (s->failed)
        return NULL;
    switch (t->kind) {
    case MAILAUTH_SPF_A:
        return match_a(s, t, name, ret_matches);
    case MAILAUTH_SPF_MX:
        return match_mx(s, t, name, ret_matches);
    case MAILAUTH_SPF_PTR:
        return match_ptr(s, t, name, ret_matches);
    default:
        ASSERT(t->kind == MAILAUTH_SPF_EXISTS);
        return match_exists(s, t, name, ret_matches);
    }
}
