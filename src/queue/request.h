/* queue/request.h -- what a fiber asks of the commit thread, and the wait for its answer */
#pragma once
#include "queue/inside.h"

struct queue_request *queue_request_make(struct queue *, enum queue_request_kind);
/* Frees what the request still owns: messages that were not stored among it. */
void queue_request_free(struct queue_request *);
/* Send it and wait; it is freed in time. The err tells what became of it (see queue.h). */
must_use err queue_request_run(struct queue_request *, deadline until);
