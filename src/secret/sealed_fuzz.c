#include "secret/sealed_text.h"
#include "tests/fuzz.h"

/* What was read is written and read again the same; each entry is found at its name. */
FUZZ(input, arena)
{
    struct secret_sealed_text t, again;
    struct buf out;
    bool there;
    if (secret_sealed_text_read(input, arena, &t))
        return;
    for (size_t i = 0; i < t.count; i++) {
        ASSERT(secret_sealed_text_is_name(t.entries[i].name));
        ASSERT(secret_sealed_text_place(&t, t.entries[i].name, &there) == i);
        ASSERT(there);
    }
    buf_init(&out, 2 * SECRET_SEALED_FILE_BYTES_MAX);
    err e = secret_sealed_text_write(&t, &out);
    if (e == NULL)
        e = secret_sealed_text_add_seal(t.seal, &out);
    ASSERT(e == NULL);
    e = secret_sealed_text_read(buf_str(&out), arena, &again);
    ASSERT(e == NULL);
    ASSERT(again.count == t.count);
    ASSERT(again.lock.kind == t.lock.kind);
    ASSERT(str_eq(again.lock.name, t.lock.name));
    for (size_t i = 0; i < t.count; i++)
        ASSERT(str_eq(again.entries[i].sealed, t.entries[i].sealed));
    buf_release(&out);
}
