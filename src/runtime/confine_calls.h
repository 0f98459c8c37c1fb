/* runtime/confine_calls.h -- which system calls the confined process may use (seccomp) */
#pragma once
#include "base/err.h"

/* For this thread and those it starts. no_new_privs is set. False in *ret_done: this kernel has no
 * seccomp. ERR_SYSTEM: it has, and refused the filter. */
must_use err confine_calls_apply(bool *ret_done);
