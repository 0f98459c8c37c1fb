#include "mailauth/story.h"
#include <stdarg.h>
#include <stdio.h>

void mailauth_story_init(struct mailauth_story *s, struct arena *arena)
{
    *s = (struct mailauth_story){.arena = arena};
    s->steps = ARENA_ARRAY(arena, struct mailauth_step, MAILAUTH_STORY_LINES_MAX);
}

static void make_printable(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < ' ' || c >= 127)
            text[i] = '?';
    }
}

void mailauth_story_tell(struct mailauth_story *s, const char *fmt, ...)
{
    if (s == NULL || s->count == MAILAUTH_STORY_LINES_MAX)
        return;
    char line[MAILAUTH_STORY_LINE_BYTES_MAX + 1];
    va_list args;
    va_start(args, fmt);
    int written = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    ASSERT(written >= 0);
    size_t len = (size_t)written < sizeof line ? (size_t)written : sizeof line - 1;
    make_printable(line, len);
    str text = s->count == MAILAUTH_STORY_LINES_MAX - 1 ? S("... and more that is not told")
                                                        : arena_str(s->arena, (str){line, len});
    s->steps[s->count++] = (struct mailauth_step){s->depth, text};
}
