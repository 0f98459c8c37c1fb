/* mailauth/spf_tree.h -- all of a domain's SPF policy, for people to look at
 *
 * Where a check stops at the first match, this follows every include and redirect, counts what a
 * client that nothing matches would cost, and names the addresses that are allowed. It is for the
 * owner of the policy: beyond the limits of a check it goes on, so that he sees what to cut.
 *
 * A term whose target depends on the message ("%{i}") is counted and not asked.
 */
#pragma once
#include "mailauth/ask.h"
#include "mailauth/result.h"

enum {
    MAILAUTH_SPF_TREE_ROWS_MAX = 1000,
    MAILAUTH_SPF_TREE_DEPTH_MAX = 16,
    MAILAUTH_SPF_TREE_POLICIES_MAX = 64,
    MAILAUTH_SPF_TREE_RANGES_MAX = 64, /* of one term; the rest is counted */
    MAILAUTH_SPF_TREE_FINDINGS_MAX = 32,
    MAILAUTH_SPF_TREE_QUESTIONS = 400,      /* what an ask's budget should grant */
    MAILAUTH_SPF_TREE_BYTES_MAX = 24 << 20, /* of the ask's arena */
};

struct mailauth_spf_tree_row {
    unsigned depth;
    str term;       /* as written; empty: the domain itself */
    str target;     /* the name that is asked for; empty: none, or it depends on the message */
    str record;     /* of the domain itself, an include, a redirect: the policy found there */
    str problem;    /* what makes all mail a permerror or temperror; empty: nothing */
    bool asks;      /* it takes a lookup */
    bool temporary; /* the problem is the DNS's of this moment */
    bool varies;    /* its target depends on the message */
    unsigned lookups, void_lookups; /* its own and those below it */
    str *ranges;                    /* "192.0.2.0/24", "2001:db8::1": what it matches */
    size_t range_count, ranges_left_out;
};

enum mailauth_spf_tree_weight {
    MAILAUTH_SPF_TREE_ERROR,   /* the policy does not work */
    MAILAUTH_SPF_TREE_UNKNOWN, /* the DNS could not say */
    MAILAUTH_SPF_TREE_WARNING, /* it works, and not as most would want */
};

struct mailauth_spf_tree_finding {
    enum mailauth_spf_tree_weight weight;
    str what, fix;
};

struct mailauth_spf_tree {
    struct mailauth_spf_tree_row *rows; /* of a check's order; a row's parts follow it, deeper */
    size_t count;
    bool cut; /* there is more than the maxima */
    unsigned lookups, void_lookups;
    struct mailauth_spf_tree_finding *findings;
    size_t finding_count;
};

/* On a fiber; lives in the ask's arena. Only ERR_CANCELED. */
must_use err mailauth_spf_tree_read(const struct mailauth_ask *, str domain,
                                    struct mailauth_spf_tree *ret_tree);
