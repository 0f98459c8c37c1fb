#include "tlspolicy/fetch_curl.h"
#include "base/buf.h"
#include "base/mem.h"
#include "http/curl.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "runtime/thread.h"
#include "tlspolicy/target.h"
#include <string.h>

enum {
    ADDRESSES_MAX = 16,
    URL_CHARS = 1024,
    RESOLVE_CHARS = 1024 + ADDRESSES_MAX * (ADDRESS_CHARS + 3),
    PATH_CHARS = 1024,
    ROOTS_BYTES_MAX = 4 << 20, /* a bundle of all public roots has 0.25 MB */
    POLL_MS = 60 * 1000,       /* a wakeup comes sooner */
};

struct fetch_curl {
    struct tlspolicy_fetcher fetcher; /* first: what the seam knows */
    const struct http_curl *curl;
    struct buf roots; /* empty: the system's */
    uint16_t port;
    int64_t ms_max;
    bool allow_private;
    struct thread *thread;
    struct chan *chan;
    CURLM *multi;
    int under_way; /* atomic */
    bool ending;   /* atomic */
};

/* One transfer. It belongs to two sides, the fiber and the thread; the note, on the loop's thread,
 * says that the thread is done with it, and what the fiber left behind is freed there. */
struct transfer {
    struct chan_item item;
    struct completion done;
    bool left_behind; /* the loop's thread only */
    bool unwanted;    /* atomic: nobody waits any more */
    struct fetch_curl *owner;
    int64_t ms_max;
    struct address addresses[ADDRESSES_MAX];
    size_t count;
    char url[URL_CHARS], resolve[RESOLVE_CHARS];
    CURL *easy;
    struct curl_slist *pins, *headers;
    struct buf body, post; /* post empty: it is a GET */
    char post_type[TLSPOLICY_FETCHER_TYPE_CHARS];
    bool too_large, forbidden;
    CURLcode code;
    char trouble[CURL_ERROR_SIZE];
    long status;
    char type[TLSPOLICY_FETCHER_TYPE_CHARS];
};

static void transfer_release(struct transfer *t)
{
    buf_release(&t->body);
    buf_release(&t->post);
    mem_free(t);
}

/* ---- what libcurl calls, on its thread -------------------------------------------------- */

static size_t take_body(char *bytes, size_t one, size_t count, void *arg)
{
    struct transfer *t = arg;
    err e = buf_add(&t->body, (str){bytes, one * count});
    t->too_large = e != NULL;
    err_forget();
    return e ? 0 : one * count; /* 0 ends the transfer */
}

/* Called all the time. A body that says itself that it is too long is not read; and a transfer that
 * nobody waits for ends. */
static int watch(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
                 curl_off_t up_now)
{
    struct transfer *t = arg;
    (void)up_total, (void)up_now;
    t->too_large |= total > TLSPOLICY_FETCHER_BODY_BYTES_MAX;
    t->too_large |= now > TLSPOLICY_FETCHER_BODY_BYTES_MAX;
    return t->too_large || __atomic_load_n(&t->unwanted, __ATOMIC_RELAXED);
}

static bool is_pinned(const struct transfer *t, const struct address *a)
{
    for (size_t i = 0; i < t->count; i++)
        if (address_eq_ip(&t->addresses[i], a))
            return t->owner->allow_private || tlspolicy_target_is_public(a);
    return false;
}

/* The last gate before a connection: what libcurl is about to connect to was checked, or not. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    struct sockaddr_storage kernel = {0};
    if (to->addrlen <= sizeof kernel) {
        memcpy(&kernel, &to->addr, to->addrlen);
        struct address a = address_from_kernel(&kernel, to->addrlen);
        if (purpose == CURLSOCKTYPE_IPCXN && is_pinned(t, &a))
            return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    t->forbidden = true;
    return CURL_SOCKET_BAD;
}

/* ---- one transfer, on the thread -------------------------------------------------------- */

static void set_limits(const struct http_curl *c, struct transfer *t)
{
    c->easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)t->ms_max);
    c->easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)t->ms_max);
    c->easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
    c->easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    c->easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L);
    c->easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, watch);
    c->easy_setopt(t->easy, CURLOPT_XFERINFODATA, t);
    c->easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->trouble);
    c->easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
}

static void set_way(const struct http_curl *c, struct transfer *t)
{
    c->easy_setopt(t->easy, CURLOPT_URL, t->url);
    c->easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "https");
    c->easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    c->easy_setopt(t->easy, CURLOPT_PROXY, "");
    c->easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    c->easy_setopt(t->easy, CURLOPT_USERAGENT, "smtptool/" SMTPTOOL_VERSION);
    c->easy_setopt(t->easy, CURLOPT_RESOLVE, t->pins);
    c->easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    c->easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    c->easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    c->easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    c->easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    c->easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    c->easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    struct curl_blob roots = {t->owner->roots.ptr, t->owner->roots.len, CURL_BLOB_NOCOPY};
    if (roots.len > 0)
        c->easy_setopt(t->easy, CURLOPT_CAINFO_BLOB, &roots);
}

/* "Expect" would cost a round trip, and some servers do not answer it. */
static void set_post(const struct http_curl *c, struct transfer *t)
{
    char type[TLSPOLICY_FETCHER_TYPE_CHARS + 16];
    snprintf(type, sizeof type, "Content-Type: %s", t->post_type);
    t->headers = c->slist_append(c->slist_append(NULL, type), "Expect:");
    ASSERT(t->headers != NULL);
    c->easy_setopt(t->easy, CURLOPT_POST, 1L);
    c->easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->post.len);
    c->easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->post.ptr);
    c->easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void start(struct fetch_curl *f, struct transfer *t)
{
    t->easy = f->curl->easy_init();
    t->pins = f->curl->slist_append(NULL, t->resolve);
    ASSERT(t->easy != NULL);
    ASSERT(t->pins != NULL);
    f->curl->easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    set_limits(f->curl, t);
    set_way(f->curl, t);
    if (t->post.len > 0)
        set_post(f->curl, t);
    CURLMcode added = f->curl->multi_add_handle(f->multi, t->easy);
    ASSERT(added == CURLM_OK);
}

/* After completion_finish() the transfer is the loop's. */
static void finish(struct fetch_curl *f, struct transfer *t, CURLcode code)
{
    const char *type = NULL;
    t->code = code;
    f->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    f->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(t->type, sizeof t->type, "%s", type ? type : "");
    if (t->trouble[0] == '\0')
        snprintf(t->trouble, sizeof t->trouble, "%s", f->curl->easy_strerror(code));
    f->curl->multi_remove_handle(f->multi, t->easy);
    f->curl->easy_cleanup(t->easy);
    f->curl->slist_free_all(t->pins);
    f->curl->slist_free_all(t->headers);
    __atomic_sub_fetch(&f->under_way, 1, __ATOMIC_RELAXED);
    completion_finish(&t->done);
}

static void finish_those_that_ended(struct fetch_curl *f)
{
    int left;
    CURLMsg *message;
    while ((message = f->curl->multi_info_read(f->multi, &left)) != NULL) {
        char *private = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        f->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish(f, (struct transfer *)(void *)private, code);
    }
}

/* Waits in libcurl's poll and takes from its channel without waiting; a wakeup says that there is
 * something in it. */
static void run_thread(void *arg)
{
    struct fetch_curl *f = arg;
    int running = 0;
    for (;;) {
        bool ending = __atomic_load_n(&f->ending, __ATOMIC_ACQUIRE);
        for (struct chan_item *item = chan_take_all(f->chan), *next; item; item = next) {
            next = item->next;
            start(f, CONTAINER_OF(item, struct transfer, item));
        }
        f->curl->multi_perform(f->multi, &running);
        finish_those_that_ended(f);
        if (ending && running == 0)
            return;
        f->curl->multi_poll(f->multi, NULL, 0, POLL_MS, NULL);
    }
}

/* ---- asking, on a fiber ----------------------------------------------------------------- */

static void arrive(struct loop_note *note)
{
    struct transfer *t = CONTAINER_OF(note, struct transfer, done.note);
    completion_arrived(&t->done);
    if (t->left_behind)
        transfer_release(t);
}

/* "host:443:192.0.2.1,[2001:db8::1]": the only addresses that the name has for libcurl. */
static err write_pins(const struct fetch_curl *f, const struct tlspolicy_fetcher_request *r,
                      struct transfer *t)
{
    struct buf pins;
    buf_init(&pins, sizeof t->resolve - 1);
    err e = buf_addf(&pins, "%.*s:%u:", STR_ARG(r->host), f->port);
    for (size_t i = 0; e == NULL && i < t->count; i++) {
        char ip[ADDRESS_CHARS];
        address_format_ip(&t->addresses[i], ip);
        bool six = t->addresses[i].family == ADDRESS_IP6;
        e = buf_addf(&pins, "%s%s%s%s", i ? "," : "", six ? "[" : "", ip, six ? "]" : "");
    }
    if (e == NULL)
        memcpy(t->resolve, pins.ptr, pins.len);
    buf_release(&pins);
    return e;
}

static err prepare(struct fetch_curl *f, const struct tlspolicy_fetcher_request *r,
                   struct transfer *t, deadline until)
{
    int64_t left_ms = deadline_left_ms(until);
    t->ms_max = left_ms < f->ms_max ? left_ms + 1 : f->ms_max;
    t->count = r->count < ADDRESSES_MAX ? r->count : ADDRESSES_MAX;
    memcpy(t->addresses, r->addresses, t->count * sizeof *r->addresses);
    int n = snprintf(t->url, sizeof t->url, "https://%.*s:%u%.*s", STR_ARG(r->host), f->port,
                     STR_ARG(r->path));
    if (n < 0 || (size_t)n >= sizeof t->url ||
        !str_to_chars(r->post_type, t->post_type, sizeof t->post_type))
        return err_new(ERR_LIMIT, "the name of a host that is too long");
    TRY(buf_add(&t->post, r->post));
    return write_pins(f, r, t);
}

static enum tlspolicy_fetcher_result result_of(const struct transfer *t)
{
    if (t->forbidden)
        return TLSPOLICY_FETCHER_FORBIDDEN;
    if (t->too_large)
        return TLSPOLICY_FETCHER_TOO_LARGE;
    switch (t->code) {
    case CURLE_OK:
        return TLSPOLICY_FETCHER_ANSWERED;
    case CURLE_OPERATION_TIMEDOUT:
        return TLSPOLICY_FETCHER_TOO_SLOW;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return TLSPOLICY_FETCHER_UNTRUSTED;
    default:
        return TLSPOLICY_FETCHER_UNREACHABLE;
    }
}

static struct tlspolicy_fetcher_answer answer_of(const struct transfer *t, struct arena *arena)
{
    struct tlspolicy_fetcher_answer a = {.result = result_of(t)};
    if (a.result == TLSPOLICY_FETCHER_ANSWERED) {
        a.status = (int)t->status;
        a.type = arena_str(arena, str_of(t->type));
        a.body = arena_str(arena, buf_str(&t->body));
    } else {
        a.reason = arena_str(arena, str_of(t->trouble));
    }
    return a;
}

static err wait_for(struct fetch_curl *f, struct transfer *t, struct arena *arena,
                    struct tlspolicy_fetcher_answer *ret_answer)
{
    completion_init(&t->done);
    t->done.note.run = arrive;
    chan_send(f->chan, &t->item);
    f->curl->multi_wakeup(f->multi);
    /* The transfer has the deadline, and ends by itself. */
    err e = completion_wait(&t->done, DEADLINE_NEVER);
    if (e && !t->done.done) {
        t->left_behind = true;
        __atomic_store_n(&t->unwanted, true, __ATOMIC_RELAXED);
        f->curl->multi_wakeup(f->multi);
        return e;
    }
    *ret_answer = answer_of(t, arena);
    transfer_release(t);
    return NULL;
}

static err fetch(struct tlspolicy_fetcher *fetcher, const struct tlspolicy_fetcher_request *r,
                 struct arena *arena, struct tlspolicy_fetcher_answer *ret_answer, deadline until)
{
    struct fetch_curl *f = CONTAINER_OF(fetcher, struct fetch_curl, fetcher);
    if (!f->allow_private && !tlspolicy_target_all_public(r->addresses, r->count)) {
        *ret_answer = (struct tlspolicy_fetcher_answer){
            .result = TLSPOLICY_FETCHER_FORBIDDEN, .reason = S("an address that is not public")};
        return NULL;
    }
    struct transfer *t = MEM_NEW(struct transfer);
    t->owner = f;
    buf_init(&t->body, TLSPOLICY_FETCHER_BODY_BYTES_MAX);
    buf_init(&t->post, TLSPOLICY_FETCHER_POST_BYTES_MAX);
    err e = prepare(f, r, t, until);
    if (e == NULL &&
        __atomic_add_fetch(&f->under_way, 1, __ATOMIC_RELAXED) > TLSPOLICY_FETCH_CURL_AT_ONCE_MAX) {
        __atomic_sub_fetch(&f->under_way, 1, __ATOMIC_RELAXED);
        e = err_new(ERR_LIMIT, "more than %d transfers", TLSPOLICY_FETCH_CURL_AT_ONCE_MAX);
    }
    if (e) {
        transfer_release(t);
        return e;
    }
    return wait_for(f, t, arena, ret_answer);
}

/* ---- opening and closing ---------------------------------------------------------------- */

static void close_fetcher(struct tlspolicy_fetcher *fetcher)
{
    struct fetch_curl *f = CONTAINER_OF(fetcher, struct fetch_curl, fetcher);
    __atomic_store_n(&f->ending, true, __ATOMIC_RELEASE);
    f->curl->multi_wakeup(f->multi);
    thread_join(f->thread);
    chan_close(f->chan);
    f->curl->multi_cleanup(f->multi);
    buf_release(&f->roots);
    mem_free(f);
}

/* Read now: later it may be out of reach. The system's are not (runtime/confine_files.c). */
static err read_roots(str path, struct buf *out)
{
    char chars[PATH_CHARS], *room;
    struct file *f;
    size_t count;
    if (!str_to_chars(path, chars, sizeof chars))
        return err_new(ERR_CONFIG, "the path of a file of roots is too long");
    TRY(buf_reserve(out, ROOTS_BYTES_MAX, &room));
    err e = file_open(chars, FILE_FOLLOW, &f);
    if (e)
        return err_make(ERR_CONFIG, e, __FILE__, __LINE__, "roots to trust: %s", chars);
    e = file_read_at(f, room, ROOTS_BYTES_MAX, 0, &count);
    file_close(f);
    if (e == NULL && count == 0)
        e = err_new(ERR_CONFIG, "%s is empty", chars);
    if (e)
        return e;
    out->len = count;
    return NULL;
}

err tlspolicy_fetch_curl_open(const struct tlspolicy_fetch_curl_options *o,
                              struct tlspolicy_fetcher **ret_fetcher)
{
    const struct http_curl *curl;
    TRY(http_curl_open(&curl));
    struct fetch_curl *f = MEM_NEW(struct fetch_curl);
    f->fetcher = (struct tlspolicy_fetcher){fetch, close_fetcher};
    f->curl = curl;
    f->port = o->port ? o->port : 443;
    f->ms_max = o->ms_max > 0 ? o->ms_max : TLSPOLICY_FETCHER_MS_MAX;
    f->allow_private = o->allow_private;
    buf_init(&f->roots, ROOTS_BYTES_MAX);
    err e = o->ca_file.len > 0 ? read_roots(o->ca_file, &f->roots) : NULL;
    if (e) {
        buf_release(&f->roots);
        mem_free(f);
        return e;
    }
    f->multi = curl->multi_init();
    ASSERT(f->multi != NULL);
    f->chan = chan_open();
    f->thread = thread_start("https", run_thread, f);
    *ret_fetcher = &f->fetcher;
    return NULL;
}
