/* What the simulated providers say is understood by those who read replies. */
#include "base/arena.h"
#include "outcome/reply.h"
#include "provider/rules.h"
#include "provider/words.h"
#include "tests/test.h"

TEST(provider_words_are_understood)
{
    static const struct {
        const char *label;
        enum provider_topic topic;
        enum outcome_class class, other; /* other: where a provider's words say less */
        bool temporary;
    } cases[] = {
        {"too fast",    PROVIDER_TOO_FAST,    OUTCOME_RATE,                 OUTCOME_SYSTEM,               true },
        {"too many",    PROVIDER_TOO_MANY,    OUTCOME_TOO_MANY_CONNECTIONS, OUTCOME_RATE,                 true },
        {"long enough", PROVIDER_LONG_ENOUGH, OUTCOME_RATE,                 OUTCOME_TOO_MANY_CONNECTIONS, true },
        {"greylisted",  PROVIDER_GREYLISTED,  OUTCOME_GREYLIST,             OUTCOME_GREYLIST,             true },
        {"blocked",     PROVIDER_BLOCKED,     OUTCOME_BLOCKED_IP,           OUTCOME_RATE,                 false},
        {"quota",       PROVIDER_QUOTA_USED,  OUTCOME_RATE,                 OUTCOME_POLICY,               false},
        {"login wrong", PROVIDER_LOGIN_WRONG, OUTCOME_LOGIN,                OUTCOME_LOGIN,                false},
        {"logins many", PROVIDER_LOGINS_MANY, OUTCOME_RATE,                 OUTCOME_LOGIN,                true },
        {"nobody",      PROVIDER_NOBODY,      OUTCOME_BAD_MAILBOX,          OUTCOME_BAD_MAILBOX,          false},
        {"full",        PROVIDER_FULL,        OUTCOME_MAILBOX_FULL,         OUTCOME_MAILBOX_FULL,         true },
        {"disabled",    PROVIDER_DISABLED,    OUTCOME_DISABLED_MAILBOX,     OUTCOME_DISABLED_MAILBOX,     false},
        {"spam",        PROVIDER_SPAM,        OUTCOME_SPAM,                 OUTCOME_SPAM,                 false},
    };
    struct arena *arena = arena_open(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int p = 0; p < PROVIDER_PERSONAS; p++) {
            str said = provider_words_of((enum provider_persona)p, cases[i].topic);
            struct outcome_reply reply = outcome_reply_read(said, arena);
            struct outcome o = outcome_reply_judge(&reply, arena);
            char label[200];
            snprintf(label, sizeof label, "%s: %s: %.*s", cases[i].label,
                     outcome_class_of(o.class)->name, STR_ARG(str_slice(said, 0, 120)));
            CHECK(o.class == cases[i].class || o.class == cases[i].other, label);
            CHECK(o.temporary == cases[i].temporary, label);
            CHECK(said.len <= PROVIDER_RULES_SAY_BYTES_MAX, label);
        }
        arena_reset(arena);
    }
    arena_close(arena);
}
