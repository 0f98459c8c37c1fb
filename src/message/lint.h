/* message/lint.h -- what is wrong with a message that is to be sent, and by which clause
 *
 * Each rule has an id that stays, the clause of the RFC that it comes from, and what to do. A
 * finding is a rule, the part and the byte where it was found, and what stood there. Nothing is
 * changed.
 */
#pragma once
#include "message/mime.h"

enum {
    MESSAGE_LINT_FINDINGS_MAX = 500,
    MESSAGE_LINT_PER_RULE_MAX = 10, /* more of one kind are counted only */
    MESSAGE_LINT_DETAIL_BYTES_MAX = 200,
    MESSAGE_LINT_MESSAGE_BYTES_MAX = 256 << 20,
    MESSAGE_LINT_ARENA_BYTES = MESSAGE_MIME_ARENA_BYTES + (48 << 20),
};

enum message_lint_severity {
    LINT_NOTE,    /* allowed, and yet not wise */
    LINT_WARNING, /* against a SHOULD, or read differently by different programs */
    LINT_ERROR,   /* against a MUST */
};

struct message_lint_rule {
    const char *id; /* "no-date" */
    enum message_lint_severity severity;
    const char *clause; /* "RFC 5322 section 3.6" */
    const char *text;   /* what is wrong */
    const char *fix;    /* what to do */
};

struct message_lint_finding {
    const struct message_lint_rule *rule;
    uint32_t part; /* index into parts */
    uint64_t at;   /* offset in the message */
    str detail;    /* UTF-8 in one line; may be empty */
};

struct message_lint {
    const struct message_mime_part *parts;
    size_t part_count;
    struct message_lint_finding *findings; /* in the order of rules, then of the message */
    size_t count;
    size_t left_out; /* above the maxima */
    enum message_lint_severity worst;
};

/* Look at a whole message. All of the result lives in the arena, which should hold
 * MESSAGE_LINT_ARENA_BYTES. ERR_LIMIT: it is too large. */
must_use err message_lint(str message, int64_t now_ms, struct arena *,
                          struct message_lint *ret_lint);

/* The same of a message that is sent with this envelope sender, without <>: whether it has the
 * domain of From (message/alignment.h). Empty: not known, or the null one. */
must_use err message_lint_sent(str message, str sender, int64_t now_ms, struct arena *,
                               struct message_lint *ret_lint);

/* Every rule there is, for the manual and for tests: from 0 on, until NULL. */
const struct message_lint_rule *message_lint_rule(size_t index);
const char *message_lint_severity_name(enum message_lint_severity); /* "error" */
