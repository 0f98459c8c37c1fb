/* Whatever comes over the operator's socket: what is taken says what it is for. */
#include "cli/admin.h"
#include "cli/admin_request.h"
#include "queue/id.h"
#include "tests/fuzz.h"

FUZZ(input, arena)
{
    struct cli_admin_request request;
    uint64_t number;
    if (cli_admin_request_parse(input, arena, &request))
        return; /* refusing is always fine */
    ASSERT(request.verb < CLI_ADMIN_VERBS);
    ASSERT(request.id_count <= CLI_ADMIN_REQUEST_IDS_MAX);
    for (size_t i = 0; i < request.id_count; i++)
        ASSERT(queue_id_parse(request.ids[i], &number));
    bool aimed =
        request.id_count || request.all || request.to.len || request.from.len || request.rcpt.len;
    bool changes = request.verb >= CLI_ADMIN_HOLD && request.verb <= CLI_ADMIN_RM;
    ASSERT(aimed || !changes);
}
