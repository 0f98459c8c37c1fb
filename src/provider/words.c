#include "provider/words.h"

static const char *const plain[PROVIDER_TOPICS] = {
    [PROVIDER_TOO_FAST] = "451 4.7.1 Rate limit exceeded, too many messages, try again later",
    [PROVIDER_TOO_MANY] = "421 4.7.0 Too many concurrent connections from your address",
    [PROVIDER_LONG_ENOUGH] = "421 4.7.0 Too many messages in this connection, open another",
    [PROVIDER_BUSY] = "421 4.3.2 Service not available, closing the channel, try again later",
    [PROVIDER_GREYLISTED] = "451 4.7.1 Greylisted, please try again in {wait} seconds",
    [PROVIDER_BLOCKED] = "550 5.7.1 Your IP address has been blocked for sending too fast",
    [PROVIDER_QUOTA_USED] = "550 5.4.5 Daily sending quota exceeded",
    [PROVIDER_LOGIN_WRONG] = "535 5.7.8 Authentication credentials invalid",
    [PROVIDER_LOGINS_MANY] = "454 4.7.0 Too many logins, try again later",
    [PROVIDER_NOBODY] = "550 5.1.1 No such user here",
    [PROVIDER_FULL] = "452 4.2.2 Mailbox full",
    [PROVIDER_DISABLED] = "550 5.2.1 Mailbox disabled",
    [PROVIDER_SPAM] = "550 5.7.1 Message rejected as spam",
};

static const char *const gmail[PROVIDER_TOPICS] = {
    [PROVIDER_TOO_FAST] = "421 4.7.28 Our system has detected an unusual rate of unsolicited mail "
                          "originating from your IP address. To protect our users from spam, mail "
                          "sent from your IP address has been temporarily rate limited. - gsmtp",
    [PROVIDER_TOO_MANY] = "421 4.7.0 Too many concurrent connections from your IP address. - gsmtp",
    [PROVIDER_LONG_ENOUGH] = "421 4.7.0 Too many messages in this connection, closing. - gsmtp",
    [PROVIDER_BUSY] = "421 4.3.0 Temporary System Problem. Try again later. - gsmtp",
    [PROVIDER_BLOCKED] = "550 5.7.1 Our system has detected an unusual rate of unsolicited mail "
                         "originating from your IP address. Mail sent from your IP address has "
                         "been blocked. - gsmtp",
    [PROVIDER_QUOTA_USED] = "550 5.4.5 Daily user sending limit exceeded. - gsmtp",
    [PROVIDER_LOGIN_WRONG] = "535 5.7.8 Username and Password not accepted. - gsmtp",
    [PROVIDER_LOGINS_MANY] = "454 4.7.0 Too many login attempts, please try again later. - gsmtp",
    [PROVIDER_NOBODY] = "550 5.1.1 The email account that you tried to reach does not exist. "
                        "- gsmtp",
    [PROVIDER_FULL] = "452 4.2.2 The recipient's inbox is out of storage space. - gsmtp",
    [PROVIDER_DISABLED] = "550 5.2.1 The email account that you tried to reach is disabled. "
                          "- gsmtp",
    [PROVIDER_SPAM] = "550 5.7.1 Our system has detected that this message is likely unsolicited "
                      "mail. - gsmtp",
};

static const char *const microsoft[PROVIDER_TOPICS] = {
    [PROVIDER_TOO_FAST] = "451 4.7.500 Server busy. Please try again later from [{source}]. "
                          "(S77719) [AM0.prod.outlook.com]",
    [PROVIDER_TOO_MANY] = "421 4.7.0 Too many concurrent connections from your IP address "
                          "[AM0.prod.outlook.com]",
    [PROVIDER_LONG_ENOUGH] = "421 4.4.2 Message submission rate for this connection has exceeded "
                             "the configured limit [AM0.prod.outlook.com]",
    [PROVIDER_BUSY] = "421 4.3.2 Service not active [AM0.prod.outlook.com]",
    [PROVIDER_BLOCKED] = "550 5.7.1 Unfortunately, messages from [{source}] weren't sent. Please "
                         "contact your Internet service provider since part of their network is "
                         "on our block list (S3150). [AM0.prod.outlook.com]",
    [PROVIDER_QUOTA_USED] = "550 5.1.90 Your message can't be sent because you've reached your "
                            "daily limit for message recipients [AM0.prod.outlook.com]",
    [PROVIDER_LOGIN_WRONG] = "535 5.7.3 Authentication unsuccessful [AM0.prod.outlook.com]",
    [PROVIDER_NOBODY] = "550 5.4.1 Recipient address rejected: Access denied. "
                        "[AM0.prod.outlook.com]",
    [PROVIDER_FULL] = "452 4.2.2 Mailbox full [AM0.prod.outlook.com]",
};

static const char *const yahoo[PROVIDER_TOPICS] = {
    [PROVIDER_TOO_FAST] = "421 4.7.0 [TSS04] Messages from {source} temporarily deferred due to "
                          "unexpected volume or user complaints",
    [PROVIDER_TOO_MANY] = "421 4.7.0 Too many concurrent connections from {source}",
    [PROVIDER_BLOCKED] = "553 5.7.1 [BL21] Connections will not be accepted from {source}, because "
                         "the ip is on a block list",
    [PROVIDER_NOBODY] = "554 5.1.1 delivery error: dd This user doesn't have a yahoo.com account",
};

static const char *const *const personas[PROVIDER_PERSONAS] = {plain, gmail, microsoft, yahoo};

str provider_words_of(enum provider_persona persona, enum provider_topic topic)
{
    const char *said = personas[persona][topic];
    return str_of(said ? said : plain[topic]);
}
