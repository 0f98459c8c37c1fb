#include "mailauth/dkim_header.h"
#include "base/table.h"
#include "mailauth/tag.h"

enum { NAME_BYTES_MAX = 998 }; /* a line's length: a longer name stands in no list */

#define NO_FIELD UINT32_MAX

struct entry { /* all fields of one name */
    str name;  /* in lower case */
    uint32_t last, next;
    uint32_t count;
    uint32_t selection; /* next is of that selection; of another, it begins at last */
};

struct mailauth_dkim_header {
    struct arena *arena;
    struct message_field *fields;
    uint32_t *above; /* of each field: the one of the same name above it */
    size_t count;
    uint32_t selection;
    struct table entries;
};

static str entry_name(const void *entry) { return ((const struct entry *)entry)->name; }

static void release_entries(void *entries) { table_release(entries); }

/* Empty: no field can have that name. */
static str lower_case(str name, char room[NAME_BYTES_MAX])
{
    if (name.len > NAME_BYTES_MAX)
        return (str){0};
    for (size_t i = 0; i < name.len; i++)
        room[i] = char_lower(name.ptr[i]);
    return (str){room, name.len};
}

static struct entry *find(const struct mailauth_dkim_header *h, str name)
{
    char room[NAME_BYTES_MAX];
    str lower = lower_case(name, room);
    return lower.len == 0 ? NULL : table_find(&h->entries, lower);
}

static void add_entry(struct mailauth_dkim_header *h, uint32_t place)
{
    char room[NAME_BYTES_MAX];
    str lower = lower_case(h->fields[place].name, room);
    h->above[place] = NO_FIELD;
    if (lower.len == 0)
        return;
    struct entry *e = table_find(&h->entries, lower);
    if (e == NULL) {
        e = ARENA_NEW(h->arena, struct entry);
        *e = (struct entry){.name = arena_str(h->arena, lower), .last = NO_FIELD};
        table_add(&h->entries, e);
    }
    h->above[place] = e->last;
    e->last = place;
    e->count++;
}

static size_t count_fields(str header)
{
    size_t count = 0;
    struct message_field f;
    while (count <= MESSAGE_FIELDS_MAX && message_header_next(&header, &f))
        count++;
    return count;
}

err mailauth_dkim_header_open(str header, struct arena *arena,
                              struct mailauth_dkim_header **ret_header)
{
    size_t count = count_fields(header);
    if (header.len > MESSAGE_HEADER_BYTES_MAX || count > MESSAGE_FIELDS_MAX)
        return err_new(ERR_LIMIT, "a header of more than %d bytes or %d fields",
                       MESSAGE_HEADER_BYTES_MAX, MESSAGE_FIELDS_MAX);
    struct mailauth_dkim_header *h = ARENA_NEW(arena, struct mailauth_dkim_header);
    h->arena = arena;
    h->fields = ARENA_ARRAY(arena, struct message_field, count + 1);
    h->above = ARENA_ARRAY(arena, uint32_t, count + 1);
    table_init(&h->entries, entry_name);
    arena_defer(arena, release_entries, &h->entries);
    while (h->count < count && message_header_next(&header, &h->fields[h->count]))
        add_entry(h, (uint32_t)h->count++);
    *ret_header = h;
    return NULL;
}

size_t mailauth_dkim_header_size(const struct mailauth_dkim_header *h) { return h->count; }

const struct message_field *mailauth_dkim_header_at(const struct mailauth_dkim_header *h,
                                                    size_t place)
{
    ASSERT(place < h->count);
    return &h->fields[place];
}

size_t mailauth_dkim_header_count(const struct mailauth_dkim_header *h, str name)
{
    const struct entry *e = find(h, name);
    return e ? e->count : 0;
}

/* The next field of that name, going up; NULL: all of them were taken. */
static const struct message_field *take(struct mailauth_dkim_header *h, str name)
{
    struct entry *e = find(h, name);
    if (e == NULL)
        return NULL;
    if (e->selection != h->selection) {
        e->selection = h->selection;
        e->next = e->last;
    }
    if (e->next == NO_FIELD)
        return NULL;
    const struct message_field *f = &h->fields[e->next];
    e->next = h->above[e->next];
    return f;
}

void mailauth_dkim_header_hash(struct mailauth_dkim_header *h, str names, enum mailauth_canon how,
                               const struct message_field *except, struct mailauth_dkim_digest *d)
{
    h->selection++;
    str name;
    while (mailauth_tag_next(&names, ':', &name)) {
        const struct message_field *f = take(h, name);
        if (f != NULL && f == except)
            f = take(h, name);
        if (f != NULL)
            mailauth_canon_field(how, f, mailauth_dkim_digest_take, d);
    }
}
