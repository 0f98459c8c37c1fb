/* bulk/list.h -- a list of recipients, row by row, however long it is
 *
 * CSV with a line of columns, JSON lines, or nothing but one address a line; which of them is found
 * out. What a row holds goes into the slots of the fields that somebody asked for. A row that
 * cannot be read is told and passed over; it never ends the list.
 *
 * Reading blocks, but only for a file: 256 KiB at a time.
 */
#pragma once
#include "bulk/csv.h"
#include "template/names.h"

enum {
    BULK_LIST_READ_BYTES = 256 << 10,
    BULK_LIST_TYPES_MAX = 100,
    BULK_LIST_ROW_ARENA_BYTES_MAX = 16 << 20,
};

enum bulk_list_type {
    BULK_TYPE_TEXT,
    BULK_TYPE_NUMBER,
    BULK_TYPE_DATE,     /* 2026-11-21, with or without a time */
    BULK_TYPE_DATE_DMY, /* 21.11.2026, 21/11/2026 */
    BULK_TYPE_DATE_MDY, /* 11/21/2026 */
    BULK_TYPE_BOOL,     /* yes, no, true, false, 1, 0 */
};

struct bulk_list_column_type {
    str column;
    enum bulk_list_type type;
};

struct bulk_list_options {
    const char *path;
    str email;      /* the column with the address; empty: email, address, mail ... */
    bool latin;     /* the list is in Windows-1252 */
    char separator; /* 0: found out */
    const struct bulk_list_column_type *types;
    size_t type_count;
};

bool bulk_list_type_find(str name, enum bulk_list_type *ret_type); /* "date-dmy" */

struct bulk_list;

/* Reads the line of columns: CSV closes the names behind them. ERR_CONFIG: no column of addresses,
 * or a type for a column that is not there. ERR_SYSTEM: no such file. */
must_use err bulk_list_open(const struct bulk_list_options *, struct template_names *,
                            struct bulk_list **ret_list);
void bulk_list_close(struct bulk_list *); /* accepts NULL */
must_use err bulk_list_rewind(struct bulk_list *);
size_t bulk_list_email_slot(const struct bulk_list *);
bool bulk_list_is_json(const struct bulk_list *);

struct bulk_list_row {
    bool end;
    uint64_t number; /* of the row, from 1 */
    uint64_t line;   /* where it begins, from 1 */
    str email;       /* trimmed; may be empty */
    const char *bad; /* NULL, or why it could not be read: lives as the arena */
    str object;      /* of JSON lines: the line as it is, until the next */
};

/* slots: as many as names has; all are set. Texts live in the arena. ERR_SYSTEM: reading failed. */
must_use err bulk_list_next(struct bulk_list *, struct arena *, struct template_value *slots,
                            struct bulk_list_row *ret_row);
/* How much of the file was read, 0 to 1. */
double bulk_list_progress(const struct bulk_list *);
