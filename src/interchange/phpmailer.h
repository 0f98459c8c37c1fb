/* interchange/phpmailer.h -- a file of PHP that sends by PHPMailer */
#pragma once
#include "interchange/way.h"

must_use err interchange_phpmailer_write(const struct interchange_way *, struct buf *out);
