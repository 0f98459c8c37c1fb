#include "sasl/scram_message.h"

/* Take "x=value" off the front, and the comma behind it. */
static bool attribute(str *input, char name, str *ret_value)
{
    if (input->len < 2 || input->ptr[0] != name || input->ptr[1] != '=')
        return false;
    str value;
    str_split(str_from(*input, 2), ',', &value, input);
    *ret_value = value;
    return true;
}

static err check_size(str message)
{
    if (message.len > SASL_SCRAM_MESSAGE_BYTES_MAX)
        return err_new(ERR_LIMIT, "a SCRAM message above %d bytes", SASL_SCRAM_MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < message.len; i++)
        if (message.ptr[i] == '\0')
            return err_new(ERR_PROTOCOL, "NUL in a SCRAM message");
    return NULL;
}

/* printable: %x21-2B / %x2D-7E; a nonce of ours and theirs together in the later messages */
static bool is_nonce(str nonce, size_t max)
{
    if (nonce.len == 0 || nonce.len > max)
        return false;
    for (size_t i = 0; i < nonce.len; i++)
        if (nonce.ptr[i] < 0x21 || nonce.ptr[i] > 0x7e || nonce.ptr[i] == ',')
            return false;
    return true;
}

/* Every extension has the form "x=value" with a letter. */
static err check_extensions(str rest)
{
    while (rest.len) {
        str one;
        str_split(rest, ',', &one, &rest);
        if (one.len < 2 || !char_is_alpha(one.ptr[0]) || one.ptr[1] != '=')
            return err_new(ERR_PROTOCOL, "a malformed SCRAM extension");
        if (one.ptr[0] == 'm')
            return err_new(ERR_PROTOCOL, "a mandatory SCRAM extension that we do not know");
    }
    return NULL;
}

static bool is_binding_name(str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!char_is_alnum(name.ptr[i]) && name.ptr[i] != '.' && name.ptr[i] != '-')
            return false;
    return name.len > 0;
}

/* gs2-cbind-flag "," [ "a=" authzid ] "," */
static err take_gs2(str message, struct sasl_scram_client_first *p)
{
    str flag, rest, authzid;
    str_split(message, ',', &flag, &rest);
    if (str_eq(flag, S("n")) || str_eq(flag, S("y")))
        p->flag = flag.ptr[0];
    else if (str_skip(&flag, S("p=")) && is_binding_name(flag))
        p->flag = 'p';
    else
        return err_new(ERR_PROTOCOL, "a malformed channel binding flag");
    if (p->flag == 'p')
        p->binding_name = flag;
    if (str_find(rest, ',') == STR_NONE)
        return err_new(ERR_PROTOCOL, "a SCRAM message cut short");
    str_split(rest, ',', &authzid, &rest);
    if (authzid.len && !(str_skip(&authzid, S("a=")) && authzid.len))
        return err_new(ERR_PROTOCOL, "a malformed authorization identity");
    p->authzid = authzid;
    p->gs2 = (str){message.ptr, message.len - rest.len};
    p->bare = rest;
    return NULL;
}

err sasl_scram_message_client_first(str message, struct sasl_scram_client_first *ret_parts)
{
    struct sasl_scram_client_first p = {0};
    TRY(check_size(message));
    TRY(take_gs2(message, &p));
    str rest = p.bare;
    if (str_starts(rest, S("m=")))
        return err_new(ERR_PROTOCOL, "a mandatory SCRAM extension that we do not know");
    if (!attribute(&rest, 'n', &p.user) || p.user.len == 0)
        return err_new(ERR_PROTOCOL, "no user name");
    if (!attribute(&rest, 'r', &p.nonce) || !is_nonce(p.nonce, SASL_SCRAM_NONCE_BYTES_MAX))
        return err_new(ERR_PROTOCOL, "no nonce, or a bad one");
    TRY(check_extensions(rest));
    *ret_parts = p;
    return NULL;
}

/* The proof is the last attribute, and there is one only. */
static err take_proof(str message, struct sasl_scram_client_final *p)
{
    size_t comma = str_find_last(message, ',');
    str last = comma == STR_NONE ? message : str_from(message, comma + 1);
    if (comma == STR_NONE || !attribute(&last, 'p', &p->proof) || p->proof.len == 0)
        return err_new(ERR_PROTOCOL, "no proof at the end");
    p->without_proof = str_slice(message, 0, comma);
    return NULL;
}

err sasl_scram_message_client_final(str message, struct sasl_scram_client_final *ret_parts)
{
    struct sasl_scram_client_final p = {0};
    TRY(check_size(message));
    TRY(take_proof(message, &p));
    str rest = p.without_proof;
    if (!attribute(&rest, 'c', &p.binding) || p.binding.len == 0)
        return err_new(ERR_PROTOCOL, "no channel binding");
    if (!attribute(&rest, 'r', &p.nonce) || !is_nonce(p.nonce, 2 * SASL_SCRAM_NONCE_BYTES_MAX))
        return err_new(ERR_PROTOCOL, "no nonce, or a bad one");
    TRY(check_extensions(rest));
    *ret_parts = p;
    return NULL;
}

err sasl_scram_message_server_first(str message, struct sasl_scram_server_first *ret_parts)
{
    struct sasl_scram_server_first p = {0};
    str iterations;
    TRY(check_size(message));
    if (str_starts(message, S("m=")))
        return err_new(ERR_PROTOCOL, "a mandatory SCRAM extension that we do not know");
    if (!attribute(&message, 'r', &p.nonce) || !is_nonce(p.nonce, 2 * SASL_SCRAM_NONCE_BYTES_MAX))
        return err_new(ERR_PROTOCOL, "no nonce, or a bad one");
    if (!attribute(&message, 's', &p.salt) || p.salt.len == 0)
        return err_new(ERR_PROTOCOL, "no salt");
    if (!attribute(&message, 'i', &iterations) ||
        !str_to_u64(iterations, UINT64_MAX, &p.iterations))
        return err_new(ERR_PROTOCOL, "no iteration count, or a bad one");
    TRY(check_extensions(message));
    *ret_parts = p;
    return NULL;
}

err sasl_scram_message_server_final(str message, str *ret_signature)
{
    str value;
    TRY(check_size(message));
    if (attribute(&message, 'e', &value))
        return err_new(ERR_PROTOCOL, "the server refused: %.*s",
                       (int)(value.len < 80 ? value.len : 80), value.ptr);
    if (!attribute(&message, 'v', &value) || value.len == 0)
        return err_new(ERR_PROTOCOL, "no server signature");
    TRY(check_extensions(message));
    *ret_signature = value;
    return NULL;
}

err sasl_scram_message_name_decode(str encoded, struct buf *out)
{
    size_t before = out->len;
    while (encoded.len) {
        char c = encoded.ptr[0];
        size_t used = 3;
        if (str_starts(encoded, S("=2C")))
            c = ',';
        else if (str_starts(encoded, S("=3D")))
            c = '=';
        else
            used = 1;
        err e = used == 1 && (c == '=' || c == ',')
                    ? err_new(ERR_PROTOCOL, "a bad escape in a name")
                    : buf_add_char(out, c);
        if (e) {
            out->len = before;
            return e;
        }
        encoded = str_from(encoded, used);
    }
    return NULL;
}

err sasl_scram_message_name_encode(str name, struct buf *out)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == ',')
            TRY(buf_add(out, S("=2C")));
        else if (name.ptr[i] == '=')
            TRY(buf_add(out, S("=3D")));
        else
            TRY(buf_add_char(out, name.ptr[i]));
    }
    return NULL;
}
