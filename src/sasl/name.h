/* sasl/name.h -- names of users and mailboxes, for comparing them
 *
 * Two spellings of one name are one name: letters without case, and in one normal form, as RFC 8265
 * (UsernameCaseMapped) and RFC 6530 section 10.1 would have it. "José" is the same whether its é is
 * one character or two. What a letter becomes, libidn2 says (UTS 46, non-transitional: ß stays
 * itself); a run of characters that it does not take is compared as it stands, ASCII without case.
 * Nothing is rewritten by this: what is sent, shown and logged is what came.
 */
#pragma once
#include "base/str.h"

enum { SASL_NAME_BYTES_MAX = 512 }; /* a sender's address has 320 */

bool sasl_name_equal(str a, str b);
/* The form that is compared, for keys of tables. Longer names, or without room: false. */
bool sasl_name_fold(str name, char *ret_chars, size_t size, size_t *ret_len);
