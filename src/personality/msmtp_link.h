/* personality/msmtp_link.h -- the way to the server: an address, a proxy, a Unix socket */
#pragma once
#include "personality/msmtp_job.h"

uint16_t personality_msmtp_link_port(const struct msmtp *);
/* Who is to be looked up on the way; empty: nobody. */
str personality_msmtp_link_first_host(const struct msmtp *);

/* A connection to the server. *ret_address: its IP address as text; empty: it is not known. */
must_use err personality_msmtp_link_open(struct msmtp *, struct net_conn **ret_conn,
                                         str *ret_address, deadline until);
