/* personality/swaks_output.h -- the transcript: each line behind its hint
 *
 *     ===  what happens        ***  what went wrong
 *      ->  sent                 ~>  sent inside TLS         >  sent, as raw bytes
 *     <-   received            <~   inside TLS             <   as raw bytes
 *     <**  received, and not what was hoped for             <~* the same inside TLS
 *
 * What went wrong goes to stderr, the rest to stdout. Control bytes of others reach no terminal:
 * they become '?' (--show-raw-text shows them).
 */
#pragma once
#include "base/buf.h"
#include <stdio.h>

enum swaks_mark {
    SWAKS_SAYS,
    SWAKS_FAILS,
    SWAKS_SENT,
    SWAKS_SENT_RAW,
    SWAKS_RECEIVED,
    SWAKS_RECEIVED_BAD,
    SWAKS_RECEIVED_RAW,
};

enum swaks_silence {
    SWAKS_LOUD,
    SWAKS_SILENT_UNTIL_ERROR,
    SWAKS_SILENT_BUT_ERRORS,
    SWAKS_SILENT_ALWAYS,
};

struct swaks_output {
    FILE *out, *err;
    FILE *files[3]; /* that were opened for it; NULL: none */
    bool hide_send, hide_receive, hide_says, hide_all;
    bool bare_send, bare_receive, bare_says; /* without their hints */
    enum swaks_silence silence;
    bool error_seen;
    bool tls; /* the conversation is encrypted by now */
};

void personality_swaks_output_init(struct swaks_output *); /* to stdout and stderr */
void personality_swaks_output_release(struct swaks_output *);
/* Write to a file instead; "&STDOUT" and "&STDERR" are those. NULL: as it is. both is for the two
 * that have no file of their own. ERR_CONFIG: cannot be written. */
must_use err personality_swaks_output_redirect(struct swaks_output *, str both, str to_stdout,
                                               str to_stderr);

/* Each line of the text behind its hint. */
void personality_swaks_output_text(struct swaks_output *, enum swaks_mark, str text);
void personality_swaks_output_say(struct swaks_output *, enum swaks_mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "12 lines sent" in place of the text. */
void personality_swaks_output_count(struct swaks_output *, str text);
void personality_swaks_output_hex(struct swaks_output *, enum swaks_mark, str bytes);
