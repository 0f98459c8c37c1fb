#include "cli/bench_reply.h"

enum { CODE_BYTES = 3 };

static int code_of(str line)
{
    if (line.len < CODE_BYTES || line.ptr[0] < '2' || line.ptr[0] > '5')
        return 0;
    if (!char_is_digit(line.ptr[1]) || !char_is_digit(line.ptr[2]))
        return 0;
    return (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
}

enum bench_reply_event bench_reply_take(str *input, struct bench_reply *ret_reply)
{
    int first = 0;
    for (str rest = *input;;) {
        size_t end = str_find(rest, '\n');
        if (end == STR_NONE)
            return BENCH_REPLY_MORE;
        str line = str_trim(str_slice(rest, 0, end));
        int code = code_of(line);
        rest = str_from(rest, end + 1);
        if (code == 0 || (first != 0 && code != first))
            return BENCH_REPLY_BROKEN;
        first = code;
        if (line.len > CODE_BYTES && line.ptr[CODE_BYTES] == '-')
            continue;
        ret_reply->code = code;
        ret_reply->text = str_from(line, CODE_BYTES + 1);
        ret_reply->all = str_slice(*input, 0, input->len - rest.len);
        *input = rest;
        return BENCH_REPLY_READY;
    }
}

bool bench_reply_offers(const struct bench_reply *reply, str keyword)
{
    for (str rest = reply->all; rest.len > 0;) {
        str line, word, params;
        str_split(rest, '\n', &line, &rest);
        str_split(str_trim(str_from(line, CODE_BYTES + 1)), ' ', &word, &params);
        if (str_eq_nocase(word, keyword))
            return true;
    }
    return false;
}
