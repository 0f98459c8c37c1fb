/* personality/sendmail_smtp.h -- sendmail -bs and -bv: sessions with the server on this machine */
#pragma once
#include "personality/post.h"

/* stdin to the server and the server to stdout, until either ends. ERR_SYSTEM: no server. */
must_use err personality_sendmail_smtp_relay(const struct config_hop *);
/* Prints what the server says to each recipient; nothing is sent. *ret_exit: 0, or 67 when one is
 * refused. */
must_use err personality_sendmail_smtp_verify(struct post *, int *ret_exit);
