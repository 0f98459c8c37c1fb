/* send.c -- one mail with an attachment, and what became of each recipient
 *
 *     cc send.c $(pkg-config --cflags --libs libsmtptool) -o send
 *     MAIL_PASSWORD=... ./send smtp://mail.example.com alice FROM TO [CA_FILE] < file
 */
#include <smtptool.h>
#include <stdio.h>
#include <stdlib.h>

static char file[1 << 20];

static int compose(struct smtptool_message *m, const char *from, const char *to,
                   struct smtptool_error **error)
{
    size_t size = fread(file, 1, sizeof file, stdin);
    if (smtptool_message_from(m, from, error) || smtptool_message_to(m, to, error) ||
        smtptool_message_subject(m, "A file for you", error) ||
        smtptool_message_text(m, "It is attached.\n", error))
        return 1;
    return smtptool_message_attach(m, "file.txt", NULL, file, size, error);
}

static int set_up(struct smtptool_client *c, const char *user, const char *ca_file,
                  struct smtptool_error **error)
{
    const char *password = getenv("MAIL_PASSWORD");
    if (ca_file && smtptool_client_ca_file(c, ca_file, error))
        return 1;
    return password && smtptool_client_login(c, user, password, SMTPTOOL_PASSWORD, error);
}

static void show(const struct smtptool_results *results)
{
    size_t i;
    for (i = 0; i < smtptool_results_count(results); i++)
        printf("%s: %s %d %s\n", smtptool_results_address(results, i),
               smtptool_kind_name(smtptool_results_kind(results, i)),
               smtptool_results_code(results, i), smtptool_results_text(results, i));
}

int main(int argc, char **argv)
{
    struct smtptool_error *error = NULL;
    struct smtptool_client *client = NULL;
    struct smtptool_results *results = NULL;
    struct smtptool_message *message;
    int failed;
    if (argc < 5) {
        fprintf(stderr, "usage: send URL USER FROM TO [CA_FILE] < file\n");
        return 64;
    }
    message = smtptool_message_new();
    failed = compose(message, argv[3], argv[4], &error) ||
             smtptool_client_new(argv[1], &client, &error) ||
             set_up(client, argv[2], argc > 5 ? argv[5] : NULL, &error) ||
             smtptool_client_send(client, NULL, NULL, 0, message, &results, &error);
    show(results);
    if (failed)
        fprintf(stderr, "send: %s (%s)\n", smtptool_error_text(error),
                smtptool_kind_name(smtptool_error_kind(error)));
    smtptool_error_free(error);
    smtptool_results_free(results);
    smtptool_client_free(client);
    smtptool_message_free(message);
    return failed;
}
