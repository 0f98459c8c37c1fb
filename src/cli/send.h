/* cli/send.h -- one run of `smtptool send`: what was asked for, and what was made of it
 *
 * For cmd_send.c and the send_*.c, each of which does one step and has one function for it. A step
 * returns an err of kind ERR_CONFIG for what the user must write otherwise.
 */
#pragma once
#include "cli/cli.h"
#include "cli/send_message.h"
#include "cli/send_template.h"
#include "client/client.h"

enum {
    CLI_SEND_ARENA_BYTES_MAX = 64 << 20,
    CLI_SEND_CONNECTIONS_MAX = 1000,
    CLI_SEND_KEYS_MAX = 8, /* --dkim */
};

struct cli_sent;
struct cli_send {
    struct cli *cli;
    struct arena *arena;
    const struct config *config;
    struct config *own; /* the user's accounts: cli/profiles.h */

    /* Options, as they were written. */
    struct cli_send_message_args message;
    struct cli_send_message_list files, keys;
    struct cli_send_template template;
    const char *server, *ca_file, *hello, *dns_zone, *prefer, *mx_port;
    const char *user, *password_file, *password_command, *secret, *account, *mechanism;
    const char *from_policy, *save_sent;
    const char *connect_timeout, *io_timeout, *retries, *backoff, *connections, *per_connection;
    bool token, dry_run, mx, queue, now, verify, preflight, no_record, record_body;

    /* What was made of them. */
    struct config_account *sender; /* --account; NULL: none */
    struct client_options options;
    struct buf password;
    struct client_mail *mails;
    struct buf *contents;
    const char **names;
    size_t count;
    enum client_outcome outcome;
};

/* "message", or the file's name: when several mails are one that goes to several domains, likewise.
 */
static inline const char *cli_send_name(const struct cli_send *send, size_t mail)
{
    return send->names[mail];
}
