/* lib/message.h -- what a message of the API holds until it is rendered
 *
 * Parts are judged when they are given, so that an error comes where its cause is.
 */
#pragma once
#include "base/arena.h"
#include "lib/call.h"
#include "mailauth/dkim_private.h"
#include "message/compose.h"

struct lib_message_key {
    struct arena *arena;
    str domain, selector;
    struct mailauth_dkim_private *private;
};

struct smtptool_message {
    bool busy;
    bool is_raw, has_parts;
    struct arena *arena; /* of fields and the names of files: both are counted */
    struct buf from, to, cc, bcc;
    struct buf subject, text, html, raw;
    struct buf unsubscribe; /* the value of List-Unsubscribe */
    bool one_click;
    struct message_compose_field *fields;
    size_t field_count;
    struct message_compose_file *files;
    struct buf *bodies; /* of the files */
    size_t file_count;
    size_t file_bytes;
    struct lib_message_key keys[SMTPTOOL_SIGNATURES_MAX];
    size_t key_count;

    struct buf rendered; /* empty: not yet, or changed since */
    char message_id[MESSAGE_COMPOSE_NAME_BYTES_MAX];
};
