#include "report/address.h"
#include "smtp/path.h"

bool report_address_read(const struct mailauth_dmarc_uri *uri, struct arena *arena, str *ret_to)
{
    struct smtp_path path;
    if (smtp_path_parse_bare(uri->address, false, arena, &path) || path.literal)
        return false;
    for (size_t i = 0; i < path.local.len; i++)
        if (!char_is_alnum(path.local.ptr[i]) &&
            str_find(S("!#$%&'*+-/=?^_`{|}~."), path.local.ptr[i]) == STR_NONE)
            return false;
    *ret_to = path.text;
    return true;
}
