/* personality/sendmail_option.h -- the words of a sendmail command line */
#pragma once
#include "base/err.h"

enum sendmail_mode {
    SENDMAIL_ENQUEUE,
    SENDMAIL_MAILQ,
    SENDMAIL_FLUSH,
    SENDMAIL_ALIASES,
    SENDMAIL_SMTP,
    SENDMAIL_VERIFY,
    SENDMAIL_NOTHING,
    SENDMAIL_DAEMON
};

struct sendmail_options {
    enum sendmail_mode mode;
    bool from_header;                  /* -t */
    bool dot_is_text;                  /* -i, -oi */
    bool requiretls;                   /* -O requiretls=yes */
    const char *config;                /* -C */
    const char *sender;                /* -f, -r; NULL: whoever runs it */
    const char *full_name;             /* -F */
    const char *envid;                 /* -V */
    const char *body;                  /* -B */
    const char *verp;                  /* -XV: the two characters; NULL: not asked for */
    const char *flush_id, *flush_site; /* -qI, -qR */
    uint8_t notify;                    /* -N: enum envelope_notify */
    uint8_t ret;                       /* -R: enum envelope_ret */
    int first;                         /* index in argv of the first recipient */
    /* Called for what is only warned of; text without "sendmail: warning: ". */
    void (*warn)(void *arg, const char *text);
    void *arg;
};

/* argv[0] is the program's name: mailq and newaliases are modes. ERR_CONFIG: its text stands
 * behind "sendmail: fatal: ". */
must_use err personality_sendmail_option_read(int argc, char **argv, struct sendmail_options *);
bool personality_sendmail_option_notify(str words, uint8_t *ret_notify); /* "success,delay" */
