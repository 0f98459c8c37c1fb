/* runtime/file_job.h -- files from a fiber: what blocks is done in a job */
#pragma once
#include "base/buf.h"
#include "base/clock.h"

/* As file_replace(). The text is taken over, whatever happens. ERR_CANCELED, ERR_TIMEOUT: it may be
 * done yet. */
must_use err file_job_replace(const char *path, int flags, struct buf *text, deadline until);
