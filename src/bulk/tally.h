/* bulk/tally.h -- what became of a mailing, counted
 *
 * Made of the journal's entries, those of earlier runs as well as those of this one, so that a
 * report says the same whenever it is asked for. What the list lacks (duplicates, bad rows) is of
 * the present run only.
 */
#pragma once
#include "bulk/hygiene.h"
#include "bulk/journal.h"

enum {
    BULK_TALLY_GROUPS_MAX = 100, /* of --split; the rest is "others" */
    BULK_TALLY_GROUP_BYTES_MAX = 60,
    BULK_TALLY_REPLIES_MAX = 200, /* different refusals that are told apart */
    BULK_TALLY_REPLY_BYTES_MAX = 120,
    BULK_TALLY_BUCKETS = 120, /* of the chart */
};

struct bulk_tally_counts {
    uint64_t tried, sent, refused, later;
};

struct bulk_tally_reply {
    char text[BULK_TALLY_REPLY_BYTES_MAX]; /* "550 5.1.1 No such user" */
    uint64_t count;
};

struct bulk_tally {
    struct bulk_tally_counts all, groups[BULK_TALLY_GROUPS_MAX];
    char group_names[BULK_TALLY_GROUPS_MAX][BULK_TALLY_GROUP_BYTES_MAX + 1];
    size_t group_count;
    uint64_t rows, before;          /* rows seen in this run; done by a run before */
    uint64_t reasons[BULK_REASONS]; /* rows that were left out */
    uint64_t doubt, open;           /* at the end: nobody knows; refused for now */
    struct bulk_tally_reply replies[BULK_TALLY_REPLIES_MAX];
    size_t reply_count;
    uint32_t first_s, last_s; /* of the entries, since 1970; 0: none */
    uint32_t bucket_s;        /* how long one is: doubles when they are full */
    uint64_t sent_at[BULK_TALLY_BUCKETS], refused_at[BULK_TALLY_BUCKETS];
};

void bulk_tally_entry(struct bulk_tally *, const struct bulk_entry *);
void bulk_tally_reply(struct bulk_tally *, int code, str enhanced, str text);
/* The number of a group, made when it is new; the last one is "others". */
uint8_t bulk_tally_group(struct bulk_tally *, str name);
uint64_t bulk_tally_left_out(const struct bulk_tally *);
