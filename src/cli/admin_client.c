#include "cli/admin_client.h"
#include "base/mem.h"
#include "cli/admin.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static err connect_to(str path, int *ret_fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (!str_to_chars(path, at.sun_path, sizeof at.sun_path))
        return err_new(ERR_CONFIG, "admin_socket: the path is too long");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_new(ERR_SYSTEM, "socket");
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
        *ret_fd = fd;
        return NULL;
    }
    err e = errno == ENOENT || errno == ECONNREFUSED
                ? err_new(ERR_CLOSED,
                          "no server listens on %s: does \"smtptool serve\" run with this "
                          "configuration?",
                          at.sun_path)
                : err_new(ERR_SYSTEM, "connect to %s", at.sun_path);
    close(fd);
    return e;
}

static err send_request(int fd, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    ASSERT(text != NULL);
    size_t len = strlen(text);
    unsigned char head[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
                             (unsigned char)(len >> 8), (unsigned char)len};
    err e = NULL;
    if (len > CLI_ADMIN_REQUEST_BYTES_MAX - 4)
        e = err_new(ERR_CONFIG, "too many ids at once");
    else if (write(fd, head, 4) != 4 || write(fd, text, len) != (ssize_t)len)
        e = err_new(ERR_SYSTEM, "send the request");
    mem_free(text);
    return e;
}

struct answer {
    void (*line)(void *arg, const json_t *);
    void *arg;
    bool ended;
    int64_t done;
};

static err take_line(const json_t *object, struct answer *a)
{
    const json_t *done = json_object_get(object, "done"), *error = json_object_get(object, "error");
    if (error)
        return err_new(ERR_CONFIG, "%s", json_is_string(error) ? json_string_value(error) : "?");
    a->ended = json_is_integer(done);
    if (a->ended)
        a->done = json_integer_value(done);
    else if (a->line)
        a->line(a->arg, object);
    return NULL;
}

static err read_answer(int fd, struct answer *a)
{
    FILE *from = fdopen(fd, "rb");
    char *text = NULL;
    size_t size = 0;
    ssize_t len;
    err e = from ? NULL : err_new(ERR_SYSTEM, "fdopen");
    while (e == NULL && !a->ended && (len = getline(&text, &size, from)) > 0) {
        json_t *object = json_loadb(text, (size_t)len, 0, NULL);
        e = json_is_object(object) ? take_line(object, a)
                                   : err_new(ERR_PROTOCOL, "the server's answer is no JSON");
        json_decref(object);
    }
    if (e == NULL && !a->ended)
        e = err_new(ERR_PROTOCOL, "the server closed the connection without an answer");
    mem_free(text);
    if (from)
        fclose(from);
    else
        close(fd);
    return e;
}

err cli_admin_client_ask(const struct config *config, json_t *request,
                         void (*line)(void *arg, const json_t *), void *arg, int64_t *ret_done)
{
    struct answer answer = {line, arg, false, 0};
    int fd = -1;
    err e = connect_to(config->admin_socket, &fd);
    if (e == NULL) {
        e = send_request(fd, request);
        if (e)
            close(fd);
        else
            e = read_answer(fd, &answer);
    }
    json_decref(request);
    if (e == NULL)
        *ret_done = answer.done;
    return e;
}
