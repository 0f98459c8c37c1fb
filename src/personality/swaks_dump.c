#include "personality/swaks_dump.h"
#include "personality/swaks_secure.h"
#include <stdio.h>

struct dump {
    const struct swaks_plan *p;
    struct buf *out;
    bool passwords;
    int width; /* of the names in this section */
};

/* ---- lines ------------------------------------------------------------------------------ */

/* What does not fit is left out: the buf is far larger than what values may be. */
static void line(const struct dump *d, const char *name, str value)
{
    if (buf_addf(d->out, "  %-*s = %.*s\n", d->width, name, STR_ARG(value)) != NULL)
        err_forget();
}

static void flag(const struct dump *d, const char *name, bool set)
{
    line(d, name, set ? S("TRUE") : S("FALSE"));
}

static void number(const struct dump *d, const char *name, int64_t value)
{
    line(d, name, arena_printf(d->p->arena, "%lld", (long long)value));
}

static void more(const struct dump *d, str value)
{
    if (buf_addf(d->out, "  %-*s   %.*s\n", d->width, "", STR_ARG(value)) != NULL)
        err_forget();
}

/* ---- sections --------------------------------------------------------------------------- */

static void dump_output(struct dump *d)
{
    const struct swaks_plan *p = d->p;
    const struct swaks_output *o = p->output;
    static const char *const lapses[] = {"FALSE", "hires", "integer"};
    d->width = 18;
    line(d, "show_time_lapse", str_of(lapses[p->lapse]));
    flag(d, "show_raw_text", p->raw);
    flag(d, "suppress_data", p->suppress_data);
    flag(d, "protect_prompt", p->protect_prompt);
    flag(d, "no_hints_send", o->bare_send);
    flag(d, "no_hints_recv", o->bare_receive);
    flag(d, "no_hints_info", o->bare_says);
    number(d, "silent", o->silence);
    flag(d, "dump_mail", personality_swaks_plan_flag(p, SWAKS_DUMP_MAIL));
    flag(d, "hide_send", o->hide_send);
    flag(d, "hide_receive", o->hide_receive);
    flag(d, "hide_informational", o->hide_says);
    flag(d, "hide_all", o->hide_all);
    line(d, "trans_fh_of",
         o->out == stdout   ? S("STDOUT")
         : o->out == stderr ? S("STDERR")
                            : S("FILE"));
    line(d, "trans_fh_ef",
         o->err == stdout   ? S("STDOUT")
         : o->err == stderr ? S("STDERR")
                            : S("FILE"));
}

static void dump_inet(const struct dump *d)
{
    const struct swaks_plan *p = d->p;
    line(d, "inet protocol", p->ip4 ? S("4") : p->ip6 ? S("6") : S("any"));
    line(d, "server",
         p->server.len ? p->server : arena_printf(p->arena, "(the MX of %.*s)", STR_ARG(p->route)));
    number(d, "port", p->port);
    line(d, "local interface", p->local);
    line(d, "local port",
         p->local_port ? arena_printf(p->arena, "%u", (unsigned)p->local_port) : (str){0});
    line(d, "copy routing", p->copy_routing.len ? p->copy_routing : S("FALSE"));
}

static void dump_transport(struct dump *d)
{
    const struct swaks_plan *p = d->p;
    d->width = 15;
    line(d, "type",
         p->transport == SWAKS_INET   ? S("socket-inet")
         : p->transport == SWAKS_UNIX ? S("socket-unix")
                                      : S("pipe"));
    if (p->transport == SWAKS_INET)
        dump_inet(d);
    else if (p->transport == SWAKS_UNIX)
        line(d, "sockfile", p->socket);
    else
        line(d, "process", p->pipe);
}

static void dump_protocol(struct dump *d)
{
    const struct swaks_plan *p = d->p;
    static const char *const names[] = {"smtp", "esmtp", "lmtp"};
    d->width = 15;
    line(d, "protocol", str_of(names[p->protocol]));
    line(d, "helo", p->hello);
    line(d, "from", p->from);
    line(d, "to", p->to);
    if (p->cc.len)
        line(d, "cc", p->cc);
    if (p->bcc.len)
        line(d, "bcc", p->bcc);
    flag(d, "force getpwuid", p->force_getpwuid);
    line(d, "quit after", p->quit_word);
    line(d, "drop after", p->drop_word);
    line(d, "drop after send", p->drop_send_word);
    flag(d, "server_only", p->server_only);
    number(d, "timeout", p->timeout_ms / 1000);
    flag(d, "pipeline", p->pipeline);
    flag(d, "prdr", p->prdr);
}

static void dump_xclient(struct dump *d)
{
    const struct swaks_xclient *x = &d->p->xclient;
    static const char *const needs[] = {"no", "required", "optional", "optional-strict"};
    d->width = x->need == SWAKS_NOT_WANTED ? 7 : 15;
    line(d, "xclient", str_of(needs[x->need]));
    if (x->need == SWAKS_NOT_WANTED)
        return;
    flag(d, "no_verify", x->no_verify);
    flag(d, "before starttls", x->early);
    for (size_t i = 0; i < x->string_count; i++) {
        str text = arena_printf(d->p->arena, "XCLIENT %.*s", STR_ARG(x->strings[i]));
        if (i == 0)
            line(d, "strings", text);
        else
            more(d, text);
    }
}

static void dump_proxy(struct dump *d)
{
    const struct swaks_proxy *x = &d->p->proxy;
    d->width = x->wanted ? 11 : 5;
    line(d, "proxy", x->wanted ? S("yes") : S("no"));
    if (!x->wanted)
        return;
    number(d, "version", x->version);
    if (x->raw.len) {
        line(d, "raw string", x->raw);
        return;
    }
    line(d, "family", x->family);
    line(d, "source", x->source);
    line(d, "source port", x->source_port);
    line(d, "dest", x->dest);
    line(d, "dest port", x->dest_port);
    line(d, "protocol", x->protocol);
    line(d, "command", x->command);
}

static void dump_tls(struct dump *d)
{
    const struct swaks_tls *t = &d->p->tls;
    static const char *const needs[] = {"", "required", "optional", "optional-strict"};
    str versions = {0};
    d->width = t->need == SWAKS_NOT_WANTED && !t->on_connect ? 3 : 19;
    if (d->width == 3) {
        line(d, "tls", S("no"));
        return;
    }
    for (size_t i = 0; i < TLS_TOOL_VERSIONS; i++)
        versions = arena_printf(d->p->arena, "%.*s%s%s", STR_ARG(versions), i ? ", " : "",
                                personality_swaks_secure_versions[i]);
    line(d, "tls",
         t->on_connect ? S("on connect (required)")
                       : arena_printf(d->p->arena, "starttls (%s)", needs[t->need]));
    line(d, "peer cert", t->show_cert ? (t->cert_path.len ? t->cert_path : S("STDOUT")) : (str){0});
    line(d, "local cert", t->options.certificate);
    line(d, "local key", t->options.key);
    line(d, "local cipher list", t->options.ciphers);
    line(d, "ca path", t->options.ca);
    line(d, "sni string", t->options.sni);
    flag(d, "verify server cert", t->options.verify);
    line(d, "available protocols", versions);
    line(d, "requested protocols", t->protocols);
}

static str type_list(const struct dump *d)
{
    const struct swaks_auth *a = &d->p->auth;
    str list = {0};
    for (size_t i = 0; i < a->type_count; i++)
        list = arena_printf(d->p->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "",
                            STR_ARG(a->types[i].name));
    return list;
}

static void dump_map(const struct dump *d)
{
    const char *type;
    for (size_t i = 0; (type = personality_swaks_secure_type(i)) != NULL; i++) {
        str names = personality_swaks_secure_aliases(d->p, type);
        str text = arena_printf(d->p->arena, "%s = %.*s", type, STR_ARG(names));
        if (i == 0)
            line(d, "type map", text);
        else
            more(d, text);
    }
}

static void dump_auth(struct dump *d)
{
    const struct swaks_auth *a = &d->p->auth;
    static const char *const needs[] = {"no", "required", "optional", "optional-strict"};
    d->width = a->need == SWAKS_NOT_WANTED ? 4 : 14;
    line(d, "auth", str_of(needs[a->need]));
    if (a->need == SWAKS_NOT_WANTED)
        return;
    str password = d->passwords ? a->password : S("PROVIDED_BUT_REMOVED");
    line(d, "username", arena_printf(d->p->arena, "'%.*s'", STR_ARG(a->user)));
    line(d, "password", arena_printf(d->p->arena, "'%.*s'", STR_ARG(password)));
    flag(d, "show plaintext", a->show_plain);
    line(d, "hide password", a->hide ? a->hidden : S("FALSE"));
    line(d, "allowed types", type_list(d));
    line(d, "extras", a->extra);
    dump_map(d);
}

static const struct {
    const char *name, *title;
    void (*write)(struct dump *);
} sections[] = {
    {"OUTPUT",    "Output Info",           dump_output   },
    {"TRANSPORT", "Transport Info",        dump_transport},
    {"PROTOCOL",  "Protocol Info",         dump_protocol },
    {"XCLIENT",   "XCLIENT Info",          dump_xclient  },
    {"PROXY",     "PROXY Info",            dump_proxy    },
    {"TLS",       "TLS / Encryption Info", dump_tls      },
    {"AUTH",      "Authentication Info",   dump_auth     },
};

static bool is_wanted(str wanted, const char *name)
{
    bool any = false;
    while (wanted.len) {
        str one;
        str_split(wanted, ',', &one, &wanted);
        one = str_trim(one);
        any |= one.len > 0;
        if (str_eq_nocase(one, S("ALL")) || str_eq_nocase(one, str_of(name)))
            return true;
    }
    return !any;
}

static void begin(const struct dump *d, const char *title)
{
    if (buf_addf(d->out, "%s%s:\n", d->out->len ? "\n" : "", title) != NULL)
        err_forget();
}

static void write_sections(struct dump *d, str wanted)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!is_wanted(wanted, sections[i].name))
            continue;
        begin(d, sections[i].title);
        sections[i].write(d);
    }
}

err personality_swaks_dump_text(struct swaks_plan *p, str wanted, bool passwords, str *ret_text)
{
    struct buf out;
    buf_init(&out, SWAKS_DUMP_BYTES_MAX);
    struct dump d = {.p = p, .out = &out, .passwords = passwords};
    write_sections(&d, wanted);
    *ret_text = arena_printf(p->arena, "%.*s\n", STR_ARG(buf_str(&out)));
    buf_release(&out);
    return NULL;
}

/* ---- what we can ------------------------------------------------------------------------ */

static const char *const abilities[] = {
    "Basic AUTH",
    "Date Manipulation",
    "High Resolution Timing",
    "IPv6",
    "Local Hostname Detection",
    "MX Routing",
    "Netrc Credentials",
    "PROXY v1 and v2",
    "Pipe Transport",
    "Socket Transport",
    "TLS",
};

void personality_swaks_dump_support(struct swaks_output *o)
{
    const char *reason, *name;
    for (size_t i = 0; (name = personality_swaks_secure_type(i)) != NULL; i++)
        personality_swaks_output_say(o, SWAKS_SAYS, "AUTH %s supported", name);
    for (size_t i = 0; (name = personality_swaks_secure_absent(i, &reason)) != NULL; i++)
        personality_swaks_output_say(o, SWAKS_FAILS, "AUTH %s not available: %s", name, reason);
    for (size_t i = 0; i < ARRAY_LEN(abilities); i++)
        personality_swaks_output_say(o, SWAKS_SAYS, "%s supported", abilities[i]);
}

static void write_app(struct dump *d, str wanted, str command)
{
    if (!is_wanted(wanted, "APP"))
        return;
    begin(d, "App Info");
    d->width = 8;
    line(d, "X-Mailer", S("smtptool " SMTPTOOL_VERSION " (swaks)"));
    line(d, "Cmd Line", command);
}

void personality_swaks_dump_print(struct swaks_plan *p, str wanted, str command)
{
    struct buf out;
    buf_init(&out, SWAKS_DUMP_BYTES_MAX);
    struct dump d = {.p = p, .out = &out, .passwords = true};
    if (is_wanted(wanted, "SUPPORT")) {
        personality_swaks_dump_support(p->output);
        fputs("\n", p->output->out);
    }
    write_app(&d, wanted, command);
    write_sections(&d, wanted);
    bool data = is_wanted(wanted, "DATA");
    if (data)
        begin(&d, "DATA Info");
    fwrite(out.ptr, 1, out.len, p->output->out);
    if (data)
        fprintf(p->output->out, "  data = <<.\n%.*s\n", STR_ARG(p->data));
    fflush(p->output->out);
    buf_release(&out);
}
