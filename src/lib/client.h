/* lib/client.h -- what a client of the API holds between two sendings: settings, nothing that runs
 */
#pragma once
#include "client/client.h"
#include "lib/call.h"

enum { LIB_CLIENT_PATH_BYTES_MAX = 4096 };

struct smtptool_client {
    bool busy;
    struct arena *arena; /* of the hop */
    struct config_hop hop;
    struct buf user, secret, mechanism, hello;
    bool token;
    struct config_client_policy policy;
    struct buf ca_file;
    struct tls_client *tls; /* made when it is needed first */
    smtptool_watch *watch;
    void *watch_arg;
};
