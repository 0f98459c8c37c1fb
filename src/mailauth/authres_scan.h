/* mailauth/authres_scan.h -- the bytes of an Authentication-Results field (RFC 8601 section 2.2) */
#pragma once
#include "base/str.h"

/* Blanks, folds and comments off the front. False: a comment without an end, or control bytes. */
bool mailauth_authres_scan_blanks(str *text);
/* Letters, digits, '-' and '_'. False: there are none, or too many. */
bool mailauth_authres_scan_keyword(str *text, str *ret_keyword);
/* A token or a quoted string (RFC 2045 section 5.1); folds in it become one blank. The value is
 * put at *room, which moves behind it: no value is longer than what it is read from. */
bool mailauth_authres_scan_value(str *text, char **room, str *ret_value);
/* The same, and addresses with or without quotes, and whatever else has no blank in it. */
bool mailauth_authres_scan_loose(str *text, char **room, str *ret_value);

bool mailauth_authres_scan_is_keyword(str);
bool mailauth_authres_scan_is_token(str); /* ASCII only */
