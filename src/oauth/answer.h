/* oauth/answer.h -- what providers answer: JSON, judged strictly and bounded
 *
 * Tokens, device codes and the discovery document. A refusal (RFC 6749 section 5.2, RFC 8628
 * section 3.5) is data: its kind says what to do now. Texts live in the arena; none of them is
 * shown to a terminal without being cleaned.
 */
#pragma once
#include "base/arena.h"

enum {
    OAUTH_ANSWER_BYTES_MAX = 64 * 1024,
    OAUTH_TOKEN_BYTES_MAX = 8192, /* what sasl/ sends at most */
    OAUTH_TEXT_BYTES_MAX = 1024,  /* codes, scopes, descriptions */
    OAUTH_LIFE_S_MAX = 10 * 366 * 24 * 3600,
    OAUTH_LIFE_S_UNTOLD = 3600,        /* when expires_in is missing (RFC 6749 section 5.1) */
    OAUTH_DEVICE_INTERVAL_S = 5,       /* when interval is missing (RFC 8628 section 3.2) */
    OAUTH_DEVICE_INTERVAL_S_MAX = 300, /* longer would be no dialog */
};

enum oauth_refusal_kind {
    OAUTH_NOT_REFUSED,
    OAUTH_PENDING,     /* authorization_pending: ask again */
    OAUTH_SLOW_DOWN,   /* the same, and less often */
    OAUTH_EXPIRED,     /* expired_token: the code is too old */
    OAUTH_DENIED,      /* access_denied: the user, or the administrator, said no */
    OAUTH_LOGIN_AGAIN, /* invalid_grant, interaction_required: the refresh token or code is void */
    OAUTH_BAD_CLIENT,  /* invalid_client, unauthorized_client: id, secret or kind of the client */
    OAUTH_BAD_SCOPE,
    OAUTH_BAD_REQUEST, /* invalid_request, unsupported_…: or a grant that is not offered */
    OAUTH_TEMPORARY,   /* a 5xx, a 429, temporarily_unavailable: later */
    OAUTH_OTHER,
};

struct oauth_refusal {
    enum oauth_refusal_kind kind;
    str code;        /* "invalid_grant", or empty */
    str description; /* their words, or empty */
};

struct oauth_token_answer {
    str access, refresh; /* refresh empty: none */
    str scope;           /* blank-separated; empty: as asked for */
    int64_t life_s;
};

struct oauth_device_answer {
    str device_code, user_code;
    str url;          /* where the user enters the code */
    str url_complete; /* with the code in it, or empty */
    int64_t life_s, interval_s;
};

struct oauth_discovery {
    str issuer, authorize, token, device, revoke; /* device, revoke may be empty */
    bool by_form; /* the client's secret goes in the form, not as HTTP Basic */
    bool s256;    /* it says that it knows PKCE's S256; many know it and do not say so */
};

/* Each judges status and body. ERR_PROTOCOL: no answer of that kind; ERR_LIMIT. A refusal leaves
 * the first result untouched. */
must_use err oauth_answer_token(int status, str body, struct arena *,
                                struct oauth_token_answer *ret_answer,
                                struct oauth_refusal *ret_refusal);
must_use err oauth_answer_device(int status, str body, struct arena *,
                                 struct oauth_device_answer *ret_answer,
                                 struct oauth_refusal *ret_refusal);
/* issuer is what was asked for: the document must say the same (OpenID Connect Discovery 4.3). */
must_use err oauth_answer_discovery(int status, str body, str issuer, struct arena *,
                                    struct oauth_discovery *ret_discovery);

/* What of wanted (blank-separated) is missing in granted; empty: nothing. openid, offline_access
 * and the like are not looked for: many leave them out of what they grant. */
str oauth_answer_missing_scope(str wanted, str granted, struct arena *);

/* "authorization_pending" and so on. */
enum oauth_refusal_kind oauth_answer_refusal_kind(str code);
