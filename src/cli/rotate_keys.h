/* cli/rotate_keys.h -- the keys of a rotation: their selectors, their records, and which are live
 */
#pragma once
#include "account/rotation_files.h"
#include "cli/live.h"

enum { CLI_ROTATE_SELECTOR_WORD_BYTES_MAX = 40 };

struct cli_rotate_key {
    str selector;
    str name;   /* "s._domainkey.example.com" */
    str record; /* what is to be published; empty: the private key is gone */
    enum account_rotation_records live;
};

/* Private keys by the first letter of a selector: 'e' is Ed25519, all else RSA. */
extern const struct account_rotation_maker cli_rotate_keys_maker;

/* The selectors of a new pair, "r20261121" and "e20261121": by the date, or by the word in its
 * place; the first that was never used. ERR_CONFIG: the word's were, or it cannot be one. */
must_use err cli_rotate_keys_choose(const struct account_rotation *, const char *word,
                                    int64_t now_ms, struct arena *, str ret_selectors[2]);

/* Read each key's file, wherever it is now. A file that is not there leaves an empty record. */
must_use err cli_rotate_keys_load(const char *folder, str domain, const str *selectors,
                                  size_t count, struct arena *, struct cli_rotate_key *ret_keys);

/* What the DNS says of one key. An answer of a resolver that was not asked for counts as unknown:
 * it need not be what the zone's servers say. */
enum account_rotation_records cli_rotate_keys_judge(const struct cli_rotate_key *,
                                                    const struct cli_live_question *, bool resolver,
                                                    struct arena *);
/* Of what one of those who were asked said: the same, for a report. */
enum account_rotation_records cli_rotate_keys_judge_answer(const struct cli_rotate_key *,
                                                           const struct dns_answer *,
                                                           struct arena *);
/* Of all of a set together. */
enum account_rotation_records cli_rotate_keys_join(const struct cli_rotate_key *, size_t count);
const char *cli_rotate_keys_records_name(enum account_rotation_records); /* "live" */
