#include "bulk/remains.h"
#include "bulk/csv.h"
#include "bulk/folder.h"

enum {
    LINES_BYTES_FLUSH = 32 << 10,
    LINES_BYTES_MAX = LINES_BYTES_FLUSH + (64 << 10) + BULK_CSV_RECORD_BYTES_MAX * 3,
    DETAIL_BYTES_MAX = 500,
};

void bulk_remains_init(struct bulk_remains *r)
{
    *r = (struct bulk_remains){0};
    buf_init(&r->lines, LINES_BYTES_MAX);
}

static err open_refused(struct bulk_remains *r, const char *folder)
{
    char path[BULK_FOLDER_PATH_CHARS];
    struct file_facts facts;
    TRY(bulk_folder_file(folder, "refused.csv", path));
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &r->refused));
    TRY(file_facts(r->refused, &facts));
    r->refused_at = facts.size;
    return NULL;
}

err bulk_remains_open(struct bulk_remains *r, const char *folder)
{
    char path[BULK_FOLDER_PATH_CHARS];
    TRY(bulk_folder_file(folder, "left-out.csv", path));
    TRY(file_open(path, FILE_WRITE | FILE_CREATE, &r->left_out));
    TRY(file_resize(r->left_out, 0));
    TRY(open_refused(r, folder));
    return buf_add(&r->lines, S("line,email,reason,detail\r\n"));
}

void bulk_remains_release(struct bulk_remains *r)
{
    file_close(r->left_out);
    file_close(r->refused);
    buf_release(&r->lines);
}

err bulk_remains_flush(struct bulk_remains *r)
{
    struct iovec part = {r->lines.ptr, r->lines.len};
    if (r->left_out == NULL || part.iov_len == 0)
        return NULL;
    TRY(file_write_at(r->left_out, &part, 1, r->left_out_at));
    r->left_out_at += part.iov_len;
    buf_clear(&r->lines);
    return NULL;
}

err bulk_remains_leave_out(struct bulk_remains *r, const struct bulk_list_row *row,
                           const char *what, str detail)
{
    struct buf *out = &r->lines;
    if (r->left_out == NULL)
        return NULL;
    TRY(buf_addf(out, "%llu,", (unsigned long long)row->line));
    TRY(bulk_csv_add(row->email, out));
    TRY(buf_addf(out, ",%s,", what));
    TRY(bulk_csv_add(str_slice(detail, 0, DETAIL_BYTES_MAX), out));
    TRY(buf_add(out, S("\r\n")));
    return out->len > LINES_BYTES_FLUSH ? bulk_remains_flush(r) : NULL;
}

err bulk_remains_refuse(struct bulk_remains *r, str email, const struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf line;
    buf_init(&line, 64 << 10);
    TRY(bulk_csv_add(email, &line));
    TRY(buf_addf(&line, ",%d,%.*s,", reply->code, STR_ARG(reply->enhanced)));
    TRY(bulk_csv_add(reply->text, &line));
    TRY(buf_add(&line, S("\r\n")));
    TRY(file_write_at(r->refused, &(struct iovec){line.ptr, line.len}, 1, r->refused_at));
    r->refused_at += line.len;
    return NULL;
}
