/* events/schema.h -- the fields and kinds of events, as one table; and what is made from it
 *
 * The writer, the published JSON Schema and the manual's page all read this table, so that they
 * cannot tell different things.
 */
#pragma once
#include "events/event.h"
#include <assert.h>

enum events_field_type { EVENTS_TEXT, EVENTS_NUMBER, EVENTS_TIME, EVENTS_LOGIN_FAILURE };

struct events_field {
    const char *name;
    enum events_field_type type;
    size_t offset; /* in struct event */
    const char *meaning;
};

struct events_kind {
    const char *name, *meaning;
    const char *always; /* names of fields that are always in its line, blanks between */
};

enum { EVENTS_FIELDS = 42 };
extern const struct events_field events_fields[EVENTS_FIELDS];
extern const struct events_kind events_kinds[EVENT_KINDS];
extern const char *const events_login_failures[EVENT_LOGIN_FAILURES];

/* Which fields are always there: bit i is events_fields[i]. */
static_assert(EVENTS_FIELDS < 63, "a bit for each field");
uint64_t events_always(enum event_kind);

must_use err events_schema(struct buf *out);   /* JSON Schema, draft 2020-12 */
must_use err events_markdown(struct buf *out); /* docs/events.md */
