/* secret/aws.h -- "aws-sm:NAME" or "aws-sm:NAME#FIELD": AWS Secrets Manager
 *
 * NAME is a secret's name or ARN; FIELD a member of a secret that is a JSON object. Threads share
 * one: it keeps the credentials until they are nearly over, and how wrong our clock is.
 */
#pragma once
#include "config/config.h"
#include "secret/store.h"

struct secret_aws;

/* The texts are held by the caller, as long as it is open. */
struct secret_aws *secret_aws_open(const struct config_aws *);
void secret_aws_close(struct secret_aws *); /* wipes; accepts NULL */
/* Into an empty buf for SECRET_BYTES_MAX. Errs as in secret/store.h. */
must_use err secret_aws_read(struct secret_aws *, str name, struct buf *ret_secret,
                             struct secret_store_told *ret_told, deadline);
