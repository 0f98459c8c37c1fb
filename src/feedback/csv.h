/* feedback/csv.h -- suppression lists as text: CSV (RFC 4180) and one JSON object a line
 *
 * The columns are address, tenant, stream, reason, since, expires, count, source; a list that we
 * read may have some of them, in any order, others besides ("email" is an address, too), or be
 * nothing but addresses. One record is one line. A cell that a spreadsheet would run as a formula
 * is written with an apostrophe in front, which reading takes off (attack 166).
 */
#pragma once
#include "base/buf.h"
#include "feedback/list.h"

enum {
    FEEDBACK_CSV_LINE_BYTES_MAX = 8192,
    FEEDBACK_CSV_COLUMNS_MAX = 64,
};

extern const char feedback_csv_head[]; /* the line of columns, with its end */
must_use err feedback_csv_write(const struct feedback_entry *, struct buf *out); /* with its end */
must_use err feedback_csv_write_json(const struct feedback_entry *, struct buf *out);

/* What a reader knows from the lines before. */
struct feedback_csv {
    bool begun;
    size_t column_count;
    int8_t columns[FEEDBACK_CSV_COLUMNS_MAX]; /* which of ours each is; -1: none */
};

/* One line without its end. Entries take what the line does not say from *defaults. *ret_found:
 * false for an empty line and the line of columns. ERR_PROTOCOL says what is wrong with it. Texts
 * live in the arena. */
must_use err feedback_csv_read(struct feedback_csv *, str line,
                               const struct feedback_entry *defaults, struct arena *,
                               struct feedback_entry *ret_entry, bool *ret_found);
