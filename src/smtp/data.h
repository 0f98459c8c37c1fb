/* smtp/data.h -- a message on the wire after DATA: dot-stuffing and its end (RFC 5321 4.5.2)
 *
 * Both directions are streams in pieces of any size that copy nothing: they hand out runs of the
 * caller's own bytes. Only CRLF.CRLF ends a message; a bare CR or LF neither ends a line nor a
 * message, it is content that smtp_scan tells of, and the session refuses the message for it
 * once it has been read to its real end.
 */
#pragma once
#include "base/err.h"
#include "smtp/scan.h"

enum smtp_data_event {
    SMTP_DATA_MORE, /* all of the input was taken; more is needed */
    SMTP_DATA_RUN,  /* *ret_run is content */
    SMTP_DATA_END,  /* the end was taken off the input; what is left there is the next command */
};

struct smtp_data_reader {
    int state; /* enum in data.c */
    struct smtp_scan scan;
};

void smtp_data_reader_init(struct smtp_data_reader *);

/* The next event; *input is cut as it is consumed. A run is never empty; it points into the input
 * (or at a constant) and is good as long as the input is. With the end, scan is complete. */
enum smtp_data_event smtp_data_read(struct smtp_data_reader *, str *input, str *ret_run);

struct smtp_data_writer {
    bool in_line;    /* the last byte sent did not end a line */
    bool pending_cr; /* the last byte of a piece: held back until its LF is here */
    bool broken;
};

void smtp_data_writer_init(struct smtp_data_writer *);

/* The next run to put on the wire; *body is cut as it is consumed. An empty run: all of body was
 * taken. ERR_PROTOCOL: body holds a bare CR or LF. It was not handed out, nor will anything behind
 * it be: the connection must be dropped, for the message can neither be ended nor taken back. */
must_use err smtp_data_write(struct smtp_data_writer *, str *body, str *ret_run);

/* What ends the message, with a CRLF before it if the body has no final one. ERR_PROTOCOL: the body
 * ended in a bare CR, or was broken before. */
must_use err smtp_data_write_end(struct smtp_data_writer *, str *ret_run);
