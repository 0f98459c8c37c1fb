/* cli/send_message.h -- what `send` was asked to send, and the envelope of it
 *
 * Whatever cannot be is an ERR_CONFIG that names the option; nothing is mended silently, and no
 * value holds a line end behind which a field or a command could hide (attacks 48 to 53).
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
    const char *envelope_from;                /* NULL: as from; "<>": the null sender */
    const char *reply_to, *subject;           /* NULL: not given */
    const char *text, *html, *markdown; /* "@FILE": from there; "-": stdin; "@@x": "@x"; or NULL */
    const char *text_file, *html_file;  /* likewise, paths */
    str ready_text, ready_html;         /* of templates; ptr NULL: none */
    bool flowed, utf8;
    bool header_recipients;                   /* -t: those of the message's own fields, too */
    struct cli_send_message_list inlines;     /* "id=FILE" */
    struct cli_send_message_list attachments; /* files */
    struct cli_send_message_list headers;     /* "Name: value" */
    const char *notify, *ret, *envid;         /* RFC 3461; NULL: not given */
    const char *priority, *by, *hold_for, *hold_until; /* RFC 6710, 2852, 4865; likewise */
    const char *at, *expire; /* the last two in one word; by with a return; likewise */
    const char *key;         /* --idempotency-key: the Message-ID is made of it; likewise */
    bool requiretls;         /* RFC 8689 */
    str hostname;            /* for the Message-ID */
};

/* ERR_CONFIG: a line end or NUL in it, or no UTF-8. */
must_use err cli_send_message_check(const char *option, str value);
/* --from, --reply-to and all recipients are addresses. */
must_use err cli_send_message_check_addresses(const struct cli_send_message_args *);
/* Everything lives in the arena, which should hold 16 MiB. */
must_use err cli_send_message_envelope(const struct cli_send_message_args *, str content,
                                       struct arena *, struct envelope **ret_envelope);
