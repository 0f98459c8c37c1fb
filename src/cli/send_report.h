/* cli/send_report.h -- what `send` shows: the conversation, and what became of each recipient
 *
 * The conversation has swaks's marks, which people know:
 *
 *     ===  what happens          ***  a failure after which it goes on
 *      ->  said, in clear         ~>  said, by TLS
 *     <-   heard, in clear       <~   heard, by TLS      <** <~*  a refusal heard
 *
 * As JSON each line is an event on stdout, {"event":"said","at":...,"tls":true,"line":...}, and
 * each mail ends with {"event":"message",...}.
 */
#pragma once
#include "client/client.h"
#include <stdio.h>

struct cli_send_report {
    bool color, json;
    int verbose; /* 0: only failures after which it goes on; 1: the conversation; 2: and how long
                  * each reply took */
    bool quiet;
    FILE *out;       /* stderr */
    int64_t said_ms; /* when the last line was said; 0: none */
};

/* For client_options.watch; arg is a struct cli_send_report. */
void cli_send_report_line(void *report, const char *mark, str line);

/* On stdout. name: the file, or "message". */
void cli_send_report_text(const struct client_mail *, const char *name, bool many);
/* Behind it, for who wants to see it: how long each step took, and what TLS was had. On out. */
void cli_send_report_facts(const struct cli_send_report *, const struct client_mail *);
/* What to exit with: sysexits. */
int cli_send_report_exit(enum client_outcome);
void cli_send_report_json(const struct client_mail *, const char *name, const struct config_hop *);
