/* template/source.h -- where in a text something stands: "newsletter.html:12:7: ..."
 */
#pragma once
#include "base/err.h"

enum { TEMPLATE_SOURCE_BYTES_MAX = 1 << 20 };

struct template_source {
    str name; /* of the file, or "--segment" */
    str text;
};

/* ERR_CONFIG for the byte at `at`, which points into the text (or to its end). near: what may have
 * been meant, or empty. */
err template_source_fail(const struct template_source *, const char *at, str near, const char *fmt,
                         ...) __attribute__((format(printf, 4, 5)));
