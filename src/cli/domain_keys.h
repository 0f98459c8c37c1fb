/* cli/domain_keys.h -- the keys of a domain as files: STATE/dkim/NAME/SELECTOR.pem, mode 0600
 *
 * For commands: `serve` has the keeper read them (account/keeper_keys.h). These calls block.
 */
#pragma once
#include "base/arena.h"
#include "config/config.h"

enum { CLI_DOMAIN_KEYS_MAX = 16 };

struct cli_domain_key {
    str selector;
    str record;      /* what is published: "v=DKIM1; k=rsa; p=…" */
    int64_t made_ms; /* when its file in the folder was written; 0: it is the configuration's */
};

/* Two new keys, whose selectors are made of the date. ERR_CONFIG: it has keys there already. */
must_use err cli_domain_keys_make(const struct config *, str domain, int64_t now_ms);
/* Those that the configuration names, and those of the folder. No more than the maximum. */
must_use err cli_domain_keys_read(const struct config *, str domain, struct arena *,
                                  struct cli_domain_key keys[CLI_DOMAIN_KEYS_MAX],
                                  size_t *ret_count);
/* Every domain that is configured or has a folder, once. */
must_use err cli_domain_keys_walk(const struct config *, void (*take)(void *arg, str domain),
                                  void *arg);
/* The files, not what the configuration names. ERR_CONFIG: there are none. */
must_use err cli_domain_keys_remove(const struct config *, str domain);
/* Each configured domain without any key, and the one that should seal (mailauth.seal). */
void cli_domain_keys_warn(const struct config *, void (*warn)(void *arg, str domain, bool seals),
                          void *arg);
