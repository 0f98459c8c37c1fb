#include "client/outcome.h"
#include "base/assert.h"

const char *client_outcome_name(enum client_outcome outcome)
{
    static const char *const names[CLIENT_OUTCOMES] = {
        "sent", "later", "no_user", "refused", "no_host", "no_channel", "no_login"};
    ASSERT(outcome < CLIENT_OUTCOMES);
    return names[outcome];
}

enum client_outcome client_outcome_worse(enum client_outcome worst, enum client_outcome next)
{
    bool passing = worst == CLIENT_SENT || worst == CLIENT_LATER;
    return passing && next != CLIENT_SENT ? next : worst;
}

enum client_outcome client_outcome_of(err e)
{
    switch (e->kind) {
    case ERR_TLS:
    case ERR_PROTOCOL:
    case ERR_LIMIT:
        return CLIENT_NO_CHANNEL;
    case ERR_CONFIG:
        return CLIENT_NO_LOGIN; /* no mechanism that both sides have */
    default:
        return CLIENT_LATER;
    }
}
