/* account/password.h -- password hashes: yescrypt in the system's own format ("$y$…")
 *
 * One hash takes some 10 ms and 16 MiB on purpose, so callers run on a thread that may be slow.
 * Every computed hash is counted: a test shows by the count, not by a clock, that an unknown user
 * costs what a wrong password costs.
 */
#pragma once
#include "base/err.h"

enum { ACCOUNT_PASSWORD_HASH_CHARS = 192 };

/* A fresh hash under a fresh salt, NUL-terminated. ERR_SYSTEM: libcrypt cannot. */
must_use err account_password_hash(str password, char ret_hash[ACCOUNT_PASSWORD_HASH_CHARS]);

/* False also for a hash that libcrypt does not know. */
bool account_password_right(str password, str hash);

uint64_t account_password_work(void); /* hashes computed by this process so far */
