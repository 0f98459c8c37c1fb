#include "mailauth/bimi_svg.h"
#include "tests/fuzz.h"

static void check_remarks(const struct mailauth_bimi_remarks *r)
{
    ASSERT(r->count <= MAILAUTH_BIMI_REMARKS_MAX);
    for (size_t i = 0; i < r->count; i++) {
        ASSERT(!r->items[i].is_mistake || r->mistaken);
        for (size_t j = 0; j < r->items[i].text.len; j++)
            ASSERT(r->items[i].text.ptr[j] >= ' ' && r->items[i].text.ptr[j] <= '~');
    }
}

/* The input is a record, and an image. */
FUZZ(input, arena)
{
    struct mailauth_bimi bimi;
    struct mailauth_bimi_svg svg;
    if (mailauth_bimi_parse(input, arena, &bimi) == NULL) {
        ASSERT(!bimi.declined || bimi.logo.len == 0);
        check_remarks(&bimi.remarks);
    }
    if (mailauth_bimi_svg_check(input, arena, &svg) == NULL) {
        ASSERT(svg.elements > 0);
        check_remarks(&svg.remarks);
    }
}
