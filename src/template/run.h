/* template/run.h -- an expression worked out for one row */
#pragma once
#include "template/expr.h"

struct template_value template_run(const struct template_expr *, const struct template_scope *);
bool template_run_is_true(const struct template_expr *, const struct template_scope *);
