/* mailauth/result.h -- what a check came to, in the words of RFC 8601 section 2.7 */
#pragma once
#include "base/str.h"

enum mailauth_result {
    MAILAUTH_NONE,      /* there was nothing to check */
    MAILAUTH_PASS,      /* checked, and it holds */
    MAILAUTH_FAIL,      /* checked, and it does not hold */
    MAILAUTH_SOFTFAIL,  /* SPF: probably not authorised */
    MAILAUTH_NEUTRAL,   /* nothing is claimed either way, or it could not be read */
    MAILAUTH_POLICY,    /* it holds, and our own policy takes no notice of it */
    MAILAUTH_TEMPERROR, /* could not be found out now: asking later may give another result */
    MAILAUTH_PERMERROR, /* what was published cannot be used; asking later gives the same */
};

str mailauth_result_name(enum mailauth_result); /* "softfail" */
