/* client/probe.h -- what does a server say to us? Connect, TLS, EHLO, login; nothing is sent
 *
 * The steps of client.h up to where a mail would begin, and what was found on the way. A step that
 * fails ends it; what was found before it stays.
 */
#pragma once
#include "client/client.h"
#include "smtp/capabilities.h"

struct client_probe {
    enum client_outcome outcome; /* CLIENT_SENT: all of it works */
    char why[CLIENT_WHY_BYTES];
    bool reached, greeted, logged_in; /* logged_in: false without a user */
    char address[ADDRESS_CHARS];
    bool tls_active;
    struct tls_facts tls;
    struct smtp_capabilities capabilities; /* in the arena; empty unless greeted */
    struct client_times times;
};

/* On a fiber. One attempt. */
void client_probe_run(const struct client_options *, struct arena *,
                      struct client_probe *ret_probe);
