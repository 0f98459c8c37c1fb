/* outbound/transcript.h -- what a connection has said and heard, kept for the case that it fails
 *
 * Each connection notes its lines (smtp/client.h gives them without logins and contents): first its
 * opening, up to the login, then those of the mail that it carries. The next mail's take the place
 * of the last one's. Nothing is written anywhere until an attempt fails; then the text is copied
 * into the attempt's book, and the book goes to transcript_store.h.
 *
 * Memory grows on demand, from OUTBOUND_TRANSCRIPT_BYTES_MIN by doubling, so a line seldom costs
 * more than being copied. A long conversation loses its middle: what came behind the opening first.
 * All of a process together have OUTBOUND_TRANSCRIPT_MEMORY_MAX; beyond it none grows any more.
 * Idle connections give back what they do not need.
 */
#pragma once
#include "base/buf.h"

enum {
    OUTBOUND_TRANSCRIPT_BYTES_MIN = 1 << 10,
    OUTBOUND_TRANSCRIPT_BYTES_MAX = 64 << 10,
    OUTBOUND_TRANSCRIPT_IDLE_BYTES_MAX = 4 << 10, /* an idle connection's memory */
    OUTBOUND_TRANSCRIPT_LINE_BYTES_MAX = 600,     /* what is more is cut */
    OUTBOUND_TRANSCRIPT_BOOK_BYTES_MAX = 256 << 10,
    OUTBOUND_TRANSCRIPT_MEMORY_MAX = 64 << 20,
};

struct outbound_transcript { /* zeroes are an empty one */
    char *bytes;
    uint32_t len, cap;
    uint32_t opening;  /* so many bytes in front stay */
    uint64_t left_out; /* bytes of the present mail's */
    int64_t began_ms;  /* steady clock; 0: nothing was said yet */
};

void outbound_transcript_release(struct outbound_transcript *);
/* For smtp_client_options. mark: "->", "<-", "==" */
void outbound_transcript_line(void *transcript, const char *mark, str line);
/* All up to here was the opening. */
void outbound_transcript_opened(struct outbound_transcript *);
/* Another mail begins: what was said for the last one is forgotten. */
void outbound_transcript_begin(struct outbound_transcript *);
/* It will lie idle: the same, and memory is given back. */
void outbound_transcript_rest(struct outbound_transcript *);
size_t outbound_transcript_memory(void); /* of all of this process, in bytes */

/* All that was said in one attempt to hosts that did not take the mail. */
struct outbound_transcript_book {
    struct buf text;
};
void outbound_transcript_book_init(struct outbound_transcript_book *);
void outbound_transcript_book_release(struct outbound_transcript_book *);
/* Add a conversation with that host; why: what ended it when it was no reply, or empty. Where the
 * book is full it is left out. The book may be NULL: nobody keeps one. */
void outbound_transcript_book_add(struct outbound_transcript_book *, str host, str ip,
                                  const struct outbound_transcript *, str why);
