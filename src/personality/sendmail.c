#include "personality/sendmail.h"
#include "base/mem.h"
#include "config/value.h"
#include "message/recipients.h"
#include "personality/letter.h"
#include "personality/post.h"
#include "personality/sendmail_option.h"
#include "personality/sendmail_queue.h"
#include "personality/sendmail_smtp.h"
#include "personality/server.h"
#include "secret/secret.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

const char personality_sendmail_help[] =
    "usage: smtptool sendmail [OPTION]... [RECIPIENT]...   (or a link named sendmail)\n"
    "\n"
    "Takes a message from stdin and hands it to the server on this machine (the first listener\n"
    "of role relay in its configuration); when that does not answer, by the account \"default\".\n"
    "Options end at the first recipient.\n"
    "\n"
    "  -t               recipients are those of To, Cc and Bcc, too; Bcc is taken out\n"
    "  -i, -oi          a line with only a dot does not end the message\n"
    "  -f, -r ADDRESS   the envelope sender; default: who runs it, at our hostname\n"
    "  -F NAME          the full name, for a From field that is added\n"
    "  -N never|success,failure,delay   -R hdrs|full   -V ENVID     delivery reports (RFC 3461)\n"
    "  -v               the sender gets a report of delivery: -N success,failure,delay\n"
    "  -XV, -XVxy       a return path of its own for each recipient: "
    "me+bob=example.net@example.com\n"
    "  -O requiretls=yes                verified TLS all the way (RFC 8689)\n"
    "  -bm              take a message: the default\n"
    "  -bs              SMTP on stdin and stdout, spoken with the server on this machine\n"
    "  -bv              say what the server answers to each recipient; nothing is sent\n"
    "  -bp              what waits; the same as mailq\n"
    "  -q  -qISOME_ID  -qRDOMAIN        try it now: all, one message, one destination\n"
    "  -C FILE          the configuration of smtptool\n"
    "\n"
    "Accepted without a meaning: -A -B -G -h -L -m -n -o7 -o8 -om -oX -U -X -qTIME -bh -e -p.\n"
    "docs/sendmail.md says for each option of Postfix's sendmail what is the same.\n"
    "\n"
    "exit: sysexits: 0, 65 data, 67 no such recipient, 69 refused or no server, 75 later, or as\n"
    "Postfix has it for wrong options, 78 configuration\n"
    "\n"
    "examples:\n"
    "  smtptool sendmail -t -i < mail.eml\n"
    "  smtptool sendmail -f me@example.com -- bob@example.net < mail.eml\n";

const char personality_sendmail_mailq_help[] =
    "usage: smtptool mailq        (or a link named mailq; the same as sendmail -bp)\n"
    "\n"
    "Lists what waits in the server on this machine, as Postfix's mailq does: a \"!\" behind the\n"
    "id says that it is held.\n"
    "\n"
    "examples:\n"
    "  smtptool mailq\n"
    "  smtptool mailq -C /etc/smtptool/smtptool.yaml\n";

const char personality_sendmail_newaliases_help[] =
    "usage: smtptool newaliases   (or a link named newaliases; the same as sendmail -bi)\n"
    "\n"
    "Says why there is nothing to do, and exits with 0: addresses are rewritten by no database\n"
    "here, and a change of the configuration is read by \"smtptool serve\" upon SIGHUP.\n"
    "\n"
    "examples:\n"
    "  smtptool newaliases\n";

bool personality_sendmail_option_at(size_t index, struct personality_option *ret_option)
{
    static const struct personality_option options[] = {
        {"f", 'f', true },
        {"r", 'r', true },
        {"F", 'F', true },
        {"N", 'N', true },
        {"R", 'R', true },
        {"V", 'V', true },
        {"O", 'O', true },
        {"C", 'C', true },
        {"t", 't', false},
        {"i", 'i', false},
        {"b", 'b', true },
        {"q", 'q', false},
        {"o", 'o', true },
        {"B", 'B', true },
        {"v", 'v', false},
        {"X", 'X', true },
    };
    if (index >= ARRAY_LEN(options))
        return false;
    *ret_option = options[index];
    return true;
}

struct run {
    struct sendmail_options options;
    struct arena *arena;
    struct config *config;
    struct buf content, mended, secret;
    struct post post;
    str user, full_name; /* who runs it */
};

/* ---- telling ---------------------------------------------------------------------------- */

static void warn(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "sendmail: warning: %s\n", text);
}

static int fatal(int exit, err e)
{
    char why[1024];
    err_reason(e, why, sizeof why);
    fprintf(stderr, "sendmail: fatal: %s\n", why);
    err_forget();
    return exit;
}

/* ---- who and where ---------------------------------------------------------------------- */

static int load(struct run *run)
{
    struct config_errors errors;
    config_errors_init(&errors);
    err e = config_load(str_of(run->options.config), &run->config, &errors);
    if (e) {
        CLEANUP(buf_release) struct buf text;
        buf_init(&text, 1 << 20);
        if (config_errors_print(&errors, &text) == NULL)
            fputs(buf_chars(&text), stderr);
        fprintf(stderr, "sendmail: fatal: the configuration of smtptool cannot be used\n");
        err_forget();
    }
    config_errors_release(&errors);
    return e ? EX_CONFIG : EX_OK;
}

static void find_user(struct run *run)
{
    const struct passwd *who = getpwuid(getuid());
    const char *name = getenv("NAME");
    run->user = who ? arena_str(run->arena, str_of(who->pw_name)) : S("nobody");
    str rest;
    if (run->options.full_name)
        run->full_name = str_of(run->options.full_name);
    else if (name)
        run->full_name = str_of(name);
    else if (who)
        str_split(arena_str(run->arena, str_of(who->pw_gecos)), ',', &run->full_name, &rest);
}

/* "bob" is bob on this machine. */
static str complete(const struct run *run, str address)
{
    if (str_starts(address, S("<")) && str_ends_nocase(address, S(">")))
        address = str_slice(address, 1, address.len - 2);
    if (address.len == 0 || str_find(address, '@') != STR_NONE)
        return address;
    return arena_printf(run->arena, "%.*s@%.*s", STR_ARG(address), STR_ARG(run->config->hostname));
}

static err take_sender(struct run *run, struct envelope *env)
{
    str given = complete(run, run->options.sender ? str_of(run->options.sender) : run->user);
    struct envelope *one = personality_post_envelope(run->arena);
    if (given.len == 0)
        return NULL; /* the null sender */
    TRY(personality_post_add_rcpt(one, given, run->arena));
    env->sender = one->rcpts[0].address;
    return NULL;
}

static err take_rcpts(struct run *run, struct envelope *env, int argc, char **argv)
{
    struct message_recipients found = {0};
    for (int i = run->options.first; i < argc; i++)
        TRY(personality_post_add_rcpt(env, complete(run, str_of(argv[i])), run->arena));
    if (run->options.from_header)
        TRY(message_recipients_read(buf_str(&run->content), run->arena, &found));
    for (size_t i = 0; i < found.count; i++)
        TRY(personality_post_add_rcpt(env, complete(run, found.addresses[i]), run->arena));
    return NULL;
}

static err make_envelope(struct run *run, int argc, char **argv)
{
    struct envelope *env = personality_post_envelope(run->arena);
    const struct sendmail_options *o = &run->options;
    run->post.mail.envelope = env;
    TRY(take_sender(run, env));
    TRY(take_rcpts(run, env, argc, argv));
    for (size_t i = 0; i < env->rcpt_count; i++)
        env->rcpts[i].notify = o->notify;
    env->ret = o->ret;
    env->requiretls = o->requiretls;
    if (o->envid && strlen(o->envid) > ENVELOPE_ENVID_BYTES_MAX)
        return err_new(ERR_CONFIG, "-V: at most %d bytes", ENVELOPE_ENVID_BYTES_MAX);
    env->envid = str_of(o->envid);
    return NULL;
}

static err mend(struct run *run)
{
    struct letter_fields fields = {
        .from = run->post.mail.envelope->sender,
        .full_name = run->full_name,
        .message_id_host = run->config->hostname,
        .date = true,
        .remove_bcc = run->options.from_header,
    };
    if (fields.from.len == 0)
        fields.from =
            arena_printf(run->arena, "MAILER-DAEMON@%.*s", STR_ARG(run->config->hostname));
    TRY(personality_letter_mend(buf_str(&run->content), &fields, run->arena, &run->mended));
    run->post.mail.content = buf_str(&run->mended);
    return NULL;
}

/* ---- sending ---------------------------------------------------------------------------- */

static const struct config_account *default_account(const struct config *config)
{
    for (size_t i = 0; i < config->account_count; i++)
        if (str_eq(config->accounts[i].name, S("default")) && config->accounts[i].hop_count > 0)
            return &config->accounts[i];
    return NULL;
}

static err use_account(struct run *run, const struct config_account *a)
{
    struct client_options *o = &run->post.options;
    o->hop = a->hops[0];
    o->user = a->user;
    o->mechanism = a->mechanism;
    o->token = config_account_has_token(a);
    if (a->user.len == 0)
        return NULL;
    TRY(personality_server()->secret(run->config, a->secret, &run->secret));
    o->secret = buf_str(&run->secret);
    return NULL;
}

static err send_it(struct run *run)
{
    const struct config_account *account = default_account(run->config);
    bool local = personality_server_hop(run->config, run->arena, &run->post.options.hop);
    if (!local && account == NULL)
        return err_new(ERR_CONFIG, "the configuration has no listener of role relay on this "
                                   "machine, and no account named default");
    if (local)
        TRY(personality_post_run(&run->post));
    if (local && (account == NULL || run->post.mail.address[0]))
        return NULL;
    TRY(use_account(run, account));
    return personality_post_run(&run->post);
}

static int tell(const struct run *run)
{
    const struct client_mail *mail = &run->post.mail;
    size_t rcpt = 0;
    const struct smtp_reply *reply = personality_post_reply(&run->post, &rcpt);
    if (mail->outcome == CLIENT_SENT)
        return EX_OK;
    if (reply)
        fprintf(stderr, "sendmail: fatal: <%.*s>: %d %.*s%s%.*s\n",
                STR_ARG(mail->envelope->rcpts[rcpt].address), reply->code, STR_ARG(reply->enhanced),
                reply->enhanced.len ? " " : "", STR_ARG(reply->text));
    else
        fprintf(stderr, "sendmail: fatal: %s\n", mail->why);
    return personality_post_exit(mail->outcome);
}

/* "me+bob=example.net@example.com", for what is sent to bob@example.net */
static str return_path_of(const struct run *run, str sender, str rcpt)
{
    size_t at = str_find_last(sender, '@'), to = str_find_last(rcpt, '@');
    return arena_printf(run->arena, "%.*s%c%.*s%c%.*s%.*s", STR_ARG(str_slice(sender, 0, at)),
                        run->options.verp[0], STR_ARG(str_slice(rcpt, 0, to)), run->options.verp[1],
                        STR_ARG(str_from(rcpt, to + 1)), STR_ARG(str_from(sender, at)));
}

/* One mail for each recipient. The first that fails decides how we end; the others go out. */
static int send_each(struct run *run)
{
    const struct envelope *all = run->post.mail.envelope;
    struct post *before = ARENA_NEW(run->arena, struct post);
    int exit = EX_OK;
    *before = run->post;
    if (all->sender.len == 0)
        return fatal(EX_TEMPFAIL,
                     err_new(ERR_CONFIG, "-V option requires non-null sender address"));
    struct envelope *one = ARENA_NEW(run->arena, struct envelope);
    for (size_t i = 0; i < all->rcpt_count; i++) {
        *one = *all;
        one->rcpts = &all->rcpts[i];
        one->rcpt_count = 1;
        one->sender = return_path_of(run, all->sender, all->rcpts[i].address);
        run->post = *before;
        run->post.mail.envelope = one;
        err e = send_it(run);
        int code = e ? fatal(EX_CONFIG, e) : tell(run);
        exit = exit ? exit : code;
    }
    return exit;
}

static err nobody(const struct run *run)
{
    return err_new(ERR_CONFIG, "%.*s(%ld): %s", STR_ARG(run->user), (long)getuid(),
                   run->options.from_header ? "No recipient addresses found in message header"
                                            : "Recipient addresses must be specified on the "
                                              "command line or via the -t option");
}

static int enqueue(struct run *run, int argc, char **argv)
{
    find_user(run);
    err e = personality_letter_read(STDIN_FILENO, !run->options.dot_is_text, &run->content);
    if (e)
        return fatal(e->kind == ERR_LIMIT ? EX_DATAERR : EX_IOERR, e);
    if ((e = make_envelope(run, argc, argv)))
        return fatal(EX_DATAERR, e);
    if (run->post.mail.envelope->rcpt_count == 0)
        return fatal(EX_TEMPFAIL, nobody(run));
    if ((e = mend(run)))
        return fatal(EX_DATAERR, e);
    if (run->options.verp)
        return send_each(run);
    if ((e = send_it(run)))
        return fatal(EX_CONFIG, e);
    return tell(run);
}

static int verify(struct run *run, int argc, char **argv)
{
    find_user(run);
    err e = make_envelope(run, argc, argv);
    if (e)
        return fatal(EX_DATAERR, e);
    if (!personality_server_hop(run->config, run->arena, &run->post.options.hop))
        return fatal(EX_CONFIG, err_new(ERR_CONFIG, "the configuration has no listener of role "
                                                    "relay on this machine"));
    int exit;
    e = personality_sendmail_smtp_verify(&run->post, &exit);
    return e ? fatal(EX_TEMPFAIL, e) : exit;
}

static int stand_alone(struct run *run)
{
    struct config_hop hop;
    if (!personality_server_hop(run->config, run->arena, &hop))
        return fatal(EX_CONFIG, err_new(ERR_CONFIG, "the configuration has no listener of role "
                                                    "relay on this machine"));
    err e = personality_sendmail_smtp_relay(&hop);
    return e ? fatal(EX_TEMPFAIL, e) : EX_OK;
}

/* ---- the way in ------------------------------------------------------------------------- */

static int carry_out(struct run *run, int argc, char **argv)
{
    const struct sendmail_options *o = &run->options;
    if (o->mode == SENDMAIL_NOTHING)
        return EX_OK;
    if (o->mode == SENDMAIL_ALIASES) {
        puts("newaliases: nothing to do: smtptool keeps no database of aliases");
        return EX_OK;
    }
    int exit = load(run);
    if (exit)
        return exit;
    personality_post_init(&run->post, run->config->hostname, run->arena);
    err e = NULL;
    switch (o->mode) {
    case SENDMAIL_MAILQ:
        e = personality_sendmail_queue_list(run->config);
        break;
    case SENDMAIL_FLUSH:
        e = personality_sendmail_queue_flush(run->config, o->flush_id, o->flush_site);
        break;
    case SENDMAIL_SMTP:
        return stand_alone(run);
    case SENDMAIL_VERIFY:
        return verify(run, argc, argv);
    default:
        return enqueue(run, argc, argv);
    }
    return e ? fatal(EX_UNAVAILABLE, e) : EX_OK;
}

int personality_sendmail_run(int argc, char **argv)
{
    struct arena *arena = arena_open((size_t)LETTER_ARENA_BYTES_MAX * 2);
    struct run *run = ARENA_NEW(arena, struct run);
    run->arena = arena;
    run->options.warn = warn;
    buf_init(&run->content, (size_t)LETTER_BYTES_MAX * 2);
    buf_init(&run->mended, (size_t)LETTER_BYTES_MAX * 2 + (1 << 20));
    buf_init(&run->secret, SECRET_BYTES_MAX);
    int exit;
    err e = personality_sendmail_option_read(argc, argv, &run->options);
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(personality_sendmail_help, stdout);
        exit = EX_OK;
    } else if (e) {
        exit = fatal(EX_TEMPFAIL, e); /* what Postfix's says to it, too */
    } else {
        exit = carry_out(run, argc, argv);
    }
    fflush(NULL);
    config_close(run->config);
    secret_wipe(&run->secret);
    buf_release(&run->content);
    buf_release(&run->mended);
    arena_close(arena);
    return exit;
}
