/* lib/error.c -- the part of smtptool.h about the library itself and its errors */
#include "base/mem.h"
#include "lib/call.h"

const char *smtptool_version(void) { return SMTPTOOL_VERSION; }

const char *smtptool_kind_name(int kind)
{
    static const char *const names[] = {
        [SMTPTOOL_OK] = "ok",
        [SMTPTOOL_LATER] = "later",
        [SMTPTOOL_NO_USER] = "no_user",
        [SMTPTOOL_REFUSED] = "refused",
        [SMTPTOOL_NO_HOST] = "no_host",
        [SMTPTOOL_NO_CHANNEL] = "no_channel",
        [SMTPTOOL_NO_LOGIN] = "no_login",
        [SMTPTOOL_INVALID] = "invalid",
        [SMTPTOOL_TOO_LARGE] = "too_large",
        [SMTPTOOL_MISUSE] = "misuse",
        [SMTPTOOL_SYSTEM] = "system",
    };
    bool known = kind >= 0 && (size_t)kind < ARRAY_LEN(names) && names[kind];
    return known ? names[kind] : "unknown";
}

void smtptool_free(void *text) { mem_free(text); }

int smtptool_error_kind(const struct smtptool_error *e) { return e ? e->kind : SMTPTOOL_OK; }
const char *smtptool_error_text(const struct smtptool_error *e) { return e ? e->text : ""; }
int smtptool_error_code(const struct smtptool_error *e) { return e ? e->code : 0; }
const char *smtptool_error_enhanced(const struct smtptool_error *e) { return e ? e->enhanced : ""; }
void smtptool_error_free(struct smtptool_error *e) { mem_free(e); }
