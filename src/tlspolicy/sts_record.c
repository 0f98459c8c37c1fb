#include "tlspolicy/sts_record.h"
#include "tlspolicy/field.h"

bool tlspolicy_sts_record_is(str text)
{
    if (!str_skip(&text, S("v=STSv1")))
        return false;
    tlspolicy_field_skip_blanks(&text);
    return str_starts(text, S(";"));
}

bool tlspolicy_sts_record_is_id(str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (!char_is_alnum(value.ptr[i]))
            return false;
    return value.len > 0 && value.len <= TLSPOLICY_STS_ID_BYTES_MAX;
}

static err take_field(str field, struct tlspolicy_sts_record *r)
{
    str name, value;
    TRY(tlspolicy_field_parse(field, &name, &value));
    if (!str_eq(name, S("id")))
        return NULL;
    if (r->id.len > 0)
        return err_new(ERR_PROTOCOL, "two ids");
    if (!tlspolicy_sts_record_is_id(value))
        return err_new(ERR_PROTOCOL, "the id is not 1 to %d letters and digits",
                       TLSPOLICY_STS_ID_BYTES_MAX);
    r->id = value;
    return NULL;
}

err tlspolicy_sts_record_parse(str text, struct tlspolicy_sts_record *ret_record)
{
    struct tlspolicy_sts_record r = {0};
    if (text.len > TLSPOLICY_STS_RECORD_BYTES_MAX)
        return err_new(ERR_LIMIT, "a record of %zu bytes", text.len);
    if (!tlspolicy_sts_record_is(text))
        return err_new(ERR_PROTOCOL, "it does not begin with \"v=STSv1;\"");
    str field, rest = text;
    (void)tlspolicy_field_next(&rest, &field); /* the version */
    while (tlspolicy_field_next(&rest, &field))
        TRY(take_field(field, &r));
    if (r.id.len == 0)
        return err_new(ERR_PROTOCOL, "there is no id");
    *ret_record = r;
    return NULL;
}
