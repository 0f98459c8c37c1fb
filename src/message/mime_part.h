/* message/mime_part.h -- what a part's header says of its body: the half of message/mime.h that
 * reads fields
 */
#pragma once
#include "message/mime.h"

/* Gathered while a header is read. */
struct message_mime_facts {
    size_t types, encodings, dispositions, others; /* fields of each kind */
    bool version;
    str names[MESSAGE_MIME_NAMES_MAX];
    size_t name_count;
    size_t bytes_left; /* of MESSAGE_MIME_FACTS_BYTES_MAX; the whole message's */
};

/* A field of this part's header. Texts are copied into the arena. */
void message_mime_part_field(struct message_mime_part *, struct message_mime_facts *,
                             const struct message_field *, struct arena *);

/* The header has ended: settle type, kind, encoding and names. parent: NULL for the message. */
void message_mime_part_settle(struct message_mime_part *, struct message_mime_facts *,
                              const struct message_mime_part *parent, struct arena *);
