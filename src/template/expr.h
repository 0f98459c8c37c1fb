/* template/expr.h -- the expression language of templates and segments
 *
 *     country = DE and engaged < 90d or plan in (pro, team) and not tags contains "test"
 *
 * Left of an operator stands a field; right of it a value, in which a bare word is a text and
 * "@name" is a field. "not" binds closest, then "and", then "or". An expression is compiled once,
 * into terms that work on a small stack, so that neither its depth nor that of a row is a depth of
 * ours. Evaluating never fails: see template/value.h for what is missing.
 */
#pragma once
#include "template/filter.h"
#include "template/names.h"
#include "template/source.h"

enum {
    TEMPLATE_EXPR_BYTES_MAX = 8192,
    TEMPLATE_EXPR_TERMS_MAX = 500,
    TEMPLATE_EXPR_STACK_MAX = 32, /* brackets and operators that wait for their right side */
    TEMPLATE_EXPR_PATH_MAX = 8,   /* user.address.city */
    TEMPLATE_EXPR_LOOPS_MAX = 8,  /* {{#each}} in {{#each}} */
};

struct template_term {
    enum template_term_kind {
        TERM_VALUE,
        TERM_FIELD, /* number: its slot */
        TERM_LOOP,  /* number: of the loop, outermost 0: its present item */
        TERM_INDEX, /* number: likewise: how many items, counted from 1 */
        TERM_LAST,
        TERM_FILTER,
        TERM_COMPARE, /* number: enum template_compare */
        TERM_CONTAINS,
        TERM_IN, /* what is looked for, found so far?, one more value */
        TERM_IN_END,
        TERM_AND,
        TERM_OR,
        TERM_NOT,
    } kind;
    int number;
    struct template_value value;
    const struct template_filter *filter;
    int arg_count;
    str path[TEMPLATE_EXPR_PATH_MAX]; /* members below the field, outermost first */
    int path_count;
};

enum template_compare { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

struct template_expr {
    const struct template_term *terms;
    size_t count;
    bool url; /* its last filter is "url" */
};

/* The loops around an expression; names[i] is empty for one without "as". */
struct template_loops {
    str names[TEMPLATE_EXPR_LOOPS_MAX];
    int depth;
};

/* text is a part of the source's. loops may be NULL. ERR_CONFIG has the place; texts live in the
 * arena. */
must_use err template_expr_compile(const struct template_source *, str text,
                                   struct template_names *, const struct template_loops *,
                                   struct arena *, struct template_expr *ret_expr);

struct template_loop_place {
    const struct template_value *items;
    size_t count, at;
};

struct template_scope {
    const struct template_value *slots;
    size_t slot_count; /* a slot beyond is missing */
    int64_t now_ms;    /* what ages are counted from */
    struct template_loop_place loops[TEMPLATE_EXPR_LOOPS_MAX];
    struct arena *arena; /* for what filters make */
};
