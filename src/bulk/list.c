#include "bulk/list.h"
#include "base/mem.h"
#include "bulk/json.h"
#include "message/charset.h"
#include "runtime/file.h"
#include <stdio.h>

struct column {
    size_t slot;
    enum bulk_list_type type;
};

struct bulk_list {
    struct bulk_list_options options;
    struct template_names *names;
    struct file *file;
    uint64_t size, offset; /* of the file; what was read */
    char *bytes;           /* read and not taken */
    size_t len, at;
    bool end;
    bool json, bare; /* bare: an address a line */
    char separator;
    size_t column_slots[BULK_CSV_FIELDS_MAX];
    size_t column_count;
    struct column typed[BULK_LIST_TYPES_MAX];
    size_t email_slot;
    uint64_t rows, lines;
    struct arena *scratch; /* the line of columns, records */
    struct bulk_csv_record record;
};

enum { BUFFER_BYTES = BULK_CSV_RECORD_BYTES_MAX + BULK_LIST_READ_BYTES };

bool bulk_list_type_find(str name, enum bulk_list_type *ret_type)
{
    static const char *const names[] = {"text", "number", "date", "date-dmy", "date-mdy", "bool"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(name, str_of(names[i]))) {
            *ret_type = (enum bulk_list_type)i;
            return true;
        }
    return false;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static str waiting(const struct bulk_list *l) { return (str){l->bytes + l->at, l->len - l->at}; }

static err fill(struct bulk_list *l)
{
    size_t count;
    if (l->at > 0) {
        for (size_t i = l->at; i < l->len; i++)
            l->bytes[i - l->at] = l->bytes[i];
        l->len -= l->at;
        l->at = 0;
    }
    size_t room = BUFFER_BYTES - l->len;
    if (room > BULK_LIST_READ_BYTES)
        room = BULK_LIST_READ_BYTES;
    TRY(file_read_at(l->file, l->bytes + l->len, room, l->offset, &count));
    l->len += count;
    l->offset += count;
    l->end = count < room;
    return NULL;
}

static bool is_full(const struct bulk_list *l) { return l->at == 0 && l->len == BUFFER_BYTES; }

/* A line without its end. *ret_found: false at the end of the list. */
static err take_line(struct bulk_list *l, str *ret_line, bool *ret_found)
{
    for (;;) {
        str rest = waiting(l);
        size_t end = str_find(rest, '\n');
        if (end == STR_NONE && !l->end && !is_full(l)) {
            TRY(fill(l));
            continue;
        }
        *ret_found = rest.len > 0;
        *ret_line = str_trim(str_slice(rest, 0, end == STR_NONE ? rest.len : end));
        l->at += end == STR_NONE ? rest.len : end + 1;
        l->lines++;
        return NULL;
    }
}

static err take_record(struct bulk_list *l, struct arena *arena, const char **ret_bad,
                       bool *ret_found)
{
    *ret_bad = NULL;
    for (;;) {
        str rest = waiting(l);
        size_t before = rest.len;
        if (rest.len == 0 && l->end) {
            *ret_found = false;
            return NULL;
        }
        enum bulk_csv_event event = rest.len == 0
                                        ? BULK_CSV_MORE
                                        : bulk_csv_take(l->separator, &rest, l->end || is_full(l),
                                                        arena, &l->record, ret_bad);
        if (event == BULK_CSV_MORE) {
            TRY(fill(l));
            continue;
        }
        l->at += before - rest.len;
        l->lines += l->record.lines;
        *ret_found = true;
        return NULL;
    }
}

/* ---- the line of columns ------------------------------------------------------------------ */

static bool is_email_name(str name)
{
    static const char *const names[] = {"email",         "e-mail",        "mail",
                                        "address",       "email_address", "emailaddress",
                                        "email address", "recipient",     "to"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

static err columns(struct bulk_list *l)
{
    bool known = false;
    for (size_t i = 0; i < l->record.count; i++) {
        char number[32];
        size_t slot;
        str name = str_trim(l->record.fields[i]);
        snprintf(number, sizeof number, "column%zu", i + 1);
        if (name.len == 0)
            name = str_of(number);
        if (!str_is_utf8(name) && !l->options.latin)
            return err_new(ERR_CONFIG,
                           "%s: the columns are no UTF-8; is the list in Windows-1252? "
                           "Then say so",
                           l->options.path);
        TRY(template_names_add(l->names, name, &slot));
        for (size_t k = 0; k < i; k++)
            if (l->column_slots[k] == slot)
                return err_new(ERR_CONFIG, "%s: two columns are called \"%.*s\"", l->options.path,
                               STR_ARG(name));
        l->column_slots[i] = slot;
        bool wanted = l->options.email.len ? str_eq(name, l->options.email) : is_email_name(name);
        if (wanted && !known)
            l->email_slot = slot;
        known = known || wanted;
    }
    l->column_count = l->record.count;
    if (!known)
        return err_new(ERR_CONFIG, "%s: no column is called \"%.*s\": which one has the addresses?",
                       l->options.path,
                       STR_ARG(l->options.email.len ? l->options.email : S("email")));
    return NULL;
}

static err begin_csv(struct bulk_list *l)
{
    const char *bad;
    bool found;
    l->separator = l->options.separator ? l->options.separator : bulk_csv_separator(waiting(l));
    TRY(take_record(l, l->scratch, &bad, &found));
    if (!found || bad || l->record.count == 0)
        return err_new(ERR_CONFIG, "%s: the first line must name the columns%s%s", l->options.path,
                       bad ? ": " : "", bad ? bad : "");
    if (l->record.count == 1 && str_find(l->record.fields[0], '@') != STR_NONE) {
        l->bare = true;
        l->at = 0; /* that line was an address: it begins here, for a list is opened at its start */
        return template_names_add(l->names, l->options.email.len ? l->options.email : S("email"),
                                  &l->email_slot);
    }
    return columns(l);
}

static err begin(struct bulk_list *l)
{
    l->at = l->len = 0;
    l->offset = l->rows = l->lines = 0;
    l->end = false;
    TRY(fill(l));
    if (str_starts(waiting(l), S("\xEF\xBB\xBF")))
        l->at = 3;
    return NULL;
}

/* A first line that is an address, not columns, is the first row. */
static err skip_columns(struct bulk_list *l)
{
    const char *bad;
    bool found;
    return l->json || l->bare ? NULL : take_record(l, l->scratch, &bad, &found);
}

static err find_types(struct bulk_list *l)
{
    for (size_t i = 0; i < l->options.type_count; i++) {
        const struct bulk_list_column_type *t = &l->options.types[i];
        if (!template_names_find(l->names, t->column, &l->typed[i].slot) && !l->json)
            return err_new(ERR_CONFIG, "there is no column \"%.*s\" that could have a type",
                           STR_ARG(t->column));
        TRY(template_names_add(l->names, t->column, &l->typed[i].slot));
        l->typed[i].type = t->type;
    }
    return NULL;
}

static err look(struct bulk_list *l)
{
    TRY(begin(l));
    str rest = str_trim(waiting(l));
    l->json = rest.len > 0 && rest.ptr[0] == '{';
    if (l->json)
        TRY(template_names_add(l->names, l->options.email.len ? l->options.email : S("email"),
                               &l->email_slot));
    else
        TRY(begin_csv(l));
    TRY(find_types(l));
    return bulk_list_rewind(l);
}

err bulk_list_rewind(struct bulk_list *l)
{
    TRY(begin(l));
    TRY(skip_columns(l));
    arena_reset(l->scratch);
    return NULL;
}

err bulk_list_open(const struct bulk_list_options *options, struct template_names *names,
                   struct bulk_list **ret_list)
{
    struct file *file;
    struct file_facts facts;
    TRY(file_open(options->path, FILE_FOLLOW, &file));
    struct bulk_list *l = MEM_NEW(struct bulk_list);
    *l = (struct bulk_list){.options = *options, .names = names, .file = file};
    l->bytes = mem_alloc(BUFFER_BYTES);
    l->scratch = arena_open(BULK_LIST_ROW_ARENA_BYTES_MAX);
    err e = file_facts(file, &facts);
    if (e == NULL) {
        l->size = facts.size;
        e = look(l);
        names->closed = !l->json;
    }
    if (e) {
        bulk_list_close(l);
        return e;
    }
    *ret_list = l;
    return NULL;
}

void bulk_list_close(struct bulk_list *l)
{
    if (l == NULL)
        return;
    file_close(l->file);
    mem_free(l->bytes);
    arena_close(l->scratch);
    mem_free(l);
}

size_t bulk_list_email_slot(const struct bulk_list *l) { return l->email_slot; }
bool bulk_list_is_json(const struct bulk_list *l) { return l->json; }

double bulk_list_progress(const struct bulk_list *l)
{
    return l->size == 0 ? 1 : (double)(l->offset - (l->len - l->at)) / (double)l->size;
}

/* ---- types -------------------------------------------------------------------------------- */

/* "21.11.2026" with any one of . / - between */
static bool read_parts(str text, bool day_first, struct template_value *ret_date)
{
    uint64_t first, second, year;
    char iso[16];
    size_t a = 0;
    while (a < text.len && char_is_digit(text.ptr[a]))
        a++;
    str rest = str_from(text, a + 1);
    size_t b = 0;
    while (b < rest.len && char_is_digit(rest.ptr[b]))
        b++;
    if (!str_to_u64(str_slice(text, 0, a), 99, &first) ||
        !str_to_u64(str_slice(rest, 0, b), 99, &second) ||
        !str_to_u64(str_from(rest, b + 1), 9999, &year) || year < 1000)
        return false;
    uint64_t day = day_first ? first : second, month = day_first ? second : first;
    snprintf(iso, sizeof iso, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)day % 100);
    struct template_value date = {.kind = VALUE_DATE, .day_only = true};
    if (!template_value_read_day(str_of(iso), &date.ms))
        return false;
    *ret_date = date;
    return true;
}

static bool read_bool(str text, struct template_value *ret_value)
{
    static const char *const yes[] = {"yes", "true", "1", "y"}, *const no[] = {"no", "false", "0",
                                                                               "n"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eq_nocase(text, str_of(yes[i])) || str_eq_nocase(text, str_of(no[i]))) {
            *ret_value = template_value_of_bool(str_eq_nocase(text, str_of(yes[i])));
            return true;
        }
    return false;
}

static bool convert(enum bulk_list_type type, struct template_value *v)
{
    double number;
    if (v->kind != VALUE_TEXT)
        return true;
    str text = str_trim(v->text);
    switch (type) {
    case BULK_TYPE_TEXT:
        return true;
    case BULK_TYPE_NUMBER:
        return template_value_to_number(v, &number);
    case BULK_TYPE_DATE:
        return template_value_to_date(v, v);
    case BULK_TYPE_DATE_DMY:
    case BULK_TYPE_DATE_MDY:
        return read_parts(text, type == BULK_TYPE_DATE_DMY, v);
    case BULK_TYPE_BOOL:
        return read_bool(text, v);
    }
    return true;
}

static const char *convert_all(struct bulk_list *l, struct arena *arena,
                               struct template_value *slots)
{
    static const char *const kinds[] = {"text", "number", "date", "date", "date", "yes or no"};
    for (size_t i = 0; i < l->options.type_count; i++) {
        const struct column *c = &l->typed[i];
        if (!convert(c->type, &slots[c->slot]))
            return arena_chars(arena,
                               arena_printf(arena, "%.*s: no %s",
                                            STR_ARG(l->options.types[i].column), kinds[c->type]));
    }
    return NULL;
}

/* ---- rows --------------------------------------------------------------------------------- */

static const char *take_field(struct bulk_list *l, struct arena *arena, str field,
                              struct template_value *slot)
{
    if (!str_is_utf8(field) && l->options.latin) {
        CLEANUP(buf_release) struct buf out;
        bool exact;
        buf_init(&out, BULK_CSV_RECORD_BYTES_MAX * 3);
        if (message_charset_to_utf8(S("windows-1252"), field, &out, &exact))
            return "too long";
        field = arena_str(arena, buf_str(&out));
    } else if (!str_is_utf8(field)) {
        return "bytes that are no UTF-8 (a list in Windows-1252 wants --encoding windows-1252)";
    }
    *slot = template_value_of_text(field);
    return NULL;
}

static const char *csv_row(struct bulk_list *l, struct arena *arena, struct template_value *slots)
{
    if (l->record.count > l->column_count)
        return arena_chars(arena, arena_printf(arena, "%zu fields where the columns are %zu",
                                               l->record.count, l->column_count));
    for (size_t i = 0; i < l->record.count; i++) {
        const char *bad = take_field(l, arena, l->record.fields[i], &slots[l->column_slots[i]]);
        if (bad)
            return bad;
    }
    return NULL;
}

/* Empty lines are no rows. */
static err next_csv(struct bulk_list *l, struct arena *arena, struct template_value *slots,
                    struct bulk_list_row *row)
{
    bool found;
    do {
        row->line = l->lines + 1;
        TRY(take_record(l, arena, &row->bad, &found));
    } while (found && row->bad == NULL && l->record.count == 0);
    row->end = !found;
    if (found && row->bad == NULL)
        row->bad = csv_row(l, arena, slots);
    return NULL;
}

static err next_line(struct bulk_list *l, struct arena *arena, struct template_value *slots,
                     struct bulk_list_row *row)
{
    str line;
    bool found;
    do {
        row->line = l->lines + 1;
        TRY(take_line(l, &line, &found));
    } while (found && line.len == 0);
    row->end = !found;
    if (!found)
        return NULL;
    if (l->bare) {
        row->bad = take_field(l, arena, arena_str(arena, line), &slots[l->email_slot]);
        return NULL;
    }
    row->object = line;
    err e = line.len > BULK_CSV_RECORD_BYTES_MAX ? err_new(ERR_PROTOCOL, "a line longer than 1 MiB")
                                                 : bulk_json_read(line, l->names, arena, slots);
    if (e)
        row->bad = arena_chars(arena, e->text);
    return NULL;
}

err bulk_list_next(struct bulk_list *l, struct arena *arena, struct template_value *slots,
                   struct bulk_list_row *ret_row)
{
    struct bulk_list_row row = {0};
    for (size_t i = 0; i < l->names->count; i++)
        slots[i] = (struct template_value){0};
    TRY(l->json || l->bare ? next_line(l, arena, slots, &row) : next_csv(l, arena, slots, &row));
    if (!row.end) {
        row.number = ++l->rows;
        if (row.bad == NULL)
            row.bad = convert_all(l, arena, slots);
        if (row.bad == NULL)
            row.email = str_trim(template_value_as_text(&slots[l->email_slot], arena));
    }
    *ret_row = row;
    return NULL;
}
