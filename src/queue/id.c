#include "queue/id.h"
#include <string.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

queue_id queue_id_format(uint64_t number)
{
    queue_id id = {0};
    for (int i = QUEUE_ID_CHARS - 1; i >= 0; i--, number >>= 5)
        id.text[i] = digits[number & 31];
    return id;
}

bool queue_id_parse(str text, uint64_t *ret_number)
{
    if (text.len != QUEUE_ID_CHARS)
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (digit == NULL || number >> 59)
            return false;
        number = number << 5 | (uint64_t)(digit - digits);
    }
    *ret_number = number;
    return true;
}
