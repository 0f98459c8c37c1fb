#include "sasl/name.h"
#include "tests/fuzz.h"

/* Two names in the input, a line each: the form that is compared is its own form, and what is equal
 * is equal from both sides. */
FUZZ(input, arena)
{
    (void)arena;
    char chars[SASL_NAME_BYTES_MAX], again[SASL_NAME_BYTES_MAX];
    size_t len, again_len;
    str a, b;
    str_split(str_slice(input, 0, 2 * SASL_NAME_BYTES_MAX), '\n', &a, &b);
    ASSERT(sasl_name_equal(a, a));
    ASSERT(sasl_name_equal(a, b) == sasl_name_equal(b, a));
    if (!sasl_name_fold(a, chars, sizeof chars, &len))
        return;
    str folded = {chars, len};
    ASSERT(sasl_name_fold(folded, again, sizeof again, &again_len));
    ASSERT(str_eq(folded, (str){again, again_len}));
    ASSERT(sasl_name_equal(a, folded));
}
