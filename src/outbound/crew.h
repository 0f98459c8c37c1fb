/* outbound/crew.h -- the workers' ways out, which help one another
 *
 * A destination is in one worker's schedule, however much waits for it: a single smart host would
 * keep one processor busy and leave the others idle. So a worker with many connections to make
 * has some of them made by a worker with fewer (outbound.c lends it the deliveries). This is who
 * there is, how busy each is, and how to reach its loop. Any thread may call.
 */
#pragma once
#include "runtime/loop.h"

enum {
    OUTBOUND_CREW_MAX = 256,
    OUTBOUND_CREW_NOBODY = -1,
};

struct outbound;
struct outbound_crew;

/* All members must have left before it is closed, and all are told to stop at the same time: who
 * stops waits for what it has lent. */
struct outbound_crew *outbound_crew_open(void);
void outbound_crew_close(struct outbound_crew *); /* accepts NULL */

/* On the member's loop. Its place; NOBODY when there is no crew (NULL) or no room in it. */
int outbound_crew_join(struct outbound_crew *, struct outbound *);
/* Nothing more is posted to it. What was posted is still to come: so many notes. */
void outbound_crew_leave(struct outbound_crew *, int place);
int outbound_crew_coming(struct outbound_crew *, int place);

/* Deliveries that it has taken on: 1, or -1 when one has ended. */
void outbound_crew_add_load(struct outbound_crew *, int place, int count);
/* Whoever has so much less to do than this one that a delivery is better off there, or NOBODY. */
int outbound_crew_find_helper(struct outbound_crew *, int place);

/* Have note->run called on that member's loop, which must call outbound_crew_came(). False: it has
 * left. */
bool outbound_crew_post(struct outbound_crew *, int place, struct loop_note *note,
                        struct outbound **ret_member);
void outbound_crew_came(struct outbound_crew *, int place);
