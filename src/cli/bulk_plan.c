#include "cli/bulk_plan.h"
#include "bulk/folder.h"
#include "cli/ask_dns.h"
#include "cli/bulk_before.h"
#include "cli/oauth_logins.h"
#include "config/value.h"
#include "message/mailbox.h"
#include "runtime/file.h"
#include "smtp/path.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DAY_MS = 86400 * 1000, PATH_BYTES_MAX = 1000 };

err cli_bulk_plan_count(const char *option, const char *text, uint64_t most, uint64_t *ret_count)
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

err cli_bulk_plan_time(const char *option, const char *text, int64_t *ret_ms)
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

err cli_bulk_plan_dns(struct cli_bulk_plan *p)
{
    if (p->resolver == NULL && cli_ask_dns_open(p->cli, p->args.dns_zone, &p->resolver) != CLI_OK)
        return err_new(ERR_CONFIG, "the DNS cannot be asked");
    p->options.choose.resolver = p->resolver;
    for (size_t i = 0; i < BULK_WAYS_MAX; i++)
        p->options.ways.list[i].client.resolver = p->resolver;
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
    c->now_ms = clock_real_ms();
    c->flow = (struct envelope_flow){str_of(a->tenant), str_of(a->stream), str_of(a->campaign)};
    for (size_t i = 0; i < a->actives.count && i < BULK_CHOOSE_ACTIVE_MAX; i++)
        c->active[c->active_count++] = str_of(a->actives.items[i]);
    if (a->actives.count > 0 || a->inactive)
        c->inactive_ms = 180LL * DAY_MS;
    TRY(cli_bulk_plan_time("inactive", a->inactive, &c->inactive_ms));
    if (a->sample) {
        err e = config_value_percent(str_of(a->sample), &c->sample_hundredths);
        if (e || c->sample_hundredths == 0 || c->sample_hundredths > 10000)
            return err_new(ERR_CONFIG, "--sample: a percentage such as 5%%, not \"%s\"", a->sample);
    }
    if (c->check_mx)
        TRY(cli_bulk_plan_dns(p));
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
str cli_bulk_plan_reference(struct cli_bulk_plan *p, str reference)
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
    str reference = cli_bulk_plan_reference(p, str_of(p->args.unsubscribe_key));
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
    if (a->from == NULL || a->subject == NULL ||
        !(a->text || a->text_file || a->html_file || a->markdown))
        return err_new(ERR_CONFIG,
                       "--from, --subject and --text, --text-file, --markdown or --html-file are "
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
    TRY(cli_bulk_before_markdown(p));
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
    TRY(cli_bulk_plan_count("split", p->args.split, BULK_TALLY_GROUPS_MAX - 1, &parts));
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
                             : a->markdown  ? a->markdown
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

void cli_bulk_plan_release(struct cli_bulk_plan *p)
{
    tls_client_close(p->tls);
    dns_resolver_close(p->resolver);
    feedback_list_close(p->suppression);
    for (size_t i = 0; i < BULK_WAYS_MAX; i++)
        secret_wipe(&p->passwords[i]);
    secret_wipe(&p->key);
    config_close(p->own);
    config_close(p->warmup);
    config_close(p->config);
    arena_close(p->arena);
}
