/* provider/notes.h -- what is remembered of each source, sender, login and recipient
 *
 * A note belongs to a rule and to whom the rule counts. There are at most PROVIDER_NOTES_MAX; a new
 * one takes the place of the one that was unused for longest.
 */
#pragma once
#include "base/list.h"
#include "base/table.h"
#include "provider/meter.h"

enum {
    PROVIDER_NOTES_MAX = 128 * 1024,
    PROVIDER_NOTES_KEY_BYTES_MAX = 700, /* an address and two mailboxes */
};

struct provider_note {
    struct list by_use;
    str key;                      /* behind the note */
    struct provider_meter *meter; /* NULL until it is asked for */
    int64_t when_ms;              /* greylisted since; blocked until */
    int held;                     /* connections: then it stays, whatever comes */
};

struct provider_notes {
    struct table table;
    struct list by_use; /* longest unused first */
    size_t most;
};

void provider_notes_init(struct provider_notes *, size_t most);
void provider_notes_release(struct provider_notes *);
/* Longer keys are cut. What is made has *ret_new. */
struct provider_note *provider_notes_get(struct provider_notes *, int rule, str key, bool *ret_new);
/* NULL: there is none. */
struct provider_note *provider_notes_find(struct provider_notes *, int rule, str key);
struct provider_meter *provider_notes_meter(struct provider_note *);
