/* lib/render.h -- from the parts of a message to its bytes, signatures and all */
#pragma once
#include "lib/message.h"

/* Fill rendered unless it is. ERR_CONFIG, ERR_LIMIT: something is missing, or it is too large. */
must_use err lib_render(struct smtptool_message *);
