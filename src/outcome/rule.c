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

static const struct outcome_rule *find_in(struct outcome_rule_table table,
                                          const struct outcome_rule_facts *facts)
{
    for (size_t i = 0; i < table.count; i++)
        if (fits(&table.rows[i], facts))
            return &table.rows[i];
    return NULL;
}

/* A status X.7.Y that names the check that failed (RFC 7372). */
static bool names_check(const struct outcome_rule *rule)
{
    return rule && str_starts(str_of(rule->status), S("7."));
}

/* Words tell more than most statuses, but "blocked" tells less than one that names the check. */
const struct outcome_rule *outcome_rule_find(const struct outcome_rule_facts *facts)
{
    const struct outcome_rule *by_words = find_in(outcome_rule_provider_table(), facts);
    if (by_words == NULL)
        by_words = find_in(outcome_rule_text_table(), facts);
    if (by_words && by_words->class != OUTCOME_POLICY)
        return by_words;
    const struct outcome_rule *by_status = find_in(outcome_rule_status_table(), facts);
    return by_words && !names_check(by_status) ? by_words : by_status;
}
