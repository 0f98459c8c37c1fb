#include "smtp/capabilities.h"
#include <string.h>

static const struct {
    const char *name;
    enum smtp_auth_mechanism bit;
} mechanisms[] = {
    {"PLAIN",              SMTP_AUTH_PLAIN             },
    {"LOGIN",              SMTP_AUTH_LOGIN             },
    {"CRAM-MD5",           SMTP_AUTH_CRAM_MD5          },
    {"SCRAM-SHA-1",        SMTP_AUTH_SCRAM_SHA_1       },
    {"SCRAM-SHA-1-PLUS",   SMTP_AUTH_SCRAM_SHA_1_PLUS  },
    {"SCRAM-SHA-256",      SMTP_AUTH_SCRAM_SHA_256     },
    {"SCRAM-SHA-256-PLUS", SMTP_AUTH_SCRAM_SHA_256_PLUS},
    {"OAUTHBEARER",        SMTP_AUTH_OAUTHBEARER       },
    {"XOAUTH2",            SMTP_AUTH_XOAUTH2           },
    {"EXTERNAL",           SMTP_AUTH_EXTERNAL          },
};

/* Cut the next word off; blanks in a row count as one. */
static str next_word(str *rest)
{
    str word;
    *rest = str_trim(*rest);
    str_split(*rest, ' ', &word, rest);
    return word;
}

static void read_size(struct smtp_capabilities *c, str args)
{
    c->size = true;
    if (!str_to_u64(next_word(&args), INT64_MAX, &c->size_max))
        c->size_max = 0;
}

/* Called again for "AUTH=": the mechanisms of both lines count. auth_names has room for them all.
 */
static void read_auth(struct smtp_capabilities *c, str args, char *names)
{
    for (str word = next_word(&args); word.len > 0; word = next_word(&args)) {
        for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
            if (str_eq_nocase(word, str_of(mechanisms[i].name)))
                c->auth |= mechanisms[i].bit;
        if (c->auth_names.len > 0)
            names[c->auth_names.len++] = ' ';
        memcpy(names + c->auth_names.len, word.ptr, word.len);
        c->auth_names = (str){names, c->auth_names.len + word.len};
    }
}

static void read_limits(struct smtp_capabilities *c, str args)
{
    const struct {
        const char *name;
        uint64_t *value;
    } limits[] = {
        {"RCPTMAX",       &c->rcpt_max       },
        {"MAILMAX",       &c->mail_max       },
        {"RCPTDOMAINMAX", &c->rcpt_domain_max},
    };
    for (str word = next_word(&args); word.len > 0; word = next_word(&args)) {
        str name, value;
        uint64_t number;
        str_split(word, '=', &name, &value);
        for (size_t i = 0; i < ARRAY_LEN(limits); i++)
            if (str_eq_nocase(name, str_of(limits[i].name)) && str_to_u64(value, 999999, &number))
                *limits[i].value = number; /* RFC 9422 section 4: one to six digits */
    }
}

/* "DELIVERBY 240" (more may follow behind a comma), "FUTURERELEASE 2592000 2026-12-21T08:00:00Z" */
static void read_times(struct smtp_capabilities *c, str keyword, str args)
{
    str first = next_word(&args), number, behind;
    str_split(first, ',', &number, &behind);
    if (str_eq_nocase(keyword, S("DELIVERBY"))) {
        c->deliver_by = true;
        (void)str_to_u64(number, 999999999, &c->by_seconds_min);
    } else {
        c->future_release = true;
        (void)str_to_u64(number, 999999999, &c->hold_seconds_max);
    }
}

static void read_flag(struct smtp_capabilities *c, str keyword)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"PIPELINING",          &c->pipelining    },
        {"8BITMIME",            &c->eight_bit_mime},
        {"BINARYMIME",          &c->binary_mime   },
        {"CHUNKING",            &c->chunking      },
        {"SMTPUTF8",            &c->smtputf8      },
        {"ENHANCEDSTATUSCODES", &c->enhanced_codes},
        {"DSN",                 &c->dsn           },
        {"STARTTLS",            &c->starttls      },
        {"REQUIRETLS",          &c->requiretls    },
        {"MT-PRIORITY",         &c->mt_priority   },
        {"XONCE",               &c->once          },
        {"ETRN",                &c->etrn          },
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_eq_nocase(keyword, str_of(flags[i].name)))
            *flags[i].flag = true;
}

struct smtp_capabilities smtp_capabilities_parse(const struct smtp_reply *reply,
                                                 struct arena *arena)
{
    struct smtp_capabilities c = {0};
    str rest = reply->text, line;
    str_split(rest, '\n', &line, &rest);
    c.greeting = arena_str(arena, line);
    char *names = arena_alloc(arena, reply->text.len + 1);
    while (rest.len > 0) {
        str_split(rest, '\n', &line, &rest);
        if (str_skip_nocase(&line, S("AUTH="))) { /* as some wrote before RFC 2554 */
            read_auth(&c, line, names);
            continue;
        }
        str keyword = next_word(&line);
        if (str_eq_nocase(keyword, S("SIZE")))
            read_size(&c, line);
        else if (str_eq_nocase(keyword, S("AUTH")))
            read_auth(&c, line, names);
        else if (str_eq_nocase(keyword, S("LIMITS")))
            read_limits(&c, line);
        else if (str_eq_nocase(keyword, S("DELIVERBY")) ||
                 str_eq_nocase(keyword, S("FUTURERELEASE")))
            read_times(&c, keyword, line);
        else
            read_flag(&c, keyword);
    }
    return c;
}
