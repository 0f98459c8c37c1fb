#include "cli/send_check.h"
#include "base/clock.h"
#include "message/lint.h"

static void print_finding(const char *name, const struct message_lint_finding *f)
{
    fprintf(stderr, "%s: %s: %s [%s; %s]", name, message_lint_severity_name(f->rule->severity),
            f->rule->text, f->rule->id, f->rule->clause);
    if (f->detail.len > 0) {
        fputs(": ", stderr);
        cli_print_clean(stderr, f->detail);
    }
    fprintf(stderr, "\n    to do: %s\n", f->rule->fix);
}

err cli_send_check_lint(const struct cli_send *run, const struct client_mail *mail,
                        const char *name)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_LINT_ARENA_BYTES);
    struct message_lint lint;
    size_t errors = 0;
    TRY(message_lint_sent(mail->content, mail->envelope->sender, clock_real_ms(), arena, &lint));
    for (size_t i = 0; i < lint.count; i++) {
        enum message_lint_severity severity = lint.findings[i].rule->severity;
        errors += severity == LINT_ERROR;
        if (!run->cli->quiet && (severity > LINT_NOTE || run->cli->verbose > 0))
            print_finding(name, &lint.findings[i]);
    }
    if (errors > 0)
        return err_new(ERR_CONFIG, "--verify: %s: %zu error%s, so it is not sent", name, errors,
                       errors == 1 ? "" : "s");
    return NULL;
}
