#include "http/curl.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static const char file_name[] = "libcurl.so.4";

static struct {
    pthread_once_t once;
    struct http_curl curl;
    char trouble[200]; /* empty: it is open */
} opened = {.once = PTHREAD_ONCE_INIT};

static const struct symbol {
    const char *name;
    size_t at; /* in struct http_curl */
} symbols[] = {
    {"curl_global_init",         offsetof(struct http_curl, global_init)        },
    {"curl_easy_init",           offsetof(struct http_curl, easy_init)          },
    {"curl_easy_cleanup",        offsetof(struct http_curl, easy_cleanup)       },
    {"curl_easy_setopt",         offsetof(struct http_curl, easy_setopt)        },
    {"curl_easy_perform",        offsetof(struct http_curl, easy_perform)       },
    {"curl_easy_getinfo",        offsetof(struct http_curl, easy_getinfo)       },
    {"curl_easy_strerror",       offsetof(struct http_curl, easy_strerror)      },
    {"curl_slist_append",        offsetof(struct http_curl, slist_append)       },
    {"curl_slist_free_all",      offsetof(struct http_curl, slist_free_all)     },
    {"curl_multi_init",          offsetof(struct http_curl, multi_init)         },
    {"curl_multi_cleanup",       offsetof(struct http_curl, multi_cleanup)      },
    {"curl_multi_add_handle",    offsetof(struct http_curl, multi_add_handle)   },
    {"curl_multi_remove_handle", offsetof(struct http_curl, multi_remove_handle)},
    {"curl_multi_perform",       offsetof(struct http_curl, multi_perform)      },
    {"curl_multi_poll",          offsetof(struct http_curl, multi_poll)         },
    {"curl_multi_wakeup",        offsetof(struct http_curl, multi_wakeup)       },
    {"curl_multi_info_read",     offsetof(struct http_curl, multi_info_read)    },
};

/* dlsym() gives a pointer to data for what is a function: POSIX lets the bytes be copied. */
static bool find_all(void *library, const char **ret_missing)
{
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        void *found = dlsym(library, symbols[i].name);
        *ret_missing = symbols[i].name;
        if (found == NULL)
            return false;
        memcpy((char *)&opened.curl + symbols[i].at, &found, sizeof found);
    }
    return true;
}

static void open_once(void)
{
    const char *missing = NULL;
    void *library = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        snprintf(opened.trouble, sizeof opened.trouble, "%s is not installed", file_name);
    else if (!find_all(library, &missing))
        snprintf(opened.trouble, sizeof opened.trouble, "%s has no %s", file_name, missing);
    else if (opened.curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(opened.trouble, sizeof opened.trouble, "%s does not start", file_name);
}

err http_curl_open(const struct http_curl **ret_curl)
{
    pthread_once(&opened.once, open_once);
    if (opened.trouble[0])
        return err_new(ERR_CONFIG, "HTTP: %s", opened.trouble);
    *ret_curl = &opened.curl;
    return NULL;
}
