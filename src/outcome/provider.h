/* outcome/provider.h -- who runs the server that answered
 *
 * Known by the name of its host (the MX), or by marks that some put into every reply. Only those
 * whose replies mean something of their own are here.
 */
#pragma once
#include "base/str.h"

enum outcome_provider {
    PROVIDER_OTHER,
    PROVIDER_GOOGLE,
    PROVIDER_MICROSOFT,
    PROVIDER_YAHOO, /* and AOL */
    PROVIDER_APPLE,
    PROVIDER_COMCAST,
    PROVIDER_CHARTER,
    PROVIDER_GODADDY,
    PROVIDER_PROOFPOINT,
    PROVIDER_MIMECAST,
    PROVIDER_BARRACUDA,
    PROVIDER_CISCO,
    PROVIDER_MESSAGELABS,
    PROVIDER_ORANGE,
    PROVIDER_LAPOSTE,
    PROVIDER_FREE,
    PROVIDER_GMX, /* and web.de, 1&1 */
    PROVIDER_TELEKOM,
    PROVIDER_MAIL_RU,
    PROVIDER_YANDEX,
    PROVIDER_TENCENT,
    PROVIDER_NETEASE,
    PROVIDER_ZOHO,
    PROVIDER_DOCOMO,
    PROVIDER_KDDI,
    PROVIDER_AMAZON,
    PROVIDERS
};

/* host: the MX or whoever answered, perhaps with an address behind it; may be empty. */
enum outcome_provider outcome_provider_of(str host, str reply_text);
const char *outcome_provider_name(enum outcome_provider); /* "google"; "" for PROVIDER_OTHER */
