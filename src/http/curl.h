/* http/curl.h -- libcurl, opened when it is wanted
 *
 * The program is not linked with libcurl: who fetches nothing loads none of it (ADR 0009). What is
 * used of it is listed here by name, found by dlopen() once for the process, and never closed.
 */
#pragma once
#include "base/err.h"
#include <curl/curl.h>

struct http_curl {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_perform) *multi_perform;
    __typeof__(curl_multi_poll) *multi_poll;
    __typeof__(curl_multi_wakeup) *multi_wakeup;
    __typeof__(curl_multi_info_read) *multi_info_read;
};

/* Blocks, and opens files: before rights are given up. ERR_CONFIG: there is no libcurl, or it is
 * too old. */
must_use err http_curl_open(const struct http_curl **ret_curl);
