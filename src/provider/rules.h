/* provider/rules.h -- how a simulated provider behaves: a list of rules, read from YAML
 *
 *     provider: gmail
 *     rules:
 *       - rule: throttle
 *         limit: 1000/h
 *       - rule: block
 *         after: 20
 *         within: 10m
 *         lasts: 1h
 *
 * Each rule has a kind, may concern a part of the traffic or of the time, and may have words of its
 * own. What each key means is told in docs/provider.md.
 */
#pragma once
#include "config/errors.h"
#include "provider/meter.h"
#include "provider/words.h"
#include "runtime/address.h"

enum {
    PROVIDER_RULES_MAX = 64, /* a session has a bit for each */
    PROVIDER_RULES_CHANGES_MAX = 32,
    PROVIDER_RULES_SAY_BYTES_MAX = 400,
    PROVIDER_RULES_BYTES_MAX = 64 * 1024, /* of a file */
    PROVIDER_RULES_WHOLE = 10 * 1000,     /* shares are in ten-thousandths */
    PROVIDER_RULES_ARENA_BYTES_MAX = 16 << 20,
};

enum provider_kind {
    PROVIDER_THROTTLE,    /* messages in a time */
    PROVIDER_QUOTA,       /* the same, of a login and a day, refused for good */
    PROVIDER_CONNECTIONS, /* at once, and messages of one */
    PROVIDER_LOGIN,
    PROVIDER_STORM,
    PROVIDER_GREYLIST,
    PROVIDER_BLOCK,
    PROVIDER_SLOW,
    PROVIDER_RECIPIENTS,
    PROVIDER_KINDS
};
const char *provider_rules_kind(enum provider_kind); /* "throttle" */

enum provider_stage {
    PROVIDER_CONNECT,
    PROVIDER_HELLO,
    PROVIDER_AUTH,
    PROVIDER_MAIL,
    PROVIDER_RCPT,
    PROVIDER_DATA,
    PROVIDER_DOT,
    PROVIDER_STAGES
};

enum provider_per { /* who is counted together */
                    PROVIDER_PER_SOURCE,
                    PROVIDER_PER_SENDER, /* its domain */
                    PROVIDER_PER_LOGIN,
                    PROVIDER_PER_RECIPIENT,
                    PROVIDER_PER_ALL
};

struct provider_change {
    int64_t at_ms, count;
};

struct provider_rule {
    enum provider_kind kind;
    int per;   /* enum provider_per */
    int stage; /* enum provider_stage; PROVIDER_STAGES: at each (slow) */
    str say;   /* the whole reply */
    bool close;
    /* whom and when it concerns */
    struct network from; /* base.family ADDRESS_NONE: all */
    str sender;          /* a domain, "*.domain", or empty */
    str login;           /* or empty */
    str local;           /* a recipient's local part, with at most one "*"; or empty */
    int64_t share;       /* of recipients, or of the chances of a storm */
    int64_t begins_ms, ends_ms;
    /* how much */
    struct provider_measure limit; /* window_ms 0: none */
    struct provider_change changes[PROVIDER_RULES_CHANGES_MAX];
    size_t change_count;
    bool strict;              /* who is refused is counted, too */
    int64_t at_once;          /* 0: no limit */
    int64_t messages;         /* 0: no limit */
    int64_t wait_ms;          /* greylisted for so long */
    int64_t keep_ms;          /* …and then known for so long */
    int64_t after, within_ms; /* blocked when so many were refused in so much time … */
    int64_t over;             /* … or when so much more than allowed was offered */
    int64_t lasts_ms;
    int64_t delay_ms;
    int64_t body_bytes; /* a second */
};

struct provider_rules {
    int64_t seed;
    int persona; /* enum provider_persona */
    struct provider_rule *list;
    size_t count;
    bool logins; /* AUTH is offered */
};

/* All of it lives in the arena. False: it is not usable, and the errors say why. */
bool provider_rules_read(str text, str name, struct arena *, struct config_errors *,
                         struct provider_rules *ret_rules);

/* What a rule with a limit allows at that time since the start. */
int64_t provider_rules_count_at(const struct provider_rule *, int64_t at_ms);
/* How many messages the throttles allow one source between two times since the start, when they
 * come evenly: the least of all. Negative: nothing throttles. */
double provider_rules_allowed(const struct provider_rules *, int64_t from_ms, int64_t until_ms);
