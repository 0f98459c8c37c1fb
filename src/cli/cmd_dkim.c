/* cli/cmd_dkim.c -- smtptool dkim: keys, what to publish, signing and checking messages */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/dkim_input.h"
#include "cli/dkim_rotate.h"
#include "mailauth/dkim.h"
#include "mailauth/dkim_sign.h"
#include "runtime/file.h"
#include <string.h>

const char cmd_dkim_help[] =
    "usage: smtptool dkim keygen [--type rsa|ed25519] [--out FILE]\n"
    "       smtptool dkim dns --key FILE [--domain DOMAIN --selector NAME]\n"
    "       smtptool dkim sign --domain DOMAIN --key SELECTOR=FILE... MESSAGE\n"
    "       smtptool dkim verify MESSAGE\n"
    "       smtptool dkim rotate DOMAIN [--status|--abort|--wait] [--selector WORD]\n\n"
    "  keygen    make a private key: RSA of 2048 bits, or Ed25519\n"
    "  dns       what to publish of a key: the TXT record, as a line for a zone file when the\n"
    "            domain and the selector are known\n"
    "  sign      add a DKIM-Signature for each key and print the message, its lines ended by "
    "CRLF;\n"
    "            fields that must not be added later are signed once more than they are there\n"
    "  verify    judge each signature as a receiver does (RFC 6376), and tell why\n"
    "  rotate    put new keys in the place of those that \"domain add\" has made, in steps over "
    "days:\n"
    "            print what to publish; see that all name servers of the zone have it and that "
    "no\n"
    "            cache says otherwise; sign with the new keys; keep the old records 7 days; say\n"
    "            what may be removed. Each run goes as far as it can and says what it waits for\n\n"
    "MESSAGE is a file, or \"-\" for stdin; a FILE with a key must be for your eyes only.\n\n"
    "options:\n"
    "  --type WORD           keygen: default rsa\n"
    "  --out FILE            keygen: a new file, mode 0600; default: stdout\n"
    "  --key FILE            dns: the private key; \"env:NAME\" names an environment variable\n"
    "  --key SELECTOR=FILE   sign: one signature by this key; several keys, several signatures\n"
    "  --domain DOMAIN       d=: who signs\n"
    "  --selector NAME       dns: under which the key will be found; rotate: the new ones are "
    "rNAME\n"
    "                        and eNAME, in place of the date; one is never used twice\n"
    "  --identity ADDRESS    sign: i=\n"
    "  --purpose WORD        sign: mail (default), bulk (List- fields are sealed), listed "
    "(mailing\n"
    "                        lists may add Sender, Reply-To and List- fields)\n"
    "  --names LIST          sign: exactly these fields: from:to:subject\n"
    "  --canon FORM          sign: relaxed/relaxed (default), simple/simple and so on\n"
    "  --valid SECONDS       sign: it expires (x=)\n"
    "  --fields              sign: print the new fields alone\n"
    "  --time SECONDS        sign, verify: as if it were that time (since 1970); rotate: the "
    "same,\n"
    "                        for a rehearsal with --dns-zone\n"
    "  --dns-zone FILE       verify, rotate: ask this zone file, not the DNS\n"
    "  --status              rotate: say how far it is, and change nothing\n"
    "  --abort               rotate: give the new keys up; when they sign already, the old ones "
    "sign\n"
    "                        again, as long as their records are published\n"
    "  --wait                rotate: stay until the new keys sign\n"
    "  --resolver            rotate: believe the resolver of the configuration, not the zone's "
    "own\n"
    "                        servers: where port 53 is closed\n"
    "  -q                    verify: the results alone\n"
    "  --json                dns, verify, rotate: one JSON object\n\n"
    "exit, verify: 0 a signature holds that signs the whole body; 1 none does; 2 a key could not\n"
    "      be had; rotate: 0 nothing is to be done by you now; 1 publish or remove records; 2 "
    "the\n"
    "      DNS could not say; 75 the server could not be told; others: 0 done; 64 usage; 65 the\n"
    "      message cannot be signed; 78 a key is not usable\n\n"
    "examples:\n"
    "  smtptool dkim keygen --out s2026.pem\n"
    "  smtptool dkim dns --key s2026.pem --domain example.com --selector s2026\n"
    "  smtptool dkim sign --domain example.com --key s2026=s2026.pem mail.eml > signed.eml\n"
    "  smtptool dkim verify --dns-zone planned.zone signed.eml\n"
    "  smtptool dkim rotate example.com\n";

enum { DKIM_PEM_BYTES_MAX = MAILAUTH_DKIM_PRIVATE_PEM_BYTES_MAX, DKIM_TEXT_BYTES_MAX = 1 << 20 };

struct dkim_run {
    struct cli_dkim_input in;
    const char *type, *out, *selector, *identity, *purpose, *names, *canon, *valid;
    bool fields_only;
    bool status, abort, wait, resolver_only;
    struct dns_resolver *resolver;
    struct mailauth_dkim_verdict verdict;
    bool failed;
};

/* ---- keygen ---- */

static int run_keygen(void *arg, int argc, char **argv)
{
    struct dkim_run *run = arg;
    struct buf pem;
    (void)argc, (void)argv;
    bool ed25519 = run->type && strcmp(run->type, "ed25519") == 0;
    if (run->type && !ed25519 && strcmp(run->type, "rsa") != 0) {
        cli_fail("--type: \"%s\" is not rsa or ed25519", run->type);
        return CLI_USAGE;
    }
    buf_init(&pem, DKIM_PEM_BYTES_MAX);
    err e = mailauth_dkim_private_make(ed25519 ? MAILAUTH_DKIM_ED25519 : MAILAUTH_DKIM_RSA, &pem);
    if (e == NULL && run->out)
        e = file_put(run->out, FILE_NEW, buf_str(&pem));
    else if (e == NULL)
        fwrite(pem.ptr, 1, pem.len, stdout);
    if (pem.len > 0)
        mem_wipe(pem.ptr, pem.len);
    buf_release(&pem);
    if (e == NULL)
        return CLI_OK;
    cli_fail_err(e, "keygen");
    return cli_exit_of(e);
}

/* ---- dns ---- */

static void print_record_json(const struct dkim_run *run, str record,
                              const struct mailauth_dkim_private *key)
{
    json_t *strings = json_array();
    for (str rest = record; rest.len > 0;) {
        str part = str_slice(rest, 0, MAILAUTH_DKIM_PRIVATE_TXT_BYTES_MAX);
        json_array_append_new(strings, cli_json_str(part));
        rest = str_from(rest, part.len);
    }
    json_t *object =
        json_pack("{ss,so,so,sI}", "type", "TXT", "value", cli_json_str(record), "strings", strings,
                  "bits", (json_int_t)mailauth_dkim_private_bits(key));
    if (run->in.domain && run->selector)
        json_object_set_new(object, "name",
                            json_sprintf("%s._domainkey.%s", run->selector, run->in.domain));
    cli_print_json(object);
}

static int run_dns(void *arg, int argc, char **argv)
{
    struct dkim_run *run = arg;
    struct cli_dkim_input *in = &run->in;
    (void)argc, (void)argv;
    if (in->word_count != 1 || (in->domain == NULL) != (run->selector == NULL)) {
        cli_fail("dkim dns needs --key FILE, and --domain with --selector or neither");
        return CLI_USAGE;
    }
    struct mailauth_dkim_private *key;
    int code = cli_dkim_input_key(in, in->words[0], &key);
    if (code != CLI_OK)
        return code;
    struct buf record, line;
    buf_init(&record, DKIM_TEXT_BYTES_MAX);
    buf_init(&line, DKIM_TEXT_BYTES_MAX);
    err e = mailauth_dkim_private_record(key, &record);
    if (e == NULL && in->domain)
        e = mailauth_dkim_private_zone_line(key, str_of(run->selector), str_of(in->domain), &line);
    if (e)
        cli_fail_err(e, "dns");
    else if (in->cli->json)
        print_record_json(run, buf_str(&record), key);
    else if (in->domain)
        fputs(buf_chars(&line), stdout);
    else
        puts(buf_chars(&record));
    buf_release(&record);
    buf_release(&line);
    return e ? cli_exit_of(e) : CLI_OK;
}

/* ---- sign ---- */

static bool read_canon(str name, enum mailauth_canon *ret_canon)
{
    *ret_canon = str_eq(name, S("simple")) ? MAILAUTH_CANON_SIMPLE : MAILAUTH_CANON_RELAXED;
    return str_eq(name, S("simple")) || str_eq(name, S("relaxed"));
}

static bool read_purpose(const char *word, enum mailauth_dkim_purpose *ret_purpose)
{
    static const char *const words[] = {"mail", "bulk", "listed"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0) {
            *ret_purpose = (enum mailauth_dkim_purpose)i;
            return true;
        }
    return false;
}

/* What all signatures have in common. */
static bool read_plan(const struct dkim_run *run, struct mailauth_dkim_plan *ret_plan)
{
    str header, body;
    uint64_t valid = 0;
    *ret_plan = (struct mailauth_dkim_plan){.domain = str_of(run->in.domain),
                                            .identity = str_of(run->identity),
                                            .names = str_of(run->names)};
    str_split(str_of(run->canon ? run->canon : "relaxed/relaxed"), '/', &header, &body);
    if (!read_canon(header, &ret_plan->header_canon) || !read_canon(body, &ret_plan->body_canon))
        cli_fail("--canon: \"%s\" is not relaxed/relaxed, or simple in place of one", run->canon);
    else if (run->purpose && !read_purpose(run->purpose, &ret_plan->purpose))
        cli_fail("--purpose: \"%s\" is not mail, bulk or listed", run->purpose);
    else if (run->valid && (!str_to_u64(str_of(run->valid), INT32_MAX, &valid) || valid == 0))
        cli_fail("--valid: \"%s\" is not a number of seconds", run->valid);
    else {
        ret_plan->valid_s = (int64_t)valid;
        return true;
    }
    return false;
}

static err sign(struct dkim_run *run, const struct mailauth_dkim_plan *plans, struct buf *fields)
{
    struct cli_dkim_input *in = &run->in;
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(in->arena);
    struct mailauth_dkim_sign *signing;
    TRY(mailauth_dkim_sign_open(in->header, plans, in->word_count, hash, in->arena, &signing));
    mailauth_canon_hash_add(hash, in->body);
    return mailauth_dkim_sign_finish(signing, in->now_s, fields, DEADLINE_NEVER);
}

static int run_sign(void *arg, int argc, char **argv)
{
    struct dkim_run *run = arg;
    struct cli_dkim_input *in = &run->in;
    struct mailauth_dkim_plan plans[CLI_DKIM_INPUT_KEYS_MAX];
    (void)argc;
    int code = cli_dkim_input_keys(in);
    if (code == CLI_OK && !read_plan(run, &plans[0]))
        code = CLI_USAGE;
    if (code == CLI_OK)
        code = cli_dkim_input_read(in, argv[0]);
    if (code != CLI_OK)
        return code;
    for (size_t i = 0; i < in->word_count; i++) {
        plans[i] = plans[0];
        plans[i].selector = in->keys[i].selector;
        plans[i].signer = mailauth_dkim_private_signer(in->keys[i].private);
    }
    struct buf fields;
    buf_init(&fields, DKIM_TEXT_BYTES_MAX);
    err e = sign(run, plans, &fields);
    if (e == NULL) {
        fwrite(fields.ptr, 1, fields.len, stdout);
        if (!run->fields_only)
            fwrite(in->message.ptr, 1, in->message.len, stdout);
    } else {
        cli_fail_err(e, "sign");
    }
    buf_release(&fields);
    return e ? CLI_DATA : CLI_OK;
}

/* ---- verify ---- */

static err verify(struct dkim_run *run)
{
    struct cli_dkim_input *in = &run->in;
    struct dns_budget budget;
    dns_budget_init(&budget, DNS_BUDGET_QUESTIONS, DNS_BUDGET_MS);
    struct mailauth_ask ask = {in->arena, run->resolver, &budget, budget.until, in->now_s * 1000};
    struct mailauth_canon_hash *hash = mailauth_canon_hash_open(in->arena);
    struct mailauth_dkim *dkim;
    TRY(mailauth_dkim_open(in->header, hash, in->arena, &dkim));
    mailauth_canon_hash_add(hash, in->body);
    return mailauth_dkim_finish(dkim, &ask, &in->story, &run->verdict);
}

static void verify_fiber(void *arg)
{
    struct dkim_run *run = arg;
    err e = verify(run);
    if (e) /* told here: an err ends with its fiber */
        cli_fail_err(e, "verify");
    run->failed = e != NULL;
}

static json_t *result_json(const struct mailauth_dkim_result *r)
{
    const struct mailauth_dkim_signature *s = r->signature;
    json_t *object =
        json_pack("{so,so,so,so,so}", "result", cli_json_str(mailauth_result_name(r->result)),
                  "reason", cli_json_str(r->reason), "domain", cli_json_str(s->domain), "selector",
                  cli_json_str(s->selector), "identity", cli_json_str(s->identity));
    json_object_set_new(object, "algorithm", cli_json_str(s->algorithm_name));
    json_object_set_new(object, "key_bits", json_integer(r->key_bits));
    json_object_set_new(object, "b", cli_json_str(s->signature_start));
    json_object_set_new(object, "testing", json_boolean(r->testing));
    json_object_set_new(object, "unsigned_bytes", json_integer((json_int_t)r->unsigned_bytes));
    json_object_set_new(object, "counts", json_boolean(mailauth_dkim_result_counts(r)));
    return object;
}

static void print_verdict(const struct dkim_run *run)
{
    const struct mailauth_dkim_verdict *v = &run->verdict;
    if (run->in.cli->json) {
        json_t *results = json_array();
        for (size_t i = 0; i < v->count; i++)
            json_array_append_new(results, result_json(&v->results[i]));
        cli_print_json(json_pack("{so,sI,so}", "signatures", results, "not_looked_at",
                                 (json_int_t)v->ignored, "story",
                                 cli_dkim_input_story_json(&run->in.story)));
        return;
    }
    if (!run->in.cli->quiet)
        cli_dkim_input_print_story(&run->in.story, 0);
    for (size_t i = 0; i < v->count && run->in.cli->quiet; i++) {
        cli_print_clean(stdout, mailauth_result_name(v->results[i].result));
        putchar('\n');
    }
}

static int exit_of_verdict(const struct mailauth_dkim_verdict *v)
{
    int code = CLI_FINDINGS;
    for (size_t i = 0; i < v->count; i++) {
        if (mailauth_dkim_result_counts(&v->results[i]))
            return CLI_OK;
        if (v->results[i].result == MAILAUTH_TEMPERROR)
            code = CLI_UNKNOWN;
    }
    return code;
}

static int run_verify(void *arg, int argc, char **argv)
{
    struct dkim_run *run = arg;
    (void)argc;
    int code = cli_dkim_input_read(&run->in, argv[0]);
    if (code == CLI_OK)
        code = cli_dkim_input_ask(&run->in, verify_fiber, run, &run->resolver);
    if (code != CLI_OK)
        return code;
    if (run->failed)
        return CLI_DATA;
    print_verdict(run);
    return exit_of_verdict(&run->verdict);
}

/* ---- rotate ---- */

static int run_rotate(void *arg, int argc, char **argv)
{
    const struct dkim_run *run = arg;
    (void)argc;
    struct cli_dkim_rotate_options o = {
        .live = {.zone_file = run->in.dns_zone, .resolver = run->resolver_only},
        .word = run->selector,
        .time = run->in.time,
        .status = run->status,
        .abort = run->abort,
        .wait = run->wait,
    };
    return cli_dkim_rotate(run->in.cli, argv[0], &o);
}

/* ---- */

const struct cli_verb cmd_dkim_verbs[] = {
    {"keygen", run_keygen, 0, 0, "[--type rsa|ed25519] [--out FILE]"          },
    {"dns",    run_dns,    0, 0, "--key FILE"                                 },
    {"sign",   run_sign,   1, 1, "--domain DOMAIN --key SELECTOR=FILE MESSAGE"},
    {"verify", run_verify, 1, 1, "MESSAGE"                                    },
    {"rotate", run_rotate, 1, 1, "DOMAIN [--status|--abort|--wait]"           },
    {NULL,     NULL,       0, 0, NULL                                         },
};

int cmd_dkim(struct cli *cli, int argc, char **argv)
{
    struct dkim_run run = {0};
    cli_dkim_input_open(&run.in, cli);
    const struct cli_option options[] = {
        {.name = "type", .value = &run.type            },
        {.name = "out",  .value = &run.out             },
        {.name = "key",  .each = cli_dkim_input_add_key, .arg = &run.in},
        {.name = "domain",              .value = &run.in.domain                            },
        {.name = "selector",              .value = &run.selector},
        {.name = "identity",              .value = &run.identity                            },
        {.name = "purpose",              .value = &run.purpose},
        {.name = "names",              .value = &run.names                              },
        {.name = "canon",              .value = &run.canon},
        {.name = "valid",              .value = &run.valid                              },
        {.name = "fields",              .flag = &run.fields_only},
        {.name = "time",              .value = &run.in.time                                },
        {.name = "dns-zone",              .value = &run.in.dns_zone},
        {.name = "status",              .flag = &run.status                                  },
        {.name = "abort",              .flag = &run.abort},
        {.name = "wait",              .flag = &run.wait                                   },
        {.name = "resolver",              .flag = &run.resolver_only},
    };
    int code;
    int first = cli_parse(cli, cli->command, options, ARRAY_LEN(options), argc, argv, &code);
    if (first >= 0)
        code = cli_run_verb(cli, cmd_dkim_verbs, ARRAY_LEN(cmd_dkim_verbs) - 1, &run, argc - first,
                            argv + first);
    cli_dkim_input_close(&run.in);
    return code;
}
