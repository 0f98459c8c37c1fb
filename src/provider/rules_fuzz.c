/* Rules that are taken judge any conversation, the same way twice; others are refused with words.
 */
#include "base/table.h"
#include "provider/provider.h"
#include "tests/fuzz.h"

enum { TURNS = 60 };

static uint64_t converse(const struct provider_rules *rules)
{
    static const char *const words[PROVIDER_STAGES] = {
        [PROVIDER_AUTH] = "user", [PROVIDER_MAIL] = "a@s.test", [PROVIDER_RCPT] = "gone@d.test"};
    struct provider *p = provider_open(rules, 5);
    struct provider_session s = {
        .source = {.family = ADDRESS_IP4, .ip = {127, 0, 0, 1}}
    };
    uint64_t sum = 0;
    for (int i = 0; i < TURNS; i++) {
        enum provider_stage stage = (enum provider_stage)(i % PROVIDER_STAGES);
        if (stage == PROVIDER_CONNECT)
            s = (struct provider_session){.source = s.source};
        struct provider_verdict v =
            provider_judge(p, &s, stage, str_of(words[stage]), 5 + i * (int64_t)i * 1000);
        ASSERT((v.why == NULL) == (v.say.len == 0));
        ASSERT(v.why == NULL || v.say.ptr[0] == '4' || v.say.ptr[0] == '5');
        ASSERT(v.delay_ms >= 0);
        sum = sum * 31 + table_hash(v.say);
        if (stage == PROVIDER_STAGES - 1 || i == TURNS - 1)
            provider_leave(p, &s);
    }
    struct provider_counts counts = provider_take_counts(p);
    ASSERT(counts.accepted <= counts.connections);
    provider_close(p);
    return sum;
}

FUZZ(input, arena)
{
    struct config_errors errors;
    struct provider_rules rules;
    config_errors_init(&errors);
    if (!provider_rules_read(str_slice(input, 0, 8192), S("rules"), arena, &errors, &rules)) {
        ASSERT(errors.count > 0);
        for (size_t i = 0; i < errors.count; i++)
            ASSERT(errors.list[i].message.len > 0);
    } else {
        ASSERT(rules.count <= PROVIDER_RULES_MAX);
        ASSERT(converse(&rules) == converse(&rules));
    }
    config_errors_release(&errors);
}
