#include "client/autoconfig.h"
#include <expat.h>
#include <string.h>

struct reader {
    XML_Parser parser;
    struct arena *arena;
    str address;
    struct client_autoconfig config;
    struct client_autoconfig_server server;
    int depth;
    bool is_config, inside; /* the root is clientConfig; within an outgoingServer of type smtp */
    const char *stopped;    /* why we did */
    size_t len;
    char text[CLIENT_AUTOCONFIG_TEXT_BYTES_MAX];
};

static const char *attribute(const char *const *attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    return "";
}

static void stop(struct reader *r, const char *why)
{
    r->stopped = why;
    XML_StopParser(r->parser, XML_FALSE);
}

/* ---- values ----------------------------------------------------------------------------- */

/* "%EMAILADDRESS%" and its parts. */
static str user_of(const struct reader *r, str text)
{
    size_t at = str_find_last(r->address, '@');
    str local = str_slice(r->address, 0, at), domain = str_from(r->address, at + 1);
    const struct {
        str word, value;
    } words[] = {
        {S("%EMAILADDRESS%"),   r->address},
        {S("%EMAILLOCALPART%"), local     },
        {S("%EMAILDOMAIN%"),    domain    },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(text, words[i].word))
            return arena_str(r->arena, words[i].value);
    bool other = str_contains(text, S("%"));
    return arena_str(r->arena, other ? r->address : text);
}

static void read_login(struct client_autoconfig_server *s, str text)
{
    s->oauth |= str_eq(text, S("OAuth2"));
    s->open |= str_eq(text, S("none")) || str_eq(text, S("client-IP-address"));
    s->password |=
        str_starts(text, S("password-")) || str_eq(text, S("plain")) || str_eq(text, S("secure"));
}

static void read_value(struct reader *r, const char *name, str text)
{
    struct client_autoconfig_server *s = &r->server;
    uint64_t port;
    if (strcmp(name, "hostname") == 0)
        s->host = arena_str(r->arena, text);
    else if (strcmp(name, "port") == 0 && str_to_u64(text, UINT16_MAX, &port))
        s->port = (uint16_t)port;
    else if (strcmp(name, "socketType") == 0)
        s->socket = str_eq(text, S("SSL"))        ? CLIENT_AUTOCONFIG_IMPLICIT
                    : str_eq(text, S("STARTTLS")) ? CLIENT_AUTOCONFIG_STARTTLS
                                                  : CLIENT_AUTOCONFIG_PLAIN;
    else if (strcmp(name, "username") == 0)
        s->user = user_of(r, text);
    else if (strcmp(name, "authentication") == 0)
        read_login(s, text);
}

/* ---- the parser's calls ----------------------------------------------------------------- */

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *r = arg;
    r->len = 0;
    if (r->depth == 0)
        r->is_config = strcmp(name, "clientConfig") == 0;
    if (++r->depth > CLIENT_AUTOCONFIG_DEPTH_MAX) {
        stop(r, "elements are nested too deep");
        return;
    }
    if (strcmp(name, "outgoingServer") != 0)
        return;
    r->inside = strcmp(attribute((const char *const *)attributes, "type"), "smtp") == 0;
    r->server = (struct client_autoconfig_server){0};
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    struct reader *r = arg;
    struct client_autoconfig *c = &r->config;
    r->depth--;
    if (r->inside && strcmp(name, "outgoingServer") == 0) {
        if (c->count < CLIENT_AUTOCONFIG_SERVERS_MAX && r->server.host.len > 0 && r->server.port)
            c->servers[c->count++] = r->server;
        r->inside = false;
    } else if (r->inside) {
        read_value(r, name, str_trim((str){r->text, r->len}));
    }
    r->len = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    struct reader *r = arg;
    if (!r->inside)
        return;
    if ((size_t)len > sizeof r->text - r->len) {
        stop(r, "a text is too long");
        return;
    }
    memcpy(r->text + r->len, text, (size_t)len);
    r->len += (size_t)len;
}

/* No document type, no entities: nothing that grows or that would be fetched. */
static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(arg, "it has a document type, which no such file needs");
}

/* ---- the whole -------------------------------------------------------------------------- */

static err judge(const struct reader *r, enum XML_Status status)
{
    if (r->stopped)
        return err_new(ERR_PROTOCOL, "line %lu: %s", XML_GetCurrentLineNumber(r->parser),
                       r->stopped);
    if (status != XML_STATUS_OK)
        return err_new(ERR_PROTOCOL, "line %lu: %s", XML_GetCurrentLineNumber(r->parser),
                       XML_ErrorString(XML_GetErrorCode(r->parser)));
    return r->is_config ? NULL : err_new(ERR_PROTOCOL, "no clientConfig");
}

err client_autoconfig_parse(str xml, str address, struct arena *arena,
                            struct client_autoconfig *ret_config)
{
    struct reader r = {.arena = arena, .address = address};
    if (xml.len > CLIENT_AUTOCONFIG_BYTES_MAX)
        return err_new(ERR_LIMIT, "more than %d bytes", CLIENT_AUTOCONFIG_BYTES_MAX);
    r.parser = XML_ParserCreate(NULL);
    ASSERT(r.parser != NULL);
    XML_SetUserData(r.parser, &r);
    XML_SetElementHandler(r.parser, on_start, on_end);
    XML_SetCharacterDataHandler(r.parser, on_text);
    XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
    err e = judge(&r, XML_Parse(r.parser, xml.ptr, (int)xml.len, XML_TRUE));
    XML_ParserFree(r.parser);
    if (e == NULL)
        *ret_config = r.config;
    return e;
}
