#include "mailauth/dmarc_tally.h"
#include "base/mem.h"
#include "base/table.h"

struct entry {
    str key; /* the row's XML with a count of 0 */
    struct mailauth_dmarc_row row;
};

struct mailauth_dmarc_tally {
    struct arena *arena;
    struct table by_key;
    struct entry **entries; /* of MAILAUTH_DMARC_TALLY_ROWS_MAX */
    size_t count;
};

static str key_of(const void *object) { return ((const struct entry *)object)->key; }

struct mailauth_dmarc_tally *mailauth_dmarc_tally_open(void)
{
    struct mailauth_dmarc_tally *t = MEM_NEW(struct mailauth_dmarc_tally);
    t->arena = arena_open(MAILAUTH_DMARC_TALLY_BYTES_MAX + (1 << 20));
    t->entries = ARENA_ARRAY(t->arena, struct entry *, MAILAUTH_DMARC_TALLY_ROWS_MAX);
    table_init(&t->by_key, key_of);
    return t;
}

void mailauth_dmarc_tally_close(struct mailauth_dmarc_tally *t)
{
    if (t == NULL)
        return;
    table_release(&t->by_key);
    arena_close(t->arena);
    mem_free(t);
}

static void copy_texts(struct mailauth_dmarc_row *row, struct arena *arena)
{
    row->header_from = arena_str(arena, row->header_from);
    row->envelope_from = arena_str(arena, row->envelope_from);
    row->envelope_to = arena_str(arena, row->envelope_to);
    row->spf.domain = arena_str(arena, row->spf.domain);
    for (size_t i = 0; i < row->reason_count; i++)
        row->reasons[i].comment = arena_str(arena, row->reasons[i].comment);
    for (size_t i = 0; i < row->dkim_count; i++) {
        row->dkim[i].domain = arena_str(arena, row->dkim[i].domain);
        row->dkim[i].selector = arena_str(arena, row->dkim[i].selector);
    }
}

/* Texts are cut before they are kept: what is longer is not written either. */
static void cut(str *text) { *text = str_slice(*text, 0, MAILAUTH_DMARC_REPORT_TEXT_BYTES_MAX); }

static void cut_texts(struct mailauth_dmarc_row *row)
{
    cut(&row->header_from);
    cut(&row->envelope_from);
    cut(&row->envelope_to);
    cut(&row->spf.domain);
    for (size_t i = 0; i < row->reason_count; i++)
        cut(&row->reasons[i].comment);
    for (size_t i = 0; i < row->dkim_count; i++) {
        cut(&row->dkim[i].domain);
        cut(&row->dkim[i].selector);
    }
}

static err add_new(struct mailauth_dmarc_tally *t, const struct mailauth_dmarc_row *row, str key)
{
    size_t most = sizeof(struct entry) + 2 * key.len + MAILAUTH_DMARC_REPORT_TEXT_BYTES_MAX;
    if (t->count == MAILAUTH_DMARC_TALLY_ROWS_MAX ||
        arena_used(t->arena) + most > MAILAUTH_DMARC_TALLY_BYTES_MAX)
        return err_new(ERR_LIMIT, "a report with more than %zu rows", t->count);
    struct entry *e = ARENA_NEW(t->arena, struct entry);
    e->key = arena_str(t->arena, key);
    e->row = *row;
    copy_texts(&e->row, t->arena);
    t->entries[t->count++] = e;
    table_add(&t->by_key, e);
    return NULL;
}

err mailauth_dmarc_tally_add(struct mailauth_dmarc_tally *t, const struct mailauth_dmarc_row *row)
{
    CLEANUP(buf_release) struct buf key;
    CLEANUP(arena_cleanup) struct arena *scratch = arena_open(64 << 10);
    struct mailauth_dmarc_row *plain = ARENA_NEW(scratch, struct mailauth_dmarc_row);
    buf_init(&key, MAILAUTH_DMARC_REPORT_ROW_BYTES_MAX);
    *plain = *row;
    plain->count = 0;
    cut_texts(plain);
    TRY(mailauth_dmarc_report_row(plain, &key));
    struct entry *known = table_find(&t->by_key, buf_str(&key));
    if (known) {
        known->row.count += row->count;
        return NULL;
    }
    plain->count = row->count;
    return add_new(t, plain, buf_str(&key));
}

size_t mailauth_dmarc_tally_count(const struct mailauth_dmarc_tally *t) { return t->count; }

const struct mailauth_dmarc_row *mailauth_dmarc_tally_row(const struct mailauth_dmarc_tally *t,
                                                          size_t at)
{
    ASSERT(at < t->count);
    return &t->entries[at]->row;
}
