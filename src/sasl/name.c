#include "sasl/name.h"
#include <idn2.h>
#include <string.h>

enum { RUN_BYTES_MAX = 255 };

struct folding {
    char *chars;
    size_t len, size;
};

static bool add(struct folding *f, str part, bool lower)
{
    if (part.len > f->size - f->len)
        return false;
    for (size_t i = 0; i < part.len; i++)
        f->chars[f->len++] = lower ? char_lower(part.ptr[i]) : part.ptr[i];
    return true;
}

static bool is_letter(char c)
{
    return (unsigned char)c >= 0x80 || char_is_alpha(c) || char_is_digit(c);
}

static size_t run_length(str s, bool letters)
{
    size_t n = 0;
    while (n < s.len && is_letter(s.ptr[n]) == letters)
        n++;
    return n;
}

/* As a label of a domain, there and back. False: libidn2 does not take it as one label. */
static bool map(str run, struct folding *f)
{
    char text[RUN_BYTES_MAX + 1], *ascii = NULL, *mapped = NULL;
    if (!str_to_chars(run, text, sizeof text))
        return false;
    int rc = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii,
                            IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc == IDN2_OK)
        rc = idn2_to_unicode_8z8z(ascii, &mapped, 0);
    bool one = rc == IDN2_OK && strchr(mapped, '.') == NULL;
    size_t before = f->len;
    bool ok = one && add(f, str_of(mapped), true);
    if (!ok)
        f->len = before;
    idn2_free(ascii);
    idn2_free(mapped);
    return ok;
}

bool sasl_name_fold(str name, char *ret_chars, size_t size, size_t *ret_len)
{
    struct folding f = {ret_chars, 0, size};
    for (str rest = name; rest.len > 0;) {
        str run = str_slice(rest, 0, run_length(rest, true));
        bool mapped = !str_is_ascii(run) && map(run, &f);
        if (!mapped && !add(&f, run, true))
            return false;
        rest = str_from(rest, run.len);
        str between = str_slice(rest, 0, run_length(rest, false));
        if (!add(&f, between, false))
            return false;
        rest = str_from(rest, between.len);
    }
    *ret_len = f.len;
    return true;
}

bool sasl_name_equal(str a, str b)
{
    char chars[2][SASL_NAME_BYTES_MAX];
    size_t lens[2];
    if (str_eq_nocase(a, b))
        return true;
    if (str_is_ascii(a) && str_is_ascii(b))
        return false;
    return sasl_name_fold(a, chars[0], sizeof chars[0], &lens[0]) &&
           sasl_name_fold(b, chars[1], sizeof chars[1], &lens[1]) &&
           str_eq((str){chars[0], lens[0]}, (str){chars[1], lens[1]});
}
