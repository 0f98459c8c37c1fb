#include "bulk/csv.h"
#include "tests/fuzz.h"

/* Whatever was read is read again when it was written; and there is always progress. */
FUZZ(input, arena)
{
    struct bulk_csv_record *record = ARENA_NEW(arena, struct bulk_csv_record),
                           *again = ARENA_NEW(arena, struct bulk_csv_record);
    const char *why;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 4 << 20);
    for (int i = 0; i < 50 && input.len > 0; i++) {
        size_t before = input.len;
        enum bulk_csv_event event = bulk_csv_take(',', &input, true, arena, record, &why);
        ASSERT(event != BULK_CSV_MORE && input.len < before);
        if (event != BULK_CSV_RECORD || record->count == 0)
            continue;
        buf_clear(&out);
        for (size_t k = 0; k < record->count; k++)
            ASSERT((k == 0 || buf_add_char(&out, ',') == NULL) &&
                   bulk_csv_add(record->fields[k], &out) == NULL);
        ASSERT(buf_add_char(&out, '\n') == NULL);
        str text = buf_str(&out);
        if (text.len > 1) {
            ASSERT(bulk_csv_take(',', &text, true, arena, again, &why) == BULK_CSV_RECORD);
            ASSERT(again->count == record->count);
        }
    }
}
