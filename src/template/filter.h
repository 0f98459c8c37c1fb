/* template/filter.h -- what may stand behind "|": upper, date, default ...
 *
 * A filter never fails: what it cannot work on it passes on as it is, or as missing.
 */
#pragma once
#include "base/buf.h"
#include "template/value.h"

enum {
    TEMPLATE_FILTER_ARGS_MAX = 3,
    TEMPLATE_FILTER_TEXT_BYTES_MAX = 256 << 10, /* a longer text is cut by filters that copy */
    TEMPLATE_FILTER_ITEMS_MAX = 1000,           /* of split */
};

struct template_filter {
    const char *name;
    int least, most; /* arguments */
    struct template_value (*run)(const struct template_value *input,
                                 const struct template_value *args, int count, struct arena *);
};

const struct template_filter *template_filter_find(str name); /* NULL: there is none */
str template_filter_nearest(str wrong);
bool template_filter_is_url(const struct template_filter *); /* its result may stand in a URL */

/* Append percent-encoded (RFC 3986 section 2.3: all but unreserved). */
must_use err template_filter_add_url(str text, struct buf *out);
