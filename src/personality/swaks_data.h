/* personality/swaks_data.h -- the message: template, tokens, headers, attachments
 *
 * Tokens (%FROM_ADDRESS% and so on) are replaced once, in one pass: what a token stands for is
 * never looked at for tokens again. A header that is given with a real line end inside is refused,
 * unless it is folded; two headers in one value are written with the two characters "\n".
 */
#pragma once
#include "personality/swaks_plan.h"

enum { SWAKS_PARTS_MAX = 200 };

/* Fills plan->data. */
must_use err personality_swaks_data_make(struct swaks_plan *);

struct swaks_tokens {
    str from, to, cc, bcc, date, message_id, version;
};
/* Everything behind the template: its "\n" and %BODY% are in place already. headers: to be put in
 * or to replace those of the same name; added: to be put in. Appends the finished message, with
 * its final dot. */
must_use err personality_swaks_data_finish(str text, const struct swaks_tokens *,
                                           const str *headers, size_t header_count,
                                           const str *added, size_t added_count, bool strip_from,
                                           struct buf *out);
