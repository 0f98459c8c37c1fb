/* template/steps.h -- what a template is compiled to: for compile.c and render.c */
#pragma once
#include "template/escape.h"
#include "template/template.h"

struct template_step {
    enum template_step_kind {
        STEP_TEXT,
        STEP_PRINT,
        STEP_UNLESS, /* the condition is not true: go to target */
        STEP_GO,
        STEP_EACH, /* a list of nothing: go to target */
        STEP_NEXT, /* one more: go to target */
    } kind;
    enum template_escape escape;
    int loop;
    size_t target;
    str text; /* of a STEP_PRINT: the expression, for telling */
    struct template_expr expr;
};

struct template
{
    const struct template_step *steps;
    size_t count;
};
