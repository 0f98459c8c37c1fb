#include "base/buf.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max) { *b = (struct buf){.max = max}; }

void buf_release(struct buf *b)
{
    mem_free(b->ptr);
    b->ptr = NULL;
    b->len = b->cap = 0;
}

void buf_clear(struct buf *b) { b->len = 0; }

err buf_reserve(struct buf *b, size_t size, char **ret_room)
{
    ASSERT(b->max > 0);
    ASSERT(b->len <= b->max);
    if (size > b->max - b->len)
        return err_new(ERR_LIMIT, "more than %zu bytes", b->max);
    if (size >= b->cap - b->len) { /* one byte more than asked stays free for buf_chars() */
        size_t cap = b->cap ? b->cap : 64;
        while (cap - b->len <= size)
            cap *= 2;
        b->ptr = mem_resize(b->ptr, cap);
        b->cap = cap;
    }
    *ret_room = b->ptr + b->len;
    return NULL;
}

err buf_add(struct buf *b, str s)
{
    char *room;
    TRY(buf_reserve(b, s.len, &room));
    if (s.len)
        memcpy(room, s.ptr, s.len);
    b->len += s.len;
    return NULL;
}

err buf_add_char(struct buf *b, char c) { return buf_add(b, (str){&c, 1}); }

err buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t left = b->cap - b->len;
    int n = vsnprintf(b->ptr ? b->ptr + b->len : NULL, left, fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    size_t len = (size_t)n;
    bool fits = len < left && len <= b->max - b->len;
    char *room;
    err e = fits ? NULL : buf_reserve(b, len, &room);
    if (!fits && e == NULL)
        vsnprintf(room, len + 1, fmt, again);
    va_end(again);
    if (e == NULL)
        b->len += len;
    return e;
}

err buf_add_number(struct buf *b, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (number < 0)
        digits[--at] = '-';
    return buf_add(b, (str){digits + at, sizeof digits - at});
}

void buf_cut_front(struct buf *b, size_t count)
{
    ASSERT(count <= b->len);
    b->len -= count;
    if (b->len && count)
        memmove(b->ptr, b->ptr + count, b->len);
}

const char *buf_chars(struct buf *b)
{
    if (b->ptr == NULL)
        return "";
    b->ptr[b->len] = '\0'; /* buf_reserve() always leaves one byte */
    return b->ptr;
}
