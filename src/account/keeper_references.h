/* account/keeper_references.h -- the secrets that the configuration names, and no others
 *
 * The keeper reads nothing else: a main process that was taken over may not have it run a command
 * or read a file of its choice. Threads share one; a reload changes it in place.
 */
#pragma once
#include "base/err.h"

enum { KEEPER_REFERENCES_MAX = 4096 };

struct config;
struct keeper_references;

struct keeper_references *keeper_references_open(void);   /* an empty one */
void keeper_references_close(struct keeper_references *); /* accepts NULL */

/* In place of what was there; copied. ERR_LIMIT: too many, or one is too long. */
must_use err keeper_references_set(struct keeper_references *, const str *list, size_t count);
/* All that this configuration names. ERR_LIMIT */
must_use err keeper_references_set_from(struct keeper_references *, const struct config *);

bool keeper_references_hold(struct keeper_references *, str reference); /* NULL holds none */
