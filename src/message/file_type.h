/* message/file_type.h -- what kind of file an attachment is: by its first bytes and its name */
#pragma once
#include "base/str.h"

/* "image/png"; "text/plain" for UTF-8 and "application/octet-stream" for the rest when neither says
 * more. The first bytes win, but for what is a kind of ZIP or XML or plain text only by its name. A
 * literal, so nothing of the name is in it. */
str message_file_type(str name, str bytes);
