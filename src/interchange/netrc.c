#include "interchange/netrc.h"
#include "base/mem.h"
#include "config/tls_word.h"
#include "secret/netrc_words.h"

struct reader {
    struct interchange_import *import;
    struct secret_netrc_words words;
    size_t begun; /* the line where the entry begins */
    bool inside;  /* an entry is being read */
    str host, login, password, port;
};

static err take_value(struct reader *r, str *ret_value)
{
    bool there;
    TRY(secret_netrc_words_next(&r->words, &there));
    if (!there)
        return err_new(ERR_CONFIG, "a word is missing at the end");
    *ret_value = arena_str(r->import->arena, secret_netrc_words_last(&r->words));
    return NULL;
}

/* ---- what an entry is ------------------------------------------------------------------- */

/* A number, or the name of a service. */
static bool read_port(str word, struct interchange_import_server *s)
{
    enum config_tls_word meaning = config_tls_word_of(word);
    if (str_eq_nocase(word, S("smtp")))
        s->port = 25;
    else if (meaning == CONFIG_TLS_WORD_IMPLICIT)
        s->port = 465;
    else if (meaning == CONFIG_TLS_WORD_STARTTLS)
        s->port = 587;
    else if (!str_to_u64(word, 65535, &s->port))
        s->port = 0;
    return s->port == 25 || s->port == 465 || s->port == 587 || s->port == 2525;
}

/* "smtp.example.com", "mail.example.com", "email-smtp.eu-west-1.example.com". */
static bool sounds_like_mail(str host)
{
    str first, rest;
    str_split(host, '.', &first, &rest);
    return rest.len > 0 && (str_contains(first, S("smtp")) || str_eq(first, S("mail")) ||
                            str_starts(first, S("submission")));
}

static bool is_mail(const struct reader *r, struct interchange_import_server *s)
{
    const struct interchange_import *m = r->import;
    bool port = read_port(r->port, s);
    if (m->only.len > 0)
        return str_eq_nocase(m->only, r->host);
    if (r->port.len > 0 && !port)
        return false;
    return port || sounds_like_mail(r->host) || (m->known_host && m->known_host(m->arg, r->host));
}

/* True: the password is the account's now. */
static bool add_account(struct reader *r, const struct interchange_import_server *s)
{
    struct interchange_import *m = r->import;
    struct interchange_account a = {.name = r->host, .line = r->begun, .user = r->login};
    if (r->login.len == 0 || r->password.len == 0) {
        interchange_import_note(m, r->begun, r->host, "its login or its password is missing");
        return false;
    }
    if (!interchange_import_url(m, s, &a.server))
        return false;
    a.secret = r->password;
    a.secret_clear = !m->home_netrc;
    if (m->home_netrc)
        a.secret = arena_printf(m->arena, "netrc:%.*s/%.*s", STR_ARG(r->host), STR_ARG(r->login));
    return interchange_import_add(m, &a) && a.secret_clear;
}

static void end_entry(struct reader *r)
{
    struct interchange_import *m = r->import;
    struct interchange_import_server s = {.line = r->begun, .option = S("machine")};
    if (!r->inside)
        return;
    bool mail = is_mail(r, &s);
    s.host = r->host;
    s.tls = s.port == 465 ? INTERCHANGE_TLS_IMPLICIT : INTERCHANGE_TLS_STARTTLS;
    bool kept = mail && add_account(r, &s);
    if (!mail && m->only.len == 0)
        interchange_import_note(m, r->begun, r->host,
                                "not known as a mail server: --account %.*s takes it",
                                STR_ARG(str_slice(r->host, 0, 200)));
    if (!kept)
        mem_wipe((char *)r->password.ptr, r->password.len);
    r->inside = false;
}

/* ---- the file --------------------------------------------------------------------------- */

static err begin_machine(struct reader *r)
{
    end_entry(r);
    r->begun = (size_t)r->words.line;
    r->login = r->password = r->port = (str){0};
    TRY(take_value(r, &r->host));
    r->inside = true;
    return NULL;
}

static void begin_default(struct reader *r)
{
    end_entry(r);
    r->login = r->password = r->port = (str){0};
    interchange_import_note(r->import, (size_t)r->words.line, S("default"),
                            "it is for every host, and an account has one");
}

static err take_word(struct reader *r)
{
    str word = secret_netrc_words_last(&r->words), ignored;
    if (str_starts(word, S("#")))
        secret_netrc_words_skip_line(&r->words);
    else if (str_eq(word, S("macdef")))
        secret_netrc_words_skip_macro(&r->words);
    else if (str_eq(word, S("default")))
        begin_default(r);
    else if (str_eq(word, S("machine")))
        return begin_machine(r);
    else if (str_eq(word, S("login")) || str_eq(word, S("user")))
        return take_value(r, &r->login);
    else if (str_eq(word, S("password")))
        return take_value(r, &r->password);
    else if (str_eq(word, S("port")))
        return take_value(r, &r->port);
    else if (str_eq(word, S("account")))
        return take_value(r, &ignored);
    else
        return err_new(ERR_CONFIG, "not a word of a netrc");
    return NULL;
}

static err read_words(struct reader *r)
{
    for (;;) {
        bool there;
        TRY(secret_netrc_words_next(&r->words, &there));
        if (!there)
            break;
        TRY(take_word(r));
    }
    end_entry(r);
    return NULL;
}

err interchange_netrc_read(struct interchange_import *m, str text)
{
    struct reader *r = MEM_NEW(struct reader);
    *r = (struct reader){
        .import = m, .words = {.rest = text, .line = 1}
    };
    err e = read_words(r);
    int line = r->words.line;
    mem_wipe(r, sizeof *r);
    mem_free(r);
    return e ? err_wrap(e, "line %d", line) : NULL;
}
