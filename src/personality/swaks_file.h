/* personality/swaks_file.h -- whole files and stdin, for options that name them
 *
 * Blocks: used before anything else runs.
 */
#pragma once
#include "base/buf.h"

enum { SWAKS_FILE_BYTES_MAX = 64 << 20 }; /* of all files together */

bool personality_swaks_file_exists(const char *path); /* and is no folder */
/* "-" is stdin. ERR_LIMIT: above the buf's maximum. */
must_use err personality_swaks_file_read(const char *path, struct buf *out);
