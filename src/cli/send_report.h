/* cli/send_report.h -- what `send` shows: the conversation, and what became of each recipient */
#pragma once
#include "client/client.h"
#include <stdio.h>

struct cli_send_report {
    bool color;
    int verbose; /* 0: only failures after which it goes on; 1: the conversation */
    bool quiet;
    FILE *out; /* stderr */
};

/* For client_options.watch; arg is a struct cli_send_report. */
void cli_send_report_line(void *report, const char *mark, str line);

/* On stdout. name: the file, or "message". */
void cli_send_report_text(const struct client_mail *, const char *name, bool many);
/* What to exit with: sysexits. */
int cli_send_report_exit(enum client_outcome);
void cli_send_report_json(const struct client_mail *, const char *name, const struct config_hop *);
