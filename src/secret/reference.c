#include "secret/reference.h"
#include <stdio.h>

static const char *const prefixes[] = {
    [SECRET_REFERENCE_NONE] = "",
    [SECRET_REFERENCE_FILE] = "file:",
    [SECRET_REFERENCE_ENV] = "env:",
    [SECRET_REFERENCE_COMMAND] = "command:",
    [SECRET_REFERENCE_KEYRING] = "keyring:",
    [SECRET_REFERENCE_NETRC] = "netrc:",
    [SECRET_REFERENCE_VAULT] = "vault:",
    [SECRET_REFERENCE_AWS] = "aws-sm:",
    [SECRET_REFERENCE_CREDENTIAL] = "credential:",
    [SECRET_REFERENCE_ENCRYPTED] = "encrypted:",
};

enum secret_reference_kind secret_reference_split(str reference, str *ret_rest)
{
    *ret_rest = reference;
    for (size_t i = SECRET_REFERENCE_NONE + 1; i < ARRAY_LEN(prefixes); i++)
        if (str_skip(ret_rest, str_of(prefixes[i])))
            return (enum secret_reference_kind)i;
    return SECRET_REFERENCE_NONE;
}

bool secret_reference_is_store(enum secret_reference_kind kind)
{
    return kind == SECRET_REFERENCE_VAULT || kind == SECRET_REFERENCE_AWS;
}

void secret_reference_show(str reference, char ret_text[SECRET_REFERENCE_SHOWN_CHARS])
{
    str rest, word, more;
    enum secret_reference_kind kind = secret_reference_split(reference, &rest);
    str_split(str_trim(rest), ' ', &word, &more);
    if (kind == SECRET_REFERENCE_NONE)
        snprintf(ret_text, SECRET_REFERENCE_SHOWN_CHARS, "(no reference)");
    else if (kind == SECRET_REFERENCE_COMMAND)
        snprintf(ret_text, SECRET_REFERENCE_SHOWN_CHARS, "command:%.*s%s", STR_ARG(word),
                 more.len ? " …" : "");
    else
        snprintf(ret_text, SECRET_REFERENCE_SHOWN_CHARS, "%.*s", STR_ARG(reference));
}
