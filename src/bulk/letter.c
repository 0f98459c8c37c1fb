#include "bulk/letter.h"
#include "base/mem.h"
#include "message/mailbox.h"
#include "runtime/file.h"
#include <stdio.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = 500,
    VALUE_BYTES_MAX = MESSAGE_COMPOSE_VALUE_BYTES_MAX,
    TEMPLATES_MAX = BULK_LETTER_HEADERS_MAX + BULK_LETTER_FILES_MAX + 6,
};

static const char *const fields[] = {"email", "campaign", "split", "unsubscribe_url"};
enum { FIELD_EMAIL, FIELD_CAMPAIGN, FIELD_SPLIT, FIELD_UNSUBSCRIBE, FIELDS };

struct bulk_letter {
    struct bulk_letter_options options;
    struct arena *arena;
    const struct template *from, *to, *reply_to, *subject, *text, *html;
    const struct template *headers[BULK_LETTER_HEADERS_MAX];
    const struct template *files[BULK_LETTER_FILES_MAX];
    size_t slots[FIELDS];
    str domain;         /* of the sender */
    struct buf scratch; /* what a template is rendered into */
    struct bulk_token_signer *signer;
    struct buf good_from; /* a From that was found to be ours; most mailings have one */
};

err bulk_letter_add_fields(struct template_names *names)
{
    size_t slot;
    for (size_t i = 0; i < FIELDS; i++)
        TRY(template_names_add(names, str_of(fields[i]), &slot));
    return NULL;
}

/* ---- files -------------------------------------------------------------------------------- */

static err read_file(const char *path, size_t most, struct arena *arena, str *ret_bytes)
{
    struct file *file;
    struct file_facts facts;
    size_t count = 0;
    TRY(file_open(path, FILE_FOLLOW, &file));
    err e = file_facts(file, &facts);
    if (e == NULL && (!facts.regular || facts.size > most))
        e = err_new(ERR_CONFIG, "%s: no file, or longer than %zu bytes", path, most);
    char *bytes = e ? NULL : arena_alloc(arena, (size_t)facts.size + 1);
    if (e == NULL)
        e = file_read_at(file, bytes, (size_t)facts.size, 0, &count);
    file_close(file);
    if (e == NULL)
        *ret_bytes = (str){bytes, count};
    return e;
}

/* Inside the folder, whatever a row says: no absolute path, no "..", nothing hidden. */
static err path_below(const char *folder, str name, char path[PATH_BYTES_MAX])
{
    bool fine = name.len > 0 && name.ptr[0] != '/' && name.ptr[0] != '.' &&
                !str_contains(name, S("/.")) && str_find(name, '\0') == STR_NONE;
    int len = snprintf(path, PATH_BYTES_MAX, "%s/%.*s", folder ? folder : ".", STR_ARG(name));
    return fine && len < PATH_BYTES_MAX
               ? NULL
               : err_new(ERR_PROTOCOL, "\"%.*s\" is no file below the folder of the mailing",
                         STR_ARG(str_slice(name, 0, 100)));
}

static err find_partial(void *arg, str name, struct arena *arena,
                        struct template_source *ret_source)
{
    static const char *const endings[] = {"", ".html", ".txt", ".md"};
    const struct bulk_letter *l = arg;
    char path[PATH_BYTES_MAX], whole[TEMPLATE_PARTIAL_NAME_BYTES + 10];
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(whole, sizeof whole, "%.*s%s", STR_ARG(name), endings[i]);
        TRY(path_below(l->options.folder, str_of(whole), path));
        if (!file_exists(path))
            continue;
        ret_source->name = arena_str(arena, str_of(path));
        return read_file(path, TEMPLATE_SOURCE_BYTES_MAX, arena, &ret_source->text);
    }
    return err_new(ERR_CONFIG, "there is no such file beside the template");
}

/* ---- opening ------------------------------------------------------------------------------ */

static err compile(struct bulk_letter *l, struct template_names *names,
                   enum template_context context, const struct template_source *source,
                   const struct template **ret_template)
{
    struct template_options options = {
        .context = context,
        .source = *source,
        .names = names,
        .allow_raw = l->options.allow_raw,
        .partial = find_partial,
        .partial_arg = l,
    };
    return source->text.len ? template_compile(&options, l->arena, ret_template) : NULL;
}

static bool is_address_field(str name)
{
    static const char *const names[] = {"sender", "cc", "resent-from", "resent-to", "errors-to"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

/* Fields that are ours to write, or that would send a mail to more than its one recipient. */
static err check_header(str name)
{
    static const char *const ours[] = {"from",
                                       "to",
                                       "bcc",
                                       "cc",
                                       "subject",
                                       "date",
                                       "message-id",
                                       "reply-to",
                                       "mime-version",
                                       "content-type",
                                       "content-transfer-encoding",
                                       "list-unsubscribe",
                                       "list-unsubscribe-post",
                                       "return-path",
                                       "received",
                                       "dkim-signature"};
    for (size_t i = 0; i < name.len; i++) /* attack 50 */
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 127)
            return err_new(ERR_CONFIG, "headers: this is no field's name");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_eq_nocase(name, str_of(ours[i])))
            return err_new(ERR_CONFIG,
                           "headers: %.*s has an option of its own, or is ours to write",
                           STR_ARG(name));
    return NULL;
}

static err compile_all(struct bulk_letter *l, struct template_names *names)
{
    const struct bulk_letter_options *o = &l->options;
    TRY(compile(l, names, TEMPLATE_ADDRESSES, &o->from, &l->from));
    TRY(compile(l, names, TEMPLATE_ADDRESSES, &o->to, &l->to));
    TRY(compile(l, names, TEMPLATE_ADDRESSES, &o->reply_to, &l->reply_to));
    TRY(compile(l, names, TEMPLATE_HEADER, &o->subject, &l->subject));
    TRY(compile(l, names, TEMPLATE_PLAIN, &o->text, &l->text));
    TRY(compile(l, names, TEMPLATE_HTML, &o->html, &l->html));
    for (size_t i = 0; i < o->header_count; i++) {
        TRY(check_header(o->headers[i].name));
        TRY(compile(l, names,
                    is_address_field(o->headers[i].name) ? TEMPLATE_ADDRESSES : TEMPLATE_HEADER,
                    &o->headers[i].value, &l->headers[i]));
    }
    for (size_t i = 0; i < o->file_count; i++)
        TRY(compile(l, names, TEMPLATE_HEADER, &o->files[i], &l->files[i]));
    return NULL;
}

err bulk_letter_open(const struct bulk_letter_options *options, struct template_names *names,
                     struct bulk_letter **ret_letter)
{
    struct bulk_letter *l = MEM_NEW(struct bulk_letter);
    l->options = *options;
    buf_init(&l->scratch, MESSAGE_COMPOSE_TEXT_BYTES_MAX);
    buf_init(&l->good_from, VALUE_BYTES_MAX);
    l->arena = arena_open((size_t)TEMPLATES_MAX * TEMPLATE_ARENA_BYTES_MAX);
    size_t at = str_find_last(options->sender, '@');
    l->domain = at == STR_NONE ? S("localhost") : str_from(options->sender, at + 1);
    err e = NULL;
    for (size_t i = 0; i < FIELDS && e == NULL; i++)
        e = template_names_add(names, str_of(fields[i]), &l->slots[i]);
    if (e == NULL)
        e = compile_all(l, names);
    if (e == NULL && (options->unsubscribe_url.len || options->unsubscribe_mailto.len))
        e = bulk_token_signer_open(options->secret, &l->signer);
    if (e)
        bulk_letter_close(l);
    else
        *ret_letter = l;
    return e;
}

void bulk_letter_close(struct bulk_letter *l)
{
    if (l == NULL)
        return;
    arena_close(l->arena);
    buf_release(&l->scratch);
    buf_release(&l->good_from);
    bulk_token_signer_close(l->signer);
    mem_free(l);
}

/* ---- one mail ----------------------------------------------------------------------------- */

struct writer {
    struct bulk_letter *letter;
    const struct bulk_letter_row *row;
    struct template_scope scope;
    struct arena *arena;
    size_t rendered; /* bytes of it, by templates */
    struct message_compose compose;
    struct message_compose_field more[BULK_LETTER_HEADERS_MAX + 3];
    size_t more_count;
    struct message_compose_file files[BULK_LETTER_FILES_MAX];
};

static err render(struct writer *w, const struct template *t, size_t most, str *ret_text)
{
    struct buf *out = &w->letter->scratch;
    buf_clear(out);
    out->max = most; /* none of them is more than it was made for */
    *ret_text = (str){0};
    if (t == NULL)
        return NULL;
    size_t before = arena_used(w->arena);
    if (w->rendered > BULK_LETTER_RENDER_BYTES_MAX)
        return err_new(ERR_CONFIG, "the templates of one mail take more than %d MiB",
                       BULK_LETTER_RENDER_BYTES_MAX >> 20);
    TRY(template_render(t, &w->scope, out));
    *ret_text = arena_str(w->arena, buf_str(out));
    w->rendered += arena_used(w->arena) - before;
    return NULL;
}

static void add_more(struct writer *w, str name, str value)
{
    w->more[w->more_count++] = (struct message_compose_field){name, value};
}

/* List-Unsubscribe and One-Click (RFC 2369, 8058). */
static err add_unsubscribe(struct writer *w)
{
    const struct bulk_letter_options *o = &w->letter->options;
    CLEANUP(buf_release) struct buf token;
    buf_init(&token, BULK_TOKEN_BYTES_MAX);
    if (o->unsubscribe_url.len == 0 && o->unsubscribe_mailto.len == 0)
        return NULL;
    TRY(bulk_token_write(w->letter->signer, o->campaign, w->row->address->folded, &token));
    str url = {0}, mail = {0}, local, domain;
    if (o->unsubscribe_url.len)
        url = arena_printf(w->arena, "%.*s%cu=%.*s", STR_ARG(o->unsubscribe_url),
                           str_find(o->unsubscribe_url, '?') == STR_NONE ? '?' : '&',
                           STR_ARG(buf_str(&token)));
    str_split(o->unsubscribe_mailto, '@', &local, &domain);
    if (o->unsubscribe_mailto.len)
        mail = arena_printf(w->arena, "<mailto:%.*s?subject=unsubscribe%%20%.*s>",
                            STR_ARG(o->unsubscribe_mailto), STR_ARG(buf_str(&token)));
    add_more(w, S("List-Unsubscribe"),
             arena_printf(w->arena, "%s%.*s%s%s%.*s", url.len ? "<" : "", STR_ARG(url),
                          url.len ? ">" : "", url.len && mail.len ? ", " : "", STR_ARG(mail)));
    if (url.len)
        add_more(w, S("List-Unsubscribe-Post"), S("List-Unsubscribe=One-Click"));
    w->row->slots[w->letter->slots[FIELD_UNSUBSCRIBE]] = template_value_of_text(url);
    return NULL;
}

static void set_fields(struct writer *w)
{
    const struct bulk_letter *l = w->letter;
    struct template_value *slots = w->row->slots;
    slots[l->slots[FIELD_EMAIL]] = template_value_of_text(w->row->address->text);
    slots[l->slots[FIELD_CAMPAIGN]] = template_value_of_text(l->options.campaign);
    if (w->row->split)
        slots[l->slots[FIELD_SPLIT]] = template_value_of_number(w->row->split);
}

/* Who a mail is from does not depend on its row: attack 53. */
static err check_from(struct writer *w, str from)
{
    const struct bulk_letter_options *o = &w->letter->options;
    struct message_mailboxes list;
    if (from.len > 0 && str_eq(from, buf_str(&w->letter->good_from)))
        return NULL;
    TRY(message_mailboxes_parse(from, w->arena, &list));
    for (size_t i = 0; i < list.count; i++) {
        bool ours = str_eq_nocase(list.items[i].domain, w->letter->domain);
        for (size_t k = 0; k < o->from_domain_count; k++)
            ours = ours || str_eq_nocase(list.items[i].domain, o->from_domains[k]);
        if (!ours)
            return err_new(ERR_PROTOCOL, "From is of %.*s, and the mailing of %.*s",
                           STR_ARG(str_slice(list.items[i].domain, 0, 100)),
                           STR_ARG(w->letter->domain));
    }
    buf_clear(&w->letter->good_from);
    return buf_add(&w->letter->good_from, from);
}

static err add_headers(struct writer *w)
{
    const struct bulk_letter *l = w->letter;
    for (size_t i = 0; i < l->options.header_count; i++) {
        str value;
        TRY(render(w, l->headers[i], VALUE_BYTES_MAX, &value));
        if (value.len > 0)
            add_more(w, l->options.headers[i].name, value);
    }
    return NULL;
}

static err add_files(struct writer *w)
{
    const struct bulk_letter *l = w->letter;
    for (size_t i = 0; i < l->options.file_count; i++) {
        char path[PATH_BYTES_MAX];
        str name, bytes;
        TRY(render(w, l->files[i], PATH_BYTES_MAX, &name));
        if (name.len == 0)
            continue; /* this row has none */
        TRY(path_below(l->options.folder, name, path));
        err e = read_file(path, BULK_LETTER_FILE_BYTES_MAX, w->arena, &bytes);
        if (e)
            return err_make(ERR_PROTOCOL, e, __FILE__, __LINE__, "attachment %.*s", STR_ARG(name));
        w->files[w->compose.file_count++] =
            (struct message_compose_file){.name = name, .bytes = bytes};
    }
    return NULL;
}

static err write_mail(struct writer *w, struct buf *out)
{
    const struct bulk_letter *l = w->letter;
    struct message_compose *c = &w->compose;
    TRY(add_unsubscribe(w));
    TRY(render(w, l->from, VALUE_BYTES_MAX, &c->from));
    TRY(check_from(w, c->from));
    if (l->to)
        TRY(render(w, l->to, VALUE_BYTES_MAX, &c->to));
    else
        c->to = w->row->address->text;
    TRY(render(w, l->subject, VALUE_BYTES_MAX, &c->subject));
    TRY(render(w, l->text, MESSAGE_COMPOSE_TEXT_BYTES_MAX, &c->text));
    TRY(render(w, l->html, MESSAGE_COMPOSE_TEXT_BYTES_MAX, &c->html));
    str reply_to;
    TRY(render(w, l->reply_to, VALUE_BYTES_MAX, &reply_to));
    if (reply_to.len)
        add_more(w, S("Reply-To"), reply_to);
    TRY(add_headers(w));
    TRY(add_files(w));
    c->message_id = arena_printf(w->arena, "<%s@%.*s>", w->row->key, STR_ARG(l->domain));
    c->more = w->more;
    c->more_count = w->more_count;
    c->files = w->files;
    c->boundary = str_of(w->row->key);
    c->now_ms = w->row->now_ms;
    return message_compose(c, out);
}

err bulk_letter_write(struct bulk_letter *l, const struct bulk_letter_row *row, struct arena *arena,
                      struct buf *out)
{
    struct writer *w = ARENA_NEW(arena, struct writer);
    w->letter = l;
    w->row = row;
    w->arena = arena;
    w->scope = (struct template_scope){
        .slots = row->slots, .slot_count = row->slot_count, .now_ms = row->now_ms, .arena = arena};
    set_fields(w);
    size_t before = out->len;
    err e = write_mail(w, out);
    if (e)
        out->len = before;
    return e;
}
