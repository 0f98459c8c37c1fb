#include "personality/personality.h"
#include "personality/sendmail.h"
#include "personality/swaks.h"
#include "personality/swaks_option.h"

static bool swaks_option_at(size_t index, struct personality_option *ret_option)
{
    const struct swaks_option *o = personality_swaks_option_at(index);
    if (o == NULL)
        return false;
    *ret_option = (struct personality_option){o->names[0], 0, o->takes != SWAKS_NO_VALUE};
    for (size_t i = 1; i < SWAKS_NAMES_MAX && o->names[i]; i++)
        if (o->names[i][1] == '\0')
            ret_option->letter = o->names[i][0];
    return true;
}

static bool no_option_at(size_t index, struct personality_option *ret_option)
{
    (void)index, (void)ret_option;
    return false;
}

static const struct personality personalities[] = {
    {"swaks",      personality_swaks_run,    "one SMTP transaction, every line shown, as swaks does it",
     personality_swaks_help,                                                                                                              swaks_option_at},
    {"sendmail",   personality_sendmail_run,
     "a message from stdin to the server here, as Postfix's does it",                                    personality_sendmail_help,
     personality_sendmail_option_at                                                                                                                      },
    {"mailq",      personality_sendmail_run,
     "what waits in the server here, as Postfix's mailq shows it",                                       personality_sendmail_mailq_help,
     no_option_at                                                                                                                                        },
    {"newaliases", personality_sendmail_run, "says why there is nothing to do",
     personality_sendmail_newaliases_help,                                                                                                no_option_at   },
};

const struct personality *personality_at(size_t index)
{
    return index < ARRAY_LEN(personalities) ? &personalities[index] : NULL;
}

const struct personality *personality_find(str name)
{
    size_t slash = str_find_last(name, '/');
    str last = slash == STR_NONE ? name : str_from(name, slash + 1);
    for (size_t i = 0; i < ARRAY_LEN(personalities); i++)
        if (str_eq(str_of(personalities[i].name), last))
            return &personalities[i];
    return NULL;
}
