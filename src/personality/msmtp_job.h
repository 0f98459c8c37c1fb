/* personality/msmtp_job.h -- one run of msmtp: what was asked for, with which account, what came of
 * it
 *
 * For the other msmtp_*.c files. Steps return an err; personality_msmtp_job_fail() makes one that
 * carries msmtp's exit code, too. What the server said when it refused is kept beside it.
 */
#pragma once
#include "base/buf.h"
#include "message/envelope.h"
#include "personality/msmtprc.h"
#include "personality/post.h"
#include "runtime/tls_choice.h"
#include <sysexits.h>

enum msmtp_mode { MSMTP_SEND, MSMTP_SERVERINFO, MSMTP_RMQS, MSMTP_CONFIGURE };

struct msmtp {
    struct arena *arena;
    /* The command line. */
    enum msmtp_mode mode;
    struct msmtprc_account given; /* settings by options */
    str account, file, full_name, rmqs, configure;
    bool pretend, debug, from_header, envelope_from;
    const char **rcpts;
    size_t rcpt_count;
    /* Files, and the account they make. */
    struct msmtprc rc;
    size_t system_accounts; /* the first of rc's */
    str system_file, user_file;
    struct msmtprc_account used;
    bool by_env;
    /* The message. */
    struct buf content, mended;
    struct envelope *envelope;
    /* The way to the server. */
    struct post post; /* a loop and a resolver */
    struct tls_choice tls_choice;
    struct tls_client *tls; /* NULL: without */
    uint8_t old_print[MSMTPRC_PRINT_BYTES_MAX];
    size_t old_print_bytes; /* a fingerprint by SHA-1 or MD5, which is only translated */
    struct buf secret;
    /* What came of it. */
    int exit;
    str why;                  /* empty: nothing went wrong */
    struct smtp_reply answer; /* the server's last word on it; code 0: it had none */
    bool lmtp_refused;        /* some recipients, each told of already */
};

/* The err, and the exit code of sysexits.h with it. */
err personality_msmtp_job_fail(struct msmtp *, int exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same because of a reply, which is copied. A 4xx is EX_TEMPFAIL, whatever exit says. */
err personality_msmtp_job_refused(struct msmtp *, int exit, const struct smtp_reply *,
                                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

str personality_msmtp_job_value(const struct msmtp *, enum msmtprc_key); /* of the account used */
bool personality_msmtp_job_is(const struct msmtp *, enum msmtprc_key, str word);
str personality_msmtp_job_upper(const struct msmtp *, str text);
/* A file's name; "~" at its begin is $HOME. */
str personality_msmtp_job_path(const struct msmtp *, enum msmtprc_key);
/* As the server said it: "550-5.1.1 first", "550 5.1.1 second"; between two lines stands between.
 */
str personality_msmtp_job_lines(const struct smtp_reply *, const char *between, struct arena *);
/* msmtp hands commands of its files to a shell, and so must we: the file is its owner's. */
must_use err personality_msmtp_job_shell(str command, struct arena *, struct buf *out);
