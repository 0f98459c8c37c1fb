#include "outcome/notice_kind.h"
#include "message/report.h"
#include "outcome/notice_address.h"
#include "outcome/words.h"

static bool have_any(str text, const char *const *patterns, size_t count, struct arena *arena)
{
    struct outcome_words words = outcome_words_of(text, arena);
    for (size_t i = 0; i < count; i++)
        if (outcome_words_have(&words, patterns[i]))
            return true;
    return false;
}

static const char *const bounce_subjects[] = {
    "undeliver*",
    "returned mail|email|message",
    "failure notice|delivery",
    "nondeliverable",
    "delivery ~ failure|failed|status|notification|problem|error|report|delayed|unsuccessful",
    "mail ~ failure|failed|delivery|error|undelivered",
    "could not ~ delivered|deliver|send",
    "non delivery",
    "not delivered",
    "error sending your mail",
    "message ~ failed|failure",
    "rejected mail|message",
    "loop alert",
};

static const char *const delay_subjects[] = {
    "delay|delayed",
    "delivery ~ warning",
    "warning ~ not|message|mail",
    "still being retried",
};

/* At the head of a subject; in the languages in which the large programs say it. */
static const char *const auto_subjects[] = {
    "auto:",
    "automatic reply",
    "auto reply",
    "autoreply",
    "auto-reply",
    "auto response",
    "auto-response",
    "autorespon",
    "automated reply",
    "automated response",
    "out of office",
    "out of the office",
    "away until",
    "away from",
    "on vacation",
    "vacation",
    "i am out of",
    "automatische antwort",
    "abwesenheit",
    "r\xC3\xA9ponse automatique",
    "respuesta autom\xC3\xA1tica",
    "risposta automatica",
    "resposta autom\xC3\xA1tica",
    "automatisch antwoord",
    "afwezig",
    "autosvar",
    "\xE8\x87\xAA\xE5\x8B\x95\xE5\xBF\x9C\xE7\xAD\x94",
    "\xE8\x87\xAA\xE5\x8B\x95\xE8\xBF\x94\xE4\xBF\xA1",
};

static bool is_auto_subject(str subject)
{
    while (str_skip_nocase(&subject, S("Re:")))
        subject = str_trim(subject);
    for (size_t i = 0; i < ARRAY_LEN(auto_subjects); i++)
        if (str_starts_nocase(subject, str_of(auto_subjects[i])))
            return true;
    return false;
}

/* RFC 3834 section 5, and what was used before it. */
static bool has_auto_field(str header, struct arena *arena)
{
    static const struct {
        const char *name, *value; /* empty: whatever it says */
    } fields[] = {
        {"Auto-Submitted",    "auto-replied"},
        {"X-Autoreply",       ""            },
        {"X-Auto-Reply",      ""            },
        {"X-Autorespond",     ""            },
        {"X-Autoreply-From",  ""            },
        {"X-Auto-Reply-From", ""            },
        {"X-AutoResponder",   ""            },
        {"Precedence",        "auto_reply"  },
        {"X-Precedence",      "auto_reply"  },
        {"X-Apple-Action",    ""            },
        {"X-Cron-Env",        ""            },
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct message_field field;
        str name = str_of(fields[i].name);
        if (!message_header_find(header, name, &field))
            continue;
        if (str_starts_nocase(message_report_value(field.raw, name, arena),
                              str_of(fields[i].value)))
            return true;
    }
    return false;
}

static bool is_daemon(str from, str value)
{
    static const char *const names[] = {"mailer-daemon", "postmaster",  "mailerdaemon",
                                        "mail-daemon",   "post_master", "mail.delivery.system",
                                        "mailer_daemon"};
    str local = str_slice(from, 0, str_find(from, '@'));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(local, str_of(names[i])))
            return true;
    value = str_trim(value);
    return value.len == 0 || str_contains(value, S("<>")) ||
           str_starts_nocase(value, S("mailer-daemon")) ||
           str_starts_nocase(value, S("postmaster"));
}

static str address_of(str value)
{
    str address;
    size_t open = str_find_last(value, '<');
    if (open != STR_NONE && outcome_notice_address_find(str_from(value, open), &address))
        return address;
    return outcome_notice_address_find(value, &address) ? address : (str){0};
}

/* The last "<...>" of the value. */
static str last_id(str value)
{
    size_t open = str_find_last(value, '<');
    str id = open == STR_NONE ? (str){0} : str_from(value, open);
    size_t close = str_find(id, '>');
    return close == STR_NONE ? (str){0} : str_slice(id, 0, close + 1);
}

void outcome_notice_kind_read(str header, struct arena *arena,
                              struct outcome_notice_kind_facts *ret_facts)
{
    struct outcome_notice_kind_facts f = {0};
    str from = message_report_value(header, S("From"), arena);
    str subject = message_report_value(header, S("Subject"), arena);
    str path = message_report_value(header, S("Return-Path"), arena);
    f.from = address_of(from);
    f.to = address_of(message_report_value(header, S("To"), arena));
    f.failed = message_report_value(header, S("X-Failed-Recipients"), arena);
    f.about = last_id(message_report_value(header, S("In-Reply-To"), arena));
    if (f.about.len == 0)
        f.about = last_id(message_report_value(header, S("References"), arena));
    struct message_field field;
    bool has_from = message_header_find(header, S("From"), &field);
    f.from_daemon =
        (has_from && is_daemon(f.from, from)) || str_starts_nocase(path, S("<MAILER-DAEMON"));
    f.bounce_subject = have_any(subject, bounce_subjects, ARRAY_LEN(bounce_subjects), arena);
    f.delay_subject = have_any(subject, delay_subjects, ARRAY_LEN(delay_subjects), arena);
    f.auto_certain = has_auto_field(header, arena);
    f.auto_reply = f.auto_certain || is_auto_subject(subject);
    f.unsubscribe = str_eq_nocase(subject, S("unsubscribe"));
    *ret_facts = f;
}
