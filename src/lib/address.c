#include "lib/address.h"
#include "message/mailbox.h"
#include "smtp/path.h"

enum { SHOWN_BYTES_MAX = 120, ADDRESS_TEXT_BYTES_MAX = 4096 };

err lib_address_add(const char *name, str address, struct arena *arena,
                    struct lib_address_list *list)
{
    struct smtp_path path;
    smtp_refusal no = address.len > ADDRESS_TEXT_BYTES_MAX
                          ? NULL
                          : smtp_path_parse_bare(address, true, arena, &path);
    if (no || address.len > ADDRESS_TEXT_BYTES_MAX)
        return err_new(ERR_CONFIG, "%s: \"%.*s\" is no address: %s", name,
                       STR_ARG(str_slice(address, 0, SHOWN_BYTES_MAX)),
                       no ? no->text : "it is too long");
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->rcpts[i].address, path.text))
            return NULL;
    if (list->count == list->max)
        return err_new(ERR_LIMIT, "%s: more than %zu addresses", name, list->max);
    list->rcpts[list->count++] = (struct envelope_rcpt){.address = path.text};
    return NULL;
}

err lib_address_add_mailboxes(const char *name, str value, struct arena *arena,
                              struct lib_address_list *list)
{
    struct message_mailboxes boxes;
    err e = message_mailboxes_parse(value, arena, &boxes);
    if (e)
        return err_new(ERR_CONFIG, "%s: \"%.*s\" is no address list", name,
                       STR_ARG(str_slice(value, 0, SHOWN_BYTES_MAX)));
    for (size_t i = 0; i < boxes.count; i++) {
        CLEANUP(buf_release) struct buf address;
        buf_init(&address, ADDRESS_TEXT_BYTES_MAX);
        e = message_mailbox_add_address(&boxes.items[i], &address);
        if (e)
            return err_new(ERR_CONFIG, "%s: an address that cannot be written", name);
        TRY(lib_address_add(name, buf_str(&address), arena, list));
    }
    return NULL;
}
