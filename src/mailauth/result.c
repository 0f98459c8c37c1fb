#include "mailauth/result.h"

str mailauth_result_name(enum mailauth_result result)
{
    static const char *const names[] = {"none",    "pass",   "fail",      "softfail",
                                        "neutral", "policy", "temperror", "permerror"};
    return str_of(names[result]);
}
