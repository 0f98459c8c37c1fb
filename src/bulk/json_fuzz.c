#include "bulk/json.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    static struct template_value slots[TEMPLATE_NAMES_MAX];
    struct template_names *names = template_names_open(arena);
    size_t slot;
    if (input.len <= 1 << 16 && template_names_add(names, S("a"), &slot) == NULL) {
        slots[slot] = (struct template_value){0};
        if (bulk_json_read(input, names, arena, slots) == NULL)
            ASSERT(template_value_as_text(&slots[slot], arena).len <= input.len * 3);
    }
    template_names_close(names);
}
