#include "sasl/text.h"

/* RFC 4013 section 2.3 through RFC 3454 tables C.2.1, C.2.2, C.3, C.4, C.6 and C.9 (the parts of
 * them that could matter: control, private use, non-characters and tags). */
static const struct {
    uint32_t first, last;
} prohibited[] = {
    {0x0000,  0x001f  },
    {0x007f,  0x009f  },
    {0x2028,  0x2029  },
    {0x202a,  0x202e  },
    {0x2066,  0x206f  },
    {0xe000,  0xf8ff  },
    {0xfdd0,  0xfdef  },
    {0xfeff,  0xfeff  },
    {0xfff9,  0xfffd  },
    {0xe0001, 0xe007f },
    {0xf0000, 0x10ffff},
};

static bool is_prohibited(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(prohibited); i++)
        if (c >= prohibited[i].first && c <= prohibited[i].last)
            return true;
    return (c & 0xfffe) == 0xfffe;
}

/* The next code point of valid UTF-8. */
static uint32_t take(str *s)
{
    unsigned char lead = (unsigned char)s->ptr[0];
    size_t more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    static const unsigned char masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = lead & masks[more];
    for (size_t i = 1; i <= more; i++)
        c = c << 6 | ((unsigned char)s->ptr[i] & 0x3f);
    *s = str_from(*s, more + 1);
    return c;
}

err sasl_text_check(str text, size_t bytes_max)
{
    if (text.len == 0)
        return err_new(ERR_PROTOCOL, "an empty name or password");
    if (text.len > bytes_max)
        return err_new(ERR_LIMIT, "a name or password above %zu bytes", bytes_max);
    if (!str_is_utf8(text))
        return err_new(ERR_PROTOCOL, "a name or password that is not UTF-8");
    while (text.len)
        if (is_prohibited(take(&text)))
            return err_new(ERR_PROTOCOL, "a control character in a name or password");
    return NULL;
}
