/* cli/shaping_view.h -- lanes and meters of the shaper, for people */
#pragma once
#include "base/str.h"
#include <jansson.h>

/* One line of the socket's answer to "shaping" (cli/admin.h), as several lines of text. */
void cli_shaping_view_show(const json_t *line);
