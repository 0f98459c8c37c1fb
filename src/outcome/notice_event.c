#include "outcome/notice_event.h"
#include "base/nesting.h"
#include <jansson.h>

enum { DEPTH_MAX = 16 }; /* checked ahead, for the parser's depth is the stack's */

/* How each kind of event names its parts. */
static const struct event_form {
    const char *type, *member, *list, *diagnostic;
    enum outcome_notice_kind kind;
} forms[] = {
    {"Bounce",        "bounce",        "bouncedRecipients",    "diagnosticCode", NOTICE_FAILED   },
    {"Complaint",     "complaint",     "complainedRecipients", NULL,             NOTICE_COMPLAINT},
    {"Delivery",      "delivery",      "recipients",           "smtpResponse",   NOTICE_DELIVERED},
    {"DeliveryDelay", "deliveryDelay", "delayedRecipients",    "diagnosticCode", NOTICE_DELAYED  },
};

/* Without line ends: a body in JSON has none that mean something, but mail systems break lines,
 * some with "!" before and a blank behind. */
static str without_breaks(str text, struct arena *arena)
{
    char *room = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    while (text.len > 0) {
        if (!str_skip(&text, S("!\n ")) && !str_skip(&text, S("!\r\n "))) {
            if (text.ptr[0] != '\r' && text.ptr[0] != '\n')
                room[len++] = text.ptr[0];
            text = str_from(text, 1);
        }
    }
    return (str){room, len};
}

static json_t *load(str text)
{
    if (text.len == 0 || text.ptr[0] != '{' || !nesting_is_shallow(text, DEPTH_MAX))
        return NULL;
    return json_loadb(text.ptr, text.len, JSON_DISABLE_EOF_CHECK, NULL);
}

static str text_of(const json_t *value, struct arena *arena)
{
    if (!json_is_string(value))
        return (str){0};
    str text = {json_string_value(value), json_string_length(value)};
    return arena_str(arena, str_slice(text, 0, OUTCOME_NOTICE_SAID_BYTES_MAX));
}

static str header_of(const json_t *mail, str name, struct arena *arena)
{
    size_t i;
    json_t *header;
    json_array_foreach(json_object_get(mail, "headers"), i, header)
    {
        str given = text_of(json_object_get(header, "name"), arena);
        if (str_eq_nocase(given, name))
            return text_of(json_object_get(header, "value"), arena);
    }
    return (str){0};
}

static void add_rcpt(const struct event_form *form, const json_t *event, const json_t *item,
                     struct arena *arena, struct outcome_notice_event *e)
{
    bool plain = json_is_string(item); /* then the reply stands beside the list */
    const json_t *holder = plain ? event : item;
    str address = text_of(plain ? item : json_object_get(item, "emailAddress"), arena);
    if (address.len == 0 || e->rcpt_count == OUTCOME_NOTICE_RCPTS_MAX)
        return;
    str said =
        form->diagnostic ? text_of(json_object_get(holder, form->diagnostic), arena) : (str){0};
    str_skip_nocase(&said, S("smtp;"));
    e->addresses[e->rcpt_count] = address;
    e->diagnostics[e->rcpt_count] = str_trim(said);
    e->statuses[e->rcpt_count++] = text_of(json_object_get(holder, "status"), arena);
}

static bool read_event(const json_t *root, struct arena *arena, struct outcome_notice_event *e)
{
    str type = text_of(json_object_get(root, "notificationType"), arena);
    if (type.len == 0)
        type = text_of(json_object_get(root, "eventType"), arena);
    const struct event_form *form = NULL;
    for (size_t i = 0; i < ARRAY_LEN(forms) && form == NULL; i++)
        if (str_eq(type, str_of(forms[i].type)))
            form = &forms[i];
    if (form == NULL)
        return false;
    const json_t *event = json_object_get(root, form->member),
                 *mail = json_object_get(root, "mail");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(event, form->list), i, item)
        add_rcpt(form, event, item, arena, e);
    e->kind = form->kind;
    e->feedback_type = text_of(json_object_get(event, "complaintFeedbackType"), arena);
    e->original_id = header_of(mail, S("Message-ID"), arena);
    return e->rcpt_count > 0;
}

bool outcome_notice_event_read(str text, struct arena *arena,
                               struct outcome_notice_event *ret_event)
{
    struct outcome_notice_event *e = ARENA_NEW(arena, struct outcome_notice_event);
    text = str_trim(text);
    if (text.len == 0 || text.ptr[0] != '{')
        return false;
    json_t *outer = load(without_breaks(text, arena));
    json_t *message = json_object_get(outer, "Message"), *inner = NULL;
    if (json_is_string(message))
        inner = load((str){json_string_value(message), json_string_length(message)});
    bool found = read_event(inner ? inner : outer, arena, e);
    json_decref(inner);
    json_decref(outer);
    if (found)
        *ret_event = *e;
    return found;
}
