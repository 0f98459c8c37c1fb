#include "outcome/class.h"

/* clang-format off */
static const struct outcome_class_facts classes[OUTCOME_CLASSES] = {
    [OUTCOME_DELIVERED] = {"delivered", false, OUTCOME_NOBODYS, OUTCOME_NOTHING,
        "The server took the message."},
    [OUTCOME_BAD_MAILBOX] = {"bad_mailbox", true, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS,
        "There is no such mailbox at that domain."},
    [OUTCOME_MOVED] = {"moved", true, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS,
        "The mailbox is no longer there."},
    [OUTCOME_BAD_DOMAIN] = {"bad_domain", true, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS,
        "There is no such domain, or no server for its mail."},
    [OUTCOME_NO_MAIL] = {"no_mail", true, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS,
        "The domain takes no mail, and says so."},
    [OUTCOME_DISABLED_MAILBOX] = {"disabled_mailbox", false, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS,
        "The mailbox exists but is switched off."},
    [OUTCOME_MAILBOX_FULL] = {"mailbox_full", false, OUTCOME_RECIPIENTS, OUTCOME_RETRY,
        "The mailbox, or the space that it shares, is full."},
    [OUTCOME_FILTERED] = {"filtered", false, OUTCOME_RECIPIENTS, OUTCOME_SUPPRESS_IF_AGAIN,
        "The recipient is unknown or refuses such mail; the server told only after the content."},
    [OUTCOME_GREYLIST] = {"greylist", false, OUTCOME_NOBODYS, OUTCOME_RETRY,
        "The server lets every unknown sender wait once."},
    [OUTCOME_RATE] = {"rate", false, OUTCOME_OUR_ADDRESS, OUTCOME_SLOW_DOWN,
        "Too much mail came from here, or too fast, for that server."},
    [OUTCOME_TOO_MANY_CONNECTIONS] = {"too_many_connections", false, OUTCOME_OUR_ADDRESS,
        OUTCOME_SLOW_DOWN, "Too many connections from here were open at once."},
    [OUTCOME_TOO_MANY_RECIPIENTS] = {"too_many_recipients", false, OUTCOME_OUR_SETUP,
        OUTCOME_SLOW_DOWN, "One mail had more recipients than that server takes."},
    [OUTCOME_BLOCKED_IP] = {"blocked_ip", false, OUTCOME_OUR_ADDRESS, OUTCOME_PAUSE_SITE,
        "The address that the mail was sent from is on a block list or has a bad name there."},
    [OUTCOME_REVERSE_DNS] = {"reverse_dns", false, OUTCOME_OUR_SETUP, OUTCOME_FIX_REVERSE_DNS,
        "The address that the mail was sent from has no name in the DNS, or one that does not "
        "agree."},
    [OUTCOME_BLOCKED_SENDER] = {"blocked_sender", false, OUTCOME_OUR_DOMAIN, OUTCOME_FIX_SENDER,
        "The sender's address or domain is refused."},
    [OUTCOME_AUTH] = {"auth", false, OUTCOME_OUR_DOMAIN, OUTCOME_FIX_AUTH,
        "The message failed SPF, DKIM or DMARC, or has none of them."},
    [OUTCOME_SPAM] = {"spam_content", false, OUTCOME_OUR_CONTENT, OUTCOME_FIX_CONTENT,
        "The server takes the message for spam."},
    [OUTCOME_VIRUS] = {"virus", false, OUTCOME_OUR_CONTENT, OUTCOME_FIX_CONTENT,
        "The server takes something in the message for dangerous."},
    [OUTCOME_POLICY] = {"policy", false, OUTCOME_UNKNOWN_WHOSE, OUTCOME_CONTACT,
        "A rule of that server refused the message; which one it does not say."},
    [OUTCOME_RELAY] = {"relay", false, OUTCOME_OUR_SETUP, OUTCOME_FIX_ROUTE,
        "That server does not take mail for this recipient from us."},
    [OUTCOME_LOGIN] = {"login", false, OUTCOME_OUR_SETUP, OUTCOME_FIX_LOGIN,
        "The server wants a login, or the one that it got was wrong."},
    [OUTCOME_TLS] = {"tls", false, OUTCOME_OUR_SETUP, OUTCOME_FIX_TLS,
        "No encrypted connection came about, and one is required."},
    [OUTCOME_CONTENT] = {"content", false, OUTCOME_OUR_CONTENT, OUTCOME_FIX_CONTENT,
        "The message is malformed, or of a kind that the server cannot take."},
    [OUTCOME_TOO_BIG] = {"too_big", false, OUTCOME_OUR_CONTENT, OUTCOME_FIX_CONTENT,
        "The message is larger than that server or mailbox takes."},
    [OUTCOME_LOOP] = {"loop", false, OUTCOME_THEIR_SERVER, OUTCOME_CONTACT,
        "The message went in a circle."},
    [OUTCOME_PROTOCOL] = {"protocol", false, OUTCOME_OUR_SETUP, OUTCOME_CONTACT,
        "The two servers did not understand each other."},
    [OUTCOME_DNS] = {"dns", false, OUTCOME_THE_NETWORK, OUTCOME_RETRY,
        "The DNS could not be asked for the domain's servers."},
    [OUTCOME_NETWORK] = {"network", false, OUTCOME_THE_NETWORK, OUTCOME_RETRY,
        "The server could not be reached, or the connection broke."},
    [OUTCOME_SYSTEM] = {"system", false, OUTCOME_THEIR_SERVER, OUTCOME_RETRY,
        "The server has trouble of its own."},
    [OUTCOME_EXPIRED] = {"expired", false, OUTCOME_UNKNOWN_WHOSE, OUTCOME_SUPPRESS_IF_AGAIN,
        "It was tried again and again until the time was up."},
    [OUTCOME_TRANSIENT_OTHER] = {"transient_other", false, OUTCOME_UNKNOWN_WHOSE, OUTCOME_RETRY,
        "Refused for now; the server does not say why."},
    [OUTCOME_PERMANENT_OTHER] = {"permanent_other", false, OUTCOME_UNKNOWN_WHOSE, OUTCOME_CONTACT,
        "Refused for good; the server does not say why."},
};

static const char *const whose[] = {
    [OUTCOME_NOBODYS] = "nobody",
    [OUTCOME_RECIPIENTS] = "recipient",
    [OUTCOME_OUR_CONTENT] = "our_content",
    [OUTCOME_OUR_ADDRESS] = "our_address",
    [OUTCOME_OUR_DOMAIN] = "our_domain",
    [OUTCOME_OUR_SETUP] = "our_configuration",
    [OUTCOME_THEIR_SERVER] = "their_server",
    [OUTCOME_THE_NETWORK] = "network",
    [OUTCOME_UNKNOWN_WHOSE] = "unknown",
};

static const struct {
    const char *name, *to_do;
} advices[] = {
    [OUTCOME_NOTHING] = {"nothing", "Nothing is to be done."},
    [OUTCOME_SUPPRESS] = {"suppress", "Send nothing more to this recipient."},
    [OUTCOME_SUPPRESS_IF_AGAIN] = {"suppress_if_again",
        "Send nothing more to this recipient when it happens once more."},
    [OUTCOME_RETRY] = {"retry", "Try again later."},
    [OUTCOME_SLOW_DOWN] = {"slow_down", "Send less at once to that site, and come back up slowly."},
    [OUTCOME_PAUSE_SITE] = {"pause_site",
        "Stop sending to that site from this address, find out why it is listed, and ask to "
        "be taken off."},
    [OUTCOME_FIX_AUTH] = {"fix_auth",
        "Mend the SPF, DKIM and DMARC records and signatures of the sender's domain."},
    [OUTCOME_FIX_REVERSE_DNS] = {"fix_reverse_dns",
        "Give the sending address a PTR record whose name leads back to it, and use that name "
        "in EHLO."},
    [OUTCOME_FIX_SENDER] = {"fix_sender",
        "Send from an address whose domain exists and takes mail."},
    [OUTCOME_FIX_CONTENT] = {"fix_content", "Change the message before it is sent again."},
    [OUTCOME_FIX_LOGIN] = {"fix_login", "Check the login that is configured for that server."},
    [OUTCOME_FIX_TLS] = {"fix_tls", "Check certificates and TLS versions at both ends."},
    [OUTCOME_FIX_ROUTE] = {"fix_route",
        "Check the route: another server is in charge, or a login is needed."},
    [OUTCOME_CONTACT] = {"contact", "Ask the postmaster of that server."},
};
/* clang-format on */

const struct outcome_class_facts *outcome_class_of(enum outcome_class class)
{
    ASSERT(class < OUTCOME_CLASSES);
    return &classes[class];
}

bool outcome_class_find(str name, enum outcome_class *ret_class)
{
    for (size_t i = 0; i < OUTCOME_CLASSES; i++)
        if (str_eq(name, str_of(classes[i].name))) {
            *ret_class = (enum outcome_class)i;
            return true;
        }
    return false;
}

const char *outcome_class_whose(enum outcome_whose w) { return whose[w]; }
const char *outcome_class_advice(enum outcome_advice advice) { return advices[advice].name; }
const char *outcome_class_to_do(enum outcome_advice advice) { return advices[advice].to_do; }
