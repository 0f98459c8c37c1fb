#include "outcome/rule.h"

/* What a status says when the words beside it say nothing to us: RFC 3463 and the registry that
 * grew out of it. Vague ones (x.0.0, x.7.1, x.5.0) are left to the reply's code. */
/* clang-format off */
static const struct outcome_rule rows[] = {
    {OUTCOME_BAD_MAILBOX, 0, 0, "1.1", NULL, "550 5.1.1 <bob@example.net>", "RFC 3463"},
    {OUTCOME_BAD_DOMAIN, 0, 0, "1.2", NULL, "550 5.1.2 <bob@example.net>", "RFC 3463"},
    {OUTCOME_BAD_MAILBOX, 0, 0, "1.3", NULL, "501 5.1.3 <bob@@example.net>", "RFC 3463"},
    {OUTCOME_MOVED, 0, 0, "1.6", NULL, "551 5.1.6 <bob@example.net>", "RFC 3463"},
    {OUTCOME_BLOCKED_SENDER, 0, 0, "1.7", NULL, "550 5.1.7 <a@b>", "RFC 3463"},
    {OUTCOME_BLOCKED_SENDER, 0, 0, "1.8", NULL, "553 5.1.8 <a@b.example>", "RFC 3463"},
    {OUTCOME_NO_MAIL, 0, 0, "1.10", NULL, "556 5.1.10 <bob@example.net>", "RFC 7505"},
    {OUTCOME_DISABLED_MAILBOX, 0, 0, "2.1", NULL, "550 5.2.1 <bob@example.net>", "RFC 3463"},
    {OUTCOME_MAILBOX_FULL, 0, 0, "2.2", NULL, "452 4.2.2 <bob@example.net>", "RFC 3463"},
    {OUTCOME_TOO_BIG, 0, 0, "2.3", NULL, "552 5.2.3 <bob@example.net>", "RFC 3463"},
    {OUTCOME_SYSTEM, 0, 0, "3.0", NULL, "451 4.3.0 <bob@example.net>", "RFC 3463"},
    {OUTCOME_SYSTEM, 0, 0, "3.1", NULL, "452 4.3.1 later", "RFC 3463"},
    {OUTCOME_NO_MAIL, 0, WHEN_PERMANENT, "3.2", NULL, "521 5.3.2 no", "RFC 3463"},
    {OUTCOME_SYSTEM, 0, 0, "3.2", NULL, "421 4.3.2 soon", "RFC 3463"},
    {OUTCOME_TOO_BIG, 0, 0, "3.4", NULL, "552 5.3.4 no", "RFC 3463"},
    {OUTCOME_SYSTEM, 0, 0, "3.5", NULL, "553 5.3.5 no", "RFC 3463"},
    {OUTCOME_NETWORK, 0, 0, "4.1", NULL, "450 4.4.1 host.example", "RFC 3463"},
    {OUTCOME_NETWORK, 0, 0, "4.2", NULL, "421 4.4.2 host.example", "RFC 3463"},
    {OUTCOME_DNS, 0, 0, "4.3", NULL, "451 4.4.3 example.net", "RFC 3463"},
    {OUTCOME_BAD_DOMAIN, 0, WHEN_PERMANENT, "4.4", NULL, "550 5.4.4 example.net", "RFC 3463"},
    {OUTCOME_DNS, 0, 0, "4.4", NULL, "451 4.4.4 example.net", "RFC 3463"},
    {OUTCOME_SYSTEM, 0, 0, "4.5", NULL, "452 4.4.5 later", "RFC 3463"},
    {OUTCOME_LOOP, 0, 0, "4.6", NULL, "554 5.4.6 no", "RFC 3463"},
    {OUTCOME_EXPIRED, 0, 0, "4.7", NULL, "550 4.4.7 no", "RFC 3463"},
    {OUTCOME_PROTOCOL, 0, 0, "5.1", NULL, "503 5.5.1 no", "RFC 3463"},
    {OUTCOME_PROTOCOL, 0, 0, "5.2", NULL, "500 5.5.2 no", "RFC 3463"},
    {OUTCOME_TOO_MANY_RECIPIENTS, 0, 0, "5.3", NULL, "452 4.5.3 no", "RFC 3463"},
    {OUTCOME_PROTOCOL, 0, 0, "5.4", NULL, "501 5.5.4 no", "RFC 3463"},
    {OUTCOME_CONTENT, 0, 0, "6.0", NULL, "550 5.6.0 no", "RFC 3463"},
    {OUTCOME_CONTENT, 0, 0, "6.1", NULL, "550 5.6.1 no", "RFC 3463"},
    {OUTCOME_CONTENT, 0, 0, "6.2", NULL, "550 5.6.2 no", "RFC 3463"},
    {OUTCOME_CONTENT, 0, 0, "6.3", NULL, "554 5.6.3 no", "RFC 3463"},
    {OUTCOME_CONTENT, 0, 0, "6.7", NULL, "553 5.6.7 no", "RFC 6531"},
    {OUTCOME_POLICY, 0, 0, "7.2", NULL, "550 5.7.2 no", "RFC 3463"},
    {OUTCOME_LOGIN, 0, 0, "7.8", NULL, "535 5.7.8 no", "RFC 4954"},
    {OUTCOME_TLS, 0, 0, "7.5", NULL, "454 4.7.5 no", "RFC 3463"},
    {OUTCOME_TLS, 0, 0, "7.10", NULL, "523 5.7.10 no", "RFC 5248"},
    {OUTCOME_LOGIN, 0, 0, "7.11", NULL, "538 5.7.11 no", "RFC 4954"},
    {OUTCOME_DISABLED_MAILBOX, 0, 0, "7.13", NULL, "525 5.7.13 no", "RFC 5248"},
    {OUTCOME_POLICY, 0, 0, "7.17", NULL, "550 5.7.17 no", "RFC 7293"},
    {OUTCOME_AUTH, 0, 0, "7.20", NULL, "550 5.7.20 no", "RFC 7372"},
    {OUTCOME_AUTH, 0, 0, "7.21", NULL, "550 5.7.21 no", "RFC 7372"},
    {OUTCOME_AUTH, 0, 0, "7.22", NULL, "550 5.7.22 no", "RFC 7372"},
    {OUTCOME_AUTH, 0, 0, "7.23", NULL, "550 5.7.23 no", "RFC 7372"},
    {OUTCOME_AUTH, 0, 0, "7.24", NULL, "451 4.7.24 no", "RFC 7372"},
    {OUTCOME_REVERSE_DNS, 0, 0, "7.25", NULL, "550 5.7.25 no", "RFC 7372"},
    {OUTCOME_AUTH, 0, 0, "7.26", NULL, "550 5.7.26 no", "RFC 7372"},
    {OUTCOME_BLOCKED_SENDER, 0, 0, "7.27", NULL, "550 5.7.27 no", "RFC 7505"},
    {OUTCOME_RATE, 0, 0, "7.28", NULL, "421 4.7.28 no", "RFC 5248"},
    {OUTCOME_AUTH, 0, 0, "7.29", NULL, "550 5.7.29 no", "RFC 8617"},
    {OUTCOME_TLS, 0, 0, "7.30", NULL, "550 5.7.30 no", "RFC 8689"},
};
/* clang-format on */

struct outcome_rule_table outcome_rule_status_table(void)
{
    return (struct outcome_rule_table){rows, ARRAY_LEN(rows)};
}
