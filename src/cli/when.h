/* cli/when.h -- moments and lengths of time, for people who plan by them */
#pragma once
#include "base/str.h"

enum {
    CLI_WHEN_BYTES = 40,   /* "2026-11-21 18:46:00 +0000" */
    CLI_LENGTH_BYTES = 48, /* "6 days 23 h", "23 h 59 min", "45 s" */
};

void cli_when_local(int64_t real_ms, char ret_text[CLI_WHEN_BYTES]); /* in the local time zone */
/* The two largest units of it; what is negative is "0 s". */
void cli_when_length(int64_t ms, char ret_text[CLI_LENGTH_BYTES]);

/* "2026-12-01 03:00", with 'T' for the blank, seconds, and "Z" or "+01:00" behind it when it is not
 * local time; or "@" and seconds since 1970. */
bool cli_when_parse(str text, int64_t *ret_real_ms);
