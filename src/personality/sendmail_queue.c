#include "personality/sendmail_queue.h"
#include "personality/server.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

struct list {
    bool begun;
    int64_t bytes;
    size_t count;
};

static void print_clean(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void print_one(void *arg, const struct personality_queued *q)
{
    struct list *list = arg;
    struct tm local;
    char date[40] = "";
    time_t accepted = (time_t)(q->accepted_ms / 1000);
    if (localtime_r(&accepted, &local))
        strftime(date, sizeof date, "%a %b %d %H:%M:%S", &local);
    if (!list->begun)
        puts("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------");
    list->begun = true;
    printf("%s%s %8lld %s  ", q->id, strcmp(q->state, "held") == 0 ? "!" : " ", (long long)q->size,
           date);
    print_clean(q->sender[0] ? q->sender : "MAILER-DAEMON");
    putchar('\n');
    if (q->reply[0]) {
        fputs("    (", stdout);
        print_clean(q->reply);
        puts(")");
    }
    for (size_t i = 0; i < q->rcpt_count; i++) {
        printf("%41s", "");
        print_clean(q->rcpts[i]);
        putchar('\n');
    }
    putchar('\n');
    list->bytes += q->size;
    list->count++;
}

err personality_sendmail_queue_list(const struct config *config)
{
    struct list list = {0};
    int64_t count;
    err e = personality_server()->list(config, print_one, &list, &count);
    if (e)
        return err_wrap(e, "Queue report unavailable - mail system is down");
    if (list.count == 0)
        puts("Mail queue is empty");
    else
        printf("-- %lld Kbytes in %zu Request%s.\n", (long long)(list.bytes + 1023) / 1024,
               list.count, list.count == 1 ? "" : "s");
    return NULL;
}

err personality_sendmail_queue_flush(const struct config *config, const char *id, const char *site)
{
    int64_t count;
    err e = personality_server()->retry(config, id, site, &count);
    return e ? err_wrap(e, "Cannot flush mail queue - mail system is down") : NULL;
}
