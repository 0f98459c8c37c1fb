#include "personality/swaks.h"
#include "base/mem.h"
#include "dns/unbound.h"
#include "personality/swaks_dialog.h"
#include "personality/swaks_dump.h"
#include "personality/swaks_link.h"
#include "personality/swaks_secure.h"
#include "personality/swaks_source.h"
#include "runtime/loop.h"
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

const char personality_swaks_help[] =
    "usage: smtptool swaks [OPTION]...        (or a link named swaks to smtptool)\n"
    "\n"
    "One SMTP transaction with every line shown, with swaks's options. The most used of them:\n"
    "\n"
    "  -s, --server HOST[:PORT]   where to (default: the MX of the last recipient)\n"
    "  -t, --to A[,B]  -f, --from A  --cc A  --bcc A  -h, --helo NAME\n"
    "  --socket FILE  --pipe \"COMMAND\"   a Unix socket, or a program, in place of a server\n"
    "  --protocol SMTP|ESMTP|LMTP|...   with S for TLS and A for a login behind\n"
    "  -tls, -tlso, -tlsos, -tlsc       STARTTLS: required, optional, strict; TLS from the start\n"
    "  -a, --auth [TYPE,...]  -au USER  -ap PASSWORD  -apt (show it decoded)  -ahp (hide it)\n"
    "  -q, --quit-after POINT  -da, --drop-after POINT  -das, --drop-after-send POINT\n"
    "                             CONNECT, HELO, TLS, AUTH, MAIL, RCPT; drop: DATA, DOT, too\n"
    "  -d, --data TEXT|@FILE|-   --body TEXT|@FILE|-   --attach @FILE   --header \"NAME: VALUE\"\n"
    "  --h-NAME VALUE   --add-header \"NAME: VALUE\"\n"
    "  -n (count the lines of the message)  -stl (time of each reply)  -raw (hex)  -S [1|2|3]\n"
    "  --dump [SECTION]  --dump-mail  --support  --version\n"
    "\n"
    "Options also come from $SWAKS_HOME/.swaksrc, ~/.swaksrc and SWAKS_OPT_name variables.\n"
    "All of them: smtptool-swaks(1).\n"
    "\n"
    "examples:\n"
    "  smtptool swaks -t user@example.com -s test.example.net\n"
    "  smtptool swaks -t user@example.com -s mail.example.net:587 -tls -a -au me -q AUTH\n"
    "  smtptool swaks --pipe \"exim -bh 127.0.0.2\" -t user@example.com --quit-after RCPT\n";

extern char **environ;

struct run {
    struct swaks_settings settings;
    struct swaks_values values;
    struct swaks_output output;
    struct swaks_plan plan;
    struct dns_resolver *dns;
    struct tls_client *tls;
    str command; /* as it was given, for --dump */
    int exit;
};

/* ---- telling ---------------------------------------------------------------------------- */

static void tell_deprecated(void *arg, str option)
{
    struct run *run = arg;
    personality_swaks_output_say(&run->output, SWAKS_FAILS,
                                 "DEPRECATION WARNING: Inferring a filename from the argument to "
                                 "--%.*s will be removed in the future.  Prefix filenames with "
                                 "'@' instead.",
                                 STR_ARG(option));
}

/* Names that are nobody's are told before anything else is known, and so without a hint. */
static int fail_options(struct run *run, err e, int exit)
{
    bool bare = str_starts(e->text, S("Unknown option: ")) ||
                str_contains(e->text, S(" is ambiguous (")) ||
                str_contains(e->text, S(" requires an argument"));
    if (bare)
        fprintf(stderr, "%.*s\n", STR_ARG(e->text));
    else
        personality_swaks_output_text(&run->output, SWAKS_FAILS, e->text);
    err_forget();
    return exit;
}

/* ---- sending ---------------------------------------------------------------------------- */

static err open_dns(struct run *run)
{
    struct dns_transport *transport;
    struct dns_unbound_options options = {
        .servers = DNS_UNBOUND_SYSTEM, .validate = DNS_UNBOUND_NO, .local_names = true};
    struct address local;
    bool local_named = run->plan.local.len && address_parse_ip(run->plan.local, &local) != NULL;
    err_forget();
    if (!personality_swaks_link_needs_dns(&run->plan) && !local_named)
        return NULL;
    TRY(dns_unbound_open(&options, &transport));
    run->dns = dns_resolver_open(transport, dns_hosts_read("/etc/hosts"));
    return NULL;
}

static void run_fiber(void *arg)
{
    struct run *run = arg;
    run->exit = personality_swaks_dialog_run(&run->plan, run->dns, run->tls, DEADLINE_NEVER);
    err_forget();
}

static int send_it(struct run *run)
{
    struct swaks_plan *p = &run->plan;
    err e = NULL;
    if (p->tls.need != SWAKS_NOT_WANTED || p->tls.on_connect)
        e = tls_tool_open(&p->tls.options, &run->tls);
    if (e)
        return fail_options(run, e, SWAKS_EXIT_TLS);
    e = open_dns(run);
    if (e)
        return fail_options(run, e, SWAKS_EXIT_CONNECT);
    struct loop *loop = loop_open(NULL);
    loop_run(loop, "swaks", run_fiber, run);
    dns_resolver_close(run->dns);
    loop_close(loop);
    tls_client_close(run->tls);
    return run->exit;
}

/* ---- options ---------------------------------------------------------------------------- */

static void keep_command(struct run *run, struct arena *arena, int argc, char **argv)
{
    str line = S("swaks");
    for (int i = 1; i < argc; i++)
        line = arena_printf(arena, "%.*s %s%s%s", STR_ARG(line), argv[i][0] == '-' ? "" : "'",
                            argv[i], argv[i][0] == '-' ? "" : "'");
    run->command = line;
}

static void print_mail(const struct run *run)
{
    str mail = run->plan.data;
    if (mail.len >= 3 && str_eq(str_from(mail, mail.len - 3), S("\r\n.")))
        mail.len -= 3;
    fwrite(mail.ptr, 1, mail.len, run->output.out);
}

/* What ends it before a plan is made. False: nothing does. */
static bool only_tells(struct run *run)
{
    const struct swaks_settings *s = &run->settings;
    if (personality_swaks_option_given(s, SWAKS_HELP))
        fputs(personality_swaks_help, stdout);
    else if (personality_swaks_option_given(s, SWAKS_VERSION))
        puts("smtptool " SMTPTOOL_VERSION " as swaks");
    else if (personality_swaks_option_given(s, SWAKS_SUPPORT))
        personality_swaks_dump_support(&run->output);
    else
        return false;
    return true;
}

static int carry_out(struct run *run)
{
    str sections = {0};
    err e = personality_swaks_plan_make(&run->plan);
    if (e)
        return fail_options(run, e, run->plan.exit);
    if (personality_swaks_option_given(&run->settings, SWAKS_DUMP_MAIL)) {
        print_mail(run);
        return SWAKS_EXIT_OK;
    }
    if (!personality_swaks_option_given(&run->settings, SWAKS_DUMP))
        return send_it(run);
    sections = personality_swaks_option_find(&run->settings, SWAKS_DUMP)->value;
    personality_swaks_dump_print(&run->plan, sections, run->command);
    return SWAKS_EXIT_OK;
}

static int run_options(struct run *run, struct arena *arena, int argc, char **argv)
{
    personality_swaks_output_init(&run->output);
    personality_swaks_option_init(&run->settings, arena);
    run->values = (struct swaks_values){
        .settings = &run->settings, .arena = arena, .deprecated = tell_deprecated, .arg = run};
    run->plan.arena = arena;
    run->plan.values = &run->values;
    run->plan.output = &run->output;
    err e = personality_swaks_source_read(&run->settings, argc, argv, environ);
    if (e)
        return fail_options(run, e, SWAKS_EXIT_OPTIONS);
    keep_command(run, arena, argc, argv); /* without the secrets, which are gone from it by now */
    if (run->settings.deprecated_g)
        personality_swaks_output_say(&run->output, SWAKS_FAILS,
                                     "DEPRECATION WARNING: The -g option is deprecated and will "
                                     "be removed. Please use '--data -' instead.");
    return only_tells(run) ? SWAKS_EXIT_OK : carry_out(run);
}

int personality_swaks_run(int argc, char **argv)
{
    prctl(PR_SET_DUMPABLE, 0); /* no core holds the password */
    signal(SIGCHLD, SIG_IGN);  /* nobody waits for the child of --pipe */
    struct arena *arena = arena_open(SWAKS_ARENA_BYTES_MAX);
    struct run *run = ARENA_NEW(arena, struct run);
    int exit = run_options(run, arena, argc, argv);
    fflush(NULL);
    personality_swaks_output_release(&run->output);
    mem_wipe((char *)(uintptr_t)run->plan.auth.password.ptr, run->plan.auth.password.len);
    arena_close(arena);
    return exit;
}
