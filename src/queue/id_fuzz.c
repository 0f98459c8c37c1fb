#include "queue/id.h"
#include "queue/segment.h"
#include "tests/fuzz.h"

/* Names that become paths: what is taken is exactly what is written. */
FUZZ(input, arena)
{
    uint64_t id;
    uint32_t number, salt;
    char path[QUEUE_SEGMENT_PATH_CHARS];
    if (queue_id_parse(input, &id))
        ASSERT(str_eq(str_of(queue_id_format(id).text), input));
    if (str_find(input, '\0') != STR_NONE)
        return;
    if (queue_segment_parse_name(arena_chars(arena, input), &number, &salt)) {
        ASSERT(queue_segment_path("", number, salt, path));
        ASSERT(str_ends_nocase(str_of(path), input));
        ASSERT(str_of(path).len == input.len + S("/log/").len);
    }
}
