#include "secret/json.h"
#include "secret/vault_answer.h"
#include "tests/fuzz.h"

/* What is taken out of an answer is no longer than the answer, and on refusal nothing is. */
FUZZ(input, arena)
{
    struct secret_vault_answer a = {0};
    struct buf out;
    buf_init(&out, SECRET_JSON_BYTES_MAX);
    err e = secret_vault_answer_secret(input, S("p"), &out, &a);
    ASSERT(e == NULL || out.len == 0);
    ASSERT(out.len <= input.len);
    ASSERT(a.lease_ms >= 0);
    ASSERT(a.version >= 0);
    buf_clear(&out);
    e = secret_vault_answer_secret(input, S(""), &out, &a);
    ASSERT(e == NULL || out.len == 0);
    buf_clear(&out);
    e = secret_vault_answer_login(input, &out, &a);
    ASSERT((e == NULL) == (out.len > 0));
    ASSERT(a.lease_ms >= 0);
    secret_vault_answer_deleted(input);
    ASSERT(secret_vault_answer_why(input, arena).len <= input.len);
    buf_release(&out);
}
