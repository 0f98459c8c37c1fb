#include "lib/render.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mailauth/dkim_sign.h"
#include "message/header.h"
#include "message/id.h"
#include <unistd.h>

enum {
    MORE_MAX = SMTPTOOL_HEADERS_MAX + 2,
    SCRATCH_BYTES_MAX = 64 << 20, /* views of all fields of the largest header */
    SIGNATURES_BYTES_MAX = 256 << 10,
};

/* ---- composing -------------------------------------------------------------------------- */

/* The part of a Message-ID behind the "@": the sender's domain, which is known to be his. */
static str id_domain(str from, struct arena *arena)
{
    size_t at = str_find_last(from, '@');
    str domain = at == STR_NONE ? S("localhost") : str_from(from, at + 1);
    size_t len = 0;
    while (len < domain.len &&
           (char_is_alnum(domain.ptr[len]) || domain.ptr[len] == '.' || domain.ptr[len] == '-'))
        len++;
    return len == 0 ? S("localhost") : arena_str(arena, str_slice(domain, 0, len));
}

static size_t list_fields(const struct smtptool_message *m, struct arena *arena,
                          struct message_compose_field more[MORE_MAX])
{
    size_t count = 0;
    for (; count < m->field_count; count++)
        more[count] = m->fields[count];
    if (m->unsubscribe.len > 0)
        more[count++] = (struct message_compose_field){
            S("List-Unsubscribe"),
            arena_printf(arena, "<%.*s>", STR_ARG(buf_str(&m->unsubscribe)))};
    if (m->unsubscribe.len > 0 && m->one_click)
        more[count++] = (struct message_compose_field){S("List-Unsubscribe-Post"),
                                                       S("List-Unsubscribe=One-Click")};
    return count;
}

static err compose(struct smtptool_message *m, struct buf *out)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
    struct message_compose_field *more = ARENA_ARRAY(arena, struct message_compose_field, MORE_MAX);
    int64_t now_ms = clock_real_ms();
    if (m->from.len == 0)
        return err_new(ERR_CONFIG, "From: is missing");
    if (m->to.len + m->cc.len + m->bcc.len == 0 && m->text.len + m->html.len == 0 &&
        m->file_count == 0)
        return err_new(ERR_CONFIG, "the message is empty");
    struct message_compose parts = {
        .from = buf_str(&m->from),
        .to = buf_str(&m->to),
        .cc = buf_str(&m->cc),
        .subject = buf_str(&m->subject),
        .message_id = message_id_make(arena, id_domain(buf_str(&m->from), arena), now_ms),
        .now_ms = now_ms,
        .text = buf_str(&m->text),
        .html = buf_str(&m->html),
        .files = m->files,
        .file_count = m->file_count,
        .more = more,
        .more_count = list_fields(m, arena, more),
    };
    return message_compose(&parts, out);
}

/* ---- signing ---------------------------------------------------------------------------- */

static void make_plans(const struct smtptool_message *m, str header,
                       struct mailauth_dkim_plan plans[SMTPTOOL_SIGNATURES_MAX])
{
    bool bulk = message_header_count(header, S("List-Id")) > 0 ||
                message_header_count(header, S("List-Unsubscribe")) > 0;
    for (size_t i = 0; i < m->key_count; i++)
        plans[i] = (struct mailauth_dkim_plan){
            .domain = m->keys[i].domain,
            .selector = m->keys[i].selector,
            .purpose = bulk ? MAILAUTH_DKIM_BULK : MAILAUTH_DKIM_MAIL,
            .header_canon = MAILAUTH_CANON_RELAXED,
            .body_canon = MAILAUTH_CANON_RELAXED,
            .signer = mailauth_dkim_private_signer(m->keys[i].private),
        };
}

static err sign(const struct smtptool_message *m, str content, struct buf *fields)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(SCRATCH_BYTES_MAX);
    struct mailauth_dkim_plan *plans =
        ARENA_ARRAY(arena, struct mailauth_dkim_plan, SMTPTOOL_SIGNATURES_MAX);
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(arena);
    struct mailauth_dkim_sign *signing;
    size_t end = message_header_length(content, 0);
    if (end == STR_NONE)
        return err_new(ERR_CONFIG, "DKIM: no empty line ends the header");
    if (end > MESSAGE_HEADER_BYTES_MAX)
        return err_new(ERR_LIMIT, "DKIM: a header of more than %d bytes", MESSAGE_HEADER_BYTES_MAX);
    str header = str_slice(content, 0, end - 2);
    make_plans(m, header, plans);
    TRY(mailauth_dkim_sign_open(header, plans, m->key_count, hash, arena, &signing));
    mailauth_canon_hash_add(hash, str_from(content, end));
    return mailauth_dkim_sign_finish(signing, clock_real_ms() / 1000, fields, DEADLINE_NEVER);
}

/* ---- the whole -------------------------------------------------------------------------- */

static void note_id(struct smtptool_message *m, str content)
{
    struct message_field id;
    m->message_id[0] = '\0';
    if (message_header_find(content, S("Message-ID"), &id))
        str_to_chars(str_trim(id.value), m->message_id, sizeof m->message_id);
}

err lib_render(struct smtptool_message *m)
{
    CLEANUP(buf_release) struct buf content, fields;
    buf_init(&content, m->rendered.max);
    buf_init(&fields, SIGNATURES_BYTES_MAX);
    if (m->rendered.len > 0)
        return NULL;
    if (m->is_raw)
        TRY(buf_add(&content, buf_str(&m->raw)));
    else
        TRY(compose(m, &content));
    if (m->key_count > 0)
        TRY(sign(m, buf_str(&content), &fields));
    note_id(m, buf_str(&content));
    TRY(buf_add(&m->rendered, buf_str(&fields)));
    err e = buf_add(&m->rendered, buf_str(&content));
    if (e)
        buf_clear(&m->rendered);
    return e;
}

int smtptool_message_render(struct smtptool_message *m, const char **ret_bytes, size_t *ret_size,
                            struct smtptool_error **ret_error)
{
    struct lib_call call;
    if (m == NULL || ret_bytes == NULL || ret_size == NULL)
        return lib_call_misuse(ret_error, "message, bytes and size are needed");
    if (!lib_call_begin(&call, &m->busy, ret_error))
        return SMTPTOOL_MISUSE;
    err e = lib_render(m);
    if (e == NULL) {
        *ret_bytes = buf_chars(&m->rendered);
        *ret_size = m->rendered.len;
    }
    return lib_call_end(&call, e);
}
