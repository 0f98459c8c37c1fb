/* tlspolicy/field.h -- "name=value; name=value": the fields that MTA-STS and TLS-RPT records share
 *
 * Stricter than the tag lists of DKIM (mailauth/tag.h): no folds, no blanks inside, and names and
 * values of the characters of RFC 8461 section 3.1 and RFC 8460 section 3.
 */
#pragma once
#include "base/err.h"

enum { TLSPOLICY_FIELD_NAME_BYTES_MAX = 32 };

void tlspolicy_field_skip_blanks(str *text);
/* Take the next field off the front, blanks around it cut off. False: nothing is left. Two ";" in a
 * row have an empty field between them; one at the end has none behind it. */
bool tlspolicy_field_next(str *text, str *ret_field);
/* "name=value"; the value is not looked at. ERR_PROTOCOL: not that. */
must_use err tlspolicy_field_split(str field, str *ret_name, str *ret_value);
/* The same, and the value has shown ASCII characters only, and one at least. */
must_use err tlspolicy_field_parse(str field, str *ret_name, str *ret_value);
/* Letters, digits and, behind the first, "_-."; at most 32 of them. */
bool tlspolicy_field_is_name(str name);
