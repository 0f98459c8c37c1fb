/* cli/dkim_input.h -- what the commands dkim, arc and verify share: a message from a file, a time,
 * keys, and telling how it came to a result
 *
 * A message is read whole and its line ends are made CRLF, as on the wire: what is signed is what
 * will be sent.
 */
#pragma once
#include "cli/ask_dns.h"
#include "mailauth/ask.h"
#include "mailauth/canon_hash.h"
#include "mailauth/dkim_private.h"
#include "mailauth/judge.h"

enum {
    CLI_DKIM_INPUT_KEYS_MAX = 8,
    CLI_DKIM_INPUT_MESSAGE_BYTES_MAX = 256 << 20,
    CLI_DKIM_INPUT_ARENA_BYTES_MAX = MAILAUTH_JUDGE_BYTES_MAX + (8 << 20),
};

struct cli_dkim_key {
    str selector;
    struct mailauth_dkim_private *private;
};

struct cli_dkim_input {
    struct cli *cli;
    struct arena *arena;
    const char *dns_zone, *time, *domain; /* options */
    const char *words[CLI_DKIM_INPUT_KEYS_MAX];
    size_t word_count;
    bool too_many;

    struct buf message;
    str header, body; /* views into it */
    int64_t now_s;
    struct cli_dkim_key keys[CLI_DKIM_INPUT_KEYS_MAX];
    struct mailauth_story story;
};

void cli_dkim_input_open(struct cli_dkim_input *, struct cli *);
void cli_dkim_input_close(struct cli_dkim_input *);

/* For the option --key SELECTOR=FILE, which may stand several times. */
void cli_dkim_input_add_key(void *input, const char *value);

/* These tell what is wrong and return what to exit with, else CLI_OK. */
int cli_dkim_input_read(struct cli_dkim_input *, const char *path); /* "-": stdin; --time too */
int cli_dkim_input_keys(struct cli_dkim_input *);                   /* at least one; --domain too */
int cli_dkim_input_key(struct cli_dkim_input *, const char *reference,
                       struct mailauth_dkim_private **ret_private);

/* A fiber's entry gets arg; the resolver is open meanwhile. */
int cli_dkim_input_ask(struct cli_dkim_input *, void (*entry)(void *arg), void *arg,
                       struct dns_resolver **ret_resolver);

void cli_dkim_input_print_story(const struct mailauth_story *, unsigned depth); /* of the first */
json_t *cli_dkim_input_story_json(const struct mailauth_story *);
