/* smtp/status.h -- enhanced status codes (RFC 3463 and the IANA registry)
 *
 * "5.1.1" is class.subject.detail. The registry lists details for all classes alike, so texts are
 * looked up without the class.
 */
#pragma once
#include "base/str.h"

/* 2, 4 or 5; 0: not an enhanced code (class "." 1..3 digits "." 1..3 digits). */
int smtp_status_class(str enhanced);

/* "Bad destination mailbox address" for "5.1.1"; for a detail nobody registered the text of
 * its subject's ".0"; for anything else "Other undefined status". */
const char *smtp_status_text(str enhanced);

/* The enhanced code for a reply that came without one. RFC 3464 section 2.3.4 wants the "best"
 * known, and ".0" where nothing is known: 550 at RCPT may mean an unknown user as well as policy,
 * so it is 5.0.0; 503 or 535 can mean one thing only. The result is a constant. */
str smtp_status_for_code(int code);
