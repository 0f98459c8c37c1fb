/* cli/commands.h -- the subcommands: each is a file of its own, cmd_NAME.c */
#pragma once
#include "cli/cli.h"

int cmd_account(struct cli *, int argc, char **argv);
int cmd_arc(struct cli *, int argc, char **argv);
int cmd_bench(struct cli *, int argc, char **argv);
int cmd_bulk(struct cli *, int argc, char **argv);
int cmd_completion(struct cli *, int argc, char **argv);
int cmd_config(struct cli *, int argc, char **argv);
int cmd_dkim(struct cli *, int argc, char **argv);
int cmd_dmarc(struct cli *, int argc, char **argv);
int cmd_domain(struct cli *, int argc, char **argv);
int cmd_egress(struct cli *, int argc, char **argv);
int cmd_explain(struct cli *, int argc, char **argv);
int cmd_feedback_loops(struct cli *, int argc, char **argv);
int cmd_lint(struct cli *, int argc, char **argv);
int cmd_personality(struct cli *, int argc, char **argv); /* of all in personality.c */
int cmd_mta_sts(struct cli *, int argc, char **argv);
int cmd_tls_reports(struct cli *, int argc, char **argv);
int cmd_oauth(struct cli *, int argc, char **argv);
int cmd_preset(struct cli *, int argc, char **argv);
int cmd_queue(struct cli *, int argc, char **argv);
int cmd_secret(struct cli *, int argc, char **argv);
int cmd_send(struct cli *, int argc, char **argv);
int cmd_sent(struct cli *, int argc, char **argv);
int cmd_serve(struct cli *, int argc, char **argv);
int cmd_spf(struct cli *, int argc, char **argv);
int cmd_suppress(struct cli *, int argc, char **argv);
int cmd_trace(struct cli *, int argc, char **argv);
int cmd_user(struct cli *, int argc, char **argv);
int cmd_verify(struct cli *, int argc, char **argv);
int cmd_warmup(struct cli *, int argc, char **argv);
int cmd_shaping(struct cli *, int argc, char **argv);

extern const char cmd_account_help[];
extern const char cmd_arc_help[];
extern const char cmd_bench_help[];
extern const char cmd_bulk_help[];
extern const char cmd_completion_help[];
extern const char cmd_config_help[];
extern const char cmd_dkim_help[];
extern const char cmd_dmarc_help[];
extern const char cmd_domain_help[];
extern const char cmd_egress_help[];
extern const char cmd_explain_help[];
extern const char cmd_feedback_loops_help[];
extern const char cmd_lint_help[];
extern const char cmd_mta_sts_help[];
extern const char cmd_tls_reports_help[];
extern const char cmd_oauth_help[];
extern const char cmd_preset_help[];
extern const char cmd_queue_help[];
extern const char cmd_secret_help[];
extern const char cmd_send_help[];
extern const char cmd_sent_help[];
extern const char cmd_serve_help[];
extern const char cmd_spf_help[];
extern const char cmd_suppress_help[];
extern const char cmd_trace_help[];
extern const char cmd_user_help[];
extern const char cmd_verify_help[];
extern const char cmd_warmup_help[];
extern const char cmd_shaping_help[];

/* Each ends with a NULL name. */
extern const struct cli_verb cmd_account_verbs[];
extern const struct cli_verb cmd_arc_verbs[];
extern const struct cli_verb cmd_bench_verbs[];
extern const struct cli_verb cmd_bulk_verbs[];
extern const struct cli_verb cmd_completion_verbs[];
extern const struct cli_verb cmd_config_verbs[];
extern const struct cli_verb cmd_dkim_verbs[];
extern const struct cli_verb cmd_dmarc_verbs[];
extern const struct cli_verb cmd_domain_verbs[];
extern const struct cli_verb cmd_egress_verbs[];
extern const struct cli_verb cmd_explain_verbs[];
extern const struct cli_verb cmd_mta_sts_verbs[];
extern const struct cli_verb cmd_tls_reports_verbs[];
extern const struct cli_verb cmd_oauth_verbs[];
extern const struct cli_verb cmd_preset_verbs[];
extern const struct cli_verb cmd_queue_verbs[];
extern const struct cli_verb cmd_secret_verbs[];
extern const struct cli_verb cmd_sent_verbs[];
extern const struct cli_verb cmd_spf_verbs[];
extern const struct cli_verb cmd_suppress_verbs[];
extern const struct cli_verb cmd_user_verbs[];
extern const struct cli_verb cmd_warmup_verbs[];
extern const struct cli_verb cmd_shaping_verbs[];
