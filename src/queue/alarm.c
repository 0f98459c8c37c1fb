#include "queue/alarm.h"
#include <stdio.h>

static void tell(struct queue *q, enum event_kind kind, str id, str reason)
{
    struct event e = {.kind = kind, .queue_id = id, .reason = reason};
    event_emit(q->options.events, &e);
}

void queue_alarm_stopped(struct queue *q, err why)
{
    char text[QUEUE_ALARM_TEXT_BYTES];
    err_describe(why, text, sizeof text);
    tell(q, EVENT_QUEUE_STOPPED, (str){0}, str_of(text));
}

void queue_alarm_resumed(struct queue *q) { tell(q, EVENT_QUEUE_RESUMED, (str){0}, (str){0}); }

void queue_alarm_damaged(struct queue *q, uint64_t id, err why)
{
    char text[QUEUE_ALARM_TEXT_BYTES];
    queue_id name = queue_id_format(id);
    err_describe(why, text, sizeof text);
    tell(q, EVENT_QUARANTINED, id ? str_of(name.text) : (str){0}, str_of(text));
}

void queue_alarm_set_aside(struct queue *q, uint32_t segment, const char *why)
{
    char text[QUEUE_ALARM_TEXT_BYTES];
    snprintf(text, sizeof text, "segment %08x: %s", segment, why);
    tell(q, EVENT_QUARANTINED, (str){0}, str_of(text));
}
