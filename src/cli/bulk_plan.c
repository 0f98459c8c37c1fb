#include "cli/bulk_plan.h"
#include "base/mem.h"
#include "bulk/folder.h"
#include "cli/ask_dns.h"
#include "cli/oauth_logins.h"
#include "config/value.h"
#include "message/mailbox.h"
#include "runtime/file.h"
#include "sasl/mechanism.h"
#include "smtp/path.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PASSES = 4, PASS_WAIT_MS = 60 * 1000, DAY_MS = 86400 * 1000, PATH_BYTES_MAX = 1000 };

static err read_count(const char *option, const char *text, uint64_t most, uint64_t *ret_count)
{
    uint64_t value;
    if (text == NULL)
        return NULL;
    if (!str_to_u64(str_of(text), most, &value) || value == 0)
        return err_new(ERR_CONFIG, "--%s: a number from 1 to %llu, not \"%s\"", option,
                       (unsigned long long)most, text);
    *ret_count = value;
    return NULL;
}

static err read_time(const char *option, const char *text, int64_t *ret_ms)
{
    int64_t ms;
    if (text == NULL)
        return NULL;
    err e = config_value_duration(str_of(text), &ms);
    if (e)
        return err_wrap(e, "--%s", option);
    *ret_ms = ms;
    return NULL;
}

static struct template_source source_of(const char *option, const char *text)
{
    return (struct template_source){str_of(option), str_of(text)};
}

/* ---- the list ---------------------------------------------------------------------------- */

static err read_types(struct cli_bulk_plan *p)
{
    struct bulk_list_options *l = &p->options.choose.list;
    for (size_t i = 0; i < p->args.types.count; i++) {
        str column, type, pair = str_of(p->args.types.items[i]);
        str_split(pair, '=', &column, &type);
        if (i == BULK_LIST_TYPES_MAX || !bulk_list_type_find(type, &p->types[i].type))
            return err_new(ERR_CONFIG,
                           "--type: COLUMN=text, number, date, date-dmy, date-mdy or "
                           "bool, not \"%.*s\"",
                           STR_ARG(pair));
        p->types[i].column = column;
        l->type_count++;
    }
    l->types = p->types;
    return NULL;
}

static err read_vars(struct cli_bulk_plan *p)
{
    for (size_t i = 0; i < p->args.vars.count; i++) {
        str pair = str_of(p->args.vars.items[i]);
        str_split(pair, '=', &p->vars[i].name, &p->vars[i].value);
        if (p->vars[i].name.len == 0 || str_find(pair, '=') == STR_NONE)
            return err_new(ERR_CONFIG, "--var: NAME=VALUE, not \"%.*s\"", STR_ARG(pair));
    }
    p->options.choose.vars = p->vars;
    p->options.choose.var_count = p->args.vars.count;
    return NULL;
}

static err read_encoding(struct cli_bulk_plan *p)
{
    const char *encoding = p->args.encoding, *separator = p->args.separator;
    struct bulk_list_options *l = &p->options.choose.list;
    if (encoding && strcmp(encoding, "utf-8") != 0 && strcmp(encoding, "windows-1252") != 0)
        return err_new(ERR_CONFIG, "--encoding: utf-8 or windows-1252");
    l->latin = encoding && strcmp(encoding, "windows-1252") == 0;
    if (separator && strcmp(separator, "tab") != 0 && strlen(separator) != 1)
        return err_new(ERR_CONFIG, "--separator: one character, or \"tab\"");
    if (separator)
        l->separator = strcmp(separator, "tab") == 0 ? '\t' : separator[0];
    return NULL;
}

static err open_suppression(struct cli_bulk_plan *p)
{
    char path[500];
    int n = snprintf(path, sizeof path, "%.*s/feedback/suppress.db", STR_ARG(p->config->state));
    if (p->args.no_suppression || n >= (int)sizeof path || !file_exists(path))
        return NULL;
    TRY(feedback_list_open(path, false, &p->suppression));
    p->options.choose.suppression = p->suppression;
    return NULL;
}

static err open_dns(struct cli_bulk_plan *p)
{
    if (p->resolver == NULL && cli_ask_dns_open(p->cli, p->args.dns_zone, &p->resolver) != CLI_OK)
        return err_new(ERR_CONFIG, "the DNS cannot be asked");
    p->options.choose.resolver = p->options.client.resolver = p->resolver;
    return NULL;
}

static err read_list(struct cli_bulk_plan *p)
{
    struct bulk_choose_options *c = &p->options.choose;
    if (p->args.list == NULL)
        return err_new(ERR_CONFIG, "--list is needed: a CSV file, JSON lines, or \"-\"");
    if (strcmp(p->args.list, "-") == 0) {
        TRY(folder_make(p->folder));
        TRY(bulk_folder_keep_stdin(p->folder, p->list));
        c->list.path = p->list;
    } else {
        c->list.path = p->args.list;
    }
    c->list.email = str_of(p->args.email_column);
    TRY(read_encoding(p));
    TRY(read_types(p));
    return read_vars(p);
}

err cli_bulk_plan_list(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_choose_options *c = &p->options.choose;
    TRY(read_list(p));
    c->segment = str_of(a->segment);
    c->check_mx = a->check_mx;
    c->keep_roles = a->keep_roles;
    c->active = str_of(a->active);
    c->now_ms = clock_real_ms();
    c->flow = (struct envelope_flow){str_of(a->tenant), str_of(a->stream), str_of(a->campaign)};
    if (a->active) {
        c->inactive_ms = 180LL * DAY_MS;
        TRY(read_time("inactive", a->inactive, &c->inactive_ms));
    }
    if (a->sample) {
        err e = config_value_percent(str_of(a->sample), &c->sample_hundredths);
        if (e || c->sample_hundredths == 0 || c->sample_hundredths > 10000)
            return err_new(ERR_CONFIG, "--sample: a percentage such as 5%%, not \"%s\"", a->sample);
    }
    if (c->check_mx)
        TRY(open_dns(p));
    return open_suppression(p);
}

/* ---- the letter --------------------------------------------------------------------------- */

static err read_text(struct cli_bulk_plan *p, const char *path, struct template_source *ret_source)
{
    struct buf *text = ARENA_NEW(p->arena, struct buf);
    if (path == NULL)
        return NULL;
    buf_init(text, TEMPLATE_SOURCE_BYTES_MAX);
    err e = cli_read_file(path, text);
    if (e == NULL)
        *ret_source = (struct template_source){str_of(path), arena_str(p->arena, buf_str(text))};
    buf_release(text);
    return e;
}

static err read_headers(struct cli_bulk_plan *p)
{
    struct bulk_letter_options *l = &p->options.letter;
    for (size_t i = 0; i < p->args.headers.count; i++) {
        str name, value;
        str_split(str_of(p->args.headers.items[i]), ':', &name, &value);
        if (i == BULK_LETTER_HEADERS_MAX)
            return err_new(ERR_CONFIG, "--header: at most %d", BULK_LETTER_HEADERS_MAX);
        if (value.len == 0 || str_trim(name).len != name.len || name.len == 0)
            return err_new(ERR_CONFIG, "--header: 'Name: value', not \"%s\"",
                           p->args.headers.items[i]);
        l->headers[l->header_count++] = (struct bulk_letter_header){
            name, {name, str_trim(value)}
        };
    }
    return NULL;
}

static const char *folder_of(struct cli_bulk_plan *p, const char *path)
{
    size_t slash = path ? str_find_last(str_of(path), '/') : STR_NONE;
    return slash == STR_NONE ? "."
                             : arena_chars(p->arena, str_slice(str_of(path), 0, slash ? slash : 1));
}

static err read_sender(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_letter_options *l = &p->options.letter;
    struct message_mailboxes list;
    struct smtp_path path;
    str text = str_of(a->envelope_from);
    if (text.len == 0) {
        if (message_mailboxes_parse(l->from.text, p->arena, &list) || list.count != 1 ||
            str_contains(l->from.text, S("{{")))
            return err_new(ERR_CONFIG, "--envelope-from is needed when --from is not one plain "
                                       "address, for bounces and to know whose mail it is");
        text = arena_printf(p->arena, "%.*s@%.*s", STR_ARG(list.items[0].local),
                            STR_ARG(list.items[0].domain));
    }
    if (smtp_path_parse_bare(text, true, p->arena, &path))
        return err_new(ERR_CONFIG, "--envelope-from: \"%.*s\" is no address", STR_ARG(text));
    l->sender = path.text;
    return NULL;
}

static err read_unsubscribe(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_letter_options *l = &p->options.letter;
    l->unsubscribe_url = str_of(a->unsubscribe_url);
    l->unsubscribe_mailto = str_of(a->unsubscribe_mailto);
    if (l->unsubscribe_url.len && !str_starts_nocase(l->unsubscribe_url, S("https://")))
        return err_new(ERR_CONFIG, "--unsubscribe-url: One-Click wants https:// (RFC 8058)");
    for (size_t i = 0; i < l->unsubscribe_url.len; i++) /* attack 52 */
        if ((unsigned char)l->unsubscribe_url.ptr[i] <= ' ' ||
            strchr("<>\"", l->unsubscribe_url.ptr[i]))
            return err_new(ERR_CONFIG, "--unsubscribe-url: holds what no URL may");
    struct smtp_path path;
    if (l->unsubscribe_mailto.len &&
        smtp_path_parse_bare(l->unsubscribe_mailto, false, p->arena, &path))
        return err_new(ERR_CONFIG, "--unsubscribe-mailto: an address");
    if ((l->unsubscribe_url.len || l->unsubscribe_mailto.len) && a->unsubscribe_key == NULL)
        return err_new(ERR_CONFIG,
                       "--unsubscribe-key is needed: file:PATH or env:NAME with at "
                       "least %d random letters, which sign the links",
                       BULK_TOKEN_SECRET_BYTES_MIN);
    TRY(cli_bulk_plan_key(p));
    l->secret = str_trim(buf_str(&p->key));
    return NULL;
}

/* "file:" from where we stand: elsewhere a reference names its file in full. */
static str in_full(struct cli_bulk_plan *p, str reference)
{
    char here[PATH_BYTES_MAX];
    if (!str_starts(reference, S("file:")) || str_starts(reference, S("file:/")) ||
        getcwd(here, sizeof here) == NULL)
        return reference;
    return arena_printf(p->arena, "file:%s/%.*s", here, STR_ARG(str_from(reference, 5)));
}

err cli_bulk_plan_key(struct cli_bulk_plan *p)
{
    if (p->args.unsubscribe_key == NULL)
        return NULL;
    str reference = in_full(p, str_of(p->args.unsubscribe_key));
    TRY(config_value_secret(reference));
    TRY(cli_oauth_logins_read(p->config, reference, &p->key));
    return str_trim(buf_str(&p->key)).len >= BULK_TOKEN_SECRET_BYTES_MIN
               ? NULL
               : err_new(ERR_CONFIG, "--unsubscribe-key: at least %d letters",
                         BULK_TOKEN_SECRET_BYTES_MIN);
}

static err read_letter(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_letter_options *l = &p->options.letter;
    if (a->from == NULL || a->subject == NULL || !(a->text || a->text_file || a->html_file))
        return err_new(ERR_CONFIG, "--from, --subject and --text, --text-file or --html-file are "
                                   "needed");
    if (a->text && a->text_file)
        return err_new(ERR_CONFIG, "--text or --text-file, not both");
    l->from = source_of("--from", a->from);
    l->to = source_of("--to", a->to);
    l->reply_to = source_of("--reply-to", a->reply_to);
    l->subject = source_of("--subject", a->subject);
    l->text = source_of("--text", a->text);
    TRY(read_text(p, a->text_file, &l->text));
    TRY(read_text(p, a->html_file, &l->html));
    TRY(read_headers(p));
    for (size_t i = 0; i < a->files.count && i < BULK_LETTER_FILES_MAX; i++)
        l->files[l->file_count++] = source_of("--attach", a->files.items[i]);
    return a->files.count > BULK_LETTER_FILES_MAX
               ? err_new(ERR_CONFIG, "--attach: at most %d", BULK_LETTER_FILES_MAX)
               : NULL;
}

static err read_split(struct cli_bulk_plan *p)
{
    str split = str_of(p->args.split);
    uint64_t parts = 0;
    if (split.len == 0)
        return NULL;
    if (str_skip(&split, S("by "))) {
        p->options.split_by = str_trim(split);
        return NULL;
    }
    TRY(read_count("split", p->args.split, BULK_TALLY_GROUPS_MAX - 1, &parts));
    p->options.split = (int)parts;
    return NULL;
}

err cli_bulk_plan_letter(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_letter_options *l = &p->options.letter;
    if (a->campaign == NULL || !bulk_token_is_campaign(str_of(a->campaign)))
        return err_new(ERR_CONFIG, "--campaign is needed: a name of letters, digits, \"-\" and "
                                   "\"_\", another one for each mailing");
    l->campaign = p->options.choose.campaign = str_of(a->campaign);
    TRY(read_letter(p));
    TRY(read_sender(p));
    for (size_t i = 0; i < a->from_domains.count; i++)
        p->from_domains[i] = str_of(a->from_domains.items[i]);
    l->from_domains = p->from_domains;
    l->from_domain_count = a->from_domains.count;
    l->folder = folder_of(p, a->html_file   ? a->html_file
                             : a->text_file ? a->text_file
                                            : a->job_file);
    l->allow_raw = a->allow_raw;
    TRY(read_unsubscribe(p));
    return read_split(p);
}

err cli_bulk_plan_folder(struct cli_bulk_plan *p, const char *operand)
{
    const struct cli_bulk_args *a = &p->args;
    const char *job = a->job ? a->job : a->job_file ? a->job_file : operand ? operand : a->campaign;
    if (job == NULL)
        return err_new(ERR_CONFIG, "which mailing? Name its job file or its folder");
    TRY(bulk_folder_name(job, p->folder));
    p->options.folder = p->folder;
    return NULL;
}

/* ---- the server --------------------------------------------------------------------------- */

static err read_hop(struct cli_bulk_plan *p, const struct config_account *account)
{
    const struct cli_bulk_args *a = &p->args;
    struct config_hop *hop = &p->options.client.hop;
    const char *server = a->server;
    if (a->queue && server)
        return err_new(ERR_CONFIG, "--queue is the server of this machine: without --server");
    if (a->queue)
        server = "smtp://127.0.0.1:2526?tls=none";
    if (server == NULL && account && account->hop_count > 0) {
        *hop = account->hops[0];
        return NULL;
    }
    if (server == NULL)
        return err_new(ERR_CONFIG, "--server, --account or --queue is needed");
    err e = config_value_hop(str_of(server), p->arena, hop);
    return e ? err_wrap(e, "--server") : NULL;
}

static err find_account(struct cli_bulk_plan *p, const struct config_account **ret_account)
{
    const struct config *c = p->config;
    *ret_account = NULL;
    if (p->args.account == NULL)
        return NULL;
    for (size_t i = 0; i < c->account_count; i++)
        if (str_eq(c->accounts[i].name, str_of(p->args.account))) {
            *ret_account = &c->accounts[i];
            return NULL;
        }
    return err_new(ERR_CONFIG, "--account: there is no \"%s\" in the configuration",
                   p->args.account);
}

static err read_login(struct cli_bulk_plan *p, const struct config_account *account)
{
    const struct cli_bulk_args *a = &p->args;
    struct client_options *c = &p->options.client;
    str reference = account ? account->secret : in_full(p, str_of(a->secret));
    c->user = account ? account->user : str_of(a->user);
    c->mechanism = a->mechanism ? str_of(a->mechanism) : account ? account->mechanism : (str){0};
    c->token = a->token || str_starts(reference, S("oauth:")) ||
               (account && config_account_has_token(account));
    if (c->user.len == 0)
        return NULL;
    if (reference.len == 0)
        return err_new(ERR_CONFIG, "--user goes with --secret: file:PATH, env:NAME, command:CMD");
    if (c->hop.tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(&c->hop))
        return err_new(ERR_CONFIG, "--server: a login goes over verified TLS only");
    if (c->mechanism.len && sasl_mechanism_of(c->mechanism) == SASL_NONE)
        return err_new(ERR_CONFIG, "--mechanism: there is no such mechanism");
    TRY(config_value_secret(reference));
    TRY(cli_oauth_logins_read(p->config, reference, &p->password));
    c->secret = buf_str(&p->password);
    return NULL;
}

/* What the account's provider allows, spread evenly: bursts are what gets an account blocked. */
static double rate_of_quota(const struct config_account *account)
{
    double best = 0;
    if (account == NULL)
        return 0;
    const struct config_quota *q = &account->quota;
    const double rates[] = {(double)q->per_minute / 60, (double)q->per_hour / 3600,
                            (double)q->per_day / 86400, (double)q->recipients_per_day / 86400};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        if (rates[i] > 0 && (best == 0 || rates[i] < best))
            best = rates[i];
    return best;
}

static err read_rate(struct cli_bulk_plan *p, const struct config_account *account)
{
    int64_t per_day;
    double allowed = rate_of_quota(account);
    p->options.rate = allowed;
    if (p->args.rate == NULL)
        return NULL;
    err e = config_value_rate(str_of(p->args.rate), &per_day);
    if (e)
        return err_wrap(e, "--rate");
    double wanted = (double)per_day / 86400;
    if (allowed > 0 && wanted > allowed)
        return err_new(ERR_CONFIG, "--rate: the account \"%s\" may send %.0f a day",
                       p->args.account, allowed * 86400);
    p->options.rate = wanted;
    return NULL;
}

static err read_wave(struct cli_bulk_plan *p)
{
    str count, every;
    if (p->args.wave == NULL)
        return NULL;
    str_split(str_of(p->args.wave), ' ', &count, &every);
    every = str_trim(every);
    if (!str_skip(&every, S("every ")) || !str_to_u64(count, UINT32_MAX, &p->options.wave) ||
        p->options.wave == 0)
        return err_new(ERR_CONFIG, "--wave: such as '5000 every 1h', not \"%s\"", p->args.wave);
    err e = config_value_duration(str_trim(every), &p->options.wave_every_ms);
    return e ? err_wrap(e, "--wave") : NULL;
}

static err read_pace(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct bulk_run_options *o = &p->options;
    uint64_t passes = PASSES;
    TRY(read_count("limit", a->limit, UINT32_MAX, &o->limit));
    TRY(read_count("passes", a->passes, BULK_RUN_PASSES_MAX, &passes));
    o->passes = (int)passes;
    o->pass_wait_ms = PASS_WAIT_MS;
    TRY(read_time("pass-wait", a->pass_wait, &o->pass_wait_ms));
    o->pause_on = str_of(a->pause_on);
    if (a->in_doubt && strcmp(a->in_doubt, "send") != 0 && strcmp(a->in_doubt, "skip") != 0)
        return err_new(ERR_CONFIG, "--in-doubt: skip or send");
    o->in_doubt_send = a->in_doubt && strcmp(a->in_doubt, "send") == 0;
    return read_wave(p);
}

static err read_policy(struct cli_bulk_plan *p)
{
    const struct cli_bulk_args *a = &p->args;
    struct config_client_policy *policy = &p->options.client.policy;
    uint64_t connections = 20, per_connection = 1000;
    *policy = config_client_policy;
    TRY(read_count("connections", a->connections, 1000, &connections));
    TRY(read_count("messages-per-connection", a->per_connection, INT32_MAX, &per_connection));
    TRY(read_time("connect-timeout", a->connect_timeout, &policy->connect_ms));
    TRY(read_time("io-timeout", a->io_timeout, &policy->reply_ms));
    policy->connections = (int)connections;
    policy->messages_per_connection = (int)per_connection;
    p->options.client.passes = true;
    return NULL;
}

err cli_bulk_plan_server(struct cli_bulk_plan *p)
{
    struct client_options *c = &p->options.client;
    const struct config_account *account;
    struct address ip;
    TRY(find_account(p, &account));
    TRY(read_hop(p, account));
    TRY(read_login(p, account));
    TRY(read_rate(p, account));
    TRY(read_pace(p));
    TRY(read_policy(p));
    c->hello = p->args.hello ? str_of(p->args.hello) : p->config->hostname;
    if (c->hop.tls != HOP_TLS_NONE)
        TRY(tls_client_open(str_of(p->args.ca_file), &c->tls));
    return c->hop.unix_socket || address_parse_ip(c->hop.host, &ip) == NULL ? NULL : open_dns(p);
}

void cli_bulk_plan_release(struct cli_bulk_plan *p)
{
    tls_client_close(p->options.client.tls);
    dns_resolver_close(p->resolver);
    feedback_list_close(p->suppression);
    mem_wipe(p->password.ptr, p->password.len);
    mem_wipe(p->key.ptr, p->key.len);
    buf_release(&p->password);
    buf_release(&p->key);
    config_close(p->config);
    arena_close(p->arena);
}
