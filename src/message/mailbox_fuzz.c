#include "message/mailbox.h"
#include "tests/fuzz.h"

/* Whatever was read is the same mailbox when its own spelling is read again. */
static void check_again(const struct message_mailbox *m, struct arena *arena)
{
    CLEANUP(buf_release) struct buf first, second;
    buf_init(&first, 4 << 20);
    buf_init(&second, 4 << 20);
    if (message_mailbox_add_address(m, &first))
        return;
    struct message_mailboxes again;
    ASSERT(message_mailboxes_parse(buf_str(&first), arena, &again) == NULL);
    ASSERT(again.count == 1);
    ASSERT(str_eq(again.items[0].local, m->local));
    ASSERT(message_mailbox_add_address(&again.items[0], &second) == NULL);
    ASSERT(str_eq(buf_str(&first), buf_str(&second)));
}

FUZZ(input, arena)
{
    struct message_mailboxes list;
    if (message_mailboxes_parse(input, arena, &list))
        return; /* refusing is always fine */
    ASSERT(list.count + list.groups > 0);
    for (size_t i = 0; i < list.count && i < 50; i++) {
        ASSERT(list.items[i].domain.len > 0);
        ASSERT(str_is_utf8(list.items[i].local));
        check_again(&list.items[i], arena);
    }
}
