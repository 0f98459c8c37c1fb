#include "secret/aws_answer.h"
#include "secret/json.h"
#include "tests/fuzz.h"

/* Answers and the shared file: what is taken is no longer than what came, and on refusal nothing
 * is. */
FUZZ(input, arena)
{
    struct secret_aws_credentials c;
    struct buf out;
    int64_t until_ms = 0;
    str word;
    buf_init(&out, SECRET_JSON_BYTES_MAX);
    err e = secret_aws_answer_secret(input, S(""), arena, &out, &word);
    ASSERT(e == NULL || out.len == 0);
    ASSERT(out.len <= input.len);
    buf_clear(&out);
    e = secret_aws_answer_secret(input, S("p"), arena, &out, &word);
    ASSERT(e == NULL || out.len == 0);
    secret_aws_answer_refusal(input, arena, &word);
    ASSERT(word.len <= input.len);
    if (secret_aws_answer_credentials(input, arena, &c, &until_ms) == NULL)
        ASSERT(c.key_id.len > 0 && c.secret.len > 0);
    if (secret_aws_answer_profile(input, S("default"), &c))
        ASSERT(c.key_id.len > 0 && c.secret.len > 0);
    buf_release(&out);
}
