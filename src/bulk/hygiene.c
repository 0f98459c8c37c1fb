#include "bulk/hygiene.h"
#include "feedback/list.h"
#include "smtp/path.h"

static const struct {
    const char *name, *words;
} reasons[BULK_REASONS] = {
    [BULK_KEPT] = {"kept",           "kept"                                  },
    [BULK_UNREADABLE] = {"unreadable",     "the row cannot be read"                },
    [BULK_NO_ADDRESS] = {"no_address",     "the row has no address"                },
    [BULK_SYNTAX] = {"syntax",         "no e-mail address"                     },
    [BULK_DUPLICATE] = {"duplicate",      "was in the list before"                },
    [BULK_ROLE] = {"role",           "the address of a role, not of a person"},
    [BULK_NO_MX] = {"no_mx",          "the domain takes no mail"              },
    [BULK_HARD_BOUNCED] = {"hard_bounced",   "bounced for good"                      },
    [BULK_COMPLAINED] = {"complained",     "complained of spam"                    },
    [BULK_UNSUBSCRIBED] = {"unsubscribed",   "has unsubscribed"                      },
    [BULK_SUPPRESSED] = {"suppressed",     "is on the suppression list"            },
    [BULK_INACTIVE] = {"inactive",       "was not active for too long"           },
    [BULK_NOT_IN_SEGMENT] = {"not_in_segment", "not in the segment"                    },
    [BULK_NOT_IN_SAMPLE] = {"not_in_sample",  "not in the sample"                     },
};

const char *bulk_hygiene_name(enum bulk_reason reason) { return reasons[reason].name; }
const char *bulk_hygiene_words(enum bulk_reason reason) { return reasons[reason].words; }

bool bulk_hygiene_read(str text, struct arena *arena, struct bulk_address *ret_address)
{
    struct smtp_path path;
    char chars[FEEDBACK_LIST_ADDRESS_CHARS];
    str folded;
    if (smtp_path_parse_bare(text, true, arena, &path) != NULL || path.literal || path.null ||
        str_find(path.domain, '.') == STR_NONE || !feedback_list_fold(path.text, chars, &folded))
        return false;
    *ret_address = (struct bulk_address){path.text, arena_str(arena, folded), path.domain};
    return true;
}

bool bulk_hygiene_is_role(str address)
{
    static const char *const roles[] = {
        "abuse",        "admin",      "administrator", "all",
        "billing",      "compliance", "contact",       "devnull",
        "dns",          "everyone",   "ftp",           "help",
        "hostmaster",   "hr",         "info",          "inoc",
        "ispfeedback",  "ispsupport", "jobs",          "list",
        "list-request", "maildaemon", "mailer-daemon", "marketing",
        "media",        "news",       "no-reply",      "noc",
        "noreply",      "null",       "office",        "phish",
        "phishing",     "postmaster", "privacy",       "registrar",
        "root",         "sales",      "security",      "spam",
        "support",      "sysadmin",   "tech",          "undisclosed-recipients",
        "unsubscribe",  "usenet",     "uucp",          "webmaster",
        "www",
    };
    str local, domain;
    str_split(address, '@', &local, &domain);
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (str_eq_nocase(local, str_of(roles[i])))
            return true;
    return false;
}
