#include "message/header.h"
#include "message/scan.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    (void)arena;
    str rest = input;
    struct message_field f;
    const char *at = input.ptr;
    size_t fields = 0;
    while (message_header_next(&rest, &f)) {
        ASSERT(f.raw.len > 0);   /* progress */
        ASSERT(f.raw.ptr == at); /* no byte is lost between two fields */
        ASSERT(f.name.len + f.value.len <= f.raw.len);
        ASSERT((f.flags & FIELD_LEADING_SPACE) == 0 || fields == 0);
        at += f.raw.len;
        fields++;
    }
    ASSERT(rest.len == input.len - (size_t)(at - input.ptr));

    struct message_scan scan;
    struct message_refusal refusal = message_scan(input, &message_scan_defaults, &scan);
    if (refusal.code == 0) {
        ASSERT(scan.fields == fields);
        ASSERT(scan.header_bytes <= scan.body_at);
        ASSERT(scan.body_at <= input.len);
    }
}
