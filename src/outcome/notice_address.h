/* outcome/notice_address.h -- addresses in running text */
#pragma once
#include "base/str.h"

/* An address in front of *line, with "<>" or quotes around it or without; cut off with them. */
bool outcome_notice_address_front(str *line, str *ret_address);
/* The same at the end of the line, before a full stop or bracket. *ret_before is what stands ahead.
 */
bool outcome_notice_address_end(str line, str *ret_before, str *ret_address);
/* The first one anywhere; false: there is none. */
bool outcome_notice_address_find(str line, str *ret_address);
