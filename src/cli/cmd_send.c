/* cli/cmd_send.c -- smtptool send: one message (or several files), and what became of it */
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/save_sent.h"
#include "cli/send_check.h"
#include "cli/send_compose.h"
#include "cli/send_from.h"
#include "cli/send_go.h"
#include "cli/send_login.h"
#include "cli/send_plan.h"
#include "cli/send_preflight.h"
#include "cli/send_server.h"
#include "cli/send_sign.h"
#include "cli/sent.h"
#include "cli/use.h"
#include "cli/user_folder.h"
#include "message/header.h"
#include "message/recipients.h"
#include "secret/secret.h"
#include <string.h>
#include <unistd.h>

const char cmd_send_help[] =
    "usage: smtptool send [--server SERVER] --from ADDRESS [options] RECIPIENT...\n"
    "       smtptool send --eml FILE [-t] [options] [RECIPIENT...]\n\n"
    "The message:\n"
    "  --from ADDRESS          the author, also \"Alice <alice@example.com>\"; with --eml the\n"
    "                          file's From field when absent; \"<>\" is the null sender\n"
    "  --envelope-from ADDRESS who hears of it when it cannot be delivered; default: the\n"
    "                          account's return_path, else --from\n"
    "  --to, --cc, --bcc LIST  more recipients; RECIPIENTs count as --to\n"
    "  -t                      those in the message's To, Cc and Bcc, too; Bcc is taken out\n"
    "  --reply-to LIST         where answers go\n"
    "  --subject TEXT\n"
    "  --text, --html, --markdown TEXT|@FILE|-   the body: as written, from a file, from stdin\n"
    "                          (@@x is the text @x). Markdown becomes the HTML, and the text too\n"
    "                          when there is no --text\n"
    "  --text-file, --html-file FILE   the same as @FILE\n"
    "  --template FILE         the text with fields like {{name}}, FILE.html the HTML, escaped as "
    "it\n"
    "                          must be; fields may stand in --subject, too; --var NAME=VALUE "
    "fills\n"
    "                          them, and may stand several times (see docs/template.md)\n"
    "  --flowed                long lines of the text may be broken anew (format=flowed)\n"
    "  --inline ID=FILE        an image that the HTML shows as cid:ID; may stand several times\n"
    "  --attach FILE[:TYPE]    may stand several times; without TYPE it is found out\n"
    "  --header 'Name: value'  another field; may stand several times\n"
    "  --utf8                  fields in UTF-8 as they are: all servers must know SMTPUTF8\n"
    "  --eml FILE              a whole message instead, sent as it stands (LF becomes CRLF);\n"
    "                          \"-\" is stdin; may stand several times: all go to the recipients\n"
    "  --dkim DOMAIN:SELECTOR:KEY   sign it; KEY is a file for your eyes only, env:NAME or\n"
    "                          command:CMD; may stand several times\n"
    "  --idempotency-key KEY   who has got a mail by this key from here does not get it again;\n"
    "                          the Message-ID is made of the key\n\n"
    "What servers are asked for:\n"
    "  --dsn WORDS             reports: never, or success,failure,delay (RFC 3461); --dsn-notify\n"
    "  --dsn-ret full|hdrs     what a delivery report returns\n"
    "  --envid TEXT            what a delivery report names\n"
    "  --priority N            -9 to 9, where the server knows MT-PRIORITY (RFC 6710)\n"
    "  --at WHEN               to be delivered then: 2026-12-24T18:00:00Z, or in a time like 8h\n"
    "                          (FUTURERELEASE, RFC 4865); --hold-for T and --hold-until DATE are\n"
    "                          its parts\n"
    "  --expire T              later than that it comes back (DELIVERBY, RFC 2852)\n"
    "  --by T[,notify]         the same, or the sender is told when it is late\n"
    "  --requiretls            verified TLS all the way to the recipient, or it comes back\n"
    "                          (REQUIRETLS, RFC 8689)\n\n"
    "Where to:\n"
    "  --server SERVER         mail.example.com: port 587 with STARTTLS, else 465 with TLS from "
    "the\n"
    "                          first byte, else 2525 with STARTTLS, 10 s each; what worked here "
    "is\n"
    "                          tried first the next time\n"
    "                          smtp://host:587     STARTTLS, a must and verified\n"
    "                          smtps://host[:465]  TLS from the first byte\n"
    "                          lmtp://host[:24], lmtp+unix:///path/of/socket\n"
    "                          ?tls=opportunistic at its end: TLS when offered, not verified;\n"
    "                          ?tls=none: in clear. Neither goes with a login, except to this\n"
    "                          machine\n"
    "  --prefer security       port 465 first\n"
    "  --mx                    straight to the MX hosts of each recipient's domain, port 25, as\n"
    "                          private as DANE and MTA-STS ask; most networks block that port\n"
    "  --mx-port N             instead of 25, for a test\n"
    "  --queue                 into the queue of the server on this machine (its relay listener)\n"
    "  --now                   not into the queue: what happens unless --queue is said\n"
    "  --ca-file FILE          trust these roots (PEM) instead of the system's\n"
    "  --hello NAME            what we call ourselves; default: hostname of the configuration\n"
    "  --dns-zone FILE         names are looked up in this zone file and not in the DNS\n\n"
    "The login:\n"
    "  --account NAME          of `smtptool account` or the configuration: its server, user, "
    "secret\n"
    "                          and mechanism; without a word of where to, the default account\n"
    "  --user NAME             log in; asks for the password unless one of these is given:\n"
    "  --password-file FILE    the file's text (nobody else may read the file)\n"
    "  --password-command CMD  what this program prints; started without a shell\n"
    "  --secret REFERENCE      env:NAME, file:PATH, command:CMD, vault:PATH#FIELD or another kind\n"
    "                          (docs/secrets.md)\n"
    "  --from-policy WORD      when From is neither the account's user nor in its aliases: "
    "refuse,\n"
    "                          warn, rewrite (From becomes the account, Reply-To the old From) or\n"
    "                          off; default: as the account has it\n"
    "  --token                 the secret is an OAuth token\n"
    "  --mechanism NAME        PLAIN, LOGIN, SCRAM-SHA-256 ...; default: the best offered\n\n"
    "Before and after:\n"
    "  --dry-run               show route, TLS, envelope, MIME parts and the message; connect to\n"
    "                          nobody\n"
    "  --verify                look for mistakes first (see `smtptool lint`); with an error it is\n"
    "                          not sent\n"
    "  --preflight             ask the DNS first: may the server send for the sender's domain\n"
    "                          (SPF), is our DKIM key published, DMARC, MX, and with --mx our own\n"
    "                          name; what is wrong is told with the record to publish, and the\n"
    "                          mail is not sent\n"
    "  --save-sent URL         put a copy into this mailbox: imaps://user@host/Sent, with the\n"
    "                          login's secret\n"
    "  --no-record             do not note it in the record that `smtptool sent` shows\n"
    "  --record-body           note the whole message there\n\n"
    "Patience (a number and its unit: 500ms, 10s, 5m):\n"
    "  --connect-timeout T     for each address; default 10s\n"
    "  --io-timeout T          for each reply; default 30s. Behind the message it is 10m\n"
    "  --retries N             after a 4xx or a lost connection; default 3. Never after a 5xx\n"
    "  --backoff T             before the first retry, then twice as long; default 5s\n"
    "  --connections N         at the same time, for several --eml; default 20\n"
    "  --messages-per-connection N   default 100\n\n"
    "Output:\n"
    "  -v                      the conversation on stderr (never the secrets), times and TLS:\n"
    "                          -> said, <- heard, ~> <~ inside TLS, <** refused, === what "
    "happens;\n"
    "                          -vv: how long each reply took\n"
    "  --json                  one JSON object for each message: replies, timings, TLS; with -v\n"
    "                          one for each line of the conversation before it\n\n"
    "exit:\n"
    "   0  all recipients were accepted\n"
    "  64  wrong usage               65  the message or an address cannot be sent as it is\n"
    "  66  no such file              67  a recipient was refused for good\n"
    "  68  no such host              69  refused for good, but not for the recipient\n"
    "  75  not now: a 4xx or no connection, and the retries are used up\n"
    "  76  no trusted channel (STARTTLS missing, certificate), or not SMTP; never retried\n"
    "  77  the login was refused     78  the configuration is wrong\n\n"
    "examples:\n"
    "  smtptool send --server mail.example.com --user alice --from alice@example.com \\\n"
    "      --subject Hello --text 'Does it arrive?' bob@example.net\n"
    "  smtptool send --server smtps://mail.example.com --account relay --from me@example.com \\\n"
    "      --subject Report --markdown @r.md --inline logo=l.png --attach r.pdf bob@example.net\n"
    "  smtptool send -v --server 'smtp://127.0.0.1:2525?tls=none' --eml mail.eml bob@example.net\n"
    "  smtptool send --queue -t --eml - < mail.eml\n"
    "  smtptool send --mx --preflight --dkim example.com:s2026:s2026.pem --from a@example.com \\\n"
    "      --subject Hi --text Hello bob@example.net\n"
    "  smtptool send --dry-run --from a@example.com --subject Test --text Hi b@example.net\n";

static void add_item(void *arg, const char *value)
{
    struct cli_send_message_list *list = arg;
    list->items[list->count++] = value;
}

/* ---- the messages ----------------------------------------------------------------------- */

static bool has_parts(const struct cli_send_message_args *m)
{
    return m->subject || m->ready_text.ptr || m->ready_html.ptr || m->text || m->text_file ||
           m->html || m->html_file || m->markdown || m->reply_to || m->inlines.count ||
           m->attachments.count || m->headers.count;
}

static err check_parts(struct cli_send *run)
{
    const struct cli_send_message_args *m = &run->message;
    bool parts = has_parts(m);
    if (run->files.count == 0 && m->header_recipients && !parts)
        add_item(&run->files, "-"); /* as sendmail -t has it */
    if (run->files.count && parts)
        return err_new(ERR_CONFIG, "--eml is a whole message: without --subject, --text, --html, "
                                   "--markdown, --reply-to, --inline, --attach and --header");
    if (m->utf8 && run->files.count)
        return err_new(ERR_CONFIG, "--utf8 is for a message that is composed: --eml goes as it is");
    if (run->files.count == 0 && !parts)
        return err_new(ERR_CONFIG, "what shall be sent? --subject and --text, or --eml FILE");
    if (cli_send_compose_stdin_count(m) > 1)
        return err_new(ERR_CONFIG, "\"-\": stdin can be one of them only");
    if (m->key && (*m->key == '\0' || strlen(m->key) > CLI_SENT_KEY_BYTES_MAX))
        return err_new(ERR_CONFIG, "--idempotency-key: 1 to %d bytes", CLI_SENT_KEY_BYTES_MAX);
    if (m->key && run->files.count > 1)
        return err_new(ERR_CONFIG, "--idempotency-key: for one message, not for several --eml");
    return m->key ? cli_send_message_check("--idempotency-key", str_of(m->key)) : NULL;
}

static err take_bcc_out(struct buf *content)
{
    CLEANUP(buf_release) struct buf without;
    buf_init(&without, content->max);
    TRY(message_recipients_add_without_bcc(buf_str(content), &without));
    struct buf before = *content;
    *content = without;
    without = before;
    return NULL;
}

static err read_content(struct cli_send *run, size_t i)
{
    struct buf *content = &run->contents[i];
    const char *warning = NULL;
    buf_init(content, (size_t)CLI_SEND_MESSAGE_BYTES_MAX * 2);
    run->names[i] = run->files.count ? run->files.items[i] : "message";
    if (run->files.count)
        TRY(cli_send_compose_read(run->names[i], content, &warning));
    else
        TRY(cli_send_compose(&run->message, content));
    if (warning && !run->cli->quiet && !run->message.header_recipients)
        cli_fail("%s: %s", run->names[i], warning);
    return NULL;
}

static err make_mail(struct cli_send *run, size_t i)
{
    struct client_mail *mail = &run->mails[i];
    struct buf *content = &run->contents[i];
    TRY(read_content(run, i));
    if (run->sender)
        TRY(cli_send_from_fit(run->sender, run->names[i], run->cli->quiet, content));
    mail->arena = arena_open(CLI_SEND_ARENA_BYTES_MAX);
    TRY(cli_send_message_envelope(&run->message, buf_str(content), mail->arena, &mail->envelope));
    if (run->message.header_recipients)
        TRY(take_bcc_out(content));
    TRY(cli_send_sign(run, content));
    mail->content = buf_str(content);
    mail->found = mail->envelope->found;
    mail->verdicts = ARENA_ARRAY(mail->arena, struct smtp_verdict, mail->envelope->rcpt_count);
    return run->verify ? cli_send_check_lint(run, mail, run->names[i]) : NULL;
}

static err make_mails(struct cli_send *run)
{
    run->count = run->files.count ? run->files.count : 1;
    run->mails = mem_alloc(run->count * sizeof *run->mails);
    run->contents = mem_alloc(run->count * sizeof *run->contents);
    run->names = mem_alloc(run->count * sizeof *run->names);
    run->message.hostname = run->options.hello;
    for (size_t i = 0; i < run->count; i++)
        TRY(make_mail(run, i));
    return NULL;
}

/* ---- the record ------------------------------------------------------------------------- */

static err open_record(const struct cli_send *run, struct cli_sent **ret_sent)
{
    char path[CLI_USER_FOLDER_CHARS];
    if (run->no_record && run->message.key)
        return err_new(ERR_CONFIG, "--idempotency-key needs the record: without --no-record");
    if (run->no_record)
        return NULL;
    err e = cli_user_folder_file(CLI_USER_FOLDER_STATE, "sent.db", path);
    if (e == NULL)
        e = cli_sent_open(path, true, ret_sent);
    if (e && run->message.key)
        return err_wrap(e, "--idempotency-key");
    if (e && run->cli->verbose > 0)
        cli_fail_err(e, "it is not noted for `smtptool sent`");
    err_forget();
    return NULL;
}

/* False in *ret_go: all have it. */
static err claim(struct cli_send *run, struct cli_sent *sent, bool *ret_go)
{
    str key = str_of(run->message.key);
    size_t open;
    *ret_go = true;
    if (key.len == 0)
        return NULL;
    TRY(cli_sent_claim(sent, key));
    TRY(cli_sent_settle(sent, key, &run->mails[0], &open));
    *ret_go = open > 0;
    return NULL;
}

static void note(const struct cli_send *run, struct cli_sent *sent)
{
    for (size_t i = 0; sent && i < run->count; i++) {
        const struct client_mail *mail = &run->mails[i];
        str server = str_of(mail->address);
        if (cli_sent_note(sent, str_of(run->message.key), mail, server, run->record_body) == NULL)
            continue;
        cli_fail("%s: it is not noted for `smtptool sent`", run->names[i]);
        err_forget();
    }
}

/* What a server took or refused counts with its provider; what never came that far does not. */
static void count_use(const struct cli_send *run)
{
    size_t messages = 0, rcpts = 0;
    for (size_t i = 0; i < run->count && run->sender; i++) {
        const struct client_mail *mail = &run->mails[i];
        bool went = mail->times.transaction >= 0;
        messages += went;
        rcpts += went ? mail->envelope->rcpt_count : 0;
    }
    if (run->sender)
        cli_use_count(run->sender, &run->options, messages, rcpts);
}

/* ---- doing it --------------------------------------------------------------------------- */

/* The two ways out of a certificate that is not trusted; and who must be there for --queue. */
static void hint(const struct cli_send *run)
{
    if (run->queue && !run->cli->quiet && run->count > 0 && run->mails[0].address[0] == '\0' &&
        run->mails[0].why[0] != '\0')
        fputs("    (--queue hands mail to `smtptool serve` on this machine: does it run?)\n",
              stderr);
    for (size_t i = 0; i < run->count && !run->cli->quiet && !run->ca_file; i++) {
        if (!str_contains(str_of(run->mails[i].why), S("certificate")))
            continue;
        fputs("    (--ca-file FILE trusts the roots in FILE; ?tls=opportunistic at the end of the "
              "URL trusts anybody)\n",
              stderr);
        return;
    }
}

static void show(const struct cli_send *run, const struct cli_send_report *report)
{
    for (size_t i = 0; i < run->count; i++) {
        cli_send_report_facts(report, &run->mails[i]);
        if (run->cli->json)
            cli_send_report_json(&run->mails[i], run->names[i], &run->options.hop);
        else
            cli_send_report_text(&run->mails[i], run->names[i], run->count > 1);
    }
    hint(run);
}

static err go(struct cli_send *run, struct cli_sent *sent)
{
    struct cli_send_report report = {.color = cli_color(STDERR_FILENO),
                                     .json = run->cli->json,
                                     .verbose = run->cli->verbose,
                                     .quiet = run->cli->quiet,
                                     .out = stderr};
    bool open;
    TRY(claim(run, sent, &open));
    err e = open ? cli_send_go(run, &report) : NULL;
    if (e == NULL && open) {
        note(run, sent);
        count_use(run);
    }
    if (run->message.key)
        cli_sent_unclaim(sent, str_of(run->message.key));
    if (e == NULL)
        show(run, &report);
    if (e == NULL && open && run->save_sent)
        return cli_save_sent(run);
    return e;
}

static err send_all(struct cli_send *run)
{
    struct cli_sent *sent = NULL;
    TRY(open_record(run, &sent));
    err e = go(run, sent);
    cli_sent_close(sent);
    return e;
}

static int fail(err e, int exit)
{
    char why[1024];
    cli_describe(e, why, sizeof why);
    cli_fail("%s", why);
    return e->kind == ERR_CONFIG ? exit : cli_exit_of(e);
}

static int prepare_and_send(struct cli_send *run)
{
    run->config = cli_config(run->cli);
    if (run->config == NULL)
        return CLI_CONFIG;
    err e = cli_send_server_read(run);
    if (e == NULL)
        e = cli_send_template_render(&run->template, run->arena, &run->message);
    if (e == NULL)
        e = check_parts(run);
    if (e == NULL && run->save_sent)
        e = cli_save_sent_check(run);
    if (e == NULL && !run->dry_run)
        e = cli_send_login_check(run);
    if (e)
        return fail(e, CLI_USAGE);
    e = make_mails(run);
    if (e)
        return fail(e, CLI_DATA);
    if (run->preflight)
        e = cli_send_preflight(run);
    if (e)
        return fail(e, CLI_DATA);
    for (size_t i = 0; run->dry_run && i < run->count; i++)
        cli_send_plan_show(run, &run->mails[i], run->names[i]);
    if (!run->dry_run)
        e = send_all(run);
    return e ? fail(e, CLI_CONFIG) : cli_send_report_exit(run->outcome);
}

static void release(struct cli_send *run)
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
    config_close(run->own);
    config_close(run->config);
    arena_close(run->arena); /* run lives in it */
}

/* ---- options ---------------------------------------------------------------------------- */

enum option_kind { OPTION_VALUE, OPTION_LIST, OPTION_FLAG };

static const struct {
    const char *name;
    enum option_kind kind;
    size_t offset; /* in struct cli_send */
} send_options[] = {
    {"from",                    OPTION_VALUE, offsetof(struct cli_send, message.from)         },
    {"to",                      OPTION_LIST,  offsetof(struct cli_send, message.to)           },
    {"cc",                      OPTION_LIST,  offsetof(struct cli_send, message.cc)           },
    {"bcc",                     OPTION_LIST,  offsetof(struct cli_send, message.bcc)          },
    {"header",                  OPTION_LIST,  offsetof(struct cli_send, message.headers)      },
    {"eml",                     OPTION_LIST,  offsetof(struct cli_send, files)                },
    {"subject",                 OPTION_VALUE, offsetof(struct cli_send, message.subject)      },
    {"text",                    OPTION_VALUE, offsetof(struct cli_send, message.text)         },
    {"html",                    OPTION_VALUE, offsetof(struct cli_send, message.html)         },
    {"markdown",                OPTION_VALUE, offsetof(struct cli_send, message.markdown)     },
    {"reply-to",                OPTION_VALUE, offsetof(struct cli_send, message.reply_to)     },
    {"envelope-from",           OPTION_VALUE, offsetof(struct cli_send, message.envelope_from)},
    {"utf8",                    OPTION_FLAG,  offsetof(struct cli_send, message.utf8)         },
    {"template",                OPTION_LIST,  offsetof(struct cli_send, template.files)       },
    {"var",                     OPTION_LIST,  offsetof(struct cli_send, template.vars)        },
    {"dkim",                    OPTION_LIST,  offsetof(struct cli_send, keys)                 },
    {"idempotency-key",         OPTION_VALUE, offsetof(struct cli_send, message.key)          },
    {"dsn",                     OPTION_VALUE, offsetof(struct cli_send, message.notify)       },
    {"at",                      OPTION_VALUE, offsetof(struct cli_send, message.at)           },
    {"expire",                  OPTION_VALUE, offsetof(struct cli_send, message.expire)       },
    {"verify",                  OPTION_FLAG,  offsetof(struct cli_send, verify)               },
    {"preflight",               OPTION_FLAG,  offsetof(struct cli_send, preflight)            },
    {"save-sent",               OPTION_VALUE, offsetof(struct cli_send, save_sent)            },
    {"no-record",               OPTION_FLAG,  offsetof(struct cli_send, no_record)            },
    {"record-body",             OPTION_FLAG,  offsetof(struct cli_send, record_body)          },
    {"prefer",                  OPTION_VALUE, offsetof(struct cli_send, prefer)               },
    {"mx",                      OPTION_FLAG,  offsetof(struct cli_send, mx)                   },
    {"mx-port",                 OPTION_VALUE, offsetof(struct cli_send, mx_port)              },
    {"queue",                   OPTION_FLAG,  offsetof(struct cli_send, queue)                },
    {"now",                     OPTION_FLAG,  offsetof(struct cli_send, now)                  },
    {"text-file",               OPTION_VALUE, offsetof(struct cli_send, message.text_file)    },
    {"flowed",                  OPTION_FLAG,  offsetof(struct cli_send, message.flowed)       },
    {"html-file",               OPTION_VALUE, offsetof(struct cli_send, message.html_file)    },
    {"inline",                  OPTION_LIST,  offsetof(struct cli_send, message.inlines)      },
    {"attach",                  OPTION_LIST,  offsetof(struct cli_send, message.attachments)  },
    {"dsn-notify",              OPTION_VALUE, offsetof(struct cli_send, message.notify)       },
    {"dsn-ret",                 OPTION_VALUE, offsetof(struct cli_send, message.ret)          },
    {"envid",                   OPTION_VALUE, offsetof(struct cli_send, message.envid)        },
    {"priority",                OPTION_VALUE, offsetof(struct cli_send, message.priority)     },
    {"by",                      OPTION_VALUE, offsetof(struct cli_send, message.by)           },
    {"hold-for",                OPTION_VALUE, offsetof(struct cli_send, message.hold_for)     },
    {"hold-until",              OPTION_VALUE, offsetof(struct cli_send, message.hold_until)   },
    {"requiretls",              OPTION_FLAG,  offsetof(struct cli_send, message.requiretls)   },
    {"dry-run",                 OPTION_FLAG,  offsetof(struct cli_send, dry_run)              },
    {"server",                  OPTION_VALUE, offsetof(struct cli_send, server)               },
    {"ca-file",                 OPTION_VALUE, offsetof(struct cli_send, ca_file)              },
    {"hello",                   OPTION_VALUE, offsetof(struct cli_send, hello)                },
    {"dns-zone",                OPTION_VALUE, offsetof(struct cli_send, dns_zone)             },
    {"user",                    OPTION_VALUE, offsetof(struct cli_send, user)                 },
    {"password-file",           OPTION_VALUE, offsetof(struct cli_send, password_file)        },
    {"password-command",        OPTION_VALUE, offsetof(struct cli_send, password_command)     },
    {"secret",                  OPTION_VALUE, offsetof(struct cli_send, secret)               },
    {"account",                 OPTION_VALUE, offsetof(struct cli_send, account)              },
    {"from-policy",             OPTION_VALUE, offsetof(struct cli_send, from_policy)          },
    {"token",                   OPTION_FLAG,  offsetof(struct cli_send, token)                },
    {"mechanism",               OPTION_VALUE, offsetof(struct cli_send, mechanism)            },
    {"connect-timeout",         OPTION_VALUE, offsetof(struct cli_send, connect_timeout)      },
    {"io-timeout",              OPTION_VALUE, offsetof(struct cli_send, io_timeout)           },
    {"retries",                 OPTION_VALUE, offsetof(struct cli_send, retries)              },
    {"backoff",                 OPTION_VALUE, offsetof(struct cli_send, backoff)              },
    {"connections",             OPTION_VALUE, offsetof(struct cli_send, connections)          },
    {"messages-per-connection", OPTION_VALUE, offsetof(struct cli_send, per_connection)       },
};

static int parse(struct cli_send *run, int argc, char **argv, int *ret_exit)
{
    struct cli_option *options =
        ARENA_ARRAY(run->arena, struct cli_option, ARRAY_LEN(send_options) + 1);
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
    options[ARRAY_LEN(send_options)] = (struct cli_option){
        .name = "read-recipients", .letter = 't', .flag = &run->message.header_recipients};
    return cli_parse(run->cli, run->cli->command, options, ARRAY_LEN(send_options) + 1, argc, argv,
                     ret_exit);
}

int cmd_send(struct cli *cli, int argc, char **argv)
{
    struct arena *arena = arena_open(CLI_SEND_ARENA_BYTES_MAX);
    struct cli_send *run = ARENA_NEW(arena, struct cli_send);
    *run = (struct cli_send){.cli = cli, .arena = arena};
    struct cli_send_message_list *lists[] = {
        &run->message.to,      &run->message.cc,          &run->message.bcc, &run->message.headers,
        &run->message.inlines, &run->message.attachments, &run->files,       &run->keys,
        &run->template.files,  &run->template.vars};
    int code = CLI_USAGE;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        lists[i]->items = ARENA_ARRAY(arena, const char *, (size_t)argc + 2);
    buf_init(&run->password, SECRET_BYTES_MAX);
    int first = parse(run, argc, argv, &code);
    for (int i = first; first >= 0 && i < argc; i++)
        add_item(&run->message.to, argv[i]);
    if (first >= 0)
        code = prepare_and_send(run);
    release(run);
    return code;
}
