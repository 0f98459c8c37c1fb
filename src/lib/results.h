/* lib/results.h -- what became of a message, for the API */
#pragma once
#include "client/client.h"
#include "lib/call.h"

struct lib_results_item {
    int kind, code;
    const char *address, *enhanced, *text;
};

struct smtptool_results {
    struct arena *arena;
    struct lib_results_item *items;
    size_t count;
    const char *why, *message_id, *server, *tls;
    int attempts;
};

/* Takes the mail's arena over. */
struct smtptool_results *lib_results_make(const struct client_mail *, const char *message_id);
/* What smtptool_client_send() returns of it. */
void lib_results_error(const struct client_mail *, struct smtptool_error *ret_error);
