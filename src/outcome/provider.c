#include "outcome/provider.h"

static const char *const names[PROVIDERS] = {
    [PROVIDER_OTHER] = "",
    [PROVIDER_GOOGLE] = "google",
    [PROVIDER_MICROSOFT] = "microsoft",
    [PROVIDER_YAHOO] = "yahoo",
    [PROVIDER_APPLE] = "apple",
    [PROVIDER_COMCAST] = "comcast",
    [PROVIDER_CHARTER] = "charter",
    [PROVIDER_GODADDY] = "godaddy",
    [PROVIDER_PROOFPOINT] = "proofpoint",
    [PROVIDER_MIMECAST] = "mimecast",
    [PROVIDER_BARRACUDA] = "barracuda",
    [PROVIDER_CISCO] = "cisco",
    [PROVIDER_MESSAGELABS] = "messagelabs",
    [PROVIDER_ORANGE] = "orange",
    [PROVIDER_LAPOSTE] = "laposte",
    [PROVIDER_FREE] = "free",
    [PROVIDER_GMX] = "gmx",
    [PROVIDER_TELEKOM] = "telekom",
    [PROVIDER_MAIL_RU] = "mail.ru",
    [PROVIDER_YANDEX] = "yandex",
    [PROVIDER_TENCENT] = "tencent",
    [PROVIDER_NETEASE] = "netease",
    [PROVIDER_ZOHO] = "zoho",
    [PROVIDER_DOCOMO] = "docomo",
    [PROVIDER_KDDI] = "kddi",
    [PROVIDER_AMAZON] = "amazon",
};

/* The end of a host's name. */
static const struct {
    const char *domain;
    enum outcome_provider provider;
} hosts[] = {
    {"google.com",            PROVIDER_GOOGLE     },
    {"googlemail.com",        PROVIDER_GOOGLE     },
    {"gmail.com",             PROVIDER_GOOGLE     },
    {"psmtp.com",             PROVIDER_GOOGLE     },
    {"outlook.com",           PROVIDER_MICROSOFT  },
    {"hotmail.com",           PROVIDER_MICROSOFT  },
    {"live.com",              PROVIDER_MICROSOFT  },
    {"mx.microsoft",          PROVIDER_MICROSOFT  },
    {"yahoodns.net",          PROVIDER_YAHOO      },
    {"yahoo.com",             PROVIDER_YAHOO      },
    {"yahoo.co.jp",           PROVIDER_YAHOO      },
    {"aol.com",               PROVIDER_YAHOO      },
    {"icloud.com",            PROVIDER_APPLE      },
    {"me.com",                PROVIDER_APPLE      },
    {"mac.com",               PROVIDER_APPLE      },
    {"apple.com",             PROVIDER_APPLE      },
    {"comcast.net",           PROVIDER_COMCAST    },
    {"charter.net",           PROVIDER_CHARTER    },
    {"spectrum.net",          PROVIDER_CHARTER    },
    {"rr.com",                PROVIDER_CHARTER    },
    {"secureserver.net",      PROVIDER_GODADDY    },
    {"pphosted.com",          PROVIDER_PROOFPOINT },
    {"ppe-hosted.com",        PROVIDER_PROOFPOINT },
    {"mimecast.com",          PROVIDER_MIMECAST   },
    {"barracudanetworks.com", PROVIDER_BARRACUDA  },
    {"iphmx.com",             PROVIDER_CISCO      },
    {"messagelabs.com",       PROVIDER_MESSAGELABS},
    {"orange.fr",             PROVIDER_ORANGE     },
    {"wanadoo.fr",            PROVIDER_ORANGE     },
    {"laposte.net",           PROVIDER_LAPOSTE    },
    {"free.fr",               PROVIDER_FREE       },
    {"gmx.net",               PROVIDER_GMX        },
    {"gmx.com",               PROVIDER_GMX        },
    {"web.de",                PROVIDER_GMX        },
    {"kundenserver.de",       PROVIDER_GMX        },
    {"t-online.de",           PROVIDER_TELEKOM    },
    {"mail.ru",               PROVIDER_MAIL_RU    },
    {"yandex.ru",             PROVIDER_YANDEX     },
    {"yandex.net",            PROVIDER_YANDEX     },
    {"qq.com",                PROVIDER_TENCENT    },
    {"163.com",               PROVIDER_NETEASE    },
    {"126.com",               PROVIDER_NETEASE    },
    {"netease.com",           PROVIDER_NETEASE    },
    {"zoho.com",              PROVIDER_ZOHO       },
    {"zoho.eu",               PROVIDER_ZOHO       },
    {"docomo.ne.jp",          PROVIDER_DOCOMO     },
    {"ezweb.ne.jp",           PROVIDER_KDDI       },
    {"au.com",                PROVIDER_KDDI       },
    {"amazonaws.com",         PROVIDER_AMAZON     },
    {"amazonses.com",         PROVIDER_AMAZON     },
};

/* What only one of them writes into its replies. */
static const struct {
    const char *mark;
    enum outcome_provider provider;
} marks[] = {
    {"gsmtp",                       PROVIDER_GOOGLE   },
    {"support.google.com/",         PROVIDER_GOOGLE   },
    {".prod.outlook.com",           PROVIDER_MICROSOFT},
    {".protection.outlook.com",     PROVIDER_MICROSOFT},
    {"mail.live.com/",              PROVIDER_MICROSOFT},
    {"postmaster.live.com",         PROVIDER_MICROSOFT},
    {"postmaster.yahooinc.com",     PROVIDER_YAHOO    },
    {"senders.yahooinc.com",        PROVIDER_YAHOO    },
    {"postmaster.verizonmedia.com", PROVIDER_YAHOO    },
    {"postmaster.yahoo.com",        PROVIDER_YAHOO    },
    {"support.apple.com/",          PROVIDER_APPLE    },
    {"postmaster.comcast.net",      PROVIDER_COMCAST  },
    {"spectrum.net/",               PROVIDER_CHARTER  },
    {"community.mimecast.com",      PROVIDER_MIMECAST },
    {"ofr_",                        PROVIDER_ORANGE   },
    {"lpn0",                        PROVIDER_LAPOSTE  },
    {"service.mail.qq.com",         PROVIDER_TENCENT  },
    {"mail.163.com/",               PROVIDER_NETEASE  },
    {"help.mail.ru/",               PROVIDER_MAIL_RU  },
};

static bool ends_at(str host, str domain)
{
    if (!str_ends_nocase(host, domain))
        return false;
    return host.len == domain.len || host.ptr[host.len - domain.len - 1] == '.';
}

static bool contains_nocase(str text, str mark)
{
    for (size_t i = 0; i + mark.len <= text.len; i++)
        if (char_lower(text.ptr[i]) == mark.ptr[0] && str_starts_nocase(str_from(text, i), mark))
            return true;
    return false;
}

enum outcome_provider outcome_provider_of(str host, str reply_text)
{
    size_t len = 0;
    while (len < host.len &&
           (char_is_alnum(host.ptr[len]) || host.ptr[len] == '-' || host.ptr[len] == '.'))
        len++;
    host = str_slice(host, 0, len);
    if (str_ends_nocase(host, S(".")))
        host.len--;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (ends_at(host, str_of(hosts[i].domain)))
            return hosts[i].provider;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (contains_nocase(reply_text, str_of(marks[i].mark)))
            return marks[i].provider;
    return PROVIDER_OTHER;
}

const char *outcome_provider_name(enum outcome_provider provider) { return names[provider]; }
