#include "tlspolicy/field.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

void tlspolicy_field_skip_blanks(str *text)
{
    while (text->len > 0 && is_blank(text->ptr[0]))
        *text = str_from(*text, 1);
}

static str without_blanks(str text)
{
    tlspolicy_field_skip_blanks(&text);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool tlspolicy_field_next(str *text, str *ret_field)
{
    if (text->len == 0)
        return false;
    str head, tail;
    str_split(*text, ';', &head, &tail);
    *ret_field = without_blanks(head);
    *text = without_blanks(tail);
    return true;
}

bool tlspolicy_field_is_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!char_is_alnum(c) && (i == 0 || (c != '_' && c != '-' && c != '.')))
            return false;
    }
    return name.len > 0 && name.len <= TLSPOLICY_FIELD_NAME_BYTES_MAX;
}

/* "=" is taken as well: who publishes base64 in a field that we skip has done no harm. */
static bool is_value(str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] <= ' ' || value.ptr[i] > '~')
            return false;
    return value.len > 0;
}

err tlspolicy_field_split(str field, str *ret_name, str *ret_value)
{
    size_t at = str_find(field, '=');
    if (at == STR_NONE)
        return err_new(ERR_PROTOCOL, "a field without \"=\"");
    str name = str_slice(field, 0, at);
    if (!tlspolicy_field_is_name(name))
        return err_new(ERR_PROTOCOL, "a field's name is not letters, digits and \"_-.\"");
    *ret_name = name;
    *ret_value = str_from(field, at + 1);
    return NULL;
}

err tlspolicy_field_parse(str field, str *ret_name, str *ret_value)
{
    str name, value;
    TRY(tlspolicy_field_split(field, &name, &value));
    if (!is_value(value))
        return err_new(ERR_PROTOCOL, "the value of \"%.*s\" is empty or has a blank in it",
                       STR_ARG(name));
    *ret_name = name;
    *ret_value = value;
    return NULL;
}
