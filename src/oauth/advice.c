#include "oauth/advice.h"

/* Words that stand in a description and say more than its kind. */
static const struct {
    const char *words, *advice;
} known[] = {
    {"AADSTS7000218",
     "Entra takes the client for one with a secret: switch on \"Allow public client flows\" under "
     "Authentication, or give --client-secret-ref"                                                },
    {"AADSTS7000215", "the client secret is wrong: its value is wanted, not its id, and it ends "
                      "after months"                                         },
    {"AADSTS7000222", "the client secret has expired: make a new one under Certificates & secrets"},
    {"AADSTS50011",   "the redirect is not registered: add http://localhost under Authentication, "
                    "Mobile and desktop applications"                          },
    {"AADSTS65001",   "nobody has consented to SMTP.Send: let the user consent in the browser, or "
                    "the administrator for all"                                },
    {"AADSTS90094",   "consent is the administrator's here: have it granted under API permissions"},
    {"AADSTS700016",  "this tenant does not know the client id: check both, or --tenant"          },
    {"AADSTS90002",   "there is no such tenant: check --tenant"                                   },
    {"AADSTS50059",   "the client is of one tenant: name it by --tenant"                          },
    {"AADSTS50194",   "the client is of one tenant: name it by --tenant"                          },
    {"AADSTS70011",   "a scope is not known: https://outlook.office.com/SMTP.Send is wanted"      },
    {"AADSTS650053",  "the application has no permission SMTP.Send: add it under API permissions, "
                     "Office 365 Exchange Online"                             },
    {"AADSTS53003",   "a Conditional Access policy forbids it: its administrator can exempt this "
                    "client or device flow"                                    },
    {"AADSTS50076",   "a second factor is wanted: log in again in a browser"                      },
    {"AADSTS700082",  "the refresh token was not used for 90 days: log in again"                  },
    {"AADSTS50173",   "the password was changed: log in again"                                    },
    {"AADSTS500011",  "the resource is not known in this tenant: is Exchange Online part of it?"  },
    {"redirect_uri",  "the redirect is not registered with this client: see smtptool oauth setup" },
};
static const struct {
    enum oauth_refusal_kind kind;
    const char *advice;
} kinds[] = {
    {OAUTH_EXPIRED,     "the code was not entered in time: begin again"                        },
    {OAUTH_DENIED,      "the user, or the administrator's policy, said no"                     },
    {OAUTH_LOGIN_AGAIN, "log in again: smtptool oauth login NAME"                              },
    {OAUTH_BAD_CLIENT,
     "the client id, its secret or its kind is not right: compare them with the provider's console "
     "(smtptool oauth setup PROVIDER shows the steps)"                                         },
    {OAUTH_BAD_SCOPE,
     "the client may not ask for this scope: add it in the provider's console, or give --scope"},
    {OAUTH_BAD_REQUEST,
     "the provider does not take such a request: is the flow allowed for this client, and its "
     "redirect registered?"                                                                    },
    {OAUTH_TEMPORARY,   "the provider is in trouble or throttles us: try again later"          },
};

const char *oauth_advice_of(const struct oauth_refusal *r)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_contains(r->description, str_of(known[i].words)) ||
            str_contains(r->code, str_of(known[i].words)))
            return known[i].advice;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == r->kind)
            return kinds[i].advice;
    return "the provider says no more";
}
