/* newsletter.c -- the same mail to several people, from templates, signed
 *
 *     cc newsletter.c $(pkg-config --cflags --libs libsmtptool) -o newsletter
 *     ./newsletter smtp://127.0.0.1:2525?tls=none news@example.com example.com s2026 key.pem \
 *         ann@example.net Ann bob@example.net Bob
 *
 * A name cannot add a header or markup, whatever stands in it: each template escapes for its place.
 */
#include <smtptool.h>
#include <stdio.h>
#include <string.h>

enum { PEOPLE_MAX = 100 };

struct sender {
    const char *from, *domain, *selector;
    char pem[16384];
    struct smtptool_template *subject, *html;
};

static int read_key(struct sender *s, const char *path)
{
    FILE *f = fopen(path, "r");
    size_t size = f ? fread(s->pem, 1, sizeof s->pem - 1, f) : 0;
    s->pem[size] = '\0';
    if (f)
        fclose(f);
    return size == 0;
}

/* One person's message; on failure it is freed by the caller, too. */
static int make(const struct sender *s, const char *to, const char *name,
                struct smtptool_message *m, struct smtptool_error **error)
{
    struct smtptool_field fields[1];
    char *subject = NULL, *html = NULL;
    int failed;
    fields[0].name = "name";
    fields[0].value = name;
    failed = smtptool_template_render(s->subject, fields, 1, &subject, NULL, error) ||
             smtptool_template_render(s->html, fields, 1, &html, NULL, error) ||
             smtptool_message_from(m, s->from, error) || smtptool_message_to(m, to, error) ||
             smtptool_message_subject(m, subject, error) || smtptool_message_html(m, html, error) ||
             smtptool_message_unsubscribe(m, "https://example.com/leave", 1, error) ||
             smtptool_dkim_sign(m, s->domain, s->selector, s->pem, error);
    smtptool_free(subject);
    smtptool_free(html);
    return failed;
}

static int send_to(const struct sender *s, const char *url, char **people, size_t count,
                   struct smtptool_error **error)
{
    struct smtptool_message *messages[PEOPLE_MAX];
    struct smtptool_client *client = NULL;
    size_t i, made = 0;
    int failed = 0;
    for (; made < count && !failed; made++) {
        messages[made] = smtptool_message_new();
        failed = make(s, people[2 * made], people[2 * made + 1], messages[made], error);
    }
    if (!failed)
        failed = smtptool_client_new(url, &client, error) ||
                 smtptool_client_send_all(client, messages, count, 2, NULL, error);
    for (i = 0; i < made; i++)
        smtptool_message_free(messages[i]);
    smtptool_client_free(client);
    return failed;
}

int main(int argc, char **argv)
{
    struct sender s = {0};
    struct smtptool_error *error = NULL;
    size_t count = argc > 6 ? (size_t)(argc - 6) / 2 : 0;
    int failed;
    if (count == 0 || count > PEOPLE_MAX || read_key(&s, argv[5])) {
        fprintf(stderr, "usage: newsletter URL FROM DOMAIN SELECTOR KEY.PEM (ADDRESS NAME)...\n");
        return 64;
    }
    s.from = argv[2];
    s.domain = argv[3];
    s.selector = argv[4];
    failed = smtptool_template_compile(SMTPTOOL_HEADER, "subject", "News for {{name}}", &s.subject,
                                       &error) ||
             smtptool_template_compile(SMTPTOOL_HTML, "body", "<p>Dear {{name}},</p>\n", &s.html,
                                       &error) ||
             send_to(&s, argv[1], argv + 6, count, &error);
    if (failed)
        fprintf(stderr, "newsletter: %s\n", smtptool_error_text(error));
    else
        printf("%lu sent\n", (unsigned long)count);
    smtptool_error_free(error);
    smtptool_template_free(s.subject);
    smtptool_template_free(s.html);
    return failed;
}
