/* Any bytes as a file of another program: whatever becomes an account can be written into ours, and
 * what is exported of it has no line that the value made. The first byte chooses the program. */
#include "config/value.h"
#include "interchange/export.h"
#include "interchange/import.h"
#include "interchange/quote.h"
#include "tests/fuzz.h"

static void check_export(const struct interchange_account *a, struct arena *arena)
{
    struct config_hop *hop = ARENA_NEW(arena, struct config_hop);
    ASSERT(config_value_hop(a->server, arena, hop) == NULL);
    const struct config_account account = {
        .name = a->name,
        .user = a->user,
        .mechanism = a->mechanism,
        .secret = a->secret_clear || a->secret.len == 0 ? S("env:SMTP_PASSWORD") : a->secret,
        .hops = hop,
        .hop_count = 1,
    };
    struct interchange_way way;
    if (interchange_way_of(&account, a->from, (str){0}, arena, &way) != NULL)
        return;
    for (const struct interchange_export *at = interchange_export_table; at->program; at++) {
        CLEANUP(buf_release) struct buf out;
        buf_init(&out, INTERCHANGE_EXPORT_BYTES_MAX);
        if (at->write(&way, &out) != NULL)
            continue;
        ASSERT(str_is_utf8(buf_str(&out)));
        ASSERT(str_find(buf_str(&out), '\r') == STR_NONE);
        ASSERT(str_find(buf_str(&out), '\0') == STR_NONE);
    }
}

FUZZ(input, arena)
{
    struct interchange_import m = {0};
    if (input.len == 0 || input.len > 100000)
        return;
    (void)arena; /* too small for all that a file may hold */
    struct arena *space = arena_open(INTERCHANGE_ARENA_BYTES_MAX);
    const struct interchange_import_reader *reader =
        &interchange_import_table[(unsigned char)input.ptr[0] % 4];
    interchange_import_init(&m, space);
    if (reader->read(&m, str_from(input, 1)) == NULL) {
        for (size_t i = 0; i < m.count && i < 20; i++) {
            const struct interchange_account *a = &m.accounts[i];
            ASSERT(a->user.len > 0);
            ASSERT(interchange_quote_check("user", a->user) == NULL);
            ASSERT(a->secret_clear || a->secret.len == 0 || config_value_secret(a->secret) == NULL);
            check_export(a, space);
            err_forget();
        }
    }
    for (size_t i = 0; i < m.note_count; i++)
        ASSERT(m.notes[i].advice.len > 0);
    arena_close(space);
}
