#include "outcome/reply.h"
#include "tests/test.h"

/* Hosts that make their provider known. */
static const char *const hosts[PROVIDERS] = {
    [PROVIDER_GOOGLE] = "gmail-smtp-in.l.google.com",
    [PROVIDER_MICROSOFT] = "example-com.mail.protection.outlook.com",
    [PROVIDER_YAHOO] = "mta7.am0.yahoodns.net",
    [PROVIDER_APPLE] = "mx01.mail.icloud.com",
    [PROVIDER_COMCAST] = "mx1.comcast.net",
    [PROVIDER_CHARTER] = "mx0.charter.net",
    [PROVIDER_GODADDY] = "smtp.secureserver.net",
    [PROVIDER_ORANGE] = "smtp-in.orange.fr",
    [PROVIDER_LAPOSTE] = "smtpz4.laposte.net",
    [PROVIDER_TENCENT] = "mx3.qq.com",
    [PROVIDER_TELEKOM] = "mx00.t-online.de",
    [PROVIDER_NETEASE] = "163mx01.mxmail.netease.com",
    [PROVIDER_AMAZON] = "inbound-smtp.us-east-1.amazonaws.com",
};

static enum smtp_stage stage_of(uint8_t when)
{
    return when & WHEN_CONNECT ? SMTP_STAGE_GREETING
           : when & WHEN_MAIL  ? SMTP_STAGE_MAIL
           : when & WHEN_RCPT  ? SMTP_STAGE_RCPT
                               : SMTP_STAGE_BODY;
}

/* Every row has an example that finds that very row: none is hidden by one above it. */
static void check_table(struct outcome_rule_table table)
{
    for (size_t i = 0; i < table.count; i++) {
        CLEANUP(arena_cleanup) struct arena *arena = arena_open(1 << 20);
        const struct outcome_rule *rule = &table.rows[i];
        struct outcome_reply r = outcome_reply_read(str_of(rule->example), arena);
        r.host = str_of(hosts[rule->provider]);
        uint8_t stages = WHEN_CONNECT | WHEN_MAIL | WHEN_RCPT | WHEN_CONTENT;
        r.stage_known = (rule->when & stages) != 0;
        r.stage = stage_of(rule->when);
        struct outcome o = outcome_reply_judge(&r, arena);
        CHECK(o.rule == rule, rule->example);
        if (o.rule && o.rule != rule)
            printf("    found: %s\n", o.rule->words ? o.rule->words : o.rule->status);
        CHECK(rule->provider == PROVIDER_OTHER || hosts[rule->provider], rule->example);
        CHECK(rule->source && rule->source[0], rule->example);
    }
}

TEST(outcome_rule_provider) { check_table(outcome_rule_provider_table()); }
TEST(outcome_rule_text) { check_table(outcome_rule_text_table()); }
TEST(outcome_rule_status) { check_table(outcome_rule_status_table()); }

TEST(outcome_rule_classes)
{
    for (int i = 0; i < OUTCOME_CLASSES; i++) {
        const struct outcome_class_facts *facts = outcome_class_of((enum outcome_class)i);
        enum outcome_class back;
        CHECK(outcome_class_find(str_of(facts->name), &back) && (int)back == i, facts->name);
        CHECK(facts->meaning && outcome_class_whose(facts->whose), facts->name);
        CHECK(outcome_class_advice(facts->advice) && outcome_class_to_do(facts->advice),
              facts->name);
    }
    enum outcome_class none;
    CHECK(!outcome_class_find(S("nonsense"), &none), "no such class");
}
