/* runtime/confine_files.h -- which files the confined process may see (Landlock) */
#pragma once
#include "runtime/confine.h"

/* For this thread and those it starts. no_new_privs is set. *ret_abi is 0 on a kernel without
 * Landlock. */
must_use err confine_files_apply(const struct confine_options *, int *ret_abi);
