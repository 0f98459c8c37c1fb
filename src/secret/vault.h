/* secret/vault.h -- "vault:PATH#FIELD": HashiCorp Vault and OpenBao, KV engine of version 2
 *
 * PATH is as `vault kv get` has it: the engine's mount (the first part, unless secrets.vault.mount
 * says it), then the secret's own path. Logs in by a token, AppRole or Kubernetes; a login's token
 * is kept until it is nearly over, and another is fetched when this one is refused. Threads share
 * one.
 */
#pragma once
#include "config/config.h"
#include "secret/store.h"

struct secret_vault;

/* The texts are held by the caller, as long as it is open. */
struct secret_vault *secret_vault_open(const struct config_vault *, struct secret_store_login);
void secret_vault_close(struct secret_vault *); /* wipes; accepts NULL */
/* Into an empty buf for SECRET_BYTES_MAX. Errs as in secret/store.h. */
must_use err secret_vault_read(struct secret_vault *, str name, struct buf *ret_secret,
                               struct secret_store_told *ret_told, deadline);
