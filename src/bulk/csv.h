/* bulk/csv.h -- one record off the front of a text in CSV (RFC 4180)
 *
 * A field in quotes may hold separators, line ends and doubled quotes. Lines end in CRLF or LF.
 * What stands behind a closing quote is an error, and so is a quote that is never closed.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
    BULK_CSV_RECORD_BYTES_MAX = 1 << 20,
    BULK_CSV_FIELDS_MAX = 1000,
};

enum bulk_csv_event {
    BULK_CSV_RECORD,
    BULK_CSV_MORE, /* the record is not whole */
    BULK_CSV_BAD,  /* *ret_why; the line was taken off, so that the next one can be read */
};

struct bulk_csv_record {
    str fields[BULK_CSV_FIELDS_MAX];
    size_t count; /* 0: an empty line */
    size_t lines; /* that it took */
};

/* end: nothing follows the input. Texts live in the arena. */
enum bulk_csv_event bulk_csv_take(char separator, str *input, bool end, struct arena *,
                                  struct bulk_csv_record *ret_record, const char **ret_why);

/* The separator that a line of columns uses: the most frequent of , ; and tab outside quotes. */
char bulk_csv_separator(str line);

/* Append a field, in quotes when it must be; a cell that a spreadsheet would run as a formula gets
 * an apostrophe in front (attack 166). */
must_use err bulk_csv_add(str field, struct buf *out);
