/* smtp/client_talk.h -- a client's single lines: commands out, replies in, each with its deadline
 */
#pragma once
#include "smtp/client.h"

/* So long from now on, but not past client->until. */
deadline smtp_client_talk_until(const struct smtp_client *, int64_t timeout_ms);
/* Collect one command line (CRLF is added); it goes out before the next reply is read. */
must_use err smtp_client_talk_say(struct smtp_client *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
must_use err smtp_client_talk_say_line(struct smtp_client *, str line);
/* The same for a line with a secret in it: the transcript shows only what is given as shown. */
must_use err smtp_client_talk_say_secret(struct smtp_client *, str line, const char *shown);
must_use err smtp_client_talk_read(struct smtp_client *, struct arena *,
                                   struct smtp_reply *ret_reply, int64_t timeout_ms);
must_use err smtp_client_talk_reset(struct smtp_client *, struct arena *); /* RSET, reply ignored */
void smtp_client_talk_note(struct smtp_client *, const char *mark, uint64_t content_bytes);
