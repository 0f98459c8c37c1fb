/* Records of MTA-STS and TLS-RPT: what is taken lies in the text and is what it claims. */
#include "tests/fuzz.h"
#include "tlspolicy/report_record.h"
#include "tlspolicy/sts_record.h"

static void check_sts(str input)
{
    struct tlspolicy_sts_record r;
    if (tlspolicy_sts_record_parse(input, &r))
        return;
    ASSERT(tlspolicy_sts_record_is(input));
    ASSERT(r.id.len > 0);
    ASSERT(r.id.len <= TLSPOLICY_STS_ID_BYTES_MAX);
    ASSERT(r.id.ptr >= input.ptr && r.id.ptr + r.id.len <= input.ptr + input.len);
    for (size_t i = 0; i < r.id.len; i++)
        ASSERT(char_is_alnum(r.id.ptr[i])); /* it becomes a line of a file */
}

static void check_report(str input, struct arena *arena)
{
    struct tlspolicy_report_record r;
    if (tlspolicy_report_record_parse(input, arena, &r))
        return;
    ASSERT(tlspolicy_report_record_is(input));
    ASSERT(r.count > 0);
    ASSERT(r.count <= TLSPOLICY_REPORT_RECORD_URIS_MAX);
    for (size_t i = 0; i < r.count; i++)
        ASSERT(r.uris[i].address.len > 0 || str_starts_nocase(r.uris[i].text, S("https://")));
}

FUZZ(input, arena)
{
    check_sts(input);
    check_report(input, arena);
}
