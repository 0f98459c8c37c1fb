/* secret/reference.h -- references to secrets: which kind, and how one is shown */
#pragma once
#include "base/str.h"

enum secret_reference_kind {
    SECRET_REFERENCE_NONE, /* it may be the secret itself, so it is never repeated */
    SECRET_REFERENCE_FILE,
    SECRET_REFERENCE_ENV,
    SECRET_REFERENCE_COMMAND,
    SECRET_REFERENCE_KEYRING,
    SECRET_REFERENCE_NETRC,
    SECRET_REFERENCE_VAULT,
    SECRET_REFERENCE_AWS,
    SECRET_REFERENCE_CREDENTIAL,
    SECRET_REFERENCE_ENCRYPTED,
};

enum { SECRET_REFERENCE_SHOWN_CHARS = 200 };

/* What stands behind the prefix is the rest. */
enum secret_reference_kind secret_reference_split(str reference, str *ret_rest);
/* For logs: of a command its first word only, for its arguments may hold secrets. */
void secret_reference_show(str reference, char ret_text[SECRET_REFERENCE_SHOWN_CHARS]);
/* Over HTTP: asked rarely, and what it said is kept. */
bool secret_reference_is_store(enum secret_reference_kind);
