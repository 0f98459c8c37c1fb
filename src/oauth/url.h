/* oauth/url.h -- URLs of providers: where secrets are sent to, and where a user is sent to */
#pragma once
#include "base/buf.h"

enum { OAUTH_URL_BYTES_MAX = 2048 };

/* A URL that a secret may be sent to: https://, or http:// to this very machine; visible ASCII
 * without user, fragment, quotes or backslash. ERR_CONFIG says what is wrong. */
must_use err oauth_url_check(str url);
/* The URL with the form behind "?" or "&". */
must_use err oauth_url_with(str url, str form, struct buf *out);
