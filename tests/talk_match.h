/* tests/talk_match.h -- does what came fit what was awaited?
 *
 * In a pattern `*` stands for any bytes and `?` for one digit. "250 has STARTTLS, no AUTH" looks
 * for lines of a multi-line reply.
 */
#pragma once
#include "base/str.h"

bool talk_match_line(str pattern, str line);
/* The reply's lines, joined by '\n', without CRLF. */
bool talk_match_reply(str pattern, str reply);
/* The pattern is one line of several: "250-mail.example.com". */
bool talk_match_is_part(str pattern);
