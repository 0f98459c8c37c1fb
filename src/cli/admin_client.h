/* cli/admin_client.h -- ask a running server over its socket (cli/admin.h); blocks */
#pragma once
#include "config/config.h"
#include <jansson.h>

/* Send the request (taken over) and give each line of the answer but the last to the callback, if
 * there is one. *ret_done: the number in the last line. ERR_CLOSED: no server is there; ERR_CONFIG:
 * the server says no, and why; ERR_SYSTEM, ERR_PROTOCOL. */
must_use err cli_admin_client_ask(const struct config *, json_t *request,
                                  void (*line)(void *arg, const json_t *), void *arg,
                                  int64_t *ret_done);
