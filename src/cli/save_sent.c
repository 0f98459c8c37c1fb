#include "cli/save_sent.h"
#include "base/mem.h"
#include "http/curl.h"
#include "runtime/address.h"
#include <string.h>

/* ---- where ------------------------------------------------------------------------------ */

static bool is_local(str host)
{
    struct address ip;
    if (str_eq_nocase(host, S("localhost")))
        return true;
    if (str_starts(host, S("[")))
        host = str_slice(host, 1, host.len - 2);
    bool local = address_parse_ip(host, &ip) == NULL && address_is_loopback(&ip);
    err_forget();
    return local;
}

/* What a URL of ours may consist of: nothing that libcurl could take for something else. */
static bool is_plain(str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~' || strchr("\"<>\\^`{}|;?#", text.ptr[i]))
            return false;
    return true;
}

static str host_of(str place)
{
    str host, rest;
    if (str_starts(place, S("[")))
        return str_slice(place, 0, str_find(place, ']') + 1);
    str_split(place, ':', &host, &rest);
    return host;
}

err cli_save_sent_parse(str text, struct arena *arena, struct cli_save_sent_place *ret_place)
{
    struct cli_save_sent_place place = {0};
    str rest = text, where, folder;
    bool secure = str_skip(&rest, S("imaps://"));
    if (!secure && !str_skip(&rest, S("imap://")))
        return err_new(ERR_CONFIG, "--save-sent: imaps://user@host/Folder is wanted");
    str_split(rest, '/', &where, &folder);
    size_t at = str_find_last(where, '@');
    if (at != STR_NONE) {
        place.user = str_slice(where, 0, at);
        where = str_from(where, at + 1);
    }
    if (str_find(place.user, ':') != STR_NONE) /* never repeat it: a password may stand there */
        return err_new(ERR_CONFIG, "--save-sent: a password does not belong into a URL; it is the "
                                   "login's");
    if (where.len == 0 || folder.len == 0 || !is_plain(where) || !is_plain(folder))
        return err_new(ERR_CONFIG, "--save-sent: imaps://user@host/Folder is wanted; other "
                                   "characters in a folder's name are written as %%20");
    if (!secure && !is_local(host_of(where)))
        return err_new(ERR_CONFIG, "--save-sent: a login goes over TLS only: imaps:// (except to "
                                   "this machine)");
    place.url = arena_printf(arena, "%s%.*s/%.*s", secure ? "imaps://" : "imap://", STR_ARG(where),
                             STR_ARG(folder));
    *ret_place = place;
    return NULL;
}

static err find_place(struct cli_send *run, struct cli_save_sent_place *ret_place)
{
    TRY(cli_save_sent_parse(str_of(run->save_sent), run->arena, ret_place));
    if (ret_place->user.len == 0)
        ret_place->user = run->options.user.len ? run->options.user : str_of(run->user);
    return NULL;
}

err cli_save_sent_check(struct cli_send *run)
{
    struct cli_save_sent_place place;
    const struct http_curl *curl;
    TRY(find_place(run, &place));
    if (run->user == NULL && run->account == NULL)
        return err_new(ERR_CONFIG, "--save-sent: the password is the login's: with --user or "
                                   "--account");
    if (run->dry_run)
        return NULL;
    err e = http_curl_open(&curl);
    return e ? err_wrap(e, "--save-sent") : NULL;
}

/* ---- doing it --------------------------------------------------------------------------- */

struct upload {
    str left;
};

static size_t give_bytes(char *to, size_t size, size_t count, void *arg)
{
    struct upload *u = arg;
    str part = str_slice(u->left, 0, size * count);
    if (part.len > 0)
        memcpy(to, part.ptr, part.len);
    u->left = str_from(u->left, part.len);
    return part.len;
}

static size_t drop_bytes(char *from, size_t size, size_t count, void *arg)
{
    (void)from, (void)arg;
    return size * count;
}

static void set_options(const struct http_curl *curl, CURL *easy, const struct cli_send *run,
                        const struct cli_save_sent_place *place, struct upload *upload)
{
    curl->easy_setopt(easy, CURLOPT_URL, arena_chars(run->arena, place->url));
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    curl->easy_setopt(easy, CURLOPT_PROXY, "");
    curl->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)CLI_SAVE_SENT_MS_MAX);
    if (run->ca_file)
        curl->easy_setopt(easy, CURLOPT_CAINFO, run->ca_file);
    curl->easy_setopt(easy, CURLOPT_USERNAME, arena_chars(run->arena, place->user));
    curl->easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl->easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)upload->left.len);
    curl->easy_setopt(easy, CURLOPT_READFUNCTION, give_bytes);
    curl->easy_setopt(easy, CURLOPT_READDATA, upload);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_bytes);
}

/* A token goes as one; libcurl keeps a copy of its own, which ends with the handle. */
static void set_secret(const struct http_curl *curl, CURL *easy, struct cli_send *run)
{
    const char *secret = buf_chars(&run->password);
    curl->easy_setopt(easy, run->token ? CURLOPT_XOAUTH2_BEARER : CURLOPT_PASSWORD, secret);
}

static err append(struct cli_send *run, const struct cli_save_sent_place *place, str content)
{
    const struct http_curl *curl;
    struct upload upload = {content};
    TRY(http_curl_open(&curl));
    CURL *easy = curl->easy_init();
    if (easy == NULL)
        return err_new(ERR_LIMIT, "libcurl has no handle");
    set_options(curl, easy, run, place, &upload);
    set_secret(curl, easy, run);
    CURLcode code = curl->easy_perform(easy);
    curl->easy_cleanup(easy);
    if (code == CURLE_LOGIN_DENIED)
        return err_new(ERR_PROTOCOL, "%.*s: the login was refused", STR_ARG(place->url));
    if (code != CURLE_OK)
        return err_new(ERR_PROTOCOL, "%.*s: %s", STR_ARG(place->url), curl->easy_strerror(code));
    return NULL;
}

static bool was_accepted(const struct client_mail *mail)
{
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++)
        if (mail->verdicts[i].decided && mail->verdicts[i].reply.code / 100 == 2)
            return true;
    return false;
}

err cli_save_sent(struct cli_send *run)
{
    struct cli_save_sent_place place;
    TRY(find_place(run, &place));
    for (size_t i = 0; i < run->count; i++) {
        err e = was_accepted(&run->mails[i]) ? append(run, &place, run->mails[i].content) : NULL;
        if (e == NULL)
            continue;
        char why[600];
        cli_describe(e, why, sizeof why);
        cli_fail("sent, but not kept in the mailbox: %s", why);
        err_forget();
    }
    return NULL;
}
