#include "tlspolicy/report_unpack.h"
#include "message/mime.h"
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, CHUNK_BYTES = 16 << 10 };

static bool is_packed(str bytes) { return str_starts(bytes, S("\x1f\x8b")); }

static bool is_json(str bytes)
{
    bytes = str_trim(bytes);
    return bytes.len > 0 && bytes.ptr[0] == '{';
}

/* ---- gzip ---- */

static err inflate_into(z_stream *z, struct buf *out)
{
    int done = Z_OK;
    while (done == Z_OK) {
        char *room;
        if (buf_reserve(out, CHUNK_BYTES, &room))
            return err_new(ERR_LIMIT, "a report of more than %d bytes", TLSPOLICY_REPORT_BYTES_MAX);
        z->next_out = (Bytef *)room;
        z->avail_out = CHUNK_BYTES;
        done = inflate(z, Z_NO_FLUSH);
        out->len += CHUNK_BYTES - z->avail_out;
    }
    return done == Z_STREAM_END ? NULL : err_new(ERR_PROTOCOL, "the packed report is damaged");
}

static err unpack(str packed, struct arena *arena, str *ret_json)
{
    CLEANUP(buf_release) struct buf json;
    z_stream z = {.next_in = (Bytef *)packed.ptr, .avail_in = (uInt)packed.len};
    buf_init(&json, TLSPOLICY_REPORT_BYTES_MAX);
    if (packed.len > UINT32_MAX || inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return err_new(ERR_LIMIT, "the packed report cannot be read");
    err e = inflate_into(&z, &json);
    inflateEnd(&z);
    if (e == NULL)
        *ret_json = arena_str(arena, buf_str(&json));
    return e;
}

/* ---- mail ---- */

static bool is_report(const struct message_mime_part *p)
{
    static const char *const types[] = {"application/tlsrpt+gzip", "application/tlsrpt+json",
                                        "application/gzip", "application/x-gzip",
                                        "application/json"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(p->type, str_of(types[i])))
            return true;
    for (size_t i = 0; i < p->name_count; i++)
        if (str_ends_nocase(p->names[i], S(".json.gz")) || str_ends_nocase(p->names[i], S(".json")))
            return true;
    return false;
}

/* The first part that is one, with its transfer encoding undone. */
static err find_part(str mail, struct arena *arena, str *ret_bytes)
{
    size_t count = 0, i = 0;
    const struct message_mime_part *parts = message_mime_parse(mail, arena, &count);
    while (i < count && (parts[i].kind != MIME_LEAF || !is_report(&parts[i])))
        i++;
    if (i == count)
        return err_new(ERR_PROTOCOL, "neither a report nor a mail that carries one");
    CLEANUP(buf_release) struct buf body;
    buf_init(&body, TLSPOLICY_REPORT_BYTES_MAX);
    TRY(message_mime_decode(&parts[i], mail, &body));
    *ret_bytes = arena_str(arena, buf_str(&body));
    return NULL;
}

err tlspolicy_report_unpack(str bytes, struct arena *arena, str *ret_json)
{
    if (!is_packed(bytes) && !is_json(bytes))
        TRY(find_part(bytes, arena, &bytes));
    if (is_packed(bytes))
        return unpack(bytes, arena, ret_json);
    *ret_json = bytes;
    return NULL;
}
