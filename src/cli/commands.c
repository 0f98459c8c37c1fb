/* cli/commands.c -- the one table of subcommands */
#include "cli/commands.h"
#include "personality/msmtp.h"
#include "personality/sendmail.h"
#include "personality/swaks.h"

/* In the order in which help shows them. */
/* clang-format off */
const struct cli_command cli_commands[] = {
    {"serve",  cmd_serve,  "run the server",                                    cmd_serve_help,  NULL            },
    {"send",   cmd_send,   "send one message and show what happened",           cmd_send_help,   NULL            },
    {"sent",   cmd_sent,   "what `send` has sent from here: did it leave?",     cmd_sent_help,   cmd_sent_verbs  },
    {"queue",  cmd_queue,  "what waits, and why; hold, release, retry, remove", cmd_queue_help,  cmd_queue_verbs },
    {"trace",  cmd_trace,  "the life of one message",                           cmd_trace_help,  NULL            },
    {"lint",   cmd_lint,   "what is wrong with a message, and by which clause",   cmd_lint_help,   NULL            },
    {"explain", cmd_explain, "what a refusal or a bounce means, and what to do",
     cmd_explain_help, cmd_explain_verbs},
    {"egress", cmd_egress, "the addresses that mail leaves by, and how it stands with them",
     cmd_egress_help, cmd_egress_verbs},
    {"suppress", cmd_suppress, "addresses that nothing is sent to any more",
     cmd_suppress_help, cmd_suppress_verbs},
    {"feedback-loops", cmd_feedback_loops, "who tells us of complaints, and who could",
     cmd_feedback_loops_help, NULL},
    {"user",   cmd_user,   "who may log in here",                               cmd_user_help,   cmd_user_verbs  },
    {"secret", cmd_secret, "sealed files of secrets; where any secret comes from", cmd_secret_help, cmd_secret_verbs},
    {"config", cmd_config, "check, show and explain the configuration",         cmd_config_help, cmd_config_verbs},
    {"preset", cmd_preset, "mail providers: servers, logins, quotas, rules",    cmd_preset_help, cmd_preset_verbs},
    {"oauth",  cmd_oauth,  "log in at a provider, and have tokens from then on", cmd_oauth_help, cmd_oauth_verbs },
    {"shaping", cmd_shaping, "how much may go where, how fast, and what is in the way",
     cmd_shaping_help, cmd_shaping_verbs},
    {"warmup", cmd_warmup, "how much new addresses may send, and changing that", cmd_warmup_help, cmd_warmup_verbs},
    {"verify", cmd_verify, "what a receiver finds out about a message, and why", cmd_verify_help, NULL},
    {"domain", cmd_domain, "keys for a domain, and what the DNS must say of it", cmd_domain_help, cmd_domain_verbs},
    {"spf",    cmd_spf,    "who may send as a domain, and what its policy says", cmd_spf_help,   cmd_spf_verbs   },
    {"dkim",   cmd_dkim,   "make keys, say what to publish, sign and verify",   cmd_dkim_help,   cmd_dkim_verbs  },
    {"arc",    cmd_arc,    "check the chain of those who handled a message",    cmd_arc_help,    cmd_arc_verbs   },
    {"dmarc", cmd_dmarc, "where a domain's DMARC policy is, and what it does",
     cmd_dmarc_help, cmd_dmarc_verbs},
    {"mta-sts", cmd_mta_sts, "make an MTA-STS policy, or see whether one works",
     cmd_mta_sts_help, cmd_mta_sts_verbs},
    {"tls-reports", cmd_tls_reports, "what others report of TLS on the way to us, and we of theirs",
     cmd_tls_reports_help, cmd_tls_reports_verbs},
    {"bulk",   cmd_bulk,   "one mailing to many, each recipient once",          cmd_bulk_help,   cmd_bulk_verbs  },
    {"bench",  cmd_bench,  "load generator and sink, for measuring a server",   cmd_bench_help,  cmd_bench_verbs },
    {"swaks",  cmd_personality,  "one SMTP transaction, every line shown, as swaks does it",
     personality_swaks_help, NULL},
    {"sendmail", cmd_personality, "a message from stdin to the server here, as Postfix's does it",
     personality_sendmail_help, NULL},
    {"msmtp", cmd_personality, "a message from stdin to the server of an account in msmtprc",
     personality_msmtp_help, NULL},
    {"mailq", cmd_personality, "what waits in the server here, as Postfix's mailq shows it",
     personality_sendmail_mailq_help, NULL},
    {"newaliases", cmd_personality, "says why there is nothing to do",
     personality_sendmail_newaliases_help, NULL},
    {"completion", cmd_completion, "let your shell complete our command lines",
     cmd_completion_help, cmd_completion_verbs},
    {0},
};
/* clang-format on */
