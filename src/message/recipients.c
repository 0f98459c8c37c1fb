#include "message/recipients.h"
#include "message/header.h"
#include "message/mailbox.h"

enum { ADDRESS_BYTES_MAX = 4096 };

struct reading {
    struct arena *arena;
    struct message_recipients *to;
    size_t room;
};

static bool is_one_of(str name, const char *const names[3])
{
    for (size_t i = 0; i < 3; i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

static const char *const plain[3] = {"To", "Cc", "Bcc"};
static const char *const resent[3] = {"Resent-To", "Resent-Cc", "Resent-Bcc"};

static err add_mailbox(struct reading *r, const struct message_mailbox *mailbox)
{
    CLEANUP(buf_release) struct buf address;
    buf_init(&address, ADDRESS_BYTES_MAX);
    if (r->to->count == MESSAGE_RECIPIENTS_MAX)
        return err_new(ERR_LIMIT, "more than %d recipients", MESSAGE_RECIPIENTS_MAX);
    if (r->to->count == r->room) {
        size_t room = r->room ? 2 * r->room : 16;
        str *more = ARENA_ARRAY(r->arena, str, room);
        for (size_t i = 0; i < r->to->count; i++)
            more[i] = r->to->addresses[i];
        r->to->addresses = more;
        r->room = room;
    }
    TRY(message_mailbox_add_address(mailbox, &address));
    r->to->addresses[r->to->count++] = arena_str(r->arena, buf_str(&address));
    return NULL;
}

static err read_field(struct reading *r, const struct message_field *field)
{
    struct message_mailboxes list;
    if (str_trim(field->value).len == 0)
        return NULL; /* "Bcc:" */
    err e = message_mailboxes_parse(field->value, r->arena, &list);
    for (size_t i = 0; e == NULL && i < list.count; i++)
        e = add_mailbox(r, &list.items[i]);
    if (e && e->kind != ERR_LIMIT)
        return err_new(ERR_CONFIG, "the field %.*s is no address list",
                       STR_ARG(str_slice(field->name, 0, 40)));
    return e;
}

static err read_fields(struct reading *r, str content, const char *const names[3])
{
    struct message_field field;
    while (message_header_next(&content, &field))
        if (is_one_of(field.name, names))
            TRY(read_field(r, &field));
    return NULL;
}

err message_recipients_read(str content, struct arena *arena,
                            struct message_recipients *ret_recipients)
{
    struct message_recipients found = {0};
    struct reading r = {.arena = arena, .to = &found};
    TRY(read_fields(&r, content, resent));
    if (found.count == 0)
        TRY(read_fields(&r, content, plain));
    *ret_recipients = found;
    return NULL;
}

err message_recipients_add_without_bcc(str content, struct buf *out)
{
    struct message_field field;
    while (message_header_next(&content, &field))
        if (!str_eq_nocase(field.name, S("Bcc")) && !str_eq_nocase(field.name, S("Resent-Bcc")))
            TRY(buf_add(out, field.raw));
    return buf_add(out, content);
}
