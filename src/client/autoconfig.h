/* client/autoconfig.h -- what a mail provider writes for mail programs: config-v1.1.xml
 *
 * The file of Mozilla's autoconfiguration. Of it we take the servers that mail is handed to
 * (outgoingServer of type smtp) and how to log in there. It comes from the network: read by expat,
 * without a document type and so without entities, every text bounded.
 */
#pragma once
#include "base/arena.h"

enum {
    CLIENT_AUTOCONFIG_BYTES_MAX = 256 << 10,
    CLIENT_AUTOCONFIG_SERVERS_MAX = 8,
    CLIENT_AUTOCONFIG_DEPTH_MAX = 16,
    CLIENT_AUTOCONFIG_TEXT_BYTES_MAX = 320,
};

enum client_autoconfig_socket {
    CLIENT_AUTOCONFIG_PLAIN,
    CLIENT_AUTOCONFIG_STARTTLS,
    CLIENT_AUTOCONFIG_IMPLICIT,
};

struct client_autoconfig_server {
    str host; /* as it stands there: a name, not checked further */
    uint16_t port;
    enum client_autoconfig_socket socket;
    str user;                   /* with the address in place of %EMAILADDRESS% */
    bool password, oauth, open; /* logins: clear or encrypted password, token, none */
};

struct client_autoconfig {
    struct client_autoconfig_server servers[CLIENT_AUTOCONFIG_SERVERS_MAX]; /* as in the file */
    size_t count;
};

/* Texts live in the arena. ERR_PROTOCOL: not such a file. ERR_LIMIT: above the maxima. */
must_use err client_autoconfig_parse(str xml, str address, struct arena *,
                                     struct client_autoconfig *ret_config);
