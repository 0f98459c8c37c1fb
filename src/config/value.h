/* config/value.h -- the texts that configuration and command line share, read strictly
 *
 * Every function refuses with ERR_CONFIG; the err's text names the input and the way out. What
 * might be a secret is never repeated.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"

enum {
    CONFIG_VALUE_HOST_BYTES_MAX = 253, /* RFC 1035 section 2.3.4, as text */
    CONFIG_VALUE_URL_BYTES_MAX = 1000,
    CONFIG_VALUE_RATE_MAX = 100000,    /* messages a second */
    CONFIG_VALUE_LOCAL_BYTES_MAX = 64, /* RFC 5321 section 4.5.3.1.1 */
};

/* "500ms", "10s", "5m", "4h", "5d": one whole number, one unit. */
must_use err config_value_duration(str text, int64_t *ret_ms);
/* "100B", "1KiB", "50MiB", "1GiB" (1024) and "10KB", "10MB", "1GB" (1000). */
must_use err config_value_size(str text, int64_t *ret_bytes);
must_use err config_value_int(str text, int64_t *ret_value); /* decimal, no sign, no leading 0 */
/* "20/s", "300/m", "1000/h", "5000/d": messages a day, at most CONFIG_VALUE_RATE_MAX a second. */
must_use err config_value_rate(str text, int64_t *ret_per_day);
must_use err config_value_format_rate(int64_t per_day, struct buf *out); /* in its smallest unit */
must_use err config_value_bool(str text, bool *ret_value);               /* true, false */

/* "0.3%", "40%": at most two digits behind the point; in hundredths of a percent, at most 10,000%.
 */
must_use err config_value_percent(str text, int *ret_hundredths);
must_use err config_value_date(str text, int *ret_day);     /* "2026-11-21": days since 1970 */
must_use err config_value_zone(str text, int *ret_minutes); /* "+01:00", "-05:30": east of UTC */
must_use err config_value_hours(str text, int *ret_hours);  /* "8-20", "22-6", "0-24": its bits */

must_use err config_value_format_duration(int64_t ms, struct buf *out); /* in its largest unit */
must_use err config_value_format_size(int64_t bytes, struct buf *out);
must_use err config_value_format_date(int day, struct buf *out);
must_use err config_value_format_zone(int minutes, struct buf *out);
must_use err config_value_format_hours(int hours, struct buf *out);

/* A host or domain name as lower-case A-labels (RFC 5890). */
must_use err config_value_host(str text, struct arena *, str *ret_host);

/* "smtp://host[:587]", "smtps://host[:465]", "lmtp://host[:24]", "lmtp+unix:///path". TLS must be
 * had and verified unless ?tls=opportunistic or ?tls=none says otherwise; LMTP to this machine
 * takes TLS when it is offered. */
must_use err config_value_hop(str url, struct arena *, struct config_hop *ret_hop);
bool config_value_hop_is_local(const struct config_hop *); /* loopback, "localhost" or a socket */

/* "socks5://192.0.2.1:1080", "proxy://[2001:db8::1]:2626": an address, so that no DNS is asked for
 * the way to it. */
must_use err config_value_proxy(str url, struct arena *, struct config_proxy *ret_proxy);

/* "file:/path", "env:NAME", "command:…" */
must_use err config_value_secret(str text);

/* "*", "example.com", "*.example.com", "user@example.com" */
must_use err config_value_pattern(str text, struct arena *, str *ret_pattern);
/* Is the address, or its domain, what the pattern says? Case does not matter. */
bool config_value_pattern_fits(str pattern, str address, str domain);

/* A local part, or a whole address in that domain. */
must_use err config_value_recipient(str text, str domain);
