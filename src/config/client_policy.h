/* config/client_policy.h -- how patient a client is: `send` and `bulk`, with a person waiting
 *
 * One of the program's two timing policies. The other is the queue's, for mail that may wait for
 * days: it stands in the configuration (retry, timeouts, outbound).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    CONFIG_CLIENT_POLICY_CONNECT_MS = 10 * 1000, /* for each address */
    CONFIG_CLIENT_POLICY_REPLY_MS = 30 * 1000,   /* reading or writing, for each reply */
    CONFIG_CLIENT_POLICY_DATA_DONE_MS = 600 * 1000,
    CONFIG_CLIENT_POLICY_CONNECTIONS_MAX = 20,
    CONFIG_CLIENT_POLICY_MESSAGES_PER_CONNECTION = 100,
    CONFIG_CLIENT_POLICY_RETRIES_MAX = 3,
    CONFIG_CLIENT_POLICY_RETRY_FIRST_MS = 5 * 1000, /* then twice as long: 5, 10, 20 s */
    CONFIG_CLIENT_POLICY_RETRY_JITTER_PERCENT = 20, /* added, so that many do not come together */
    CONFIG_CLIENT_POLICY_EXIT_LATER = 75,           /* EX_TEMPFAIL, when the retries are used up */
};

struct config_client_policy {
    bool tls_required; /* and verified */
    int64_t connect_ms, reply_ms, data_done_ms;
    int connections, messages_per_connection;
    int retries; /* after a 4xx or a lost connection; none after a 5xx */
    int64_t retry_first_ms;
    int retry_jitter_percent;
    int exit_later;
};

extern const struct config_client_policy config_client_policy;

/* The wait before retry number 0, 1, 2 …, with its jitter drawn. */
int64_t config_client_policy_wait_ms(const struct config_client_policy *, int retry);
