/* provider/words.h -- what large providers say when they turn mail away
 *
 * The words are those that the operators of mail servers meet, so whoever reads replies (outcome/)
 * can be tried on them. "{wait}" stands for seconds until another try may be worth it.
 */
#pragma once
#include "base/str.h"

enum provider_persona {
    PROVIDER_AS_PLAIN,
    PROVIDER_AS_GMAIL,
    PROVIDER_AS_MICROSOFT,
    PROVIDER_AS_YAHOO,
    PROVIDER_PERSONAS
};

enum provider_topic {
    PROVIDER_TOO_FAST,
    PROVIDER_TOO_MANY,    /* connections at once */
    PROVIDER_LONG_ENOUGH, /* messages of one connection */
    PROVIDER_BUSY,
    PROVIDER_GREYLISTED,
    PROVIDER_BLOCKED,
    PROVIDER_QUOTA_USED,
    PROVIDER_LOGIN_WRONG,
    PROVIDER_LOGINS_MANY,
    PROVIDER_NOBODY, /* no such user */
    PROVIDER_FULL,
    PROVIDER_DISABLED,
    PROVIDER_SPAM,
    PROVIDER_TOPICS
};

/* "421 4.7.28 …", one line without its end. */
str provider_words_of(enum provider_persona, enum provider_topic);
