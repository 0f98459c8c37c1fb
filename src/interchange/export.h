/* interchange/export.h -- an account as another program's configuration
 *
 * One module of this folder for each program. What is written works as it stands, has no secret in
 * it and no weaker TLS than the account.
 */
#pragma once
#include "interchange/way.h"

enum { INTERCHANGE_EXPORT_BYTES_MAX = 64 * 1024 };

struct interchange_export {
    const char *program; /* "msmtp" */
    err (*write)(const struct interchange_way *, struct buf *out);
    const char *where; /* for people: which file that is */
};
extern const struct interchange_export interchange_export_table[]; /* ends with a NULL program */

/* NULL: there is none of that name. */
const struct interchange_export *interchange_export_find(str program);
