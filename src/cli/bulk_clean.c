#include "cli/bulk_clean.h"
#include "base/mem.h"
#include "bulk/journal.h"
#include "cli/ask_dns.h"
#include "runtime/file.h"
#include <stdio.h>

enum { FLUSH_BYTES = 64 << 10, PATH_BYTES_MAX = 600 };

struct output {
    char path[PATH_BYTES_MAX];
    struct file *file; /* NULL: not wanted */
    struct buf lines;
    uint64_t at;
};

struct clean {
    struct cli_bulk_plan *plan;
    struct template_names *names;
    struct bulk_choose *choose;
    struct bulk_seen *seen;
    struct output kept, removed, reconfirm;
    size_t email_slot;
    bool json; /* the list, and so what is made of it */
    uint64_t rows, counts[BULK_REASONS];
    int exit;
};

/* ---- files -------------------------------------------------------------------------------- */

static err flush(struct output *o)
{
    struct iovec part = {o->lines.ptr, o->lines.len};
    if (o->file == NULL || o->lines.len == 0)
        return NULL;
    TRY(file_write_at(o->file, &part, 1, o->at));
    o->at += o->lines.len;
    buf_clear(&o->lines);
    return NULL;
}

/* "people.csv" and "kept" make "people.kept.csv". */
static err open_output(struct clean *c, struct output *o, const char *given, const char *what)
{
    str list = str_of(c->plan->args.list);
    size_t slash = str_find_last(list, '/'), dot = str_find_last(list, '.');
    bool ending = dot != STR_NONE && (slash == STR_NONE || dot > slash + 1) && dot > 0;
    str stem = str_slice(list, 0, ending ? dot : list.len);
    str end = !c->json ? S(".csv") : ending ? str_from(list, dot) : S(".jsonl");
    int len =
        given ? snprintf(o->path, sizeof o->path, "%s", given)
              : snprintf(o->path, sizeof o->path, "%.*s.%s%.*s", STR_ARG(stem), what, STR_ARG(end));
    if (len >= (int)sizeof o->path)
        return err_new(ERR_CONFIG, "the path is too long");
    if (str_eq(str_of(o->path), list))
        return err_new(ERR_CONFIG, "--%s: is the list itself", what);
    TRY(file_open(o->path, FILE_WRITE | FILE_CREATE, &o->file));
    return file_resize(o->file, 0);
}

static err add_columns(struct clean *c, struct output *o)
{
    for (size_t i = 0; i < c->names->count; i++) {
        TRY(i ? buf_add_char(&o->lines, ',') : NULL);
        TRY(bulk_csv_add(c->names->list[i]->name, &o->lines));
    }
    return buf_add(&o->lines, S("\r\n"));
}

static err add_row(struct clean *c, struct output *o, const struct template_value *slots,
                   struct arena *arena)
{
    for (size_t i = 0; i < c->names->count; i++) {
        TRY(i ? buf_add_char(&o->lines, ',') : NULL);
        TRY(bulk_csv_add(template_value_as_text(&slots[i], arena), &o->lines));
    }
    TRY(buf_add(&o->lines, S("\r\n")));
    return o->lines.len > FLUSH_BYTES ? flush(o) : NULL;
}

static err add_reason(struct clean *c, const struct bulk_chosen *chosen,
                      const struct template_value *slots, struct arena *arena)
{
    struct buf *out = &c->removed.lines;
    TRY(bulk_csv_add(chosen->row.email, out));
    TRY(buf_addf(out, ",%s,", bulk_hygiene_name(chosen->reason)));
    TRY(bulk_csv_add(str_slice(chosen->detail, 0, 500), out));
    TRY(buf_addf(out, ",%llu", (unsigned long long)chosen->row.line));
    for (size_t i = 0; i < c->names->count; i++) {
        if (i == c->email_slot)
            continue;
        TRY(buf_add_char(out, ','));
        TRY(bulk_csv_add(template_value_as_text(&slots[i], arena), out));
    }
    TRY(buf_add(out, S("\r\n")));
    return out->len > FLUSH_BYTES ? flush(&c->removed) : NULL;
}

/* ---- JSON lines --------------------------------------------------------------------------- */

/* The line as it was, nested fields and all. */
static err add_object(struct output *o, str object)
{
    TRY(buf_add(&o->lines, object));
    TRY(buf_add_char(&o->lines, '\n'));
    return o->lines.len > FLUSH_BYTES ? flush(o) : NULL;
}

static err add_text(struct buf *out, str text)
{
    json_t *value = cli_json_str(text);
    char *made = json_dumps(value, JSON_ENCODE_ANY);
    err e = buf_add(out, str_of(made));
    mem_free(made);
    json_decref(value);
    return e;
}

/* The same with the reason as fields more; a line that is no object is a text in one of ours. */
static err add_removed_object(struct clean *c, const struct bulk_chosen *chosen)
{
    struct buf *out = &c->removed.lines;
    str object = str_trim(chosen->row.object);
    bool whole = chosen->row.bad == NULL && str_ends_nocase(object, S("}"));
    if (whole) {
        str inside = str_trim(str_slice(object, 0, object.len - 1));
        TRY(buf_add(out, inside));
        TRY(buf_add(out, inside.len > 1 ? S(", ") : S("")));
    } else {
        TRY(buf_add(out, S("{\"removed_text\": ")));
        TRY(add_text(out, str_slice(object, 0, BULK_CSV_RECORD_BYTES_MAX)));
        TRY(buf_add(out, S(", ")));
    }
    TRY(buf_addf(out, "\"removed_reason\": \"%s\", \"removed_detail\": ",
                 bulk_hygiene_name(chosen->reason)));
    TRY(add_text(out, str_slice(chosen->detail, 0, 500)));
    TRY(buf_addf(out, ", \"removed_line\": %llu}\n", (unsigned long long)chosen->row.line));
    return out->len > FLUSH_BYTES ? flush(&c->removed) : NULL;
}

/* ---- rows --------------------------------------------------------------------------------- */

static err take_row(struct clean *c, struct bulk_chosen *chosen, const struct template_value *slots,
                    struct arena *arena)
{
    c->rows++;
    if (chosen->reason == BULK_KEPT || chosen->reason == BULK_INACTIVE) {
        uint64_t key = bulk_seen_key((str){0}, chosen->address.folded);
        enum bulk_seen_state state;
        TRY(bulk_seen_get(c->seen, key, &state));
        if (state != BULK_SEEN_NEVER)
            chosen->reason = BULK_DUPLICATE;
        TRY(bulk_seen_set(c->seen, key, BULK_SEEN_DONE));
    }
    c->counts[chosen->reason]++;
    str object = chosen->row.object;
    if (chosen->reason == BULK_KEPT)
        return c->json ? add_object(&c->kept, object) : add_row(c, &c->kept, slots, arena);
    if (chosen->reason == BULK_INACTIVE && c->reconfirm.file)
        TRY(c->json ? add_object(&c->reconfirm, object) : add_row(c, &c->reconfirm, slots, arena));
    return c->json ? add_removed_object(c, chosen) : add_reason(c, chosen, slots, arena);
}

static err take_rows(struct clean *c)
{
    CLEANUP(arena_cleanup)
    struct arena *arena = arena_open(BULK_LIST_ROW_ARENA_BYTES_MAX + (1 << 20));
    CLEANUP(arena_cleanup)
    struct arena *room = arena_open(sizeof(struct template_value) * (TEMPLATE_NAMES_MAX + 1));
    struct template_value *slots = ARENA_ARRAY(room, struct template_value, TEMPLATE_NAMES_MAX);
    struct bulk_chosen chosen = {0};
    for (;;) {
        arena_reset(arena);
        TRY(bulk_choose_next(c->choose, arena, slots, &chosen));
        if (chosen.row.end)
            return NULL;
        TRY(take_row(c, &chosen, slots, arena));
    }
}

/* A draft for who is to be asked whether they still want mail; one that is there stays. */
static err write_job(struct clean *c)
{
    char path[PATH_BYTES_MAX + 10];
    CLEANUP(buf_release) struct buf text;
    buf_init(&text, 8192);
    str list = str_of(c->reconfirm.path), stem = str_slice(list, 0, str_find_last(list, '.'));
    size_t slash = str_find_last(list, '/');
    snprintf(path, sizeof path, "%.*s.yaml", STR_ARG(stem));
    if (file_exists(path))
        return NULL;
    TRY(buf_addf(
        &text,
        "# Asks who was inactive whether they still want to hear from you.\n"
        "campaign: reconfirm\n"
        "list: %s\n"
        "email_column: \"%.*s\"\n"
        "from: \"You <you@example.com>\"\n"
        "subject: \"Do you still want to hear from us?\"\n"
        "text: \"We will not write again unless you tell us here: "
        "https://example.com/stay?u={{email | url}}\"\n"
        "server: smtp://mail.example.com\n"
        "pause_on: \"bounce > 3%% or complaint > 0.1%%\"\n",
        c->reconfirm.path + (slash == STR_NONE ? 0 : slash + 1),
        STR_ARG(c->plan->args.email_column ? str_of(c->plan->args.email_column) : S("email"))));
    return file_put(path, FILE_WRITE | FILE_CREATE, buf_str(&text));
}

static err add_reason_columns(struct clean *c)
{
    struct buf *out = &c->removed.lines;
    TRY(buf_add(out, S("email,reason,detail,line")));
    for (size_t i = 0; i < c->names->count; i++) {
        if (i == c->email_slot)
            continue;
        TRY(buf_add_char(out, ','));
        TRY(bulk_csv_add(c->names->list[i]->name, out));
    }
    return buf_add(out, S("\r\n"));
}

static err open_all(struct clean *c)
{
    const struct cli_bulk_args *a = &c->plan->args;
    TRY(bulk_choose_open(&c->plan->options.choose, c->names, &c->choose));
    c->json = bulk_choose_is_json(c->choose);
    c->email_slot = bulk_choose_email_slot(c->choose);
    TRY(open_output(c, &c->kept, a->kept, "kept"));
    TRY(open_output(c, &c->removed, a->removed, "removed"));
    if (a->reconfirm)
        TRY(open_output(c, &c->reconfirm, NULL, "reconfirm"));
    if (c->json)
        return NULL;
    TRY(add_columns(c, &c->kept));
    TRY(add_columns(c, &c->reconfirm));
    return add_reason_columns(c);
}

static err clean_all(struct clean *c)
{
    TRY(open_all(c));
    TRY(take_rows(c));
    TRY(flush(&c->kept));
    TRY(flush(&c->removed));
    TRY(flush(&c->reconfirm));
    return c->reconfirm.file ? write_job(c) : NULL;
}

static void clean_fiber(void *arg)
{
    struct clean *c = arg;
    err e = clean_all(c);
    char why[1024];
    if (e == NULL)
        return;
    cli_describe(e, why, sizeof why);
    cli_fail("%s", why);
    c->exit = cli_exit_of(e);
}

/* ---- telling ------------------------------------------------------------------------------ */

static void show_json(const struct clean *c)
{
    json_t *removed = json_object();
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        if (c->counts[i])
            json_object_set_new(removed, bulk_hygiene_name((enum bulk_reason)i),
                                json_integer((json_int_t)c->counts[i]));
    cli_print_json(json_pack("{s:I, s:I, s:o}", "rows", (json_int_t)c->rows, "kept",
                             (json_int_t)c->counts[BULK_KEPT], "removed", removed));
}

static void show(const struct clean *c)
{
    printf("%llu rows, %llu kept: %s\n", (unsigned long long)c->rows,
           (unsigned long long)c->counts[BULK_KEPT], c->kept.path);
    for (size_t i = BULK_KEPT + 1; i < BULK_REASONS; i++)
        if (c->counts[i])
            printf("  %-42s %10llu\n", bulk_hygiene_words((enum bulk_reason)i),
                   (unsigned long long)c->counts[i]);
    printf("removed, with reasons: %s\n", c->removed.path);
    if (c->reconfirm.file)
        printf("inactive, to be asked: %s\n", c->reconfirm.path);
}

int cli_bulk_clean(struct cli_bulk_plan *p)
{
    struct clean *c = MEM_NEW(struct clean);
    struct output *outputs[] = {&c->kept, &c->removed, &c->reconfirm};
    c->plan = p;
    c->names = template_names_open(p->arena);
    c->seen = bulk_seen_open(NULL);
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++)
        buf_init(&outputs[i]->lines, FLUSH_BYTES + BULK_CSV_RECORD_BYTES_MAX * 3);
    cli_ask_dns_run("clean", clean_fiber, c);
    if (c->exit == CLI_OK && p->cli->json)
        show_json(c);
    else if (c->exit == CLI_OK && !p->cli->quiet)
        show(c);
    int code = c->exit;
    bulk_choose_close(c->choose);
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        file_close(outputs[i]->file);
        buf_release(&outputs[i]->lines);
    }
    bulk_seen_close(c->seen);
    template_names_close(c->names);
    mem_free(c);
    return code;
}
