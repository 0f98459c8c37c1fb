/* secret/aws_credentials.h -- who we are at AWS, found where AWS's own tools look
 *
 * In this order: $AWS_ACCESS_KEY_ID, a profile of the shared file, the container's endpoint, the
 * instance's metadata (IMDSv2 only).
 */
#pragma once
#include "config/config.h"
#include "secret/aws_sign.h"
#include "secret/store.h"

struct secret_aws_found {
    struct secret_aws_credentials credentials; /* live in the arena */
    int64_t until_ms;                          /* since 1970; 0: they do not end */
};

/* ERR_CONFIG: nowhere are any. */
must_use err secret_aws_credentials_find(const struct config_aws *, struct arena *, deadline until,
                                         struct secret_aws_found *ret_found);
