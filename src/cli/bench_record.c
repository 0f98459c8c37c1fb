#include "cli/bench_record.h"
#include "base/clock.h"
#include "base/mem.h"
#include "runtime/file.h"

struct bench_record {
    struct file *file;
};

err bench_record_open(const char *path, struct bench_record **ret_record)
{
    struct file *file;
    TRY(file_open(path, FILE_WRITE | FILE_CREATE | FILE_FOLLOW, &file));
    err e = file_resize(file, 0);
    if (e) {
        file_close(file);
        return e;
    }
    *ret_record = MEM_NEW(struct bench_record);
    (*ret_record)->file = file;
    return NULL;
}

void bench_record_close(struct bench_record *r)
{
    if (r == NULL)
        return;
    file_close(r->file);
    mem_free(r);
}

void bench_record_put(struct bench_record *r, uint64_t number)
{
    if (r == NULL || number >= BENCH_RECORD_MAX)
        return;
    int64_t now = clock_steady_ns();
    struct iovec part = {&now, sizeof now};
    err e = file_write_at(r->file, &part, 1, number * sizeof now);
    (void)e; /* who reads the file misses it */
}

static bool hex_digits(str text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.len != 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        value = value << 4 | (uint64_t)digit;
    }
    *ret_value = value;
    return true;
}

/* "Message-ID: <0123456789abcdef.0000000000000007@bench.test>" */
bool bench_record_find(str head, uint64_t *ret_number)
{
    str field = S("Message-ID: <"), end = S("@bench.test>");
    while (head.len >= field.len) {
        if (str_starts(head, field)) {
            str id = str_slice(str_from(head, field.len), 0, 33 + end.len);
            return id.len == 33 + end.len && id.ptr[16] == '.' && str_eq(str_from(id, 33), end) &&
                   hex_digits(str_slice(id, 17, 16), ret_number);
        }
        size_t next = str_find(head, '\n');
        if (next == STR_NONE)
            return false;
        head = str_from(head, next + 1);
    }
    return false;
}
