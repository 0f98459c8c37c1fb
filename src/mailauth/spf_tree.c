#include "mailauth/spf_tree.h"
#include "mailauth/spf_advice.h"
#include "mailauth/spf_match.h"
#include "mailauth/spf_policy.h"
#include <assert.h>
#include <string.h>

/* A policy under way; its row is that of the term that led here. */
struct frame {
    str domain;
    struct mailauth_spf_record record;
    size_t at, row;
    bool has_all, redirected;
};

struct walk {
    struct mailauth_spf_state state;
    struct mailauth_spf_tree tree;
    struct frame frames[MAILAUTH_SPF_TREE_DEPTH_MAX];
    unsigned depth;
    size_t policies;
};

static_assert(MAILAUTH_SPF_TREE_POLICIES_MAX *
                          (MAILAUTH_SPF_RECORD_ARENA_BYTES + MAILAUTH_SPF_RECORD_BYTES_MAX) +
                      MAILAUTH_SPF_TREE_ROWS_MAX * (sizeof(struct mailauth_spf_tree_row) + 1024 +
                                                    MAILAUTH_SPF_TREE_RANGES_MAX * 128) <
                  MAILAUTH_SPF_TREE_BYTES_MAX,
              "what is promised to the ask's arena");

/* NULL: no room. */
static struct mailauth_spf_tree_row *add_row(struct walk *w, str term)
{
    struct mailauth_spf_tree *t = &w->tree;
    if (t->count == MAILAUTH_SPF_TREE_ROWS_MAX) {
        t->cut = true;
        return NULL;
    }
    struct mailauth_spf_tree_row *row = &t->rows[t->count++];
    row->depth = w->depth;
    row->term = term;
    return row;
}

static void count_up(struct walk *w, struct mailauth_spf_tree_row *row, bool nothing_there)
{
    row->lookups += !nothing_there;
    row->void_lookups += nothing_there;
    for (unsigned i = 0; i < w->depth; i++) {
        w->tree.rows[w->frames[i].row].lookups += !nothing_there;
        w->tree.rows[w->frames[i].row].void_lookups += nothing_there;
    }
}

/* A failure of the state becomes the row's; the walk goes on. */
static void take_failure(struct walk *w, struct mailauth_spf_tree_row *row)
{
    if (w->state.failed == MAILAUTH_NONE)
        return;
    if (w->state.ask->budget && w->state.ask->budget->questions_left <= 0)
        w->tree.cut = true;
    row->problem = w->state.reason;
    row->temporary = w->state.failed == MAILAUTH_TEMPERROR;
    w->state.failed = MAILAUTH_NONE;
}

/* ---- ranges ---- */

static void add_range(struct walk *w, struct mailauth_spf_tree_row *row, const uint8_t *ip,
                      enum address_family family, unsigned bits)
{
    struct address a = {.family = family};
    unsigned whole = family == ADDRESS_IP4 ? 32 : 128;
    char text[ADDRESS_CHARS];
    if (row->range_count == MAILAUTH_SPF_TREE_RANGES_MAX) {
        row->ranges_left_out++;
        return;
    }
    if (row->ranges == NULL)
        row->ranges = ARENA_ARRAY(w->state.arena, str, MAILAUTH_SPF_TREE_RANGES_MAX);
    memcpy(a.ip, ip, whole / 8);
    for (unsigned i = bits; i < whole; i++)
        a.ip[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    address_format_ip(&a, text);
    row->ranges[row->range_count++] = bits == whole
                                          ? arena_str(w->state.arena, str_of(text))
                                          : arena_printf(w->state.arena, "%s/%u", text, bits);
}

static void add_ranges(struct walk *w, struct mailauth_spf_tree_row *row,
                       const struct mailauth_spf_term *t, const struct dns_answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        bool four = a->records[i].type == DNS_A;
        add_range(w, row, a->records[i].ip, four ? ADDRESS_IP4 : ADDRESS_IP6,
                  four ? t->bits4 : t->bits6);
    }
}

/* ---- terms that ask ---- */

static err ask(struct walk *w, struct mailauth_spf_tree_row *row, str name, enum dns_type type,
               struct arena *arena, struct dns_answer *ret_answer)
{
    bool asked;
    TRY(mailauth_spf_state_ask(&w->state, name, type, arena, ret_answer, &asked));
    if (!asked)
        row->problem = S("that cannot be a name in the DNS");
    else if (ret_answer->status >= DNS_SERVFAIL)
        mailauth_spf_state_fail(&w->state, MAILAUTH_TEMPERROR, "%.*s: %s", STR_ARG(name),
                                dns_answer_status_name(ret_answer->status));
    take_failure(w, row);
    return NULL;
}

/* Both families. True in *ret_nothing: there is neither. */
static err look_at_addresses(struct walk *w, struct mailauth_spf_tree_row *row,
                             const struct mailauth_spf_term *t, str name, bool *ret_nothing)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(4 * DNS_ANSWER_BYTES_MAX);
    size_t nothing = 0;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct dns_answer a;
        TRY(ask(w, row, name, types[i], arena, &a));
        add_ranges(w, row, t, &a);
        nothing += a.status == DNS_NODATA || a.status == DNS_NXDOMAIN;
    }
    *ret_nothing = nothing == ARRAY_LEN(types);
    return NULL;
}

static err look_at_a(struct walk *w, struct mailauth_spf_tree_row *row,
                     const struct mailauth_spf_term *t)
{
    bool nothing;
    TRY(look_at_addresses(w, row, t, row->target, &nothing));
    if (nothing && row->problem.len == 0)
        count_up(w, row, true);
    return NULL;
}

static err look_at_mx(struct walk *w, struct mailauth_spf_tree_row *row,
                      const struct mailauth_spf_term *t)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    bool nothing;
    TRY(ask(w, row, row->target, DNS_MX, arena, &a));
    if (a.count > MAILAUTH_SPF_MX_HOSTS_MAX)
        row->problem = arena_printf(w->state.arena, "%zu MX hosts; %d are the limit", a.count,
                                    MAILAUTH_SPF_MX_HOSTS_MAX);
    if (a.count == 0 && row->problem.len == 0)
        count_up(w, row, true);
    for (size_t i = 0; i < a.count && i < MAILAUTH_SPF_MX_HOSTS_MAX; i++) {
        if (str_eq(a.records[i].name, S(".")))
            continue;
        TRY(look_at_addresses(w, row, t, a.records[i].name, &nothing));
        if (nothing && row->problem.len == 0)
            count_up(w, row, true);
    }
    return NULL;
}

static err look_at_exists(struct walk *w, struct mailauth_spf_tree_row *row)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(2 * DNS_ANSWER_BYTES_MAX);
    struct dns_answer a;
    TRY(ask(w, row, row->target, DNS_A, arena, &a));
    if (a.count == 0 && row->problem.len == 0)
        count_up(w, row, true);
    return NULL;
}

/* ---- policies ---- */

static bool is_under_way(const struct walk *w, str domain)
{
    for (unsigned i = 0; i < w->depth; i++)
        if (str_eq_nocase(w->frames[i].domain, domain))
            return true;
    return false;
}

static bool has_all(const struct mailauth_spf_record *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->terms[i].kind == MAILAUTH_SPF_ALL)
            return true;
    return false;
}

/* The policy of the row's target becomes the one under way. */
static err enter(struct walk *w, struct mailauth_spf_tree_row *row)
{
    struct mailauth_spf_state *s = &w->state;
    struct mailauth_spf_policy p;
    if (is_under_way(w, row->target)) {
        row->problem = S("it leads back to itself");
        return NULL;
    }
    if (w->depth == MAILAUTH_SPF_TREE_DEPTH_MAX ||
        w->policies++ == MAILAUTH_SPF_TREE_POLICIES_MAX) {
        w->tree.cut = true;
        return NULL;
    }
    TRY(mailauth_spf_policy_read(s, row->target, &p));
    row->record = p.text;
    if (!p.found && s->failed == MAILAUTH_NONE)
        row->problem = arena_printf(s->arena, "%.*s %s", STR_ARG(row->target), p.why);
    take_failure(w, row);
    if (!p.found)
        return NULL;
    w->frames[w->depth++] = (struct frame){.domain = row->target,
                                           .record = p.record,
                                           .row = (size_t)(row - w->tree.rows),
                                           .has_all = has_all(&p.record)};
    s->values.domain = row->target;
    return NULL;
}

static void leave(struct walk *w)
{
    if (--w->depth > 0)
        w->state.values.domain = w->frames[w->depth - 1].domain;
}

/* ---- the walk ---- */

static err set_target(struct walk *w, struct mailauth_spf_tree_row *row,
                      const struct mailauth_spf_term *t)
{
    row->varies = mailauth_spf_macro_varies(t->domain);
    row->target = w->state.values.domain;
    if (row->varies)
        row->target = (str){0};
    else if (t->domain.len)
        return mailauth_spf_state_name(&w->state, t->domain, &row->target);
    return NULL;
}

static err look_at(struct walk *w, struct mailauth_spf_tree_row *row,
                   const struct mailauth_spf_term *t)
{
    row->asks = mailauth_spf_record_term_asks(t);
    if (t->kind == MAILAUTH_SPF_IP4)
        add_range(w, row, t->ip, ADDRESS_IP4, t->bits4);
    if (t->kind == MAILAUTH_SPF_IP6)
        add_range(w, row, t->ip, ADDRESS_IP6, t->bits6);
    if (!row->asks)
        return NULL;
    count_up(w, row, false);
    TRY(set_target(w, row, t));
    if (row->varies)
        return NULL;
    switch (t->kind) {
    case MAILAUTH_SPF_A:
        return look_at_a(w, row, t);
    case MAILAUTH_SPF_MX:
        return look_at_mx(w, row, t);
    case MAILAUTH_SPF_EXISTS:
        return look_at_exists(w, row);
    case MAILAUTH_SPF_INCLUDE:
    case MAILAUTH_SPF_REDIRECT:
        return enter(w, row);
    default:
        return NULL; /* ptr: the client's names, which are not known here */
    }
}

/* The next term of the policy under way; NULL: it is done. What stands behind "all" never counts,
 * nor a redirect beside one (section 5.1). */
static const struct mailauth_spf_term *next_term(struct frame *f)
{
    if (f->at < f->record.count) {
        const struct mailauth_spf_term *t = &f->record.terms[f->at++];
        if (t->kind == MAILAUTH_SPF_ALL)
            f->at = f->record.count;
        return t;
    }
    if (f->record.redirect == NULL || f->redirected || f->has_all)
        return NULL;
    f->redirected = true;
    return f->record.redirect;
}

static err walk_all(struct walk *w)
{
    while (w->depth > 0) {
        const struct mailauth_spf_term *t = next_term(&w->frames[w->depth - 1]);
        struct mailauth_spf_tree_row *row = t ? add_row(w, t->text) : NULL;
        if (row)
            TRY(look_at(w, row, t));
        else
            leave(w);
    }
    return NULL;
}

err mailauth_spf_tree_read(const struct mailauth_ask *a, str domain,
                           struct mailauth_spf_tree *ret_tree)
{
    static const struct address nobody = {.family = ADDRESS_IP4};
    struct walk *w = ARENA_NEW(a->arena, struct walk);
    w->state = (struct mailauth_spf_state){.ask = a, .arena = a->arena, .ip = &nobody};
    w->state.values.ip = &nobody;
    w->tree.rows = ARENA_ARRAY(a->arena, struct mailauth_spf_tree_row, MAILAUTH_SPF_TREE_ROWS_MAX);
    struct mailauth_spf_tree_row *top = add_row(w, (str){0});
    top->target = arena_str(a->arena, str_slice(domain, 0, MAILAUTH_SPF_INPUT_BYTES_MAX));
    TRY(enter(w, top));
    TRY(walk_all(w));
    w->tree.lookups = top->lookups;
    w->tree.void_lookups = top->void_lookups;
    mailauth_spf_advice_give(&w->tree, a->arena);
    *ret_tree = w->tree;
    return NULL;
}
