/* cli/cmd_lint.c -- smtptool lint: what is wrong with a message, and by which clause */
#include "base/clock.h"
#include "cli/commands.h"
#include "message/crlf.h"
#include "message/date.h"
#include "message/lint.h"
#include <openssl/evp.h>
#include <string.h>

const char cmd_lint_help[] =
    "usage: smtptool lint [--note-too] FILE...\n"
    "       smtptool lint --rules\n\n"
    "Reads a message that is to be sent (\"-\" is stdin) and tells what is wrong with it: what, "
    "the\n"
    "clause of the RFC, where, and what to do. A file whose lines end in LF is read as if they\n"
    "ended in CRLF, as `smtptool send` would send it. Nothing is changed and nothing is sent.\n\n"
    "options:\n"
    "  --envelope-from ADDRESS  the sender it will have in SMTP: does its domain agree with From?\n"
    "  --date TEXT         judge the Date field as if it were now that time (RFC 5322)\n"
    "  --note-too          notes (allowed, yet not wise) count as findings for the exit code\n"
    "  --rules             every rule there is, with its clause\n"
    "  --json              one object for each file: its findings and its parts\n\n"
    "exit: 0 nothing wrong; 1 findings; 2 a file cannot be read\n\n"
    "examples:\n"
    "  smtptool lint newsletter.eml\n"
    "  smtptool lint --json *.eml | jq .findings\n";

enum { FILES_MAX = 10000 };

struct lint_run {
    struct cli *cli;
    const char *date, *envelope_from;
    bool note_too, rules;
    int64_t now_ms;
};

static void print_rules(const struct cli *cli)
{
    const struct message_lint_rule *rule;
    for (size_t i = 0; (rule = message_lint_rule(i)) != NULL; i++) {
        const char *severity = message_lint_severity_name(rule->severity);
        if (cli->json)
            cli_print_json(json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", rule->id, "severity", severity,
                                     "clause", rule->clause, "text", rule->text, "fix", rule->fix));
        else
            printf("%-22s %-8s %-26s %s\n", rule->id, severity, rule->clause, rule->text);
    }
}

/* ---- for people --------------------------------------------------------------------------- */

static size_t line_of(str message, uint64_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < message.len; i++)
        line += message.ptr[i] == '\n';
    return line;
}

static void print_findings(const struct lint_run *run, const char *file, str message,
                           const struct message_lint *lint)
{
    for (size_t i = 0; i < lint->count; i++) {
        const struct message_lint_finding *f = &lint->findings[i];
        cli_print_clean(stdout, str_of(file));
        printf(":%zu: %s: %s [%s; %s]\n", line_of(message, f->at),
               message_lint_severity_name(f->rule->severity), f->rule->text, f->rule->id,
               f->rule->clause);
        if (f->detail.len > 0) {
            fputs("    there: ", stdout);
            cli_print_clean(stdout, f->detail);
            putchar('\n');
        }
        printf("    to do: %s\n", f->rule->fix);
    }
    if (lint->left_out > 0)
        printf("and %zu more like these\n", lint->left_out);
    if (lint->count == 0 && !run->cli->quiet)
        printf("%s: nothing found\n", file);
}

/* ---- for programs ------------------------------------------------------------------------- */

static json_t *json_range(uint64_t from, uint64_t to)
{
    return json_pack("[I,I]", (json_int_t)from, (json_int_t)to);
}

static json_t *json_findings(const struct message_lint *lint)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lint->count; i++) {
        const struct message_lint_finding *f = &lint->findings[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:I,s:o}", "id", f->rule->id,
                                        "severity", message_lint_severity_name(f->rule->severity),
                                        "clause", f->rule->clause, "text", f->rule->text, "fix",
                                        f->rule->fix, "part", (int)f->part, "at", (json_int_t)f->at,
                                        "detail", cli_json_str(f->detail)));
    }
    return list;
}

static json_t *json_flags(const struct message_mime_part *part)
{
    json_t *list = json_array();
    for (uint32_t bit = 1; bit != 0; bit <<= 1)
        if (part->flags & bit)
            json_array_append_new(list, json_string(message_mime_flag_name(bit)));
    return list;
}

static json_t *json_names(const struct message_mime_part *part)
{
    json_t *list = json_array();
    for (size_t i = 0; i < part->name_count; i++)
        json_array_append_new(list, cli_json_str(part->names[i]));
    return list;
}

/* Of the body with its transfer encoding undone; null when it cannot be had. */
static json_t *json_digest(const struct message_mime_part *part, str message)
{
    static const char digits[] = "0123456789abcdef";
    CLEANUP(buf_release) struct buf body;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char text[2 * EVP_MAX_MD_SIZE + 1];
    buf_init(&body, MESSAGE_LINT_MESSAGE_BYTES_MAX);
    if (message_mime_decode(part, message, &body) ||
        EVP_Digest(body.len ? body.ptr : "", body.len, hash, &len, EVP_sha256(), NULL) != 1)
        return json_null();
    for (unsigned i = 0; i < len; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return json_stringn(text, 2 * (size_t)len);
}

static json_t *json_parts(const struct message_lint *lint, str message)
{
    json_t *list = json_array();
    for (size_t i = 0; i < lint->part_count; i++) {
        const struct message_mime_part *part = &lint->parts[i];
        json_t *one =
            json_pack("{s:i,s:i,s:o,s:s,s:o,s:o,s:o,s:o,s:b}", "parent", (int)part->parent, "depth",
                      (int)part->depth, "type", cli_json_str(part->type), "encoding",
                      message_decode_name(part->encoding), "header",
                      json_range(part->header_at, part->header_end), "body",
                      json_range(part->body_at, part->end), "names", json_names(part), "flags",
                      json_flags(part), "ambiguous", message_mime_ambiguous(part));
        if (part->kind == MIME_LEAF)
            json_object_set_new(one, "sha256", json_digest(part, message));
        json_array_append_new(list, one);
    }
    return list;
}

/* ---- one file ----------------------------------------------------------------------------- */

/* A message on disk often has LF lines, and is sent with CRLF. One that has both is judged as it
 * is: there the LF alone is the finding. */
static err read_message(const char *file, struct buf *message)
{
    CLEANUP(buf_release) struct buf raw;
    struct message_crlf state = {0};
    buf_init(&raw, MESSAGE_LINT_MESSAGE_BYTES_MAX);
    TRY(cli_read_file(file, &raw));
    if (str_contains(buf_str(&raw), S("\r\n")))
        return buf_add(message, buf_str(&raw));
    TRY(message_crlf_add(&state, buf_str(&raw), message));
    return message_crlf_end(&state, message);
}

static err lint_file(const struct lint_run *run, const char *file, bool *ret_found)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(MESSAGE_LINT_ARENA_BYTES);
    CLEANUP(buf_release) struct buf message;
    struct message_lint lint;
    buf_init(&message, MESSAGE_LINT_MESSAGE_BYTES_MAX);
    TRY(read_message(file, &message));
    TRY(message_lint_sent(buf_str(&message), str_of(run->envelope_from), run->now_ms, arena,
                          &lint));
    if (run->cli->json)
        cli_print_json(json_pack("{s:s,s:o,s:I,s:o}", "file", file, "findings",
                                 json_findings(&lint), "left_out", (json_int_t)lint.left_out,
                                 "parts", json_parts(&lint, buf_str(&message))));
    else
        print_findings(run, file, buf_str(&message), &lint);
    *ret_found = lint.count > 0 && (run->note_too || lint.worst > LINT_NOTE);
    return NULL;
}

static int lint_files(const struct lint_run *run, int count, char **files)
{
    int code = CLI_OK;
    for (int i = 0; i < count && i < FILES_MAX; i++) {
        bool found = false;
        err e = lint_file(run, files[i], &found);
        if (e)
            cli_fail_err(e, "%s", files[i]);
        if (e)
            code = CLI_UNKNOWN;
        else if (found && code == CLI_OK)
            code = CLI_FINDINGS;
        err_forget();
    }
    return code;
}

int cmd_lint(struct cli *cli, int argc, char **argv)
{
    struct lint_run run = {.cli = cli, .now_ms = clock_real_ms()};
    const struct cli_option options[] = {
        {.name = "envelope-from", .value = &run.envelope_from},
        {.name = "date",          .value = &run.date         },
        {.name = "note-too",      .flag = &run.note_too      },
        {.name = "rules",         .flag = &run.rules         },
    };
    struct message_date date;
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first < 0)
        return code;
    if (run.rules) {
        print_rules(cli);
        return CLI_OK;
    }
    if (run.date && !message_date_parse(str_of(run.date), &date)) {
        cli_fail("--date: \"%s\" is no date like \"Sat, 21 Nov 2026 08:48:16 +0000\"", run.date);
        return CLI_USAGE;
    }
    if (run.date)
        run.now_ms = date.real_ms;
    if (first == argc) {
        cli_fail("which message? name a file, or - for stdin");
        return CLI_USAGE;
    }
    return lint_files(&run, argc - first, argv + first);
}
