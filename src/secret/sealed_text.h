/* secret/sealed_text.h -- a sealed file as text: one line an entry, sorted, fit for a diff
 *
 *     smtptool-sealed 1
 *     lock passphrase SALT 3 65536 4
 *     entry relay NONCE-AND-CIPHERTEXT
 *     seal TAG
 *
 * lock is "passphrase SALT PASSES KIB LANES", or "keyring", "credential" or "key-file" with SALT
 * and a name. What stands for bytes is base64. seal is a tag over all bytes before its line.
 */
#pragma once
#include "base/arena.h"
#include "secret/argon2.h"
#include "secret/sealed.h"

enum {
    SECRET_SEALED_SALT_BYTES = 16,
    SECRET_SEALED_NONCE_BYTES = 12,
    SECRET_SEALED_TAG_BYTES = 16,  /* of an entry */
    SECRET_SEALED_SEAL_BYTES = 32, /* of the list */
    SECRET_SEALED_FILE_BYTES_MAX = 16 << 20,
    SECRET_SEALED_LOCK_CHARS = 1024,
    /* For what secret_sealed_text_read() keeps, beside the text itself. */
    SECRET_SEALED_TEXT_ARENA_BYTES_MAX = SECRET_SEALED_ENTRIES_MAX * 64 + 4096,
};

struct secret_sealed_entry {
    str name, sealed; /* base64 */
};

struct secret_sealed_lock {
    enum secret_unlock_kind kind;
    uint8_t salt[SECRET_SEALED_SALT_BYTES];
    struct secret_argon2 price; /* PASSPHRASE */
    str name;                   /* the others */
};

struct secret_sealed_text {
    struct secret_sealed_lock lock;
    str lock_line;                       /* as it stands there: another one is another key */
    struct secret_sealed_entry *entries; /* by name, each once */
    size_t count;
    str sealed; /* all that the seal is over */
    uint8_t seal[SECRET_SEALED_SEAL_BYTES];
};

/* Texts borrow from what is read. ERR_DAMAGED says in which line; ERR_LIMIT. */
must_use err secret_sealed_text_read(str text, struct arena *, struct secret_sealed_text *ret_text);
/* All but the seal, whose tag the caller adds by secret_sealed_text_add_seal(). */
must_use err secret_sealed_text_write(const struct secret_sealed_text *, struct buf *out);
must_use err secret_sealed_text_add_seal(const uint8_t seal[SECRET_SEALED_SEAL_BYTES],
                                         struct buf *out);

/* Where the name is, or would be. */
size_t secret_sealed_text_place(const struct secret_sealed_text *, str name, bool *ret_there);
/* Letters, digits and signs, but no blank, no control character and no "#". */
bool secret_sealed_text_is_name(str name);
const char *secret_sealed_text_kind_name(enum secret_unlock_kind);
