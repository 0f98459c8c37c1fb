/* interchange/msmtp.h -- msmtp's configuration, both ways */
#pragma once
#include "interchange/import.h"
#include "interchange/way.h"

/* ERR_CONFIG, ERR_LIMIT: what personality/msmtprc.h says; "eval" is not run. */
must_use err interchange_msmtp_read(struct interchange_import *, str text);
must_use err interchange_msmtp_write(const struct interchange_way *, struct buf *out);
