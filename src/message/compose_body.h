/* message/compose_body.h -- the MIME half of message/compose.h: from MIME-Version to the last byte
 */
#pragma once
#include "message/compose.h"

must_use err message_compose_body_check_file(const struct message_compose_file *);
must_use err message_compose_body_add(const struct message_compose *, struct buf *out);
