#include "provider/notes.h"
#include "base/mem.h"
#include <stdio.h>

struct key_text {
    char text[PROVIDER_NOTES_KEY_BYTES_MAX];
    size_t len;
};

static void make_key(int rule, str key, struct key_text *k)
{
    int len = snprintf(k->text, sizeof k->text, "%d ", rule);
    str cut = str_slice(key, 0, sizeof k->text - (size_t)len);
    char *end = str_put(k->text + len, cut);
    k->len = (size_t)(end - k->text);
    for (size_t i = 0; i < k->len; i++) /* A@b and a@B are counted together */
        k->text[i] = char_lower(k->text[i]);
}

static str key_of(const void *note) { return ((const struct provider_note *)note)->key; }

void provider_notes_init(struct provider_notes *n, size_t most)
{
    table_init(&n->table, key_of);
    list_init(&n->by_use);
    n->most = most;
}

static void forget(struct provider_notes *n, struct provider_note *note)
{
    list_remove(&note->by_use);
    table_remove(&n->table, note->key);
    mem_free(note->meter);
    mem_free(note);
}

void provider_notes_release(struct provider_notes *n)
{
    LIST_EACH(&n->by_use, at)
    forget(n, LIST_OF(at, struct provider_note, by_use));
    table_release(&n->table);
}

/* Those who hold a connection stay: they are as few as connections are. */
static void make_room(struct provider_notes *n)
{
    LIST_EACH(&n->by_use, at)
    {
        struct provider_note *note = LIST_OF(at, struct provider_note, by_use);
        if (n->table.len < n->most)
            return;
        if (note->held == 0)
            forget(n, note);
    }
}

struct provider_note *provider_notes_find(struct provider_notes *n, int rule, str key)
{
    struct key_text k;
    make_key(rule, key, &k);
    struct provider_note *note = table_find(&n->table, (str){k.text, k.len});
    if (note == NULL)
        return NULL;
    list_remove(&note->by_use);
    list_add_last(&n->by_use, &note->by_use);
    return note;
}

struct provider_note *provider_notes_get(struct provider_notes *n, int rule, str key, bool *ret_new)
{
    struct provider_note *note = provider_notes_find(n, rule, key);
    *ret_new = note == NULL;
    if (note)
        return note;
    struct key_text k;
    make_key(rule, key, &k);
    make_room(n);
    note = mem_alloc(sizeof *note + k.len);
    str_put((char *)(note + 1), (str){k.text, k.len});
    note->key = (str){(char *)(note + 1), k.len};
    list_add_last(&n->by_use, &note->by_use);
    table_add(&n->table, note);
    return note;
}

struct provider_meter *provider_notes_meter(struct provider_note *note)
{
    if (note->meter == NULL)
        note->meter = MEM_NEW(struct provider_meter);
    return note->meter;
}
