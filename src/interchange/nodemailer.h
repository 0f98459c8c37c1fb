/* interchange/nodemailer.h -- a module of Node that sends by Nodemailer */
#pragma once
#include "interchange/way.h"

must_use err interchange_nodemailer_write(const struct interchange_way *, struct buf *out);
