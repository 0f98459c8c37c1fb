/* cli/warmup_view.h -- warm-up for people and programs: the same from a server and from its file */
#pragma once
#include "shaping/warmup.h"
#include <jansson.h>

/* One egress and site, as an object of its own. */
json_t *cli_warmup_view_json(const struct warmup_facts *);
/* An array of them; empty texts: all. */
json_t *cli_warmup_view_list(struct warmup *, int64_t now_ms, str egress, str site);

/* Of that table; header first. */
void cli_warmup_view_head(void);
void cli_warmup_view_row(const json_t *);

/* "day", "cap", "pause", "resume", "done" */
const char *cli_warmup_view_change_name(enum warmup_change);
bool cli_warmup_view_find_change(str name, enum warmup_change *ret_change);
bool cli_warmup_view_has_value(enum warmup_change); /* "day" and "cap" go with a number */
