/* bulk/json.h -- one object in JSON (RFC 8259) as the slots of a row
 *
 * Numbers keep the text that they were written with. Members that nobody asked for are read and
 * forgotten; objects and lists inside become values of their own. Depth is a counter.
 */
#pragma once
#include "template/names.h"

enum {
    BULK_JSON_DEPTH_MAX = 16,
    BULK_JSON_VALUES_MAX = 10000, /* of one row */
};

/* slots: as many as names has now, all missing. ERR_PROTOCOL says what is wrong, and where. */
must_use err bulk_json_read(str line, const struct template_names *, struct arena *,
                            struct template_value *slots);
