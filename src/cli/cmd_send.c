/* cli/cmd_send.c -- smtptool send: one message (or several files) to one server */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/oauth_logins.h"
#include "cli/send_from.h"
#include "cli/send_message.h"
#include "cli/send_report.h"
#include "client/client.h"
#include "config/value.h"
#include "dns/unbound.h"
#include "dns/zone.h"
#include "sasl/mechanism.h"
#include "secret/command.h"
#include "secret/resolver.h"
#include "smtp/path.h"
#include <string.h>
#include <unistd.h>

const char cmd_send_help[] =
    "usage: smtptool send --server URL --from ADDRESS [options] RECIPIENT...\n\n"
    "The message:\n"
    "  --from ADDRESS          the sender, also \"Alice <alice@example.com>\"; with --eml the\n"
    "                          file's From field when absent; \"<>\" is the null sender\n"
    "  --to, --cc, --bcc LIST  more recipients; RECIPIENTs count as --to\n"
    "  --subject TEXT\n"
    "  --text TEXT             the text, UTF-8\n"
    "  --text-file FILE        the text from a file; \"-\" is stdin\n"
    "  --flowed                long lines of the text may be broken anew (format=flowed)\n"
    "  --html-file FILE        the same in HTML, from a file\n"
    "  --inline ID=FILE        an image that the HTML shows as cid:ID; may stand several times\n"
    "  --attach FILE           may stand several times; its type is found out\n"
    "  --header 'Name: value'  another field; may stand several times\n"
    "  --eml FILE              a whole message instead, sent as it stands (LF becomes CRLF);\n"
    "                          \"-\" is stdin; may stand several times: all go to the recipients\n"
    "  --dsn-notify WORDS      never, or success,failure,delay (RFC 3461)\n"
    "  --dsn-ret full|hdrs     what a delivery report returns\n"
    "  --envid TEXT            what a delivery report names\n"
    "  --priority N            -9 to 9, where the server knows MT-PRIORITY (RFC 6710)\n"
    "  --by T[,notify]         by then, like 30m; later it comes back, or the sender is told\n"
    "                          (DELIVERBY, RFC 2852)\n"
    "  --hold-for T            the server is to wait so long, like 8h; --hold-until DATE: until\n"
    "                          then, like 2026-12-24T18:00:00Z (FUTURERELEASE, RFC 4865)\n"
    "  --requiretls            verified TLS all the way to the recipient, or it comes back\n"
    "                          (REQUIRETLS, RFC 8689)\n"
    "  --dry-run               print the message and connect to nobody\n\n"
    "The server:\n"
    "  --server URL            smtp://host[:587]   STARTTLS, a must and verified\n"
    "                          smtps://host[:465]  TLS from the first byte\n"
    "                          lmtp://host[:24], lmtp+unix:///path/of/socket\n"
    "                          ?tls=opportunistic at its end: TLS when offered, not verified;\n"
    "                          ?tls=none: in clear. Neither goes with a login, except to this\n"
    "                          machine. Not needed with an --account that has a preset or\n"
    "                          servers: then it is the first of these\n"
    "  --ca-file FILE          trust these roots (PEM) instead of the system's\n"
    "  --hello NAME            what we call ourselves; default: hostname of the configuration\n"
    "  --dns-zone FILE         names are looked up in this zone file and not in the DNS\n\n"
    "The login:\n"
    "  --user NAME             log in; asks for the password unless one of these is given:\n"
    "  --password-file FILE    the file's text (nobody else may read the file)\n"
    "  --password-command CMD  what this program prints; started without a shell\n"
    "  --secret REFERENCE      env:NAME, file:PATH, command:CMD, vault:PATH#FIELD or another kind\n"
    "                          (docs/secrets.md)\n"
    "  --account NAME          user, secret and mechanism of this account in the configuration\n"
    "  --from-policy WORD      when From is neither the account's user nor in its aliases: "
    "refuse,\n"
    "                          warn, rewrite (From becomes the account, Reply-To the old From) or\n"
    "                          off; default: as the account has it\n"
    "  --token                 the secret is an OAuth token\n"
    "  --mechanism NAME        PLAIN, LOGIN, SCRAM-SHA-256 ...; default: the best offered\n\n"
    "Patience (a number and its unit: 500ms, 10s, 5m):\n"
    "  --connect-timeout T     for each address; default 10s\n"
    "  --io-timeout T          for each reply; default 30s. Behind the message it is 10m\n"
    "  --retries N             after a 4xx or a lost connection; default 3. Never after a 5xx\n"
    "  --backoff T             before the first retry, then twice as long; default 5s\n"
    "  --connections N         at the same time, for several --eml; default 20\n"
    "  --messages-per-connection N   default 100\n\n"
    "Output:\n"
    "  -v                      show the conversation (never the secrets) on stderr\n"
    "  --json                  one JSON object for each message: replies, timings, TLS\n\n"
    "exit:\n"
    "   0  all recipients were accepted\n"
    "  64  wrong usage               65  the message or an address cannot be sent as it is\n"
    "  66  no such file              67  a recipient was refused for good\n"
    "  68  no such host              69  refused for good, but not for the recipient\n"
    "  75  not now: a 4xx or no connection, and the retries are used up\n"
    "  76  no trusted channel (STARTTLS missing, certificate), or not SMTP; never retried\n"
    "  77  the login was refused     78  the configuration is wrong\n\n"
    "examples:\n"
    "  smtptool send --server smtp://mail.example.com --user alice --from alice@example.com \\\n"
    "      --subject Hello --text 'Does it arrive?' bob@example.net\n"
    "  smtptool send --server smtps://mail.example.com --account relay --from me@example.com \\\n"
    "      --subject Report --text-file r.txt --html-file r.html --inline logo=l.png \\\n"
    "      --attach r.pdf bob@example.net\n"
    "  smtptool send -v --server 'smtp://127.0.0.1:2525?tls=none' --eml mail.eml bob@example.net\n"
    "  smtptool send --server smtps://mail.example.com --account relay --eml - me@example.com < m\n"
    "  smtptool send --dry-run --from a@example.com --subject Test --text Hi b@example.net\n";

enum {
    SEND_ARENA_BYTES_MAX = 64 << 20,
    SEND_CONNECTIONS_MAX = 1000,
    SEND_TIME_MS_MAX = 24 * 3600 * 1000,
};

struct send_run {
    struct cli *cli;
    struct cli_send_message_args message;
    struct cli_send_message_list files;
    const char *server, *ca_file, *hello, *dns_zone;
    const char *user, *password_file, *password_command, *secret, *account, *mechanism;
    const char *from_policy;
    struct config_account *sender; /* --account; NULL: none */
    const char *connect_timeout, *io_timeout, *retries, *backoff, *connections, *per_connection;
    bool token, dry_run;
    const struct config *config;
    struct arena *arena;
    struct client_options options;
    struct client_mail *mails;
    struct buf *contents;
    const char **names;
    size_t count;
    struct buf password;
    int exit;
};

static void add_item(void *arg, const char *value)
{
    struct cli_send_message_list *list = arg;
    list->items[list->count++] = value;
}

static bool uses_stdin(const struct send_run *run)
{
    const char *text = run->message.text_file;
    for (size_t i = 0; i < run->files.count; i++)
        if (strcmp(run->files.items[i], "-") == 0)
            return true;
    return text && strcmp(text, "-") == 0;
}

/* ---- the server and its patience -------------------------------------------------------- */

static err read_time(const char *option, const char *text, int64_t *time_ms)
{
    int64_t ms;
    if (text == NULL)
        return NULL;
    err e = config_value_duration(str_of(text), &ms);
    if (e)
        return err_wrap(e, "--%s", option);
    if (ms == 0 || ms > SEND_TIME_MS_MAX)
        return err_new(ERR_CONFIG, "--%s: above 0 and at most 24h, not %s", option, text);
    *time_ms = ms;
    return NULL;
}

static err read_number(const char *option, const char *text, int64_t least, int64_t most,
                       int *number)
{
    int64_t value;
    if (text == NULL)
        return NULL;
    err e = config_value_int(str_of(text), &value);
    if (e)
        return err_wrap(e, "--%s", option);
    if (value < least || value > most)
        return err_new(ERR_CONFIG, "--%s: %lld to %lld, not %s", option, (long long)least,
                       (long long)most, text);
    *number = (int)value;
    return NULL;
}

static err read_policy(struct send_run *run)
{
    struct config_client_policy *p = &run->options.policy;
    *p = config_client_policy;
    run->options.places = run->cli->verbose > 0;
    TRY(read_time("connect-timeout", run->connect_timeout, &p->connect_ms));
    TRY(read_time("io-timeout", run->io_timeout, &p->reply_ms));
    TRY(read_time("backoff", run->backoff, &p->retry_first_ms));
    TRY(read_number("retries", run->retries, 0, CLIENT_RETRIES_MAX, &p->retries));
    TRY(read_number("connections", run->connections, 1, SEND_CONNECTIONS_MAX, &p->connections));
    return read_number("messages-per-connection", run->per_connection, 1, INT32_MAX,
                       &p->messages_per_connection);
}

static err find_account(struct send_run *run)
{
    const struct config *c = run->config;
    if (run->account == NULL && run->from_policy)
        return err_new(ERR_CONFIG, "--from-policy: whose From? It goes with --account");
    if (run->account == NULL)
        return NULL;
    for (size_t i = 0; i < c->account_count; i++)
        if (str_eq(c->accounts[i].name, str_of(run->account))) {
            run->sender = ARENA_NEW(run->arena, struct config_account);
            *run->sender = c->accounts[i];
            return cli_send_from_policy(run->from_policy, run->sender);
        }
    return err_new(ERR_CONFIG, "--account: there is no \"%s\" in the configuration", run->account);
}

static err read_hello(struct send_run *run)
{
    struct client_options *o = &run->options;
    o->hello = run->config->hostname;
    if (run->hello &&
        !smtp_domain_parse(str_of(run->hello), SMTP_DOMAIN_HELLO, run->arena, &o->hello))
        return err_new(ERR_CONFIG, "--hello: \"%s\" is no host name", run->hello);
    return NULL;
}

static err read_server(struct send_run *run)
{
    struct client_options *o = &run->options;
    bool first = run->server == NULL && run->sender && run->sender->hop_count > 0;
    if (run->server == NULL && !first)
        return err_new(ERR_CONFIG, "--server is needed, like smtp://mail.example.com or "
                                   "smtp://127.0.0.1:2525?tls=none");
    if (first)
        o->hop = run->sender->hops[0];
    err e = first ? NULL : config_value_hop(str_of(run->server), run->arena, &o->hop);
    if (e)
        return err_wrap(e, "--server");
    bool login = run->user || (run->sender && run->sender->user.len > 0);
    if (login && o->hop.tls != HOP_TLS_VERIFIED && !config_value_hop_is_local(&o->hop))
        return err_new(ERR_CONFIG, "--server: a login goes over verified TLS only, so without "
                                   "?tls= (except to this machine)");
    if (run->message.requiretls && o->hop.tls != HOP_TLS_VERIFIED)
        return err_new(ERR_CONFIG, "--requiretls: needs a server without ?tls=");
    return NULL;
}

/* ---- the login -------------------------------------------------------------------------- */

static err read_reference(struct send_run *run, str reference, struct buf *ret_secret)
{
    TRY(config_value_secret(reference));
    run->token |= str_starts(reference, S("oauth:"));
    return cli_oauth_logins_read(run->config, reference, ret_secret);
}

static err read_account(struct send_run *run)
{
    const struct config_account *sender = run->sender;
    run->options.user = sender->user;
    run->options.mechanism = sender->mechanism;
    run->token |= config_account_has_token(sender);
    return sender->user.len > 0 ? read_reference(run, sender->secret, &run->password) : NULL;
}

static err ask_password(struct send_run *run)
{
    if (!isatty(STDIN_FILENO) && uses_stdin(run))
        return err_new(ERR_CONFIG, "--user: stdin holds the message, so the password must come by "
                                   "--password-file, --password-command or --secret");
    return cli_read_password("Password", &run->password);
}

static err read_login(struct send_run *run)
{
    struct client_options *o = &run->options;
    int ways = (run->password_file != NULL) + (run->password_command != NULL) +
               (run->secret != NULL) + (run->account != NULL);
    if (ways > 1)
        return err_new(ERR_CONFIG, "--password-file, --password-command, --secret, --account: "
                                   "one of them");
    if (ways > 0 && run->user == NULL && run->account == NULL)
        return err_new(ERR_CONFIG, "--user is needed to log in");
    if (run->account && run->user)
        return err_new(ERR_CONFIG, "--account: the user is the account's, so without --user");
    if (run->account)
        TRY(read_account(run));
    else if (run->user)
        o->user = str_of(run->user);
    if (run->mechanism)
        o->mechanism = str_of(run->mechanism);
    if (o->mechanism.len && sasl_mechanism_of(o->mechanism) == SASL_NONE)
        return err_new(ERR_CONFIG,
                       "--mechanism: \"%s\" is none of PLAIN, LOGIN, CRAM-MD5, "
                       "SCRAM-SHA-256, SCRAM-SHA-256-PLUS, OAUTHBEARER, XOAUTH2",
                       run->mechanism);
    return NULL;
}

static err read_secret(struct send_run *run)
{
    CLEANUP(buf_release) struct buf reference;
    buf_init(&reference, SECRET_COMMAND_BYTES_MAX);
    if (run->password_file)
        TRY(buf_addf(&reference, "file:%s%s", run->password_file[0] == '/' ? "" : "./",
                     run->password_file));
    else if (run->password_command)
        TRY(buf_addf(&reference, "command:%s", run->password_command));
    else if (run->secret)
        TRY(buf_addf(&reference, "%s", run->secret));
    if (run->password_file)
        TRY(secret_read(buf_str(&reference), &run->password));
    else if (reference.len)
        TRY(read_reference(run, buf_str(&reference), &run->password));
    else if (run->user)
        TRY(ask_password(run));
    run->options.secret = buf_str(&run->password);
    run->options.token = run->token;
    return NULL;
}

/* ---- the messages ----------------------------------------------------------------------- */

static err check_parts(const struct send_run *run)
{
    const struct cli_send_message_args *m = &run->message;
    bool parts = m->subject || m->text || m->text_file || m->html_file || m->inlines.count ||
                 m->attachments.count || m->headers.count;
    if (run->files.count && parts)
        return err_new(ERR_CONFIG, "--eml is a whole message: without --subject, --text, "
                                   "--text-file, --html-file, --inline, --attach and --header");
    if (m->text && m->text_file)
        return err_new(ERR_CONFIG, "--text or --text-file, not both");
    if (run->files.count == 0 && !parts)
        return err_new(ERR_CONFIG, "what shall be sent? --subject and --text, or --eml FILE");
    return NULL;
}

static err make_mail(struct send_run *run, size_t i)
{
    struct client_mail *mail = &run->mails[i];
    const char *warning = NULL;
    buf_init(&run->contents[i], (size_t)CLI_SEND_MESSAGE_BYTES_MAX * 2);
    if (run->files.count) {
        run->names[i] = run->files.items[i];
        TRY(cli_send_message_read(run->names[i], &run->contents[i], &warning));
    } else {
        run->names[i] = "message";
        TRY(cli_send_message_compose(&run->message, &run->contents[i]));
    }
    if (warning && !run->cli->quiet)
        cli_fail("%s: %s", run->names[i], warning);
    if (run->sender)
        TRY(cli_send_from_fit(run->sender, run->names[i], run->cli->quiet, &run->contents[i]));
    mail->content = buf_str(&run->contents[i]);
    mail->arena = arena_open(SEND_ARENA_BYTES_MAX);
    TRY(cli_send_message_envelope(&run->message, mail->content, mail->arena, &mail->envelope));
    mail->found = mail->envelope->found;
    mail->verdicts = ARENA_ARRAY(mail->arena, struct smtp_verdict, mail->envelope->rcpt_count);
    return NULL;
}

static err make_mails(struct send_run *run)
{
    TRY(check_parts(run));
    run->count = run->files.count ? run->files.count : 1;
    run->mails = mem_alloc(run->count * sizeof *run->mails);
    run->contents = mem_alloc(run->count * sizeof *run->contents);
    run->names = mem_alloc(run->count * sizeof *run->names);
    run->message.hostname = run->options.hello;
    for (size_t i = 0; i < run->count; i++)
        TRY(make_mail(run, i));
    return NULL;
}

/* The envelope to stderr, the message to stdout, with the line ends of a file. */
static void print_mail(const struct send_run *run, const struct client_mail *mail)
{
    const struct envelope *env = mail->envelope;
    if (!run->cli->quiet) {
        fprintf(stderr, "from <%.*s>\n", STR_ARG(env->sender));
        for (size_t i = 0; i < env->rcpt_count; i++)
            fprintf(stderr, "to <%.*s>\n", STR_ARG(env->rcpts[i].address));
    }
    for (size_t i = 0; i < mail->content.len; i++)
        if (mail->content.ptr[i] != '\r')
            putchar(mail->content.ptr[i]);
}

/* ---- doing it --------------------------------------------------------------------------- */

static err dns_servers(const struct config_dns *dns, struct arena *arena,
                       struct dns_unbound_options *ret_options)
{
    struct address *list = ARENA_ARRAY(arena, struct address, dns->list_count + 1);
    for (size_t i = 0; i < dns->list_count; i++)
        TRY(address_parse(dns->list[i], 53, &list[i]));
    *ret_options = (struct dns_unbound_options){
        .servers = dns->servers == DNS_LIST
                       ? DNS_UNBOUND_LIST
                       : (dns->servers == DNS_ROOT ? DNS_UNBOUND_ROOT : DNS_UNBOUND_SYSTEM),
        .list = list,
        .list_count = dns->list_count,
        .validate = dns->validate == DNS_VALIDATE_YES ? DNS_UNBOUND_YES : DNS_UNBOUND_NO,
    };
    return NULL;
}

static err open_resolver(struct send_run *run)
{
    const struct config_hop *hop = &run->options.hop;
    struct dns_transport *transport;
    struct address ip;
    if (hop->unix_socket || address_parse_ip(hop->host, &ip) == NULL)
        return NULL;
    if (run->dns_zone) {
        struct dns_zone *zone;
        TRY(dns_zone_read(run->dns_zone, &zone));
        transport = dns_zone_transport(zone);
    } else {
        struct dns_unbound_options options;
        TRY(dns_servers(&run->config->dns, run->arena, &options));
        TRY(dns_unbound_open(&options, &transport));
    }
    run->options.resolver = dns_resolver_open(transport, dns_hosts_read("/etc/hosts"));
    return NULL;
}

/* The two ways out of a certificate that is not trusted. */
static void hint(const struct send_run *run)
{
    for (size_t i = 0; i < run->count && !run->cli->quiet && !run->ca_file; i++) {
        if (!str_contains(str_of(run->mails[i].why), S("certificate")))
            continue;
        fputs("    (--ca-file FILE trusts the roots in FILE; ?tls=opportunistic at the end of the "
              "URL trusts anybody)\n",
              stderr);
        return;
    }
}

static void run_fiber(void *arg)
{
    struct send_run *run = arg;
    run->exit = cli_send_report_exit(client_run(&run->options, run->mails, run->count));
}

static err send_all(struct send_run *run)
{
    struct cli_send_report report = {cli_color(STDERR_FILENO), run->cli->verbose, run->cli->quiet,
                                     stderr};
    TRY(read_secret(run));
    if (run->options.hop.tls != HOP_TLS_NONE)
        TRY(tls_client_open(str_of(run->ca_file), &run->options.tls));
    TRY(open_resolver(run));
    run->options.watch = cli_send_report_line;
    run->options.watch_arg = &report;
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "send", run_fiber, run);
    dns_resolver_close(run->options.resolver);
    loop_close(loop);
    for (size_t i = 0; i < run->count; i++) {
        if (run->cli->json)
            cli_send_report_json(&run->mails[i], run->names[i], &run->options.hop);
        else
            cli_send_report_text(&run->mails[i], run->names[i], run->count > 1);
    }
    hint(run);
    return NULL;
}

static int fail(err e, int exit)
{
    char why[1024];
    cli_describe(e, why, sizeof why);
    cli_fail("%s", why);
    return e->kind == ERR_CONFIG ? exit : cli_exit_of(e);
}

static int prepare_and_send(struct send_run *run)
{
    run->config = cli_config(run->cli);
    if (run->config == NULL)
        return CLI_CONFIG;
    err e = read_policy(run);
    if (e == NULL)
        e = read_hello(run);
    if (e == NULL)
        e = find_account(run);
    if (e == NULL && !(run->dry_run && run->server == NULL))
        e = read_server(run);
    if (e == NULL)
        e = check_parts(run);
    if (e == NULL && !run->dry_run)
        e = read_login(run);
    if (e)
        return fail(e, CLI_USAGE);
    e = make_mails(run);
    if (e)
        return fail(e, CLI_DATA);
    for (size_t i = 0; run->dry_run && i < run->count; i++)
        print_mail(run, &run->mails[i]);
    if (!run->dry_run)
        e = send_all(run);
    return e ? fail(e, CLI_CONFIG) : run->exit;
}

static void release(struct send_run *run)
{
    for (size_t i = 0; run->mails && i < run->count; i++) {
        buf_release(&run->contents[i]);
        arena_close(run->mails[i].arena);
    }
    tls_client_close(run->options.tls);
    secret_wipe(&run->password);
    mem_free(run->mails);
    mem_free(run->contents);
    mem_free(run->names);
    arena_close(run->arena);
    config_close(run->config);
}

enum option_kind { OPTION_VALUE, OPTION_LIST, OPTION_FLAG };

static const struct {
    const char *name;
    enum option_kind kind;
    size_t offset; /* in struct send_run */
} send_options[] = {
    {"from",                    OPTION_VALUE, offsetof(struct send_run, message.from)       },
    {"to",                      OPTION_LIST,  offsetof(struct send_run, message.to)         },
    {"cc",                      OPTION_LIST,  offsetof(struct send_run, message.cc)         },
    {"bcc",                     OPTION_LIST,  offsetof(struct send_run, message.bcc)        },
    {"header",                  OPTION_LIST,  offsetof(struct send_run, message.headers)    },
    {"eml",                     OPTION_LIST,  offsetof(struct send_run, files)              },
    {"subject",                 OPTION_VALUE, offsetof(struct send_run, message.subject)    },
    {"text",                    OPTION_VALUE, offsetof(struct send_run, message.text)       },
    {"text-file",               OPTION_VALUE, offsetof(struct send_run, message.text_file)  },
    {"flowed",                  OPTION_FLAG,  offsetof(struct send_run, message.flowed)     },
    {"html-file",               OPTION_VALUE, offsetof(struct send_run, message.html_file)  },
    {"inline",                  OPTION_LIST,  offsetof(struct send_run, message.inlines)    },
    {"attach",                  OPTION_LIST,  offsetof(struct send_run, message.attachments)},
    {"dsn-notify",              OPTION_VALUE, offsetof(struct send_run, message.notify)     },
    {"dsn-ret",                 OPTION_VALUE, offsetof(struct send_run, message.ret)        },
    {"envid",                   OPTION_VALUE, offsetof(struct send_run, message.envid)      },
    {"priority",                OPTION_VALUE, offsetof(struct send_run, message.priority)   },
    {"by",                      OPTION_VALUE, offsetof(struct send_run, message.by)         },
    {"hold-for",                OPTION_VALUE, offsetof(struct send_run, message.hold_for)   },
    {"hold-until",              OPTION_VALUE, offsetof(struct send_run, message.hold_until) },
    {"requiretls",              OPTION_FLAG,  offsetof(struct send_run, message.requiretls) },
    {"dry-run",                 OPTION_FLAG,  offsetof(struct send_run, dry_run)            },
    {"server",                  OPTION_VALUE, offsetof(struct send_run, server)             },
    {"ca-file",                 OPTION_VALUE, offsetof(struct send_run, ca_file)            },
    {"hello",                   OPTION_VALUE, offsetof(struct send_run, hello)              },
    {"dns-zone",                OPTION_VALUE, offsetof(struct send_run, dns_zone)           },
    {"user",                    OPTION_VALUE, offsetof(struct send_run, user)               },
    {"password-file",           OPTION_VALUE, offsetof(struct send_run, password_file)      },
    {"password-command",        OPTION_VALUE, offsetof(struct send_run, password_command)   },
    {"secret",                  OPTION_VALUE, offsetof(struct send_run, secret)             },
    {"account",                 OPTION_VALUE, offsetof(struct send_run, account)            },
    {"from-policy",             OPTION_VALUE, offsetof(struct send_run, from_policy)        },
    {"token",                   OPTION_FLAG,  offsetof(struct send_run, token)              },
    {"mechanism",               OPTION_VALUE, offsetof(struct send_run, mechanism)          },
    {"connect-timeout",         OPTION_VALUE, offsetof(struct send_run, connect_timeout)    },
    {"io-timeout",              OPTION_VALUE, offsetof(struct send_run, io_timeout)         },
    {"retries",                 OPTION_VALUE, offsetof(struct send_run, retries)            },
    {"backoff",                 OPTION_VALUE, offsetof(struct send_run, backoff)            },
    {"connections",             OPTION_VALUE, offsetof(struct send_run, connections)        },
    {"messages-per-connection", OPTION_VALUE, offsetof(struct send_run, per_connection)     },
};

static int parse(struct send_run *run, int argc, char **argv, int *ret_exit)
{
    struct cli_option *options =
        ARENA_ARRAY(run->arena, struct cli_option, ARRAY_LEN(send_options));
    for (size_t i = 0; i < ARRAY_LEN(send_options); i++) {
        void *place = (char *)run + send_options[i].offset;
        options[i].name = send_options[i].name;
        if (send_options[i].kind == OPTION_VALUE)
            options[i].value = place;
        else if (send_options[i].kind == OPTION_FLAG)
            options[i].flag = place;
        else
            options[i].each = add_item;
        options[i].arg = place;
    }
    return cli_parse(run->cli, run->cli->command, options, ARRAY_LEN(send_options), argc, argv,
                     ret_exit);
}

int cmd_send(struct cli *cli, int argc, char **argv)
{
    struct send_run run = {.cli = cli, .arena = arena_open(SEND_ARENA_BYTES_MAX)};
    struct cli_send_message_list *lists[] = {
        &run.message.to,      &run.message.cc,          &run.message.bcc, &run.message.headers,
        &run.message.inlines, &run.message.attachments, &run.files};
    int code = CLI_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        lists[i]->items = ARENA_ARRAY(run.arena, const char *, (size_t)argc + 1);
    buf_init(&run.password, SECRET_BYTES_MAX);
    int first = parse(&run, argc, argv, &code);
    for (int i = first; first >= 0 && i < argc; i++)
        add_item(&run.message.to, argv[i]);
    if (first >= 0)
        code = prepare_and_send(&run);
    release(&run);
    return code;
}
