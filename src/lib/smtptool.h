/* smtptool.h -- compose, sign, template and send mail: the C API of libsmtptool
 *
 *     struct smtptool_error *error;
 *     struct smtptool_message *m = smtptool_message_new();
 *     struct smtptool_client *c = NULL;
 *     if (smtptool_message_from(m, "Alice <alice@example.com>", &error) ||
 *         smtptool_message_to(m, "bob@example.net", &error) ||
 *         smtptool_message_subject(m, "Hello", &error) ||
 *         smtptool_message_text(m, "Does it arrive?\n", &error) ||
 *         smtptool_client_new("smtp://mail.example.com", &c, &error) ||
 *         smtptool_client_login(c, "alice", password, SMTPTOOL_PASSWORD, &error) ||
 *         smtptool_client_send(c, NULL, NULL, 0, m, NULL, &error)) {
 *         fprintf(stderr, "%s\n", smtptool_error_text(error));
 *         smtptool_error_free(error);
 *     }
 *     smtptool_client_free(c);
 *     smtptool_message_free(m);
 *
 * Results. A function that can fail returns SMTPTOOL_OK (0) or another enum smtptool_kind, which
 * says what to do now. Its last parameter may be NULL; else *ret_error is always set: to NULL when
 * it was done, otherwise to an error that the caller frees. Other ret_ parameters are untouched on
 * failure, unless it says otherwise here.
 *
 * Texts are UTF-8 and end with NUL. Whatever is passed in is copied; the caller's memory is never
 * kept. What is returned as const belongs to its handle. No value can add a header field, an
 * address or a command: one with a line end or a control byte in a wrong place is refused
 * (SMTPTOOL_INVALID) and the error names it. Nothing is mended silently.
 *
 * Threads. Any number of them may use the library at once, each with handles of its own. One
 * handle is used by one thread at a time: a second one gets SMTPTOOL_MISUSE, as does a watcher that
 * uses the handle it was called for. A template that is compiled may be rendered by many threads.
 * A handle that is in use is not freed: its _free() does nothing then.
 *
 * The host. The library installs no signal handler, prints nothing, reads no configuration
 * file, writes no file and starts no process. While smtptool_client_send() runs there may
 * be one helper thread (names in the DNS) with all signals blocked; between calls there is none, so
 * the host may fork() there, and use all handles in the child. SIGPIPE is never raised.
 *
 * Memory. When the system has no memory left (or no thread for the DNS), the process is stopped
 * by abort(), after a line on stderr: inputs are bounded by the limits below, and no call can do
 * part of its work. Misuse and hostile input never stop it.
 *
 * Standards: RFC 5321 (SMTP), 2033 (LMTP), 3207 (STARTTLS), 4954 (AUTH), 5322 (messages), 2045 to
 * 2047, 2231, 2387 (MIME), 6376 and 8463 (DKIM), 6531 and 6532 (addresses in UTF-8).
 */
#ifndef SMTPTOOL_H
#define SMTPTOOL_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum smtptool_limit {
    SMTPTOOL_VALUE_BYTES_MAX = 65536,       /* of one header value, template field */
    SMTPTOOL_TEXT_BYTES_MAX = 67108864,     /* of a text or an HTML, and of a rendered template */
    SMTPTOOL_MESSAGE_BYTES_MAX = 268435456, /* of a whole message, and of all files of one */
    SMTPTOOL_FILES_MAX = 500,               /* of one message */
    SMTPTOOL_HEADERS_MAX = 100,             /* of one message, beside those it always has */
    SMTPTOOL_RECIPIENTS_MAX = 10000,        /* of one message */
    SMTPTOOL_SIGNATURES_MAX = 8,            /* of one message */
    SMTPTOOL_FIELDS_MAX = 1000,             /* of one template */
    SMTPTOOL_MESSAGES_MAX = 10000           /* of one smtptool_client_send_all() */
};

enum smtptool_kind {
    SMTPTOOL_OK = 0,
    SMTPTOOL_LATER = 1,      /* a 4xx, or no connection: it may work another time */
    SMTPTOOL_NO_USER = 2,    /* a recipient was refused for good */
    SMTPTOOL_REFUSED = 3,    /* refused for good, but not for the recipient */
    SMTPTOOL_NO_HOST = 4,    /* the server's name has no address */
    SMTPTOOL_NO_CHANNEL = 5, /* no trusted TLS, or no SMTP is spoken there */
    SMTPTOOL_NO_LOGIN = 6,   /* the login was refused, or no mechanism fits */
    SMTPTOOL_INVALID = 10,   /* a value that cannot be: change it */
    SMTPTOOL_TOO_LARGE = 11, /* above one of the limits */
    SMTPTOOL_MISUSE = 12,    /* NULL, a handle that is in use, a call out of order */
    SMTPTOOL_SYSTEM = 13     /* a system call failed, like a file that cannot be read */
};

struct smtptool_error;
struct smtptool_message;
struct smtptool_template;
struct smtptool_client;
struct smtptool_results;

/* ---- the library ------------------------------------------------------------------------ */

const char *smtptool_version(void);       /* "0.1.0"; lives for ever */
const char *smtptool_kind_name(int kind); /* "ok", "later", "no_user" ...; lives for ever */
void smtptool_free(void *);               /* a text that a function gave away; accepts NULL */

/* ---- errors ----------------------------------------------------------------------------- */

/* Texts belong to the error. None holds a password, a token or a key. */
int smtptool_error_kind(const struct smtptool_error *);
const char *smtptool_error_text(const struct smtptool_error *);     /* words for a person */
int smtptool_error_code(const struct smtptool_error *);             /* of the reply, or 0 */
const char *smtptool_error_enhanced(const struct smtptool_error *); /* "5.1.1" (RFC 3463), or "" */
void smtptool_error_free(struct smtptool_error *);                  /* accepts NULL */

/* ---- messages --------------------------------------------------------------------------- */

/* The caller frees it. Never NULL. */
struct smtptool_message *smtptool_message_new(void);
void smtptool_message_free(struct smtptool_message *); /* accepts NULL */

/* Mailboxes: "bob@example.net", "Bob <bob@example.net>", or a list of them (RFC 5322 section 3.4).
 * from replaces what was there and is one mailbox; to, cc and bcc add. A bcc is a recipient and no
 * field. INVALID, TOO_LARGE, MISUSE. */
int smtptool_message_from(struct smtptool_message *, const char *mailbox,
                          struct smtptool_error **ret_error);
int smtptool_message_to(struct smtptool_message *, const char *mailboxes,
                        struct smtptool_error **ret_error);
int smtptool_message_cc(struct smtptool_message *, const char *mailboxes,
                        struct smtptool_error **ret_error);
int smtptool_message_bcc(struct smtptool_message *, const char *mailboxes,
                         struct smtptool_error **ret_error);

/* Each replaces what was there. With text and html the message has both (RFC 2046 section
 * 5.1.4). Lines end in LF or CRLF. INVALID: no UTF-8, a line end in the subject. TOO_LARGE. */
int smtptool_message_subject(struct smtptool_message *, const char *subject,
                             struct smtptool_error **ret_error);
int smtptool_message_text(struct smtptool_message *, const char *text,
                          struct smtptool_error **ret_error);
int smtptool_message_html(struct smtptool_message *, const char *html,
                          struct smtptool_error **ret_error);

/* One more field (RFC 5322 section 3.6.8); what is not ASCII is encoded (RFC 2047). INVALID: no
 * field name, a line end in the value, a field that is written from another part or by us (From,
 * Content-Type, List-Unsubscribe ...), a Reply-To or Sender that is no list of addresses. */
int smtptool_message_header(struct smtptool_message *, const char *name, const char *value,
                            struct smtptool_error **ret_error);

/* List-Unsubscribe (RFC 2369) with an https: or mailto: URL; one_click adds
 * List-Unsubscribe-Post (RFC 8058), for https: only. Replaces what was there. INVALID: no such
 * URL, or one with a blank, a bracket or a control byte. */
int smtptool_message_unsubscribe(struct smtptool_message *, const char *url, int one_click,
                                 struct smtptool_error **ret_error);

/* A file. name: folders before it are cut off; may be NULL. type: "image/png"; NULL: found out from
 * name and bytes. An inline one is an image that the HTML shows as "cid:CONTENT_ID" (RFC 2387).
 * INVALID: a control byte in the name, no type, no id. TOO_LARGE. */
int smtptool_message_attach(struct smtptool_message *, const char *name, const char *type,
                            const void *bytes, size_t size, struct smtptool_error **ret_error);
int smtptool_message_inline(struct smtptool_message *, const char *content_id, const char *name,
                            const char *type, const void *bytes, size_t size,
                            struct smtptool_error **ret_error);

/* A whole message instead of parts, sent as it stands (LF becomes CRLF). Who it is from and to is
 * read from its fields when smtptool_client_send() is not told; a Bcc field is not read, and stays.
 * INVALID: empty, or a NUL in it. MISUSE: parts were given, or are given later. TOO_LARGE. */
int smtptool_message_raw(struct smtptool_message *, const void *bytes, size_t size,
                         struct smtptool_error **ret_error);

/* Sign with a private key (RFC 6376; Ed25519: RFC 8463): RSA of 1024 to 4096 bits or Ed25519, PEM,
 * not encrypted. Several keys, several signatures. It is done when the message is rendered, so
 * parts may still change. relaxed/relaxed; what must not be added later is sealed. The key's text
 * is not kept. INVALID: no such key, or a domain or selector that no verifier would take. */
int smtptool_dkim_sign(struct smtptool_message *, const char *domain, const char *selector,
                       const char *pem, struct smtptool_error **ret_error);

/* The message as it is sent: CRLF lines, with Date, Message-ID and signatures. The bytes belong to
 * the message and are good until it is changed or freed; the same until then. INVALID: there is no
 * From, or nothing to send. */
int smtptool_message_render(struct smtptool_message *, const char **ret_bytes, size_t *ret_size,
                            struct smtptool_error **ret_error);

/* ---- templates -------------------------------------------------------------------------- */

/* What a rendered text is for decides how values are escaped in it. */
enum smtptool_context {
    SMTPTOOL_PLAIN = 0,     /* the text of a message */
    SMTPTOOL_HTML = 1,      /* its HTML */
    SMTPTOOL_HEADER = 2,    /* the value of a field, such as Subject */
    SMTPTOOL_ADDRESSES = 3, /* the value of From, To, Reply-To ... */
    SMTPTOOL_URL = 4        /* one URL */
};

/* A value is text; missing or NULL is the empty text. */
struct smtptool_field {
    const char *name, *value;
};

/* "Hello {{name | default: "there"}}": the language is docs/template.md; there are no partials.
 * name stands in errors: "newsletter.html:12:7: ...". The caller frees the template. INVALID: it
 * does not compile; or a value stands where nothing makes it harmless. TOO_LARGE: above 1 MiB. */
int smtptool_template_compile(int context, const char *name, const char *text,
                              struct smtptool_template **ret_template,
                              struct smtptool_error **ret_error);
void smtptool_template_free(struct smtptool_template *); /* accepts NULL */

/* fields may be NULL when count is 0; one that the template does not name is passed over. The
 * text ends with NUL and is the caller's: smtptool_free(). ret_size may be NULL. INVALID: a value
 * that may not stand where it would, such as a line end in a HEADER. TOO_LARGE. */
int smtptool_template_render(const struct smtptool_template *, const struct smtptool_field *fields,
                             size_t count, char **ret_text, size_t *ret_size,
                             struct smtptool_error **ret_error);

/* ---- clients ---------------------------------------------------------------------------- */

enum smtptool_secret { SMTPTOOL_PASSWORD = 0, SMTPTOOL_TOKEN = 1 /* of OAuth 2 */ };

/* smtp://host (587 with STARTTLS, then 465, then 2525), smtp://host:port (STARTTLS), smtps://host
 * (TLS from the first byte), lmtp://host:port, lmtp+unix:///path. TLS is had and verified unless
 * ?tls=opportunistic or ?tls=none stands at the end. Nobody is connected to yet. The caller frees
 * it. INVALID: no such URL; a login in it is refused and not repeated. */
int smtptool_client_new(const char *url, struct smtptool_client **ret_client,
                        struct smtptool_error **ret_error);
void smtptool_client_free(struct smtptool_client *); /* accepts NULL; wipes the secret */

/* Log in as user (RFC 4954): the strongest mechanism that is offered. Over verified TLS only,
 * unless the server is this machine. user NULL: no login. INVALID: empty or too long, or the URL
 * relaxes TLS. */
int smtptool_client_login(struct smtptool_client *, const char *user, const char *secret,
                          int secret_kind, struct smtptool_error **ret_error);
/* The mechanism to use instead of the strongest: "PLAIN", "SCRAM-SHA-256" ... NULL: the strongest.
 * INVALID: an unknown one. */
int smtptool_client_mechanism(struct smtptool_client *, const char *mechanism,
                              struct smtptool_error **ret_error);
/* Trust the roots in this PEM file instead of the system's; NULL: the system's. INVALID: it cannot
 * be read, or there is none in it. */
int smtptool_client_ca_file(struct smtptool_client *, const char *path,
                            struct smtptool_error **ret_error);
/* What we call ourselves at EHLO (RFC 5321 section 4.1.1.1); NULL: the machine's name. INVALID. */
int smtptool_client_hello(struct smtptool_client *, const char *name,
                          struct smtptool_error **ret_error);
/* Milliseconds, 1 to 86400000: for a connection (10000 unless set), for a reply (30000), for the
 * reply behind the message (600000, RFC 5321 section 4.5.3.2.6). 0 leaves one as it is. INVALID. */
int smtptool_client_timeouts(struct smtptool_client *, long connect_ms, long reply_ms,
                             long data_done_ms, struct smtptool_error **ret_error);
/* Attempts after a 4xx or a lost connection: 0 to 10, 0 unless set; the wait before the first one
 * in milliseconds, then twice as long each. Never after a 5xx. INVALID. */
int smtptool_client_retries(struct smtptool_client *, int retries, long first_ms,
                            struct smtptool_error **ret_error);

/* Hear the conversation while smtptool_client_send() runs, on its thread: mark is "->" for a line
 * of ours and "<-" for the server's, "~>" and "<~" for those inside TLS, "==" for what else happens
 * and "!!" for a failure after which it goes on. line has no line end and no secret, and is good
 * until the function returns; it must return (no longjmp, no exception). NULL: nobody listens. */
typedef void smtptool_watch(void *arg, const char *mark, const char *line);
int smtptool_client_watch(struct smtptool_client *, smtptool_watch *watch, void *arg,
                          struct smtptool_error **ret_error);

/* Connect, send the message, say goodbye. Blocks, at the longest for the timeouts of each step.
 * from: the envelope's sender; NULL: the address in From; "": the null sender (RFC 5321 section
 * 4.5.5). recipients: addresses; NULL: those of the message, Bcc too. An address that is named
 * twice is offered once.
 * OK: every recipient was accepted, each 2xx is the server's promise. Another kind: the worst of
 * what happened, and some recipients may have been accepted: *ret_results says who. *ret_results
 * is set whenever the server was to be asked, also on failure, else to NULL; the caller frees it.
 * ret_results may be NULL. */
int smtptool_client_send(struct smtptool_client *, const char *from, const char *const *recipients,
                         size_t count, struct smtptool_message *,
                         struct smtptool_results **ret_results, struct smtptool_error **ret_error);

/* The same for many messages, each to its own recipients, over shared connections (up to the
 * given number, 1 to 20). ret_results: an array of count, or NULL. */
int smtptool_client_send_all(struct smtptool_client *, struct smtptool_message *const *messages,
                             size_t count, int connections, struct smtptool_results **ret_results,
                             struct smtptool_error **ret_error);

/* ---- results ---------------------------------------------------------------------------- */

/* Texts belong to the results. An index that is too large gives SMTPTOOL_MISUSE, 0 or "". */
size_t smtptool_results_count(const struct smtptool_results *); /* of recipients */
const char *smtptool_results_address(const struct smtptool_results *, size_t index);
int smtptool_results_kind(const struct smtptool_results *, size_t index); /* OK: accepted */
int smtptool_results_code(const struct smtptool_results *, size_t index); /* 0: never answered */
const char *smtptool_results_enhanced(const struct smtptool_results *, size_t index);
const char *smtptool_results_text(const struct smtptool_results *, size_t index);
/* Of the whole: what ended it before a verdict, or ""; "<...>"; "192.0.2.1:587", or "" when nobody
 * was reached; "TLSv1.3", or "" without TLS; how often it was tried. */
const char *smtptool_results_why(const struct smtptool_results *);
const char *smtptool_results_message_id(const struct smtptool_results *);
const char *smtptool_results_server(const struct smtptool_results *);
const char *smtptool_results_tls(const struct smtptool_results *);
int smtptool_results_attempts(const struct smtptool_results *);
void smtptool_results_free(struct smtptool_results *); /* accepts NULL */

#ifdef __cplusplus
}
#endif
#endif
