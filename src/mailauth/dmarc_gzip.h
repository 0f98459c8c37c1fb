/* mailauth/dmarc_gzip.h -- a report as a gzip file (RFC 1952), piece by piece */
#pragma once
#include "base/buf.h"

struct mailauth_dmarc_gzip;

/* What is packed is appended to the buf, which must live as long. */
struct mailauth_dmarc_gzip *mailauth_dmarc_gzip_open(struct buf *out);
void mailauth_dmarc_gzip_close(struct mailauth_dmarc_gzip *); /* accepts NULL */
/* ERR_LIMIT: the buf is full. */
must_use err mailauth_dmarc_gzip_add(struct mailauth_dmarc_gzip *, str bytes);
must_use err mailauth_dmarc_gzip_finish(struct mailauth_dmarc_gzip *); /* once, as the last */
