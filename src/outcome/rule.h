/* outcome/rule.h -- what servers say, as data
 *
 * A rule is a row: what must be in a reply, what it then means, an example of it and who says so.
 * First come the rows of the provider that answered, then those for everybody; the first row that
 * fits counts, so what is said exactly stands above what is said vaguely. Every example is put to
 * the test: a row that another one hides cannot be added unseen.
 */
#pragma once
#include "outcome/class.h"
#include "outcome/provider.h"
#include "outcome/words.h"

enum outcome_rule_when {
    WHEN_TEMPORARY = 1, /* 4yz; or nothing of the kind is known */
    WHEN_PERMANENT = 2, /* not 4yz */
    WHEN_CONNECT = 4,   /* at the connection, the greeting or EHLO */
    WHEN_MAIL = 8,
    WHEN_RCPT = 16,
    WHEN_CONTENT = 32,   /* at DATA or behind the final dot */
    WORDS_ARE_SURE = 64, /* no condition: these words leave no doubt, wherever they are said */
};

struct outcome_rule {
    enum outcome_class class;
    enum outcome_provider provider; /* PROVIDER_OTHER: whoever it is */
    uint8_t when;                   /* all of these; 0: always */
    const char *status;             /* "7.26": of any class; NULL: whatever it is */
    const char *words;              /* a pattern of outcome/words.h; NULL: whatever it says */
    const char *example;            /* a reply, as it comes */
    const char *source;             /* who says that */
    const char *to_do; /* a sentence for people: more than the class asks for; NULL: no more */
};

struct outcome_rule_table {
    const struct outcome_rule *rows;
    size_t count;
};
struct outcome_rule_table outcome_rule_provider_table(void); /* of providers */
struct outcome_rule_table outcome_rule_text_table(void);     /* of everybody, by what is said */
struct outcome_rule_table outcome_rule_status_table(void);   /* by the status alone */

/* What is known when a rule is looked for. */
struct outcome_rule_facts {
    enum outcome_provider provider;
    uint8_t when; /* what holds, of enum outcome_rule_when */
    str status;   /* "5.7.26", or empty */
    const struct outcome_words *words;
};

const struct outcome_rule *outcome_rule_find(const struct outcome_rule_facts *); /* NULL: none */
