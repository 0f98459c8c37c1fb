/* cli/send_template.h -- `send --template FILE --var name=value`: one mailing's text for one person
 *
 * A file whose name ends in .html or .htm is the HTML, any other the text; --subject may hold
 * fields, too. The language is template/'s (docs/template.md), and so is what keeps a value from
 * adding a header or markup (attacks 47 and 53).
 */
#pragma once
#include "cli/send_message.h"

struct cli_send_template {
    struct cli_send_message_list files, vars;
};

/* Sets subject, ready_text and ready_html; they live in the arena. ERR_CONFIG: a mistake in a
 * template with its place, a variable that is none, or a value that may not stand there. */
must_use err cli_send_template_render(const struct cli_send_template *, struct arena *,
                                      struct cli_send_message_args *);
