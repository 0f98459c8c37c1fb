/* personality/swaks_dump.h -- what the options came to, for a person who wonders (--dump) */
#pragma once
#include "personality/swaks_plan.h"

enum { SWAKS_DUMP_BYTES_MAX = 1 << 20 };

/* The sections that are named ("AUTH,TLS"), or all of them for none or ALL; without those of the
 * program and the message. For --dump-as-body; passwords are hidden unless asked for. */
must_use err personality_swaks_dump_text(struct swaks_plan *, str sections, bool passwords,
                                         str *ret_text);
/* --dump: to stdout, with everything. command: as it was given. */
void personality_swaks_dump_print(struct swaks_plan *, str sections, str command);
void personality_swaks_dump_support(struct swaks_output *); /* --support */
