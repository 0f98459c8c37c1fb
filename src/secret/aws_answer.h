/* secret/aws_answer.h -- what AWS says: secrets, credentials, refusals, and its credentials file */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "secret/aws_sign.h"

enum secret_aws_refusal {
    SECRET_AWS_OTHER,     /* could not be had now */
    SECRET_AWS_GONE,      /* there is no such secret, or it is being deleted */
    SECRET_AWS_THROTTLED, /* later */
    SECRET_AWS_EXPIRED,   /* the credentials are over */
    SECRET_AWS_SKEWED,    /* one of the two clocks is wrong */
    SECRET_AWS_INVALID,   /* the request itself: a name that is none */
};

/* The secret, its text or its bytes, appended; with a field's name a member of it as JSON. version
 * lives in the arena. ERR_CONFIG: no such field, or no JSON. ERR_PROTOCOL: no such answer. */
must_use err secret_aws_answer_secret(str body, str field, struct arena *, struct buf *out,
                                      str *ret_version);
/* Why not: what it comes to, and the name it has there, cut. */
enum secret_aws_refusal secret_aws_answer_refusal(str body, struct arena *, str *ret_name);
/* Credentials of a container or an instance. until_ms: when they are over, since 1970; 0: never.
 * Texts live in the arena. ERR_PROTOCOL */
must_use err secret_aws_answer_credentials(str body, struct arena *,
                                           struct secret_aws_credentials *ret_credentials,
                                           int64_t *ret_until_ms);
/* One profile of ~/.aws/credentials; texts borrow. False: it is not there, or not whole. */
bool secret_aws_answer_profile(str text, str profile,
                               struct secret_aws_credentials *ret_credentials);
