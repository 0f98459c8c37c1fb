#include "outcome/rule.h"

static bool fits(const struct outcome_rule *rule, const struct outcome_rule_facts *facts)
{
    if (rule->provider != PROVIDER_OTHER && rule->provider != facts->provider)
        return false;
    uint8_t wanted = rule->when & (uint8_t)~WORDS_ARE_SURE;
    if ((wanted & facts->when) != wanted)
        return false;
    if (rule->status && !str_eq(str_from(facts->status, 2), str_of(rule->status)))
        return false;
    return rule->words == NULL || outcome_words_have(facts->words, rule->words);
}

const struct outcome_rule *outcome_rule_find(const struct outcome_rule_facts *facts)
{
    const struct outcome_rule_table tables[] = {
        outcome_rule_provider_table(), outcome_rule_text_table(), outcome_rule_status_table()};
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (fits(&tables[t].rows[i], facts))
                return &tables[t].rows[i];
    return NULL;
}
