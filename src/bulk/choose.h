/* bulk/choose.h -- the rows of a list, judged one by one: who gets a mail, and why not
 *
 * Segment, sample, hygiene and the suppression list. Whether a recipient had the mail before is
 * asked of seen.h by the caller: only he knows what a run is.
 */
#pragma once
#include "bulk/hygiene.h"
#include "bulk/list.h"
#include "dns/resolver.h"
#include "feedback/list.h"
#include "template/run.h"

enum {
    BULK_CHOOSE_DOMAINS_MAX = 100000,
    BULK_CHOOSE_DNS_MS = 20 * 1000,
    BULK_CHOOSE_ACTIVE_MAX = 10,
};

struct bulk_choose_var {
    str name, value;
};

struct bulk_choose_options {
    struct bulk_list_options list;
    const struct bulk_choose_var *vars; /* the value of a field in rows that have none */
    size_t var_count;
    str segment;
    str campaign;          /* what a sample goes by */
    int sample_hundredths; /* of a percent; 0: all */
    bool check_mx, keep_roles;
    struct dns_resolver *resolver; /* for check_mx */
    struct feedback_list *suppression;
    struct envelope_flow flow;
    /* Columns with dates of activity, of which the latest counts; none: those that there are of
     * last_active, last_open, last_click, last_reply and last_delivery. */
    str active[BULK_CHOOSE_ACTIVE_MAX];
    size_t active_count;
    int64_t inactive_ms; /* 0: not looked at */
    int64_t now_ms;
};

struct bulk_choose;

/* Fields that are not columns must be in the names before. Blocks. ERR_CONFIG. */
must_use err bulk_choose_open(const struct bulk_choose_options *, struct template_names *,
                              struct bulk_choose **ret_choose);
void bulk_choose_close(struct bulk_choose *); /* accepts NULL */

struct bulk_chosen {
    struct bulk_list_row row; /* row.end: the list is over */
    enum bulk_reason reason;
    struct bulk_address address; /* empty up to BULK_SYNTAX */
    str detail;                  /* more about the reason; may be empty */
};

/* The next row. slots: TEMPLATE_NAMES_MAX of them. Texts live in the arena. Waits only for the DNS,
 * on a fiber. */
must_use err bulk_choose_next(struct bulk_choose *, struct arena *, struct template_value *slots,
                              struct bulk_chosen *ret_chosen);
must_use err bulk_choose_again(struct bulk_choose *); /* from the first row on */
bool bulk_choose_is_json(const struct bulk_choose *); /* the list */
size_t bulk_choose_email_slot(const struct bulk_choose *);
double bulk_choose_progress(const struct bulk_choose *);
