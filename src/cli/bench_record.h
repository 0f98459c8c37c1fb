/* cli/bench_record.h -- when each message came through, in a file
 *
 * The file holds 8 bytes for each message, in this machine's order, at 8 times its number: the
 * steady clock in ns. The generator writes when it was told 250, the sink when it had the final
 * dot; the difference of two files is how long messages were under way. Nobody else may write
 * meanwhile.
 */
#pragma once
#include "base/err.h"

enum {
    BENCH_RECORD_MAX = 16 << 20,    /* numbers from there on are not recorded */
    BENCH_RECORD_HEAD_BYTES = 2048, /* of a message, where its number is looked for */
};

struct bench_record;

/* The file is made, or emptied. Blocks. */
must_use err bench_record_open(const char *path, struct bench_record **ret_record);
void bench_record_close(struct bench_record *); /* accepts NULL */

/* Now. NULL: nobody wants to know. It writes into the page cache and does not wait for the disk. */
void bench_record_put(struct bench_record *, uint64_t number);

/* The number that bench_plan_head() gave it, in the first bytes of a message; false: it has none.
 */
bool bench_record_find(str head, uint64_t *ret_number);
