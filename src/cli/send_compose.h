/* cli/send_compose.h -- the message that `send` was asked for: composed of parts, or a file as it
 * stands
 */
#pragma once
#include "cli/send_message.h"

/* From --text and the others. */
must_use err cli_send_compose(const struct cli_send_message_args *, struct buf *ret_content);
/* From a file, with LF made CRLF; "-" is stdin. *ret_warning: what the user should know, or NULL.
 */
must_use err cli_send_compose_read(const char *path, struct buf *ret_content,
                                   const char **ret_warning);
/* How many of the options want stdin. */
int cli_send_compose_stdin_count(const struct cli_send_message_args *);
