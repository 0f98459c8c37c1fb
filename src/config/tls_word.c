#include "config/tls_word.h"

static const struct {
    const char *word;
    enum config_tls_word meaning;
} words[] = {
    {"ssl",            CONFIG_TLS_WORD_IMPLICIT},
    {"ssl/tls",        CONFIG_TLS_WORD_IMPLICIT},
    {"tls/ssl",        CONFIG_TLS_WORD_IMPLICIT},
    {"ssl-tls",        CONFIG_TLS_WORD_IMPLICIT},
    {"ssltls",         CONFIG_TLS_WORD_IMPLICIT},
    {"smtps",          CONFIG_TLS_WORD_IMPLICIT},
    {"smtp+ssl",       CONFIG_TLS_WORD_IMPLICIT},
    {"smtp+tls",       CONFIG_TLS_WORD_EITHER  },
    {"ssmtp",          CONFIG_TLS_WORD_IMPLICIT},
    {"submissions",    CONFIG_TLS_WORD_IMPLICIT},
    {"implicit",       CONFIG_TLS_WORD_IMPLICIT},
    {"tls-on-connect", CONFIG_TLS_WORD_IMPLICIT},
    {"starttls",       CONFIG_TLS_WORD_STARTTLS},
    {"smtp+starttls",  CONFIG_TLS_WORD_STARTTLS},
    {"submission",     CONFIG_TLS_WORD_STARTTLS},
    {"explicit",       CONFIG_TLS_WORD_STARTTLS},
    {"required",       CONFIG_TLS_WORD_STARTTLS},
    {"tls",            CONFIG_TLS_WORD_EITHER  },
    {"yes",            CONFIG_TLS_WORD_EITHER  },
    {"on",             CONFIG_TLS_WORD_EITHER  },
    {"true",           CONFIG_TLS_WORD_EITHER  },
    {"none",           CONFIG_TLS_WORD_NONE    },
    {"plain",          CONFIG_TLS_WORD_NONE    },
    {"off",            CONFIG_TLS_WORD_NONE    },
    {"no",             CONFIG_TLS_WORD_NONE    },
    {"false",          CONFIG_TLS_WORD_NONE    },
    {"smtp+notls",     CONFIG_TLS_WORD_NONE    },
    {"smtp+insecure",  CONFIG_TLS_WORD_NONE    },
};

enum config_tls_word config_tls_word_of(str text)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(text, str_of(words[i].word)))
            return words[i].meaning;
    return CONFIG_TLS_WORD_UNKNOWN;
}

const char *config_tls_word_scheme_advice(str scheme)
{
    switch (config_tls_word_of(scheme)) {
    case CONFIG_TLS_WORD_IMPLICIT:
        return "TLS from the first byte is smtps://";
    case CONFIG_TLS_WORD_STARTTLS:
        return "STARTTLS is smtp://";
    case CONFIG_TLS_WORD_EITHER:
        return "TLS from the first byte (port 465) is smtps://, STARTTLS (port 587) is smtp://";
    case CONFIG_TLS_WORD_NONE:
        return "without TLS it is smtp://, and ?tls=none at its end";
    default:
        return NULL;
    }
}

const char *config_tls_word_query_advice(str value)
{
    switch (config_tls_word_of(value)) {
    case CONFIG_TLS_WORD_IMPLICIT:
        return "TLS from the first byte is smtps://, without ?tls=";
    case CONFIG_TLS_WORD_STARTTLS:
        return "smtp:// without ?tls= is STARTTLS, a must and verified";
    case CONFIG_TLS_WORD_EITHER:
        return "TLS is a must without ?tls=: smtp:// by STARTTLS, smtps:// from the first byte";
    case CONFIG_TLS_WORD_NONE:
        return "without TLS it is ?tls=none";
    default:
        return NULL;
    }
}

/* Where "://" begins; its length when there is none. */
static size_t scheme_end(str text)
{
    for (size_t i = 0; i + 3 <= text.len; i++)
        if (str_starts(str_from(text, i), S("://")))
            return i;
    return text.len;
}

static str bare_server(str text, struct arena *arena)
{
    str host, query;
    str_split(text, '?', &host, &query);
    bool implicit = str_ends_nocase(host, S(":465"));
    return arena_printf(arena, "%s%.*s", implicit ? "smtps://" : "smtp://", STR_ARG(text));
}

err config_tls_word_server(str text, struct arena *arena, str *ret_url)
{
    size_t end = scheme_end(text);
    str scheme = str_slice(text, 0, end), rest = str_from(text, end);
    if (rest.len == 0) {
        *ret_url = bare_server(text, arena);
        return NULL;
    }
    if (str_eq(scheme, S("smtp")) || str_eq(scheme, S("smtps")) || str_eq(scheme, S("lmtp")) ||
        str_eq(scheme, S("lmtp+unix"))) {
        *ret_url = text;
        return NULL;
    }
    enum config_tls_word meaning = config_tls_word_of(scheme);
    if (meaning == CONFIG_TLS_WORD_EITHER || meaning == CONFIG_TLS_WORD_NONE)
        return err_new(ERR_CONFIG, "\"%.*s://\": %s", STR_ARG(str_slice(scheme, 0, 40)),
                       config_tls_word_scheme_advice(scheme));
    if (meaning == CONFIG_TLS_WORD_UNKNOWN) {
        *ret_url = text; /* whoever reads it as a URL says what is wrong */
        return NULL;
    }
    *ret_url = arena_printf(arena, "%s%.*s", meaning == CONFIG_TLS_WORD_IMPLICIT ? "smtps" : "smtp",
                            STR_ARG(rest));
    return NULL;
}
