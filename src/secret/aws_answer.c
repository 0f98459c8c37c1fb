#include "secret/aws_answer.h"
#include "base/codec.h"
#include "message/date.h"
#include "secret/json.h"
#include "secret/secret.h"

enum { NAME_CHARS = 100 };

/* ---- a secret ----------------------------------------------------------------------------- */

static err take_field(str text, str field, struct buf *out)
{
    json_t *object;
    if (field.len == 0)
        return buf_add(out, text);
    err e = secret_json_read(text, &object);
    if (e)
        return err_new(ERR_CONFIG, "a field is wanted, but it is no JSON object");
    e = secret_json_value(object, field, out);
    secret_json_close(object);
    return e;
}

static err take_binary(str text, str field, struct buf *out)
{
    struct buf bytes;
    char *room;
    buf_init(&bytes, SECRET_BYTES_MAX);
    err e = buf_reserve(&bytes, SECRET_BYTES_MAX, &room); /* never moved */
    if (e == NULL)
        e = codec_base64_decode(text, &bytes);
    if (e == NULL)
        e = take_field(buf_str(&bytes), field, out);
    secret_wipe(&bytes);
    return e;
}

err secret_aws_answer_secret(str body, str field, struct arena *arena, struct buf *out,
                             str *ret_version)
{
    json_t *root;
    TRY(secret_json_read(body, &root));
    str text = secret_json_text(root, "SecretString");
    str binary = secret_json_text(root, "SecretBinary");
    str version = str_slice(secret_json_text(root, "VersionId"), 0, NAME_CHARS);
    err e = text.len > 0     ? take_field(text, field, out)
            : binary.len > 0 ? take_binary(binary, field, out)
                             : err_new(ERR_PROTOCOL, "an answer without a secret");
    if (e == NULL)
        *ret_version = arena_str(arena, version);
    secret_json_close(root);
    return e;
}

/* ---- a refusal ---------------------------------------------------------------------------- */

static const struct refusal {
    const char *name; /* how it begins */
    enum secret_aws_refusal what;
} refusals[] = {
    {"ResourceNotFound",     SECRET_AWS_GONE     },
    {"Throttling",           SECRET_AWS_THROTTLED},
    {"TooManyRequests",      SECRET_AWS_THROTTLED},
    {"RequestLimitExceeded", SECRET_AWS_THROTTLED},
    {"LimitExceeded",        SECRET_AWS_THROTTLED},
    {"ExpiredToken",         SECRET_AWS_EXPIRED  },
    {"UnrecognizedClient",   SECRET_AWS_EXPIRED  },
    {"InvalidClientTokenId", SECRET_AWS_EXPIRED  },
    {"RequestTimeTooSkewed", SECRET_AWS_SKEWED   },
    {"RequestExpired",       SECRET_AWS_SKEWED   },
    {"RequestInTheFuture",   SECRET_AWS_SKEWED   },
    {"InvalidParameter",     SECRET_AWS_INVALID  },
    {"Validation",           SECRET_AWS_INVALID  },
};

/* A signature may be wrong because its time is. */
static bool is_time(str name, str message)
{
    return str_starts(name, S("InvalidSignature")) &&
           (str_contains(message, S("Signature expired")) ||
            str_contains(message, S("not yet current")));
}

static enum secret_aws_refusal judge(str name, str message)
{
    if (is_time(name, message))
        return SECRET_AWS_SKEWED;
    if (str_starts(name, S("InvalidRequest")) && str_contains(message, S("deletion")))
        return SECRET_AWS_GONE;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (str_starts(name, str_of(refusals[i].name)))
            return refusals[i].what;
    return SECRET_AWS_OTHER;
}

/* "com.amazonaws.secretsmanager#ThrottlingException" */
enum secret_aws_refusal secret_aws_answer_refusal(str body, struct arena *arena, str *ret_name)
{
    json_t *root = NULL;
    *ret_name = (str){NULL, 0};
    err e = secret_json_read(body, &root);
    if (e)
        return SECRET_AWS_OTHER;
    str name = secret_json_text(root, "__type"), message = secret_json_text(root, "message");
    size_t hash = str_find_last(name, '#');
    if (hash != STR_NONE)
        name = str_from(name, hash + 1);
    if (message.len == 0)
        message = secret_json_text(root, "Message");
    enum secret_aws_refusal what = judge(name, message);
    *ret_name = arena_str(arena, str_slice(name, 0, NAME_CHARS));
    secret_json_close(root);
    return what;
}

/* ---- credentials -------------------------------------------------------------------------- */

err secret_aws_answer_credentials(str body, struct arena *arena,
                                  struct secret_aws_credentials *ret_credentials,
                                  int64_t *ret_until_ms)
{
    json_t *root;
    int64_t until_ms = 0;
    TRY(secret_json_read(body, &root));
    struct secret_aws_credentials c = {
        .key_id = arena_str(arena, secret_json_text(root, "AccessKeyId")),
        .secret = arena_str(arena, secret_json_text(root, "SecretAccessKey")),
        .token = arena_str(arena, secret_json_text(root, "Token")),
    };
    str until = secret_json_text(root, "Expiration");
    bool dated = until.len == 0 || message_date_parse_rfc3339(until, &until_ms);
    secret_json_close(root);
    if (c.key_id.len == 0 || c.secret.len == 0 || !dated)
        return err_new(ERR_PROTOCOL, "an answer without credentials");
    *ret_credentials = c;
    *ret_until_ms = until_ms;
    return NULL;
}

/* "[profile]" and "name = value"; "#" and ";" begin a remark. */
bool secret_aws_answer_profile(str text, str profile, struct secret_aws_credentials *ret)
{
    struct secret_aws_credentials c = {0};
    bool here = false;
    str line, name, value;
    while (text.len > 0) {
        str_split(text, '\n', &line, &text);
        line = str_trim(line);
        if (str_starts(line, S("["))) {
            here = line.ptr[line.len - 1] == ']' &&
                   str_eq(str_trim(str_slice(line, 1, line.len - 2)), profile);
            continue;
        }
        if (!here || line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
            continue;
        str_split(line, '=', &name, &value);
        name = str_trim(name);
        value = str_trim(value);
        if (str_eq_nocase(name, S("aws_access_key_id")))
            c.key_id = value;
        else if (str_eq_nocase(name, S("aws_secret_access_key")))
            c.secret = value;
        else if (str_eq_nocase(name, S("aws_session_token")))
            c.token = value;
    }
    if (c.key_id.len == 0 || c.secret.len == 0)
        return false;
    *ret = c;
    return true;
}
