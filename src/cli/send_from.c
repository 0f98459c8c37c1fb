#include "cli/send_from.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "message/header.h"
#include "outbound/from.h"

enum { FROM_ARENA_BYTES_MAX = 32 << 20 };

err cli_send_from_policy(const char *word, struct config_account *account)
{
    static const struct {
        const char *word;
        enum config_from_policy policy;
    } policies[] = {
        {"off",     FROM_POLICY_OFF    },
        {"warn",    FROM_POLICY_WARN   },
        {"rewrite", FROM_POLICY_REWRITE},
        {"refuse",  FROM_POLICY_REFUSE },
    };
    size_t i = 0;
    if (word == NULL)
        return NULL;
    while (i < ARRAY_LEN(policies) && !str_eq(str_of(word), str_of(policies[i].word)))
        i++;
    if (i == ARRAY_LEN(policies))
        return err_new(ERR_CONFIG, "--from-policy: \"%s\" is not refuse, warn, rewrite or off",
                       word);
    account->from_policy = policies[i].policy;
    if (account->from_policy == FROM_POLICY_REWRITE && outbound_from_address(account).len == 0)
        return err_new(ERR_CONFIG,
                       "--from-policy rewrite: neither user nor aliases of account "
                       "%.*s has an address",
                       STR_ARG(account->name));
    return NULL;
}

/* The header is replaced; what follows it is as it was. */
static err put_header(const struct config_account *account, str header, struct arena *arena,
                      struct buf *content)
{
    struct buf other;
    str after = outbound_from_rewrite(account, header, arena);
    buf_init(&other, content->max);
    err e = buf_add(&other, after);
    if (e == NULL)
        e = buf_add(&other, str_from(buf_str(content), header.len));
    if (e) {
        buf_release(&other);
        return e;
    }
    buf_release(content);
    *content = other;
    return NULL;
}

err cli_send_from_fit(const struct config_account *account, const char *name, bool quiet,
                      struct buf *content)
{
    CLEANUP(arena_cleanup) struct arena *arena = arena_open(FROM_ARENA_BYTES_MAX);
    struct outbound_from from;
    str text = str_slice(buf_str(content), 0, MESSAGE_HEADER_BYTES_MAX);
    size_t length = message_header_length(text, 0);
    str header = length != STR_NONE         ? str_slice(text, 0, length)
                 : text.len == content->len ? text /* a header alone */
                                            : (str){0};
    outbound_from_judge(account, header, arena, &from);
    if (from.act == FROM_POLICY_OFF)
        return NULL;
    if (from.act == FROM_POLICY_REFUSE)
        return err_new(ERR_CONFIG, "%s: %.*s (--from-policy)", name, STR_ARG(from.text));
    if (!quiet)
        cli_fail("%s: %.*s%s", name, STR_ARG(from.text),
                 from.act == FROM_POLICY_REWRITE ? " (so it is rewritten)" : "");
    return from.act == FROM_POLICY_REWRITE ? put_header(account, header, arena, content) : NULL;
}
