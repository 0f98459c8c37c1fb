/* personality/msmtp_show.h -- what msmtp prints: settings (-P), a server (-S), TLS, the
 * conversation
 */
#pragma once
#include "personality/msmtp_job.h"
#include "smtp/capabilities.h"

void personality_msmtp_show_account(const struct msmtp *); /* which one it is */
void personality_msmtp_show_settings(const struct msmtp *);
void personality_msmtp_show_tls(const struct net_conn *, struct arena *);

struct msmtp_server {
    str greeting, address; /* address: empty when it is not known */
    uint16_t port;
    struct smtp_capabilities capabilities;
    bool starttls; /* offered before TLS */
};
void personality_msmtp_show_server(const struct msmtp *, const struct msmtp_server *,
                                   const struct net_conn *);
/* "--> " and "<-- " before each line; the message itself where the client only names its size. */
void personality_msmtp_show_line(const struct msmtp *, const char *mark, str line);
