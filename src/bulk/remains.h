/* bulk/remains.h -- who got nothing, and why: left-out.csv and refused.csv in the job's folder
 *
 * left-out.csv is of this run: rows that no mail was made for. refused.csv is of all runs, since
 * nobody is asked twice. Both are for people; nothing is decided by them.
 */
#pragma once
#include "base/buf.h"
#include "bulk/choose.h"
#include "runtime/file.h"
#include "smtp/reply.h"

struct bulk_remains {
    struct file *left_out, *refused; /* NULL: nothing is written */
    uint64_t left_out_at, refused_at;
    struct buf lines; /* of left-out.csv, to be written */
};

void bulk_remains_init(struct bulk_remains *);
must_use err bulk_remains_open(struct bulk_remains *, const char *folder);
void bulk_remains_release(struct bulk_remains *); /* of what was only initialised, too */

/* what: the reason's name. Written now and then, and with flush. */
must_use err bulk_remains_leave_out(struct bulk_remains *, const struct bulk_list_row *,
                                    const char *what, str detail);
must_use err bulk_remains_flush(struct bulk_remains *);
must_use err bulk_remains_refuse(struct bulk_remains *, str email, const struct smtp_reply *);
