#include "config/schema_row.h"

/* Many fields are pointers, and it is their own size that is meant: */
/* NOLINTBEGIN(bugprone-sizeof-expression) */

const struct config_schema_choice config_schema_reportings[] = {
    {"off",              REPORTING_OFF},
    {"dry-run",                  REPORTING_DRY_RUN},
    {"on",REPORTING_ON},
    {0              }
};

static const struct config_schema_key reports_keys[] = {
    VALUE(config, mailauth.reports.aggregate, choice, "aggregate",
          .choices = config_schema_reportings, .normal = "off",
          .doc = "A report a day to each domain that asks for it (rua=). off: nothing is counted. "
                 "dry-run: what would be sent is written into reports/dry-run in state, and "
                 "nothing is sent. on: it is sent."),
    VALUE(config, mailauth.reports.failure, choice, "failure", .choices = config_schema_reportings,
          .normal = "off",
          .doc = "A report at once on a message that fails, to domains that ask for it (ruf=): its "
                 "header, so other people's addresses and subjects. off, dry-run, on: as above."),
    VALUE(config, mailauth.reports.from, text, "from", .most = 320,
          .normal_told = "dmarc-reports@hostname",
          .doc =
              "From whom reports are. Its domain's own DMARC must pass, or nobody believes them; "
              "the envelope sender is always null, so none comes back."),
    VALUE(config, mailauth.reports.org, text, "org", .most = 200, .normal_told = "hostname",
          .doc = "Our name in reports."),
    VALUE(config, mailauth.reports.contact, text, "contact", .most = 500,
          .doc = "Whom else to ask about a report: a text or a URL."),
    VALUES(config, mailauth.reports.exclude, mailauth.reports.exclude_count, host, "exclude",
           .doc = "Domains that get no reports, with all below them."),
    VALUE(config, mailauth.reports.per_day, int, "per_day", BETWEEN(1, 100000), .normal = "1000",
          .doc = "Aggregate reports sent in one day (UTC), at most; the rest waits for the next."),
    VALUE(config, mailauth.reports.failures_per_hour, int, "failures_per_hour", BETWEEN(1, 1000),
          .normal = "10", .doc = "Failure reports to one domain in an hour, at most."),
};
const struct config_schema_group config_schema_reports = {
    .name = "mailauth.reports",
    .keys = reports_keys,
    .count = ARRAY_LEN(reports_keys),
    .doc = "What the owners of domains are told about mail in their name (DMARC)."};

static const struct config_schema_key tls_reports_keys[] = {
    VALUE(config, tls_reports.send, choice, "send", .choices = config_schema_reportings,
          .normal = "off",
          .doc = "A report a day to each domain that asks for it (_smtp._tls). off: nothing is "
                 "counted. dry-run: what would be sent is written into reports/dry-run in state, "
                 "and nothing is sent. on: it is sent."),
    VALUE(config, tls_reports.from, text, "from", .most = 320,
          .normal_told = "tls-reports@hostname",
          .doc = "From whom reports are. Its domain needs a signing key (`smtptool domain add`), "
                 "or nobody believes them; the envelope sender is always null."),
    VALUE(config, tls_reports.org, text, "org", .most = 200, .normal_told = "hostname",
          .doc = "Our name in reports."),
    VALUE(config, tls_reports.contact, text, "contact", .most = 500, .normal_told = "from",
          .doc = "Whom to ask about a report: an address."),
    VALUES(config, tls_reports.exclude, tls_reports.exclude_count, host, "exclude",
           .doc = "Domains that get no reports, with all below them."),
    VALUE(config, tls_reports.per_day, int, "per_day", BETWEEN(1, 100000), .normal = "1000",
          .doc = "Reports sent in one day (UTC), at most; the rest waits for the next."),
    VALUE(config, tls_reports.receive, text, "receive", .most = 320, .normal_told = "none is kept",
          .doc = "Mail to this address, the rua of our own domains, is also kept in reports/tls in "
                 "state, for `smtptool tls-reports read`."),
};
const struct config_schema_group config_schema_tls_reports = {
    .name = "tls_reports",
    .keys = tls_reports_keys,
    .count = ARRAY_LEN(tls_reports_keys),
    .doc = "What the owners of domains are told about TLS on the way to them (RFC 8460)."};

/* NOLINTEND(bugprone-sizeof-expression) */
