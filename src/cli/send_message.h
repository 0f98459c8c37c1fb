/* cli/send_message.h -- the message and the envelope that `send` was asked for
 *
 * A message is either composed from parts or taken from a file as it stands, with LF made CRLF.
 * Whatever cannot be is an ERR_CONFIG that names the option; nothing is mended silently.
 */
#pragma once
#include "base/buf.h"
#include "message/envelope.h"

enum {
    CLI_SEND_MESSAGE_BYTES_MAX = 256 << 20,
    CLI_SEND_MESSAGE_FIELDS_MAX = 100,
    CLI_SEND_MESSAGE_FILES_MAX = 500,
};

struct cli_send_message_list {
    const char **items;
    size_t count;
};

struct cli_send_message_args {
    const char *from; /* NULL: the From field of the file, else an error; "<>": the null sender */
    struct cli_send_message_list to, cc, bcc; /* each an address or a list of them */
    const char *subject, *text, *text_file;   /* NULL: not given */
    const char *html_file;                    /* NULL: no HTML */
    bool flowed;
    struct cli_send_message_list inlines;              /* "id=FILE" */
    struct cli_send_message_list attachments;          /* files */
    struct cli_send_message_list headers;              /* "Name: value" */
    const char *notify, *ret, *envid;                  /* RFC 3461; NULL: not given */
    const char *priority, *by, *hold_for, *hold_until; /* RFC 6710, 2852, 4865; likewise */
    bool requiretls;                                   /* RFC 8689 */
    str hostname;                                      /* for the Message-ID */
};

/* From --text and the others. */
must_use err cli_send_message_compose(const struct cli_send_message_args *,
                                      struct buf *ret_content);
/* From a file; "-" is stdin. *ret_warning: what the user should know, or NULL. */
must_use err cli_send_message_read(const char *path, struct buf *ret_content,
                                   const char **ret_warning);
/* Everything lives in the arena, which should hold 16 MiB. */
must_use err cli_send_message_envelope(const struct cli_send_message_args *, str content,
                                       struct arena *, struct envelope **ret_envelope);
