#include "interchange/export.h"
#include "interchange/env.h"
#include "interchange/exim.h"
#include "interchange/msmtp.h"
#include "interchange/nodemailer.h"
#include "interchange/phpmailer.h"
#include "interchange/postfix.h"
#include "interchange/smtplib.h"
#include "interchange/swaks.h"
#include "interchange/thunderbird.h"

const struct interchange_export interchange_export_table[] = {
    {"msmtp",       interchange_msmtp_write,       "~/.msmtprc"                           },
    {"postfix",     interchange_postfix_write,     "the end of main.cf, and sasl_passwd"  },
    {"exim",        interchange_exim_write,        "router, transport and authenticators" },
    {"swaks",       interchange_swaks_write,       "~/.swaksrc"                           },
    {"nodemailer",  interchange_nodemailer_write,  "a module of Node, which sends, too"   },
    {"smtplib",     interchange_smtplib_write,     "a module of Python, which sends, too" },
    {"phpmailer",   interchange_phpmailer_write,   "a file of PHP, which sends, too"      },
    {"thunderbird", interchange_thunderbird_write, "user.js in the profile's folder"      },
    {"env",         interchange_env_write,         "variables, for a shell or a container"},
    {NULL,          NULL,                          NULL                                   },
};

const struct interchange_export *interchange_export_find(str program)
{
    for (const struct interchange_export *at = interchange_export_table; at->program; at++)
        if (str_eq(program, str_of(at->program)))
            return at;
    return NULL;
}
