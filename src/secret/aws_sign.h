/* secret/aws_sign.h -- AWS Signature Version 4: a request says who it is from
 *
 * Pure: the same request at the same time has the same signature. Path and query come in their
 * canonical form: parts encoded, parameters sorted.
 */
#pragma once
#include "base/buf.h"

enum {
    SECRET_AWS_FIELDS_MAX = 12,
    SECRET_AWS_TIME_CHARS = 17, /* "20150830T123600Z" */
};

struct secret_aws_credentials {
    str key_id, secret, token; /* token: of a session; empty: none */
};

struct secret_aws_field {
    str name, value;
};

struct secret_aws_request {
    str method, path, query;
    /* All of them are signed: host and x-amz-date, x-amz-security-token when there is a token. */
    const struct secret_aws_field *fields;
    size_t field_count;
    str body;
};

void secret_aws_sign_time(int64_t real_ms, char ret_time[SECRET_AWS_TIME_CHARS]);
/* The value of the field Authorization, appended. ERR_LIMIT: too many fields. */
must_use err secret_aws_sign(const struct secret_aws_request *,
                             const struct secret_aws_credentials *, str region, str service,
                             const char time[SECRET_AWS_TIME_CHARS], struct buf *out);
