#include "mailauth/dmarc_gzip.h"
#include "base/mem.h"
#include <zlib.h>

enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8, CHUNK_BYTES = 16 << 10 };

struct mailauth_dmarc_gzip {
    z_stream stream;
    struct buf *out;
};

struct mailauth_dmarc_gzip *mailauth_dmarc_gzip_open(struct buf *out)
{
    struct mailauth_dmarc_gzip *g = MEM_NEW(struct mailauth_dmarc_gzip);
    g->out = out;
    int done = deflateInit2(&g->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW,
                            MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    ASSERT(done == Z_OK); /* out of memory, which ends the process elsewhere, too */
    return g;
}

void mailauth_dmarc_gzip_close(struct mailauth_dmarc_gzip *g)
{
    if (g == NULL)
        return;
    deflateEnd(&g->stream);
    mem_free(g);
}

static err pack(struct mailauth_dmarc_gzip *g, int flush)
{
    do {
        char *room;
        TRY(buf_reserve(g->out, CHUNK_BYTES, &room));
        g->stream.next_out = (Bytef *)room;
        g->stream.avail_out = CHUNK_BYTES;
        int done = deflate(&g->stream, flush);
        ASSERT(done == Z_OK || done == Z_STREAM_END || done == Z_BUF_ERROR);
        g->out->len += CHUNK_BYTES - g->stream.avail_out;
    } while (g->stream.avail_out == 0);
    return NULL;
}

err mailauth_dmarc_gzip_add(struct mailauth_dmarc_gzip *g, str bytes)
{
    g->stream.next_in = (Bytef *)bytes.ptr;
    ASSERT(bytes.len <= UINT32_MAX);
    g->stream.avail_in = (uInt)bytes.len;
    return pack(g, Z_NO_FLUSH);
}

err mailauth_dmarc_gzip_finish(struct mailauth_dmarc_gzip *g) { return pack(g, Z_FINISH); }
