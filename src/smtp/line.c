#include "smtp/line.h"

/* Throw away what belongs to the line that is too long. */
static enum smtp_line_event discard(struct smtp_line_reader *r, str *input)
{
    for (;;) {
        size_t cr = str_find(*input, '\r');
        if (cr == STR_NONE || cr + 1 == input->len) {
            size_t keep = cr == STR_NONE ? 0 : 1; /* a CR at the end may be half a CRLF */
            r->discarded += input->len - keep;
            *input = str_from(*input, input->len - keep);
            return r->discarded > SMTP_LINE_DISCARD_BYTES_MAX ? SMTP_LINE_ENDLESS : SMTP_LINE_MORE;
        }
        bool ends = input->ptr[cr + 1] == '\n';
        r->discarded += cr + 1;
        *input = str_from(*input, cr + (ends ? 2 : 1));
        if (r->discarded > SMTP_LINE_DISCARD_BYTES_MAX)
            return SMTP_LINE_ENDLESS;
        if (ends) {
            r->discarded = 0;
            return SMTP_LINE_TOO_LONG;
        }
    }
}

enum smtp_line_event smtp_line_take(struct smtp_line_reader *r, size_t limit, str *input,
                                    str *ret_line)
{
    ASSERT(limit > 2);
    if (r->discarded > 0)
        return discard(r, input);
    if (limit < SMTP_LINE_AUTH_BYTES_MAX && str_starts_nocase(*input, S("AUTH ")))
        limit = SMTP_LINE_AUTH_BYTES_MAX;

    str head = str_slice(*input, 0, limit); /* a line that is allowed ends in here */
    size_t lf = str_find(head, '\n'), cr = str_find(head, '\r');
    if (lf != STR_NONE && cr != STR_NONE && cr + 1 == lf) {
        *ret_line = str_slice(*input, 0, cr);
        *input = str_from(*input, lf + 1);
        return SMTP_LINE_READY;
    }
    if (lf != STR_NONE || (cr != STR_NONE && cr + 1 < head.len))
        return SMTP_LINE_BARE;
    return head.len < limit ? SMTP_LINE_MORE : discard(r, input);
}
