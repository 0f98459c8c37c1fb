/* interchange/smtplib.h -- a module of Python that sends by the standard library */
#pragma once
#include "interchange/way.h"

must_use err interchange_smtplib_write(const struct interchange_way *, struct buf *out);
