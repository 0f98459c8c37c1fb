/* message/markdown.h -- Markdown as HTML (libmd4c), for who writes a mail in a text editor
 *
 * CommonMark with GitHub's tables, task lists, strikethrough and bare links. The library is opened
 * when it is first wanted: a program that never is asked for Markdown runs without it. The text
 * itself is what readers without HTML get: it was made to be read as it stands.
 */
#pragma once
#include "base/buf.h"

enum { MESSAGE_MARKDOWN_BYTES_MAX = 4 << 20 };

/* Append a whole HTML document. HTML in the text stays HTML. ERR_CONFIG: the library is not
 * installed, or the text is no UTF-8. ERR_LIMIT: it is too long. */
must_use err message_markdown_add(str markdown, struct buf *out_html);
