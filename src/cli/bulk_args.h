/* cli/bulk_args.h -- what `bulk` was told: by options, and by a job file whose keys are the same
 *
 * A key of the file is an option's name, with "-" or "_"; a list gives an option several times, and
 * a mapping gives "name=value" pairs (var, type) or fields (header). An option on the command line
 * wins. Paths in a file start from its folder.
 */
#pragma once
#include "cli/cli.h"

enum {
    CLI_BULK_ARGS_ITEMS_MAX = 500, /* of one option */
    CLI_BULK_ARGS_ARENA_BYTES_MAX = 256 << 20,
};

struct cli_bulk_list {
    const char **items;
    size_t count;
};

struct cli_bulk_args {
    struct arena *arena;
    const char *job_file; /* NULL: none */
    const char *job;      /* the folder, or what it is named after */
    const char *list, *email_column, *encoding, *separator;
    const char *from, *to, *reply_to, *envelope_from, *subject, *text, *text_file, *html_file;
    const char *campaign, *tenant, *stream;
    const char *segment, *split, *sample, *limit, *wave, *rate, *pause_on, *passes, *pass_wait;
    const char *in_doubt, *preview, *inactive;
    const char *unsubscribe_url, *unsubscribe_mailto, *unsubscribe_key;
    const char *server, *account, *user, *secret, *mechanism, *ca_file, *hello, *dns_zone;
    const char *connections, *per_connection, *connect_timeout, *io_timeout;
    const char *kept, *removed;
    const char *warmup, *burst, *from_policy, *markdown;
    struct cli_bulk_list headers, files, vars, types, from_domains, fallbacks, actives, keys;
    int operands; /* argc, once words that belong together are one */
    bool token, queue, allow_raw, check_mx, keep_roles, no_suppression, dry_run, reconfirm,
        suppress, preflight, no_preflight;
};

/* An operand behind the verb that ends in .yaml or .yml is the job file. Returns the index of the
 * first operand, the verb, or -1: *ret_exit. Texts live in the arena. */
int cli_bulk_args_read(struct cli *, const struct cli_command *, int argc, char **argv,
                       struct arena *, struct cli_bulk_args *ret_args, int *ret_exit);
