#include "personality/sendmail_option.h"
#include "message/envelope.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

bool personality_sendmail_option_notify(str words, uint8_t *ret_notify)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } known[] = {
        {"never",   NOTIFY_NEVER  },
        {"success", NOTIFY_SUCCESS},
        {"failure", NOTIFY_FAILURE},
        {"delay",   NOTIFY_DELAY  },
    };
    uint8_t notify = 0;
    str word;
    do {
        uint8_t bit = 0;
        str_split(words, ',', &word, &words);
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (str_eq_nocase(str_trim(word), str_of(known[i].name)))
                bit = known[i].bit;
        if (bit == 0)
            return false;
        notify |= bit;
    } while (words.len);
    if ((notify & NOTIFY_NEVER) && notify != NOTIFY_NEVER)
        return false;
    *ret_notify = notify;
    return true;
}

/* Bounces of one recipient come back to an address that names him: "-XV", "-XV+=" */
static err take_verp(struct sendmail_options *o, const char *word)
{
    static const char allowed[] = "-=+";
    o->verp = word[0] ? word : "+=";
    if (strlen(o->verp) == 2 && strspn(o->verp, allowed) == 2)
        return NULL;
    return err_new(ERR_CONFIG, "-V requires two characters from %s", allowed);
}

static void warn(const struct sendmail_options *o, const char *text)
{
    if (o->warn)
        o->warn(o->arg, text);
}

static err take_mode(struct sendmail_options *o, const char *word)
{
    switch (word[0]) {
    case 'm':
        o->mode = SENDMAIL_ENQUEUE;
        return NULL;
    case 'p':
        o->mode = SENDMAIL_MAILQ;
        return NULL;
    case 'i':
        o->mode = SENDMAIL_ALIASES;
        return NULL;
    case 's':
        o->mode = SENDMAIL_SMTP;
        return NULL;
    case 'v':
        o->mode = SENDMAIL_VERIFY;
        return NULL;
    case 'h':
    case 'H':
        o->mode = SENDMAIL_NOTHING;
        return NULL;
    case 'd':
    case 'l':
        o->mode = SENDMAIL_DAEMON;
        return NULL;
    default:
        return err_new(ERR_CONFIG, "unsupported: -b%s", word);
    }
}

static err take_flush(struct sendmail_options *o, const char *word)
{
    if (char_is_digit(word[0])) { /* an interval: the server has its own */
        if (o->mode == SENDMAIL_ENQUEUE)
            o->mode = SENDMAIL_NOTHING;
        return NULL;
    }
    o->mode = SENDMAIL_FLUSH;
    if (word[0] == '\0')
        return NULL;
    if (word[0] == 'I')
        o->flush_id = word + 1;
    else if (word[0] == 'R')
        o->flush_site = word + 1;
    else if (word[0] == 'S')
        return err_new(ERR_CONFIG, "-qS is not implemented");
    else
        return err_new(ERR_CONFIG, "-q%s is not implemented", word);
    if (word[1] == '\0')
        return err_new(ERR_CONFIG, "-q%c needs a name behind it", word[0]);
    return NULL;
}

static err take_small(struct sendmail_options *o, const char *word)
{
    if (word[0] == 'i' && word[1] == '\0')
        o->dot_is_text = true;
    else if (word[0] == 'A' && word[1] == '\0')
        return err_new(ERR_CONFIG, "-oA requires pathname");
    return NULL;
}

static void take_named(struct sendmail_options *o, const char *word)
{
    if (strncasecmp(word, "requiretls=", 11) == 0)
        o->requiretls = strcasecmp(word + 11, "yes") == 0;
}

static err take_body(struct sendmail_options *o, const char *word)
{
    if (strcasecmp(word, "8bitmime") != 0 && strcasecmp(word, "7bit") != 0)
        return err_new(ERR_CONFIG, "-B option needs 8BITMIME or 7BIT");
    o->body = word;
    return NULL;
}

static void take_notify(struct sendmail_options *o, const char *word)
{
    char text[300];
    uint8_t one;
    str rest = str_of(word), part;
    if (personality_sendmail_option_notify(rest, &o->notify))
        return;
    do { /* which of them */
        str_split(rest, ',', &part, &rest);
        if (personality_sendmail_option_notify(part, &one))
            continue;
        snprintf(text, sizeof text, "unknown DSN NOTIFY command value \"%.*s\" in \"%s\"",
                 STR_ARG(str_slice(part, 0, 100)), word);
        warn(o, text);
        break;
    } while (rest.len);
    warn(o, "bad -N option value -- ignored");
}

static void take_return(struct sendmail_options *o, const char *word)
{
    if (strcasecmp(word, "full") == 0)
        o->ret = RET_FULL;
    else if (strcasecmp(word, "hdrs") == 0)
        o->ret = RET_HDRS;
    else
        warn(o, "bad -R option value -- ignored");
}

static err take(struct sendmail_options *o, int letter, const char *word)
{
    switch (letter) {
    case 'b':
        return take_mode(o, word);
    case 'q':
        return take_flush(o, word);
    case 'o':
        return take_small(o, word);
    case 'B':
        return take_body(o, word);
    case 'O':
        take_named(o, word);
        break;
    case 'R':
        take_return(o, word);
        break;
    case 'I':
        o->mode = SENDMAIL_ALIASES;
        break;
    case 'C':
        o->config = word;
        break;
    case 'F':
        o->full_name = word;
        break;
    case 'f':
    case 'r':
        o->sender = word;
        break;
    case 'V':
        o->envid = word;
        break;
    case 'i':
        o->dot_is_text = true;
        break;
    case 't':
        o->from_header = true;
        break;
    case 'v':
        if (o->notify == 0) /* -N says more */
            o->notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;
        break;
    case 'N':
        take_notify(o, word);
        break;
    case 'X':
        return word[0] == 'V' ? take_verp(o, word + 1) : NULL; /* else a log file: ignored */
    case '?':
        return err_new(ERR_CONFIG, "usage: sendmail [options]");
    default:
        break; /* accepted, and without a meaning here */
    }
    return NULL;
}

static err check(const struct sendmail_options *o, int rcpts)
{
    static const char *const modes[] = {
        [SENDMAIL_MAILQ] = "display queue mode",
        [SENDMAIL_FLUSH] = "flush queue mode",
        [SENDMAIL_ALIASES] = "alias initialization mode",
        [SENDMAIL_SMTP] = "stand-alone mode",
        [SENDMAIL_DAEMON] = "daemon mode",
    };
    if (o->mode == SENDMAIL_DAEMON && rcpts == 0)
        return err_new(ERR_CONFIG, "-bd: the server is started by \"smtptool serve\"");
    if (o->mode == SENDMAIL_VERIFY && o->from_header)
        return err_new(ERR_CONFIG, "-t option cannot be used with -bv");
    if (o->mode < ARRAY_LEN(modes) && modes[o->mode] && o->from_header)
        return err_new(ERR_CONFIG, "-t can be used only in delivery mode");
    if (o->mode <= SENDMAIL_DAEMON && modes[o->mode] && rcpts > 0)
        return err_new(ERR_CONFIG, "%s requires no recipient", modes[o->mode]);
    return NULL;
}

err personality_sendmail_option_read(int argc, char **argv, struct sendmail_options *o)
{
    str name = str_from(str_of(argv[0]), str_find_last(str_of(argv[0]), '/') + 1);
    int letter;
    err first = NULL;
    if (str_eq(name, S("mailq")))
        o->mode = SENDMAIL_MAILQ;
    else if (str_eq(name, S("newaliases")))
        o->mode = SENDMAIL_ALIASES;
    optind = 0; /* anew: a second reading begins at the start */
    opterr = 0;
    while ((letter = getopt(argc, argv, "+A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx")) !=
           -1) {
        err e = take(o, letter, optarg ? optarg : "");
        first = first ? first : e;
    }
    o->first = optind;
    return first ? first : check(o, argc - optind);
}
