#include "tlspolicy/report_record.h"
#include "tlspolicy/field.h"

bool tlspolicy_report_record_is(str text)
{
    if (!str_skip(&text, S("v=TLSRPTv1")))
        return false;
    tlspolicy_field_skip_blanks(&text);
    return str_starts(text, S(";"));
}

static bool is_https(const struct mailauth_dmarc_uri *u)
{
    str rest = u->text;
    return str_skip_nocase(&rest, S("https://")) && rest.len > 0;
}

/* A URI that cannot be read is passed over: the others are no worse for it. */
static void take_uri(str text, struct arena *arena, struct tlspolicy_report_record *r)
{
    struct mailauth_dmarc_uri uri;
    err e = mailauth_dmarc_uri_parse(text, arena, &uri);
    bool usable = e == NULL && (uri.address.len > 0 || is_https(&uri));
    err_forget();
    if (usable && r->count < TLSPOLICY_REPORT_RECORD_URIS_MAX)
        r->uris[r->count++] = uri;
    else
        r->useless++;
}

static void take_uris(str list, struct arena *arena, struct tlspolicy_report_record *r)
{
    r->uris = ARENA_ARRAY(arena, struct mailauth_dmarc_uri, TLSPOLICY_REPORT_RECORD_URIS_MAX);
    while (list.len > 0) {
        str text;
        str_split(list, ',', &text, &list);
        take_uri(str_trim(text), arena, r);
    }
}

static err take_field(str field, struct arena *arena, struct tlspolicy_report_record *r)
{
    str name, value;
    TRY(tlspolicy_field_split(field, &name, &value));
    if (!str_eq(name, S("rua")))
        return tlspolicy_field_parse(field, &name, &value);
    if (r->uris)
        return err_new(ERR_PROTOCOL, "two rua");
    take_uris(value, arena, r);
    return NULL;
}

err tlspolicy_report_record_parse(str text, struct arena *arena,
                                  struct tlspolicy_report_record *ret_record)
{
    struct tlspolicy_report_record r = {0};
    if (text.len > TLSPOLICY_REPORT_RECORD_BYTES_MAX)
        return err_new(ERR_LIMIT, "a record of %zu bytes", text.len);
    if (!tlspolicy_report_record_is(text))
        return err_new(ERR_PROTOCOL, "it does not begin with \"v=TLSRPTv1;\"");
    str field, rest = text;
    (void)tlspolicy_field_next(&rest, &field); /* the version */
    while (tlspolicy_field_next(&rest, &field))
        TRY(take_field(field, arena, &r));
    if (r.uris == NULL)
        return err_new(ERR_PROTOCOL, "there is no rua");
    if (r.count == 0)
        return err_new(ERR_PROTOCOL, "no URI in rua is a mailto: with an address, or https:");
    *ret_record = r;
    return NULL;
}
