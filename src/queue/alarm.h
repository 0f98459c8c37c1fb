/* queue/alarm.h -- what an operator must hear of, told as an event besides the log
 *
 * From any thread, without the queue's lock. Every reason is told as it stands; texts are cut.
 */
#pragma once
#include "queue/inside.h"

enum { QUEUE_ALARM_TEXT_BYTES = 400 };

void queue_alarm_stopped(struct queue *, err why);
void queue_alarm_resumed(struct queue *);
/* id: 0 when it is not known which message it was. */
void queue_alarm_damaged(struct queue *, uint64_t id, err why);
void queue_alarm_set_aside(struct queue *, uint32_t segment, const char *why);
