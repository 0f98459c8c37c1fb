#include "mailauth/dmarc_psl.h"
#include "base/buf.h"
#include "base/mem.h"
#include <libpsl.h>

enum { PATH_BYTES_MAX = 4096 };

struct mailauth_dmarc_psl {
    psl_ctx_t *list;
};

err mailauth_dmarc_psl_open(str path, struct mailauth_dmarc_psl **ret_psl)
{
    CLEANUP(buf_release) struct buf chars;
    buf_init(&chars, PATH_BYTES_MAX);
    TRY(buf_add(&chars, path));
    psl_ctx_t *list = path.len ? psl_load_file(buf_chars(&chars)) : psl_latest(NULL);
    if (list == NULL)
        return err_new(ERR_CONFIG, "no public suffix list at %s",
                       path.len ? buf_chars(&chars) : "the system's place");
    struct mailauth_dmarc_psl *psl = MEM_NEW(struct mailauth_dmarc_psl);
    psl->list = list;
    *ret_psl = psl;
    return NULL;
}

void mailauth_dmarc_psl_close(struct mailauth_dmarc_psl *psl)
{
    if (psl == NULL)
        return;
    psl_free(psl->list);
    mem_free(psl);
}

str mailauth_dmarc_psl_organizational(const struct mailauth_dmarc_psl *psl, str domain,
                                      struct arena *arena)
{
    const char *found = psl_registrable_domain(psl->list, arena_chars(arena, domain));
    return found ? arena_str(arena, str_of(found)) : domain;
}
