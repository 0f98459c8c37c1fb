#include "lib/message.h"
#include "base/mem.h"
#include "lib/address.h"
#include "mailauth/dkim_sign.h"
#include "message/crlf.h"
#include "message/mailbox.h"
#include <assert.h>
#include <string.h>

static_assert((int)SMTPTOOL_VALUE_BYTES_MAX == (int)MESSAGE_COMPOSE_VALUE_BYTES_MAX,
              "as smtptool.h says");
static_assert((int)SMTPTOOL_TEXT_BYTES_MAX == (int)MESSAGE_COMPOSE_TEXT_BYTES_MAX,
              "as smtptool.h says");
static_assert((int)SMTPTOOL_MESSAGE_BYTES_MAX == (int)MESSAGE_COMPOSE_FILE_BYTES_MAX,
              "as smtptool.h says");
static_assert((int)SMTPTOOL_FILES_MAX == (int)MESSAGE_COMPOSE_FILES_MAX, "as smtptool.h says");
static_assert((int)SMTPTOOL_RECIPIENTS_MAX == (int)ENVELOPE_RCPTS_MAX, "as smtptool.h says");

enum {
    FIELD_NAME_BYTES_MAX = 76,
    FILE_TEXTS_BYTES_MAX = 3 * 512, /* name, type and id, which are judged before */
    ARENA_BYTES_MAX = SMTPTOOL_HEADERS_MAX * (SMTPTOOL_VALUE_BYTES_MAX + FIELD_NAME_BYTES_MAX) +
                      SMTPTOOL_FILES_MAX * FILE_TEXTS_BYTES_MAX + (1 << 20),
    KEY_ARENA_BYTES_MAX = 1 << 20,
    DOMAIN_BYTES_MAX = 255,
};

/* What one call gives. */
struct part {
    const char *name, *value, *type, *id;
    str bytes;
    bool flag;
};

/* ---- its life --------------------------------------------------------------------------- */

struct smtptool_message *smtptool_message_new(void)
{
    struct smtptool_message *m = MEM_NEW(struct smtptool_message);
    m->arena = arena_open(ARENA_BYTES_MAX);
    m->fields = ARENA_ARRAY(m->arena, struct message_compose_field, SMTPTOOL_HEADERS_MAX);
    m->files = ARENA_ARRAY(m->arena, struct message_compose_file, SMTPTOOL_FILES_MAX);
    m->bodies = ARENA_ARRAY(m->arena, struct buf, SMTPTOOL_FILES_MAX);
    buf_init(&m->from, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&m->to, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&m->cc, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&m->bcc, MESSAGE_MAILBOXES_BYTES_MAX);
    buf_init(&m->subject, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&m->text, MESSAGE_COMPOSE_TEXT_BYTES_MAX);
    buf_init(&m->html, MESSAGE_COMPOSE_TEXT_BYTES_MAX);
    buf_init(&m->raw, (size_t)SMTPTOOL_MESSAGE_BYTES_MAX * 2);
    buf_init(&m->unsubscribe, MESSAGE_COMPOSE_VALUE_BYTES_MAX);
    buf_init(&m->rendered, (size_t)SMTPTOOL_MESSAGE_BYTES_MAX * 2);
    return m;
}

void smtptool_message_free(struct smtptool_message *m)
{
    if (m == NULL || __atomic_load_n(&m->busy, __ATOMIC_ACQUIRE))
        return;
    struct buf *bufs[] = {&m->from, &m->to,   &m->cc,  &m->bcc,         &m->subject,
                          &m->text, &m->html, &m->raw, &m->unsubscribe, &m->rendered};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
    for (size_t i = 0; i < m->file_count; i++)
        buf_release(&m->bodies[i]);
    for (size_t i = 0; i < m->key_count; i++)
        arena_close(m->keys[i].arena);
    arena_close(m->arena);
    mem_free(m);
}

/* ---- changing it ------------------------------------------------------------------------ */

static int change(struct smtptool_message *m, err (*set)(struct smtptool_message *, struct part *),
                  struct part part, struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (m == NULL)
        return lib_call_misuse(ret_error, "a message that is NULL");
    if (!lib_call_begin(&call, &m->busy, ret_error))
        return SMTPTOOL_MISUSE;
    static const struct smtptool_error raw = {SMTPTOOL_MISUSE, 0, "",
                                              "the message is a whole one: no part can be added"};
    if (m->is_raw)
        return lib_call_end_with(&call, &raw);
    err e = set(m, &part);
    if (e == NULL) {
        m->has_parts = true;
        buf_clear(&m->rendered);
    }
    return lib_call_end(&call, e);
}

static err replace(struct buf *kept, str value)
{
    if (value.len > kept->max)
        return err_new(ERR_LIMIT, "more than %zu bytes", kept->max);
    buf_clear(kept);
    return buf_add(kept, value);
}

static err need(const struct part *part)
{
    return part->value ? NULL : err_new(ERR_CONFIG, "%s: NULL", part->name);
}

/* Does every mailbox of it make a path for the envelope, too? */
static err check_mailboxes(const char *name, str value, size_t most)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(LIB_ADDRESS_ARENA_BYTES_MAX);
    struct lib_address_list list = {.max = most};
    TRY(message_compose_check_addresses(name, value));
    list.rcpts = ARENA_ARRAY(arena, struct envelope_rcpt, most);
    TRY(lib_address_add_mailboxes(name, value, arena, &list));
    return list.count > 0 ? NULL : err_new(ERR_CONFIG, "%s: no address", name);
}

static err set_from(struct smtptool_message *m, struct part *part)
{
    TRY(need(part));
    TRY(check_mailboxes("From", str_of(part->value), 1));
    return replace(&m->from, str_of(part->value));
}

static err add_mailboxes(struct buf *list, const struct part *part)
{
    TRY(need(part));
    TRY(check_mailboxes(part->name, str_of(part->value), ENVELOPE_RCPTS_MAX));
    if (list->len + strlen(part->value) + 2 > list->max)
        return err_new(ERR_LIMIT, "%s: more than %zu bytes", part->name, list->max);
    if (list->len > 0)
        TRY(buf_add(list, S(", ")));
    return buf_add(list, str_of(part->value));
}

static err add_to(struct smtptool_message *m, struct part *part)
{
    return add_mailboxes(&m->to, part);
}

static err add_cc(struct smtptool_message *m, struct part *part)
{
    return add_mailboxes(&m->cc, part);
}

static err add_bcc(struct smtptool_message *m, struct part *part)
{
    return add_mailboxes(&m->bcc, part);
}

static err set_subject(struct smtptool_message *m, struct part *part)
{
    TRY(need(part));
    TRY(message_compose_check_value("Subject", str_of(part->value)));
    return replace(&m->subject, str_of(part->value));
}

static err check_text(const struct part *part)
{
    TRY(need(part));
    if (!str_is_utf8(str_of(part->value)))
        return err_new(ERR_CONFIG, "%s: is not UTF-8", part->name);
    return NULL;
}

static err set_text(struct smtptool_message *m, struct part *part)
{
    TRY(check_text(part));
    return replace(&m->text, str_of(part->value));
}

static err set_html(struct smtptool_message *m, struct part *part)
{
    TRY(check_text(part));
    return replace(&m->html, str_of(part->value));
}

static bool is_one_of(str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

static err add_field(struct smtptool_message *m, struct part *part)
{
    static const char *const addresses[] = {"Reply-To", "Sender", "Disposition-Notification-To"};
    static const char *const ours[] = {"List-Unsubscribe", "List-Unsubscribe-Post",
                                       "DKIM-Signature", "Received", "Return-Path"};
    str name = str_of(part->name), value = str_of(part->value);
    TRY(need(part));
    TRY(message_compose_check_field(name, value));
    if (is_one_of(name, ours, ARRAY_LEN(ours)))
        return err_new(ERR_CONFIG, "%s: is written from a part of its own, or by servers",
                       part->name);
    if (is_one_of(name, addresses, ARRAY_LEN(addresses)))
        TRY(message_compose_check_addresses(part->name, value));
    if (m->field_count == SMTPTOOL_HEADERS_MAX)
        return err_new(ERR_LIMIT, "more than %d header fields", SMTPTOOL_HEADERS_MAX);
    m->fields[m->field_count++] = (struct message_compose_field){
        arena_str(m->arena, name), arena_str(m->arena, str_trim(value))};
    return NULL;
}

/* Printable ASCII without what ends a URL in a header field (attack 52). */
static err check_url(str url, bool one_click)
{
    bool https = str_starts_nocase(url, S("https://")) && url.len > 8;
    bool mailto = str_starts_nocase(url, S("mailto:")) && url.len > 7;
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] >= 127 || strchr("<>\"\\^`{|}", url.ptr[i]))
            return err_new(ERR_CONFIG, "List-Unsubscribe: a URL with a blank, a bracket or a "
                                       "control byte: encode it as %%XX");
    if (!https && !(mailto && !one_click))
        return err_new(ERR_CONFIG, "List-Unsubscribe: %s",
                       one_click ? "one click needs an https: URL"
                                 : "neither an https: nor a mailto: URL");
    return NULL;
}

static err set_unsubscribe(struct smtptool_message *m, struct part *part)
{
    TRY(need(part));
    TRY(check_url(str_of(part->value), part->flag));
    TRY(replace(&m->unsubscribe, str_of(part->value)));
    m->one_click = part->flag;
    return NULL;
}

static err add_file(struct smtptool_message *m, struct part *part)
{
    struct message_compose_file file = {str_of(part->name), str_of(part->type), str_of(part->id),
                                        part->bytes};
    if (part->bytes.ptr == NULL && part->bytes.len > 0)
        return err_new(ERR_CONFIG, "a file whose bytes are NULL");
    if (part->flag && file.content_id.len == 0)
        return err_new(ERR_CONFIG, "content id: an inline image needs one");
    TRY(message_compose_check_file(&file));
    if (m->file_count == SMTPTOOL_FILES_MAX)
        return err_new(ERR_LIMIT, "more than %d files", SMTPTOOL_FILES_MAX);
    if (part->bytes.len > SMTPTOOL_MESSAGE_BYTES_MAX - m->file_bytes)
        return err_new(ERR_LIMIT, "files of more than %d bytes", SMTPTOOL_MESSAGE_BYTES_MAX);
    struct buf *body = &m->bodies[m->file_count];
    buf_init(body, SMTPTOOL_MESSAGE_BYTES_MAX);
    TRY(buf_add(body, part->bytes));
    m->file_bytes += part->bytes.len;
    m->files[m->file_count++] = (struct message_compose_file){
        arena_str(m->arena, file.name), arena_str(m->arena, file.type),
        arena_str(m->arena, file.content_id), buf_str(body)};
    return NULL;
}

/* ---- the calls -------------------------------------------------------------------------- */

int smtptool_message_from(struct smtptool_message *m, const char *mailbox,
                          struct smtptool_error **ret_error)
{
    return change(m, set_from, (struct part){.name = "From", .value = mailbox}, ret_error);
}

int smtptool_message_to(struct smtptool_message *m, const char *mailboxes,
                        struct smtptool_error **ret_error)
{
    return change(m, add_to, (struct part){.name = "To", .value = mailboxes}, ret_error);
}

int smtptool_message_cc(struct smtptool_message *m, const char *mailboxes,
                        struct smtptool_error **ret_error)
{
    return change(m, add_cc, (struct part){.name = "Cc", .value = mailboxes}, ret_error);
}

int smtptool_message_bcc(struct smtptool_message *m, const char *mailboxes,
                         struct smtptool_error **ret_error)
{
    return change(m, add_bcc, (struct part){.name = "Bcc", .value = mailboxes}, ret_error);
}

int smtptool_message_subject(struct smtptool_message *m, const char *subject,
                             struct smtptool_error **ret_error)
{
    return change(m, set_subject, (struct part){.name = "Subject", .value = subject}, ret_error);
}

int smtptool_message_text(struct smtptool_message *m, const char *text,
                          struct smtptool_error **ret_error)
{
    return change(m, set_text, (struct part){.name = "text", .value = text}, ret_error);
}

int smtptool_message_html(struct smtptool_message *m, const char *html,
                          struct smtptool_error **ret_error)
{
    return change(m, set_html, (struct part){.name = "html", .value = html}, ret_error);
}

int smtptool_message_header(struct smtptool_message *m, const char *name, const char *value,
                            struct smtptool_error **ret_error)
{
    struct part part = {.name = name ? name : "", .value = value};
    return change(m, add_field, part, ret_error);
}

int smtptool_message_unsubscribe(struct smtptool_message *m, const char *url, int one_click,
                                 struct smtptool_error **ret_error)
{
    struct part part = {.name = "List-Unsubscribe", .value = url, .flag = one_click != 0};
    return change(m, set_unsubscribe, part, ret_error);
}

int smtptool_message_attach(struct smtptool_message *m, const char *name, const char *type,
                            const void *bytes, size_t size, struct smtptool_error **ret_error)
{
    struct part part = {
        .name = name, .type = type, .bytes = {bytes, size}
    };
    return change(m, add_file, part, ret_error);
}

int smtptool_message_inline(struct smtptool_message *m, const char *content_id, const char *name,
                            const char *type, const void *bytes, size_t size,
                            struct smtptool_error **ret_error)
{
    struct part part = {
        .name = name, .type = type, .id = content_id, .bytes = {bytes, size},
                   .flag = true
    };
    return change(m, add_file, part, ret_error);
}

/* ---- a whole message -------------------------------------------------------------------- */

static err set_raw(struct smtptool_message *m, str bytes)
{
    struct message_crlf state = {0};
    if (bytes.ptr == NULL || bytes.len == 0)
        return err_new(ERR_CONFIG, "the message is empty");
    if (bytes.len > SMTPTOOL_MESSAGE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a message of more than %d bytes", SMTPTOOL_MESSAGE_BYTES_MAX);
    if (str_find(bytes, '\0') != STR_NONE)
        return err_new(ERR_CONFIG, "the message holds a NUL byte: encode it (base64) first");
    buf_clear(&m->raw);
    buf_clear(&m->rendered);
    TRY(message_crlf_add(&state, bytes, &m->raw));
    TRY(message_crlf_end(&state, &m->raw));
    m->is_raw = true;
    return NULL;
}

int smtptool_message_raw(struct smtptool_message *m, const void *bytes, size_t size,
                         struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (m == NULL || m->has_parts)
        return lib_call_misuse(ret_error, m ? "the message has parts: it cannot be a whole one, too"
                                            : "a message that is NULL");
    if (!lib_call_begin(&call, &m->busy, ret_error))
        return SMTPTOOL_MISUSE;
    return lib_call_end(&call, set_raw(m, (str){bytes, size}));
}

/* ---- signatures ------------------------------------------------------------------------- */

static err read_key(struct lib_message_key *key, str domain, str selector, str pem)
{
    struct mailauth_dkim_plan plan = {.domain = domain, .selector = selector};
    if (domain.len == 0 || domain.len > DOMAIN_BYTES_MAX || selector.len == 0 ||
        selector.len > DOMAIN_BYTES_MAX)
        return err_new(ERR_CONFIG, "DKIM: a domain and a selector are needed");
    if (pem.len > MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX)
        return err_new(ERR_LIMIT, "DKIM: a key of more than %d bytes",
                       MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX);
    TRY(mailauth_dkim_sign_check(&plan, S("from"), key->arena));
    TRY(mailauth_dkim_private_read(pem, key->arena, &key->private));
    key->domain = arena_str(key->arena, domain);
    key->selector = arena_str(key->arena, selector);
    return NULL;
}

static err add_key(struct smtptool_message *m, str domain, str selector, str pem)
{
    if (m->key_count == SMTPTOOL_SIGNATURES_MAX)
        return err_new(ERR_LIMIT, "more than %d signatures", SMTPTOOL_SIGNATURES_MAX);
    struct lib_message_key *key = &m->keys[m->key_count];
    key->arena = arena_open(KEY_ARENA_BYTES_MAX);
    err e = read_key(key, domain, selector, pem);
    if (e) {
        arena_close(key->arena);
        return e;
    }
    m->key_count++;
    buf_clear(&m->rendered);
    return NULL;
}

int smtptool_dkim_sign(struct smtptool_message *m, const char *domain, const char *selector,
                       const char *pem, struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (m == NULL || domain == NULL || selector == NULL || pem == NULL)
        return lib_call_misuse(ret_error, "message, domain, selector and key are needed");
    if (!lib_call_begin(&call, &m->busy, ret_error))
        return SMTPTOOL_MISUSE;
    return lib_call_end(&call, add_key(m, str_of(domain), str_of(selector), str_of(pem)));
}
