/* secret/sealed.h -- a small file of named secrets, sealed: fit for a repository
 *
 * AES-256-GCM under a key that comes from a passphrase by argon2id, from the system's keyring, from
 * a systemd credential or from a key file that nobody else may read. Names are in clear (for
 * diffs); values, and the list as a whole, are authenticated: an entry cannot be changed, moved,
 * added or taken out by who has no key. An old state of the whole file cannot be told from a new
 * one. All of it blocks; one handle is used by one thread at a time.
 */
#pragma once
#include "base/buf.h"

enum {
    SECRET_SEALED_ENTRIES_MAX = 10000,
    SECRET_SEALED_NAME_CHARS = 256,
    SECRET_SEALED_VALUE_BYTES_MAX = 64 * 1024,
    SECRET_SEALED_LOCK_MS_MAX = 10000, /* how long another's change is waited for */
};

struct secret_sealed;

enum secret_unlock_kind {
    SECRET_UNLOCK_PASSPHRASE, /* value: the passphrase */
    SECRET_UNLOCK_KEYRING,    /* value: the name it has in the keyring */
    SECRET_UNLOCK_CREDENTIAL, /* value: the credential's name below $CREDENTIALS_DIRECTORY */
    SECRET_UNLOCK_KEY_FILE, /* value: a path; made with 32 random bytes when absent and make is set
                             */
    SECRET_UNLOCK_KIND_COUNT,
};
struct secret_unlock {
    enum secret_unlock_kind kind;
    str value; /* empty, but for a passphrase: as the file has it */
};

/* NULL for unlock: what the file says. For a passphrase that is the file $SMTPTOOL_PASSPHRASE_FILE,
 * else the credential "smtptool-passphrase". A file that is not there yet is made with `make`; then
 * NULL stands for the first there is of these two, the keyring of a session, and the key file
 * $SMTPTOOL_KEY_FILE, else secret.key in $XDG_CONFIG_HOME/smtptool or ~/.config/smtptool.
 * ERR_CONFIG: not there, not unlocked by this. ERR_DAMAGED: it is not as it was sealed. */
must_use err secret_sealed_open(str path, const struct secret_unlock *, bool make,
                                struct secret_sealed **ret_file);
void secret_sealed_close(struct secret_sealed *); /* wipes; accepts NULL */
/* How the file is locked, without unlocking it: who asks a person wants to know. The name is empty
 * for a passphrase, else copied. ERR_CONFIG: it is not there. */
must_use err secret_sealed_look(str path, enum secret_unlock_kind *ret_kind, struct buf *ret_name);

/* Into an empty buf for SECRET_SEALED_VALUE_BYTES_MAX. ERR_CONFIG: no such name. Wipe it with
 * secret_wipe(). What others have changed in the file is seen. */
must_use err secret_sealed_get(struct secret_sealed *, str name, struct buf *ret_value);
/* Locked against others, written beside and renamed, synced; others' changes are kept.
 * ERR_CONFIG: a name that is none. ERR_LIMIT: a value that is too long, too many. */
must_use err secret_sealed_set(struct secret_sealed *, str name, str value);
must_use err secret_sealed_remove(struct secret_sealed *, str name); /* ERR_CONFIG: no such name */
/* Another lock, and all values sealed anew under its key; what the old key opens is gone from the
 * file. Replaced whole: who is killed leaves the old file or the new one. The handle goes on with
 * the new key. Must not be NULL; a key file or a key of the keyring that is not there is made. */
must_use err secret_sealed_rekey(struct secret_sealed *, const struct secret_unlock *);
must_use err secret_sealed_names(struct secret_sealed *, err (*each)(void *arg, str name),
                                 void *arg);
