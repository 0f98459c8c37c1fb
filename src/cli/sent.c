#include "cli/sent.h"
#include "account/sql_file.h"
#include "base/mem.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { SETTLED_BYTES_MAX = 4096, REPLY_BYTES_MAX = 500, SUBJECT_BYTES_MAX = 200 };

struct cli_sent {
    sqlite3 *db;
};

static const char *const migrations[] = {
    "CREATE TABLE mails ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at_ms INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  message_id TEXT NOT NULL,"
    "  sender TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  server TEXT NOT NULL,"
    "  outcome TEXT NOT NULL,"
    "  why TEXT NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  content BLOB"
    ") STRICT;"
    "CREATE INDEX mails_by_message_id ON mails (message_id);"
    "CREATE INDEX mails_by_key ON mails (key) WHERE key != '';"
    "CREATE TABLE rcpts ("
    "  mail INTEGER NOT NULL REFERENCES mails (id) ON DELETE CASCADE,"
    "  place INTEGER NOT NULL,"
    "  address TEXT NOT NULL,"
    "  status TEXT NOT NULL,"
    "  reply TEXT NOT NULL,"
    "  PRIMARY KEY (mail, place)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE claims ("
    "  key TEXT PRIMARY KEY,"
    "  pid INTEGER NOT NULL,"
    "  at_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};

err cli_sent_open(const char *path, bool make, struct cli_sent **ret_sent)
{
    struct account_sql_file f = {.path = path,
                                 .make = make,
                                 .synced = true, /* "sent already" must not be forgotten */
                                 .migrations = migrations,
                                 .migration_count = ARRAY_LEN(migrations)};
    sqlite3 *db;
    TRY(account_sql_file_open(&f, &db));
    struct cli_sent *sent = MEM_NEW(struct cli_sent);
    sent->db = db;
    err e = account_sql_exec(db, "PRAGMA foreign_keys = ON");
    if (e)
        cli_sent_close(sent);
    else
        *ret_sent = sent;
    return e;
}

void cli_sent_close(struct cli_sent *sent)
{
    if (sent == NULL)
        return;
    sqlite3_close_v2(sent->db);
    mem_free(sent);
}

/* ---- keys ------------------------------------------------------------------------------- */

static bool is_alive(int64_t pid)
{
    return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static err claim(struct cli_sent *sent, str key)
{
    bool found;
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(sent->db, "SELECT pid, at_ms FROM claims WHERE key = ?1");
    account_sql_bind_str(&q, 1, key);
    TRY(account_sql_row(&q, &found));
    int64_t now_ms = clock_real_ms();
    if (found && is_alive(account_sql_int(&q, 0)) &&
        account_sql_int(&q, 1) + CLI_SENT_CLAIM_MS > now_ms)
        return err_new(ERR_CANCELED, "a send with this key is under way (process %lld)",
                       (long long)account_sql_int(&q, 0));
    CLEANUP(account_sql_end)
    struct account_sql put = account_sql_begin(
        sent->db, "INSERT OR REPLACE INTO claims (key, pid, at_ms) VALUES (?1, ?2, ?3)");
    account_sql_bind_str(&put, 1, key);
    account_sql_bind_int(&put, 2, getpid());
    account_sql_bind_int(&put, 3, now_ms);
    return account_sql_run(&put, NULL);
}

err cli_sent_claim(struct cli_sent *sent, str key)
{
    TRY(account_sql_file_begin(sent->db));
    return account_sql_file_end(sent->db, claim(sent, key));
}

void cli_sent_unclaim(struct cli_sent *sent, str key)
{
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(sent->db, "DELETE FROM claims WHERE key = ?1 AND pid = ?2");
    account_sql_bind_str(&q, 1, key);
    account_sql_bind_int(&q, 2, getpid());
    if (account_sql_run(&q, NULL))
        err_forget(); /* this process ends, and so does its claim */
}

static err settle_one(struct cli_sent *sent, str key, struct client_mail *mail, size_t i,
                      bool *ret_settled)
{
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        sent->db, "SELECT m.at_ms FROM mails m JOIN rcpts r ON r.mail = m.id "
                  "WHERE m.key = ?1 AND r.address = ?2 AND r.status = 'sent' LIMIT 1");
    account_sql_bind_str(&q, 1, key);
    account_sql_bind_str(&q, 2, mail->envelope->rcpts[i].address);
    TRY(account_sql_row(&q, ret_settled));
    if (!*ret_settled)
        return NULL;
    char at[CLOCK_RFC3339_BYTES];
    clock_rfc3339(account_sql_int(&q, 0), at);
    mail->verdicts[i] = (struct smtp_verdict){
        .decided = true,
        .stage = SMTP_STAGE_BODY,
        .reply = {250, S("2.0.0"), arena_printf(mail->arena, "sent before, at %s", at)}
    };
    return NULL;
}

err cli_sent_settle(struct cli_sent *sent, str key, struct client_mail *mail, size_t *ret_open)
{
    size_t open = 0;
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++) {
        bool settled = false;
        TRY(settle_one(sent, key, mail, i, &settled));
        open += !settled;
    }
    *ret_open = open;
    return NULL;
}

/* ---- noting ----------------------------------------------------------------------------- */

/* UTF-8 or nothing: it is text in the file. */
static str as_text(str bytes, size_t most)
{
    str part = str_slice(bytes, 0, most);
    while (part.len > 0 && !str_is_utf8(part) && bytes.len - part.len < 4)
        part.len--;
    return str_is_utf8(part) ? part : S("?");
}

static const char *status_of(const struct smtp_verdict *v)
{
    if (!v->decided)
        return "unknown";
    if (v->reply.code / 100 == 2)
        return "sent";
    return v->reply.code / 100 == 4 ? "deferred" : "refused";
}

static err note_rcpt(struct cli_sent *sent, int64_t id, const struct client_mail *mail, size_t i)
{
    const struct smtp_verdict *v = &mail->verdicts[i];
    CLEANUP(buf_release) struct buf reply;
    buf_init(&reply, 2 * REPLY_BYTES_MAX);
    if (v->decided)
        TRY(buf_addf(&reply, "%d %.*s%s%.*s", v->reply.code, STR_ARG(v->reply.enhanced),
                     v->reply.enhanced.len ? " " : "",
                     STR_ARG(as_text(v->reply.text, REPLY_BYTES_MAX))));
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        sent->db,
        "INSERT INTO rcpts (mail, place, address, status, reply) VALUES (?1, ?2, ?3, ?4, ?5)");
    account_sql_bind_int(&q, 1, id);
    account_sql_bind_int(&q, 2, (int64_t)i);
    account_sql_bind_str(&q, 3, mail->envelope->rcpts[i].address);
    account_sql_bind_str(&q, 4, str_of(status_of(v)));
    account_sql_bind_str(&q, 5, buf_str(&reply));
    return account_sql_run(&q, NULL);
}

static err note_mail(struct cli_sent *sent, str key, const struct client_mail *mail, str server,
                     bool with_content)
{
    struct message_field subject = {0};
    (void)message_header_find(mail->content, S("Subject"), &subject);
    CLEANUP(buf_release) struct buf decoded;
    uint8_t flags;
    buf_init(&decoded, MESSAGE_HEADER_BYTES_MAX * 4);
    TRY(message_encoded_word_decode(str_trim(subject.value), &decoded, &flags));
    bool keep = with_content && mail->content.len <= CLI_SENT_CONTENT_BYTES_MAX;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        sent->db, "INSERT INTO mails (at_ms, key, message_id, sender, subject, server, outcome, "
                  "why, bytes, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    account_sql_bind_int(&q, 1, clock_real_ms());
    account_sql_bind_str(&q, 2, key);
    account_sql_bind_str(&q, 3, as_text(mail->envelope->message_id, REPLY_BYTES_MAX));
    account_sql_bind_str(&q, 4, mail->envelope->sender);
    account_sql_bind_str(&q, 5, as_text(buf_str(&decoded), SUBJECT_BYTES_MAX));
    account_sql_bind_str(&q, 6, server);
    account_sql_bind_str(&q, 7, str_of(client_outcome_name(mail->outcome)));
    account_sql_bind_str(&q, 8, as_text(str_of(mail->why), CLIENT_WHY_BYTES));
    account_sql_bind_int(&q, 9, (int64_t)mail->content.len);
    if (keep)
        account_sql_bind_blob(&q, 10, mail->content);
    TRY(account_sql_run(&q, NULL));
    int64_t id = sqlite3_last_insert_rowid(sent->db);
    for (size_t i = 0; i < mail->envelope->rcpt_count; i++)
        TRY(note_rcpt(sent, id, mail, i));
    CLEANUP(account_sql_end)
    struct account_sql old = account_sql_begin(sent->db, "DELETE FROM mails WHERE id <= ?1");
    account_sql_bind_int(&old, 1, id - CLI_SENT_MAILS_MAX);
    return account_sql_run(&old, NULL);
}

err cli_sent_note(struct cli_sent *sent, str key, const struct client_mail *mail, str server,
                  bool with_content)
{
    TRY(account_sql_file_begin(sent->db));
    return account_sql_file_end(sent->db, note_mail(sent, key, mail, server, with_content));
}

/* ---- reading ---------------------------------------------------------------------------- */

#define COLUMNS                                                                                  \
    "SELECT id, at_ms, key, message_id, sender, subject, server, outcome, why, bytes, content, " \
    "(SELECT count(*) FROM rcpts WHERE mail = id) FROM mails "

static struct cli_sent_mail read_mail(const struct account_sql *q)
{
    return (struct cli_sent_mail){
        .id = account_sql_int(q, 0),
        .at_ms = account_sql_int(q, 1),
        .key = account_sql_text(q, 2),
        .message_id = account_sql_text(q, 3),
        .sender = account_sql_text(q, 4),
        .subject = account_sql_text(q, 5),
        .server = account_sql_text(q, 6),
        .outcome = account_sql_text(q, 7),
        .why = account_sql_text(q, 8),
        .bytes = account_sql_int(q, 9),
        .content = account_sql_blob(q, 10),
        .rcpt_count = account_sql_int(q, 11),
    };
}

err cli_sent_list(struct cli_sent *sent, int64_t from, int most,
                  void (*each)(void *arg, const struct cli_sent_mail *), void *arg)
{
    bool found;
    CLEANUP(account_sql_end)
    struct account_sql q =
        account_sql_begin(sent->db, COLUMNS "WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2");
    account_sql_bind_int(&q, 1, from);
    account_sql_bind_int(&q, 2, most);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        struct cli_sent_mail mail = read_mail(&q);
        each(arg, &mail);
    }
}

static void keep_mail(struct cli_sent_mail *mail, struct arena *arena)
{
    str *const texts[] = {&mail->key,    &mail->message_id, &mail->sender, &mail->subject,
                          &mail->server, &mail->outcome,    &mail->why,    &mail->content};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_str(arena, *texts[i]);
}

err cli_sent_find(struct cli_sent *sent, str what, struct arena *arena, bool *ret_found,
                  struct cli_sent_mail *ret_mail)
{
    uint64_t id = 0;
    bool by_number = str_to_u64(what, INT64_MAX, &id);
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        sent->db, COLUMNS "WHERE (?1 > 0 AND id = ?1) OR (?1 = 0 AND message_id IN (?2, ?3)) "
                          "ORDER BY id DESC LIMIT 1");
    str bracketed = arena_printf(arena, "<%.*s>", STR_ARG(what));
    account_sql_bind_int(&q, 1, by_number ? (int64_t)id : 0);
    account_sql_bind_str(&q, 2, what);
    account_sql_bind_str(&q, 3, bracketed);
    TRY(account_sql_row(&q, ret_found));
    if (!*ret_found)
        return NULL;
    struct cli_sent_mail mail = read_mail(&q);
    keep_mail(&mail, arena);
    *ret_mail = mail;
    return NULL;
}

err cli_sent_rcpts(struct cli_sent *sent, int64_t id,
                   void (*each)(void *arg, const struct cli_sent_rcpt *), void *arg)
{
    bool found;
    CLEANUP(account_sql_end)
    struct account_sql q = account_sql_begin(
        sent->db, "SELECT address, status, reply FROM rcpts WHERE mail = ?1 ORDER BY place");
    account_sql_bind_int(&q, 1, id);
    for (;;) {
        TRY(account_sql_row(&q, &found));
        if (!found)
            return NULL;
        struct cli_sent_rcpt rcpt = {account_sql_text(&q, 0), account_sql_text(&q, 1),
                                     account_sql_text(&q, 2)};
        each(arg, &rcpt);
    }
}
