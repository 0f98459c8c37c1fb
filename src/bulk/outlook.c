#include "bulk/outlook.h"
#include "base/clock.h"
#include "base/mem.h"
#include "runtime/file.h"
#include <stdio.h>
#include <string.h>

enum { COUNT_BYTES = 256 << 10, TOLD_MS = 60 * 1000 };

/* Lines of the list: near enough to say whether it takes an hour or a week. */
static uint64_t count_rows(const char *path)
{
    struct file *file;
    uint64_t lines = 0, at = 0;
    size_t got = 1;
    if (file_open(path, FILE_FOLLOW, &file) != NULL)
        return 0;
    char *bytes = mem_alloc(COUNT_BYTES);
    while (got > 0 && file_read_at(file, bytes, COUNT_BYTES, at, &got) == NULL) {
        for (const char *p = bytes; (p = memchr(p, '\n', got - (size_t)(p - bytes))) != NULL; p++)
            lines++;
        at += got;
    }
    mem_free(bytes);
    file_close(file);
    return lines;
}

/* Milliseconds for so many mails by our own rate, waves and the ways' limits; -1: none limits it.
 */
static int64_t time_for(const struct bulk_outlook_options *o, uint64_t count)
{
    int64_t now_ms = clock_real_ms(), end_ms = bulk_ways_finish_ms(o->ways, count);
    int64_t time_ms = end_ms > now_ms ? end_ms - now_ms : end_ms > 0 ? 0 : -1;
    int64_t rate_ms = o->rate > 0 ? (int64_t)((double)count * 1000 / o->rate) : -1;
    int64_t wave_ms = o->wave > 0 ? (int64_t)(count / o->wave) * o->wave_every_ms : -1;
    time_ms = rate_ms > time_ms ? rate_ms : time_ms;
    return wave_ms > time_ms ? wave_ms : time_ms;
}

void bulk_outlook_look(struct bulk_outlook *l, double progress)
{
    int64_t now = clock_steady_ms();
    if (l->rows == 0 || now - l->looked_ms < BULK_OUTLOOK_LOOK_MS)
        return;
    l->looked_ms = now;
    l->left_ms = time_for(&l->options, (uint64_t)((double)l->rows * (1 - progress)) + 1);
    err_forget();
}

/* "12 days", "3 hours" */
static void print_time(int64_t ms, char *ret_text, size_t size)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {
        {86400000, "days"   },
        {3600000,  "hours"  },
        {60000,    "minutes"},
    };
    size_t i = 0;
    while (i < 2 && ms < units[i].ms * 2)
        i++;
    snprintf(ret_text, size, "%lld %s", (long long)((ms + units[i].ms - 1) / units[i].ms),
             units[i].name);
}

err bulk_outlook_begin(struct bulk_outlook *l, const struct bulk_outlook_options *o)
{
    CLEANUP(buf_release) struct buf text;
    char time[40];
    buf_init(&text, BULK_OUTLOOK_BYTES - 1);
    *l = (struct bulk_outlook){.options = *o, .left_ms = -1, .looked_ms = clock_steady_ms()};
    TRY(bulk_ways_describe(o->ways, &text));
    if (text.len == 0 && o->rate <= 0 && o->wave == 0)
        return NULL;
    l->rows = count_rows(o->list);
    l->rows += l->rows == 0;
    uint64_t count = l->rows > o->before ? l->rows - o->before : 0;
    count = o->limit && o->limit < count ? o->limit : count;
    l->left_ms = time_for(o, count);
    if (l->left_ms > TOLD_MS) {
        print_time(l->left_ms, time, sizeof time);
        TRY(buf_addf(&text, "%sat most %llu mails are left, which takes about %s",
                     text.len ? "\n" : "", (unsigned long long)count, time));
    }
    (void)str_to_chars(buf_str(&text), l->text, sizeof l->text);
    return NULL;
}
