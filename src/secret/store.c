#include "secret/store.h"
#include "base/mem.h"
#include "message/date.h"
#include <time.h>

enum { RETRY_MS_MAX = 3600 * 1000, PAUSE_MS_FIRST = 200 };

err secret_store_call(struct http_client_request *r, struct arena *arena, deadline until,
                      struct http_client_answer *ret_answer)
{
    int64_t left_ms = deadline_left_ms(until);
    if (left_ms == 0)
        return err_new(ERR_TIMEOUT, "%.*s: no time left", STR_ARG(http_client_url_host(r->url)));
    r->ms_max = left_ms < SECRET_STORE_CALL_MS_MAX ? left_ms : SECRET_STORE_CALL_MS_MAX;
    r->body_bytes_max = SECRET_STORE_BODY_BYTES_MAX;
    return http_client_call(r, arena, ret_answer);
}

void secret_store_wipe(struct http_client_answer *a)
{
    if (a->body.len)
        mem_wipe((char *)a->body.ptr, a->body.len);
}

int64_t secret_store_date_ms(const struct http_client_answer *a)
{
    str text = http_client_field_of(a, S("Date"));
    struct message_date date;
    return text.len > 0 && message_date_parse(text, &date) ? date.real_ms : 0;
}

int64_t secret_store_retry_ms(const struct http_client_answer *a)
{
    str text = http_client_field_of(a, S("Retry-After"));
    struct message_date date;
    uint64_t seconds = 0;
    int64_t ms = 0;
    if (str_to_u64(text, RETRY_MS_MAX / 1000, &seconds))
        ms = (int64_t)seconds * 1000;
    else if (text.len > 0 && message_date_parse(text, &date))
        ms = date.real_ms - clock_real_ms();
    else if (text.len > 0 && char_is_digit(text.ptr[0]))
        ms = RETRY_MS_MAX;
    return ms < 0 ? 0 : ms > RETRY_MS_MAX ? RETRY_MS_MAX : ms;
}

err secret_store_pause(int n, int64_t retry_ms, deadline until)
{
    int64_t ms = retry_ms > 0 ? retry_ms : (int64_t)PAUSE_MS_FIRST << n;
    if (n > SECRET_STORE_TRIES_MAX || ms >= deadline_left_ms(until))
        return err_new(ERR_TIMEOUT, "too many requests, it says");
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
    return NULL;
}
