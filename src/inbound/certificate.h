/* inbound/certificate.h -- an alarm before a certificate of ours is out of date
 *
 * A server whose certificate has expired looks well from inside, while others defer their mail and
 * programs refuse to log in. So it is said a week before, once a day, and at once after a reload
 * that brought such a one.
 */
#pragma once
#include "inbound/inbound.h"

enum {
    INBOUND_CERTIFICATE_SOON_MS = 7 * 24 * 3600 * 1000,
    INBOUND_CERTIFICATE_LOOK_MS = 60 * 1000,
    INBOUND_CERTIFICATE_AGAIN_MS = 24 * 3600 * 1000,
};

/* A fiber's whole life: the event certificate_late, and a warning in the log. */
void inbound_certificate_run(void *inbound);
