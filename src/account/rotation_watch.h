/* account/rotation_watch.h -- rotations that nobody goes on with, of all domains */
#pragma once
#include "account/rotation.h"

enum { ACCOUNT_ROTATION_WATCH_MAX = 100 }; /* that are told; the others wait for these */

/* Those of STATE/dkim that are overdue, and those whose file cannot be read, in words. Blocks. */
must_use err account_rotation_watch(str state, int64_t now_ms, void (*tell)(void *arg, str why),
                                    void *arg);
/* The one of that number, from 0; *ret_why is empty when there are no more. */
must_use err account_rotation_watch_one(str state, int64_t now_ms, size_t number, char *ret_why,
                                        size_t size);
