#include "mailauth/spf_advice.h"
#include "mailauth/spf.h"
#include "mailauth/spf_record.h"

struct advice {
    struct mailauth_spf_tree *tree;
    struct arena *arena;
};

enum { WIDE_BITS4 = 8, WIDE_BITS6 = 16, LONG_BYTES = 450, COSTLIEST = 3 };

static void add(struct advice *a, enum mailauth_spf_tree_weight weight, str what, str fix)
{
    struct mailauth_spf_tree *t = a->tree;
    if (t->finding_count < MAILAUTH_SPF_TREE_FINDINGS_MAX)
        t->findings[t->finding_count++] = (struct mailauth_spf_tree_finding){weight, what, fix};
}

/* "include:a (5), mx (1)": the terms of the domain's own record that cost most. */
static str costliest(const struct advice *a)
{
    const struct mailauth_spf_tree_row *last = NULL;
    str list = {0};
    for (int n = 0; n < COSTLIEST; n++) {
        const struct mailauth_spf_tree_row *best = NULL;
        for (size_t i = 1; i < a->tree->count; i++) {
            const struct mailauth_spf_tree_row *row = &a->tree->rows[i];
            bool told = last && (row->lookups > last->lookups ||
                                 (row->lookups == last->lookups && row <= last));
            if (row->depth == 1 && row->asks && !told && (!best || row->lookups > best->lookups))
                best = row;
        }
        if (best == NULL)
            break;
        list = arena_printf(a->arena, "%.*s%s%.*s (%u)", STR_ARG(list), n ? ", " : "",
                            STR_ARG(best->term), best->lookups);
        last = best;
    }
    return list;
}

static void judge_limits(struct advice *a)
{
    const struct mailauth_spf_tree *t = a->tree;
    if (t->lookups > MAILAUTH_SPF_LOOKUPS_MAX)
        add(a, MAILAUTH_SPF_TREE_ERROR,
            arena_printf(a->arena,
                         "it takes %u DNS lookups; receivers stop at %d and answer permerror (RFC "
                         "7208 section 4.6.4)",
                         t->lookups, MAILAUTH_SPF_LOOKUPS_MAX),
            arena_printf(a->arena,
                         "take out what does not send for you any more, and write ip4: and ip6: in "
                         "place of a: and mx:; the most cost %.*s",
                         STR_ARG(costliest(a))));
    if (t->void_lookups > MAILAUTH_SPF_VOID_LOOKUPS_MAX)
        add(a, MAILAUTH_SPF_TREE_ERROR,
            arena_printf(a->arena,
                         "%u of its names are not in the DNS; receivers stop above %d (RFC 7208 "
                         "section 4.6.4)",
                         t->void_lookups, MAILAUTH_SPF_VOID_LOOKUPS_MAX),
            S("take out the terms marked \"nothing there\""));
    if (t->cut)
        add(a, MAILAUTH_SPF_TREE_UNKNOWN, S("the tree is larger than what is looked at"),
            S("cut the policy down to ten lookups first"));
}

static void judge_problem(struct advice *a, const struct mailauth_spf_tree_row *row)
{
    str what = row->term.len
                   ? arena_printf(a->arena, "%.*s: %.*s", STR_ARG(row->term), STR_ARG(row->problem))
                   : row->problem;
    if (row->temporary)
        add(a, MAILAUTH_SPF_TREE_UNKNOWN, what, S("ask again later"));
    else if (row->term.len == 0 && row->record.len == 0)
        add(a, MAILAUTH_SPF_TREE_ERROR, what,
            S("publish one TXT record at this name: \"v=spf1 mx -all\" when only the MX hosts "
              "send, "
              "\"v=spf1 -all\" when nobody does"));
    else
        add(a, MAILAUTH_SPF_TREE_ERROR, what,
            S("all mail that comes this far is a permerror (RFC 7208 section 2.6.7): mend the term "
              "or "
              "take it out"));
}

/* Each of these is one of the two that are borne with. */
static void judge_void(struct advice *a, const struct mailauth_spf_tree_row *row)
{
    if (row->void_lookups == 0 || row->term.len == 0 || row->record.len > 0)
        return;
    add(a, MAILAUTH_SPF_TREE_WARNING,
        arena_printf(a->arena, "%.*s: there is nothing in the DNS", STR_ARG(row->term)),
        S("take it out; whoever comes to own that name may send for you"));
}

static bool is_wide(const struct mailauth_spf_term *t)
{
    return (t->kind == MAILAUTH_SPF_IP4 && t->bits4 <= WIDE_BITS4) ||
           (t->kind == MAILAUTH_SPF_IP6 && t->bits6 <= WIDE_BITS6) ||
           ((t->kind == MAILAUTH_SPF_A || t->kind == MAILAUTH_SPF_MX) &&
            (t->bits4 <= WIDE_BITS4 || t->bits6 <= WIDE_BITS6));
}

static void judge_term(struct advice *a, str domain, const struct mailauth_spf_term *t)
{
    str what = arena_printf(a->arena, "%.*s: \"%.*s\"", STR_ARG(domain), STR_ARG(t->text));
    if (t->kind == MAILAUTH_SPF_PTR)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena, "%.*s is slow and should not be used (RFC 7208 section 5.5)",
                         STR_ARG(what)),
            S("name the addresses: ip4:, ip6: or a:"));
    if (t->kind == MAILAUTH_SPF_ALL && t->result == MAILAUTH_PASS)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena, "%.*s lets the whole world send", STR_ARG(what)),
            S("write \"-all\" or \"~all\""));
    if (is_wide(t))
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena, "%.*s is a very large network", STR_ARG(what)),
            S("name the networks that send, and no more"));
}

/* What follows "all" has no effect (RFC 7208 section 5.1). */
static void judge_end(struct advice *a, str domain, const struct mailauth_spf_record *r, bool first)
{
    size_t all = 0;
    while (all < r->count && r->terms[all].kind != MAILAUTH_SPF_ALL)
        all++;
    if (all + 1 < r->count)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena, "%.*s: what stands behind \"%.*s\" has no effect",
                         STR_ARG(domain), STR_ARG(r->terms[all].text)),
            S("\"all\" is the last word of a record"));
    if (all < r->count && r->redirect)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena, "%.*s: \"%.*s\" beside \"all\" has no effect", STR_ARG(domain),
                         STR_ARG(r->redirect->text)),
            S("one of the two is enough"));
    if (first && all >= r->count && r->redirect == NULL)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena,
                         "%.*s: without \"all\" all others are neutral, as if there were "
                         "no policy",
                         STR_ARG(domain)),
            S("end the record in \"-all\" or \"~all\""));
}

/* Each record is read once more, by itself: the rows have no room for all that it says. */
static void judge_record(struct advice *a, const struct mailauth_spf_tree_row *row)
{
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(MAILAUTH_SPF_RECORD_ARENA_BYTES);
    struct mailauth_spf_record r;
    if (mailauth_spf_record_parse(row->record, scratch, &r))
        return;
    for (size_t i = 0; i < r.count; i++)
        judge_term(a, row->target, &r.terms[i]);
    judge_end(a, row->target, &r, row->term.len == 0);
    if (row->record.len > LONG_BYTES)
        add(a, MAILAUTH_SPF_TREE_WARNING,
            arena_printf(a->arena,
                         "%.*s: a record of %zu bytes may not fit into a DNS answer over "
                         "UDP (RFC 7208 section 3.4)",
                         STR_ARG(row->target), row->record.len),
            S("keep it below 450 bytes"));
}

void mailauth_spf_advice_give(struct mailauth_spf_tree *tree, struct arena *arena)
{
    struct advice a = {tree, arena};
    tree->findings =
        ARENA_ARRAY(arena, struct mailauth_spf_tree_finding, MAILAUTH_SPF_TREE_FINDINGS_MAX);
    judge_limits(&a);
    for (size_t i = 0; i < tree->count; i++)
        if (tree->rows[i].problem.len)
            judge_problem(&a, &tree->rows[i]);
    for (size_t i = 0; i < tree->count; i++)
        judge_void(&a, &tree->rows[i]);
    for (size_t i = 0; i < tree->count; i++)
        if (tree->rows[i].record.len)
            judge_record(&a, &tree->rows[i]);
}
