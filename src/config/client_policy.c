#include "config/client_policy.h"
#include "base/assert.h"
#include "base/rand.h"

const struct config_client_policy config_client_policy = {
    .tls_required = true,
    .connect_ms = CONFIG_CLIENT_POLICY_CONNECT_MS,
    .reply_ms = CONFIG_CLIENT_POLICY_REPLY_MS,
    .data_done_ms = CONFIG_CLIENT_POLICY_DATA_DONE_MS,
    .connections = CONFIG_CLIENT_POLICY_CONNECTIONS_MAX,
    .messages_per_connection = CONFIG_CLIENT_POLICY_MESSAGES_PER_CONNECTION,
    .retries = CONFIG_CLIENT_POLICY_RETRIES_MAX,
    .retry_first_ms = CONFIG_CLIENT_POLICY_RETRY_FIRST_MS,
    .retry_jitter_percent = CONFIG_CLIENT_POLICY_RETRY_JITTER_PERCENT,
    .exit_later = CONFIG_CLIENT_POLICY_EXIT_LATER,
};

int64_t config_client_policy_wait_ms(const struct config_client_policy *policy, int retry)
{
    ASSERT(retry >= 0);
    ASSERT(retry < 20);
    int64_t wait_ms = policy->retry_first_ms << retry;
    uint64_t jitter_ms = (uint64_t)(wait_ms * policy->retry_jitter_percent / 100);
    return wait_ms + (int64_t)rand_below(jitter_ms + 1);
}
