#include "template/run.h"
#include "tests/fuzz.h"

static struct template_value slots[TEMPLATE_NAMES_MAX];

FUZZ(input, arena)
{
    struct template_names *names = template_names_open(arena);
    struct template_source source = {S("f"), input};
    struct template_expr expr;
    if (template_expr_compile(&source, input, names, NULL, arena, &expr) == NULL) {
        for (size_t i = 0; i < TEMPLATE_NAMES_MAX; i++)
            slots[i] = template_value_of_text(i % 2 ? S("2026-11-21") : S("12"));
        struct template_scope scope = {.slots = slots,
                                       .slot_count = TEMPLATE_NAMES_MAX,
                                       .now_ms = 1795000000000,
                                       .arena = arena};
        struct template_value first = template_run(&expr, &scope),
                              second = template_run(&expr, &scope);
        ASSERT(
            str_eq(template_value_as_text(&first, arena), template_value_as_text(&second, arena)));
    }
    template_names_close(names);
}
