/* message/id.h -- names that nobody else gives: Message-IDs and MIME boundaries */
#pragma once
#include "base/arena.h"

enum { MESSAGE_UNIQUE_CHARS = 32 };

/* "19ab3c5d7e0.0123456789abcdef": the time and 64 random bits; letters, digits and a dot. */
void message_id_unique(int64_t real_ms, char ret_unique[MESSAGE_UNIQUE_CHARS]);

/* "<time.random@hostname>" in the arena. An empty hostname becomes "localhost". */
str message_id_make(struct arena *, str hostname, int64_t real_ms);
