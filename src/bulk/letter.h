/* bulk/letter.h -- one mailing's texts, compiled, and the mail that a row makes of them
 *
 * Every text is a template (docs/template.md) and knows what it is for, so no row adds a header,
 * an address or markup. Beside the columns there are the fields of bulk_letter_fields.
 */
#pragma once
#include "bulk/hygiene.h"
#include "bulk/token.h"
#include "message/compose.h"
#include "template/template.h"

enum {
    BULK_LETTER_HEADERS_MAX = 50,
    BULK_LETTER_FILES_MAX = 20,
    BULK_LETTER_BYTES_MAX = 64 << 20, /* of one mail */
    BULK_LETTER_FILE_BYTES_MAX = 32 << 20,
    BULK_LETTER_RENDER_BYTES_MAX = 64 << 20, /* of the arena, for all templates of one mail */
    BULK_LETTER_ARENA_BYTES_MAX = (BULK_LETTER_FILES_MAX + 1) * BULK_LETTER_FILE_BYTES_MAX +
                                  BULK_LETTER_RENDER_BYTES_MAX + TEMPLATE_RENDER_ARENA_BYTES_MAX,
};

struct bulk_letter_header {
    str name;
    struct template_source value;
};

struct bulk_letter_options {
    str campaign;
    str sender;              /* the envelope's; its domain is From's, too (attack 53) */
    const str *from_domains; /* that From may be of besides */
    size_t from_domain_count;
    struct template_source from, to, reply_to, subject, text, html; /* may be empty, but for from */
    struct bulk_letter_header headers[BULK_LETTER_HEADERS_MAX];
    size_t header_count;
    struct template_source files[BULK_LETTER_FILES_MAX]; /* paths below attach_folder */
    size_t file_count;
    const char *folder; /* of partials and attachments */
    bool allow_raw;
    str unsubscribe_url, unsubscribe_mailto; /* empty: no List-Unsubscribe */
    str secret;                              /* that signs their links */
};

struct bulk_letter;

/* Built-in fields: email, campaign, split, unsubscribe_url; before the list is opened. */
must_use err bulk_letter_add_fields(struct template_names *);

/* The names must be complete, or open. Blocks: files. ERR_CONFIG tells the place. */
must_use err bulk_letter_open(const struct bulk_letter_options *, struct template_names *,
                              struct bulk_letter **ret_letter);
void bulk_letter_close(struct bulk_letter *); /* accepts NULL */

struct bulk_letter_row {
    struct template_value *slots; /* the built-in ones are set here */
    size_t slot_count;
    const struct bulk_address *address;
    const char *key; /* bulk_token_key() of campaign and address */
    int split;       /* 0: none */
    int64_t now_ms;
};

/* Append the mail. Texts live in the arena, which needs BULK_LETTER_ARENA_BYTES_MAX. ERR_PROTOCOL,
 * ERR_CONFIG: this row makes no mail, and why. May read files. */
must_use err bulk_letter_write(struct bulk_letter *, const struct bulk_letter_row *, struct arena *,
                               struct buf *out);
