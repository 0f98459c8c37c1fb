/* The texts that configuration and command line share: what is taken stays what it is when it is
 * written and read again. */
#include "config/value.h"
#include "tests/fuzz.h"

static void check_measures(str text)
{
    int64_t value, again;
    bool truth;
    CLEANUP(buf_release) struct buf out;
    buf_init(&out, 4096);
    if (config_value_duration(text, &value) == NULL) {
        ASSERT(value >= 0);
        ASSERT(!config_value_format_duration(value, &out));
        ASSERT(!config_value_duration(buf_str(&out), &again));
        ASSERT(again == value);
        buf_clear(&out);
    }
    if (config_value_size(text, &value) == NULL) {
        ASSERT(value >= 0);
        ASSERT(!config_value_format_size(value, &out));
        ASSERT(!config_value_size(buf_str(&out), &again));
        ASSERT(again == value);
        buf_clear(&out);
    }
    if (config_value_rate(text, &value) == NULL) {
        ASSERT(value > 0 && value <= CONFIG_VALUE_RATE_MAX * 86400LL);
        ASSERT(!config_value_format_rate(value, &out));
        ASSERT(!config_value_rate(buf_str(&out), &again));
        ASSERT(again == value);
    }
    if (config_value_int(text, &value) == NULL)
        ASSERT(value >= 0);
    if (config_value_bool(text, &truth) == NULL)
        ASSERT(text.len == (truth ? 4 : 5));
}

static void check_names(str text, struct arena *arena)
{
    str host, again;
    if (config_value_host(text, arena, &host) == NULL) {
        ASSERT(host.len > 0 && host.len <= CONFIG_VALUE_HOST_BYTES_MAX);
        ASSERT(str_is_ascii(host));
        ASSERT(!config_value_host(host, arena, &again));
        ASSERT(str_eq(host, again));
    }
    if (config_value_pattern(text, arena, &host) == NULL) {
        ASSERT(!config_value_pattern(host, arena, &again));
        ASSERT(str_eq(host, again));
    }
}

static void check_hop(str text, struct arena *arena)
{
    struct config_hop hop;
    if (config_value_hop(text, arena, &hop))
        return;
    ASSERT(hop.host.len > 0);
    ASSERT(hop.unix_socket ? hop.host.ptr[0] == '/' : hop.port > 0);
    ASSERT(!hop.unix_socket || hop.lmtp);
    ASSERT(!hop.unix_socket || config_value_hop_is_local(&hop));
    ASSERT(str_eq(hop.url, text));
}

FUZZ(input, arena)
{
    input = str_slice(input, 0, 4096);
    check_measures(input);
    check_names(input, arena);
    check_hop(input, arena);
    if (config_value_secret(input) == NULL)
        ASSERT(str_find(input, ':') != STR_NONE);
    if (config_value_recipient(input, S("d.example")) == NULL)
        ASSERT(input.len > 0);
}
