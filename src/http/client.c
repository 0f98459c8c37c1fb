#include "http/client.h"
#include "base/buf.h"
#include "base/mem.h"
#include "http/curl.h"
#include "runtime/address.h"
#include <errno.h>
#include <string.h>

enum { PATH_CHARS = 1024, METHOD_CHARS = 16 };

struct call {
    const struct http_client_request *request;
    const struct http_curl *curl;
    CURL *easy;
    struct curl_slist *headers;
    char url[HTTP_CLIENT_URL_CHARS];
    char method[METHOD_CHARS], ca_file[PATH_CHARS];
    str host;
    struct buf head, body;
    size_t fields;
    bool too_much, in_clear;
    char trouble[CURL_ERROR_SIZE];
};

/* ---- what libcurl calls ------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t one, size_t count, void *arg)
{
    struct call *c = arg;
    if (one * count > c->body.max - c->body.len) {
        c->too_much = true;
        return 0; /* ends the transfer */
    }
    memcpy(c->body.ptr + c->body.len, bytes, one * count);
    c->body.len += one * count;
    return one * count;
}

/* A line at a time. A status line begins anew: what came before it was an interim answer. */
static size_t take_head(char *bytes, size_t one, size_t count, void *arg)
{
    struct call *c = arg;
    str line = {bytes, one * count};
    if (str_starts(line, S("HTTP/"))) {
        c->fields = 0;
        c->head.len = 0;
        return line.len;
    }
    if (str_find(line, ':') == STR_NONE)
        return line.len;
    c->too_much |= c->fields == HTTP_CLIENT_FIELDS_MAX || line.len > c->head.max - c->head.len;
    if (c->too_much)
        return 0;
    memcpy(c->head.ptr + c->head.len, line.ptr, line.len);
    c->head.len += line.len;
    c->fields++;
    return line.len;
}

/* The address is known here and nowhere before: a name may lead anywhere. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct call *c = arg;
    struct sockaddr_storage kernel = {0};
    bool clear = str_starts_nocase(c->request->url, S("http:")) && !c->request->allow_clear;
    if (to->addrlen <= sizeof kernel && purpose == CURLSOCKTYPE_IPCXN) {
        memcpy(&kernel, &to->addr, to->addrlen);
        struct address a = address_from_kernel(&kernel, to->addrlen);
        if (!clear || address_is_loopback(&a))
            return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    c->in_clear |= clear;
    return CURL_SOCKET_BAD;
}

/* ---- the request ------------------------------------------------------------------------- */

static bool is_clean(str s, bool blanks)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < ' ' || c == 0x7f || (c == ' ' && !blanks))
            return false;
    }
    return true;
}

static bool is_token(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is_alnum(s.ptr[i]) && str_find(S("!#$%&'*+-.^_`|~"), s.ptr[i]) == STR_NONE)
            return false;
    return s.len > 0;
}

str http_client_url_host(str url)
{
    if (!str_skip_nocase(&url, S("https://")) && !str_skip_nocase(&url, S("http://")))
        return (str){NULL, 0};
    size_t end = 0;
    while (end < url.len && str_find(S("/?#"), url.ptr[end]) == STR_NONE)
        end++;
    str host = str_slice(url, 0, end);
    return str_find(host, '@') == STR_NONE ? host : (str){NULL, 0};
}

/* A password in a URL would end up in places where URLs are shown. */
static err check_url(struct call *c)
{
    str url = c->request->url;
    c->host = http_client_url_host(url);
    if (c->host.len == 0 || !is_clean(url, false) || !str_to_chars(url, c->url, sizeof c->url))
        return err_new(ERR_CONFIG,
                       "a URL must be https://HOST/… without a login, of at most %d "
                       "characters",
                       HTTP_CLIENT_URL_CHARS - 1);
    return NULL;
}

/* libcurl leaves out a field without a value, unless a semicolon stands for the colon. The line is
 * libcurl's copy; ours is overwritten. */
static err add_field(struct call *c, const struct http_client_field *f)
{
    struct buf line;
    if (!is_token(f->name) || !is_clean(f->value, true))
        return err_new(ERR_CONFIG,
                       "a field of a request to %.*s has characters that no field may "
                       "have",
                       STR_ARG(c->host));
    size_t size = f->name.len + f->value.len + 3;
    if (size > HTTP_CLIENT_FIELD_BYTES_MAX)
        return err_new(ERR_LIMIT, "a field of a request to %.*s is too long", STR_ARG(c->host));
    char *room;
    buf_init(&line, size);
    TRY(buf_reserve(&line, size, &room));
    char *end = str_put(str_put(room, f->name), f->value.len ? S(": ") : S(";"));
    *str_put(end, f->value) = '\0';
    c->headers = c->curl->slist_append(c->headers, room);
    ASSERT(c->headers != NULL);
    mem_wipe(room, size);
    buf_release(&line);
    return NULL;
}

static err add_fields(struct call *c)
{
    bool typed = false;
    for (size_t i = 0; i < c->request->field_count; i++) {
        TRY(add_field(c, &c->request->fields[i]));
        typed |= str_eq_nocase(c->request->fields[i].name, S("Content-Type"));
    }
    /* "Expect" would cost a round trip, and the default type of a body would be a guess. */
    c->headers = c->curl->slist_append(c->headers, "Expect:");
    if (!typed)
        c->headers = c->curl->slist_append(c->headers, "Content-Type:");
    ASSERT(c->headers != NULL);
    c->curl->easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
    return NULL;
}

static err set_request(struct call *c)
{
    const struct http_client_request *r = c->request;
    str method = r->method.len > 0 ? r->method : S("GET");
    if (!is_token(method) || !str_to_chars(method, c->method, sizeof c->method))
        return err_new(ERR_CONFIG, "a method of HTTP that is none");
    c->curl->easy_setopt(c->easy, CURLOPT_URL, c->url);
    if (r->body.len > 0 || !str_eq(method, S("GET"))) {
        c->curl->easy_setopt(c->easy, CURLOPT_POST, 1L);
        c->curl->easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        c->curl->easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
    }
    if (str_eq(method, S("HEAD")))
        c->curl->easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    c->curl->easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, c->method);
    return add_fields(c);
}

static err set_trust(struct call *c)
{
    const struct http_curl *l = c->curl;
    l->easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    l->easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    l->easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (c->request->ca_file.len == 0)
        return NULL;
    if (!str_to_chars(c->request->ca_file, c->ca_file, sizeof c->ca_file))
        return err_new(ERR_CONFIG, "the path of a file of roots is too long");
    l->easy_setopt(c->easy, CURLOPT_CAINFO, c->ca_file);
    l->easy_setopt(c->easy, CURLOPT_CAPATH, NULL); /* else the system's roots count beside it */
    return NULL;
}

static void set_limits(struct call *c)
{
    const struct http_curl *l = c->curl;
    int64_t ms = c->request->ms_max > 0 ? c->request->ms_max : HTTP_CLIENT_MS_MAX;
    l->easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)ms);
    l->easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ms);
    l->easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    l->easy_setopt(c->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)c->body.max);
    l->easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, take_body);
    l->easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    l->easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, take_head);
    l->easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    l->easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->trouble);
}

static void set_way(struct call *c)
{
    const struct http_curl *l = c->curl;
    l->easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "https,http");
    l->easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
    l->easy_setopt(c->easy, CURLOPT_PROXY, "");
    l->easy_setopt(c->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    l->easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    l->easy_setopt(c->easy, CURLOPT_USERAGENT, "smtptool/" SMTPTOOL_VERSION);
    l->easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    l->easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
}

/* ---- the answer -------------------------------------------------------------------------- */

static enum err_kind kind_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ISSUER_ERROR:
        return ERR_TLS;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
        return ERR_CONFIG;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return ERR_SYSTEM;
    default:
        return ERR_PROTOCOL;
    }
}

static err failure_of(const struct call *c, CURLcode code)
{
    if (c->in_clear)
        return err_new(ERR_CONFIG, "%.*s: http:// would go in clear to another machine: https://",
                       STR_ARG(c->host));
    if (c->too_much || code == CURLE_FILESIZE_EXCEEDED)
        return err_new(ERR_LIMIT, "%.*s: the answer is too long", STR_ARG(c->host));
    const char *why = c->trouble[0] ? c->trouble : c->curl->easy_strerror(code);
    enum err_kind kind = kind_of(code);
    long number = 0;
    c->curl->easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number);
    errno = kind == ERR_SYSTEM ? (int)number : 0;
    return err_new(kind, "%.*s: %s", STR_ARG(c->host), why);
}

static void read_fields(const struct call *c, struct arena *arena, struct http_client_answer *out)
{
    str rest = arena_str(arena, buf_str(&c->head)), line;
    out->fields = ARENA_ARRAY(arena, struct http_client_field, c->fields + 1);
    while (out->field_count < c->fields) {
        struct http_client_field *f = &out->fields[out->field_count++];
        str_split(rest, '\n', &line, &rest);
        str_split(line, ':', &f->name, &f->value);
        f->name = str_trim(f->name);
        f->value = str_trim(f->value);
    }
}

static err perform(struct call *c, struct arena *arena, struct http_client_answer *ret_answer)
{
    CURLcode code = c->curl->easy_perform(c->easy);
    if (code != CURLE_OK)
        return failure_of(c, code);
    long status = 0;
    struct http_client_answer a = {0};
    c->curl->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    read_fields(c, arena, &a);
    a.status = (int)status;
    a.body = arena_str(arena, buf_str(&c->body));
    a.type = http_client_field_of(&a, S("Content-Type"));
    *ret_answer = a;
    return NULL;
}

static void call_release(struct call *c)
{
    for (struct curl_slist *h = c->headers; h; h = h->next)
        mem_wipe(h->data, strlen(h->data)); /* a token may be in it */
    c->curl->easy_cleanup(c->easy);
    c->curl->slist_free_all(c->headers);
    if (c->body.ptr)
        mem_wipe(c->body.ptr, c->body.len);
    buf_release(&c->body);
    buf_release(&c->head);
    mem_free(c);
}

/* Both in one piece that never moves, so that no copy stays behind. */
static err make_room(struct call *c)
{
    char *room;
    TRY(buf_reserve(&c->head, c->head.max, &room));
    return buf_reserve(&c->body, c->body.max, &room);
}

err http_client_call(const struct http_client_request *r, struct arena *arena,
                     struct http_client_answer *ret_answer)
{
    const struct http_curl *curl;
    TRY(http_curl_open(&curl));
    struct call *c = MEM_NEW(struct call);
    c->request = r;
    c->curl = curl;
    c->easy = curl->easy_init();
    ASSERT(c->easy != NULL);
    buf_init(&c->head, HTTP_CLIENT_HEADER_BYTES_MAX);
    buf_init(&c->body, r->body_bytes_max ? r->body_bytes_max : HTTP_CLIENT_BODY_BYTES_MAX);
    err e = check_url(c);
    if (e == NULL)
        e = make_room(c);
    if (e == NULL)
        e = set_request(c);
    if (e == NULL)
        e = set_trust(c);
    if (e == NULL) {
        set_limits(c);
        set_way(c);
        e = perform(c, arena, ret_answer);
    }
    call_release(c);
    return e;
}

str http_client_field_of(const struct http_client_answer *a, str name)
{
    for (size_t i = 0; i < a->field_count; i++)
        if (str_eq_nocase(a->fields[i].name, name))
            return a->fields[i].value;
    return (str){NULL, 0};
}
