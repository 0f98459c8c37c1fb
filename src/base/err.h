/* base/err.h -- why an operation could not be done
 *
 * NULL means it was done. An err lives in its fiber's small error ring until err_forget();
 * nobody frees one. Bugs are not errs: they are ASSERTs.
 */
#pragma once
#include "base/str.h"

enum err_kind {
    ERR_SYSTEM,   /* a system call failed: see number */
    ERR_TIMEOUT,  /* the deadline passed */
    ERR_CANCELED, /* this fiber is being closed: unwind, do not retry, do not log */
    ERR_CLOSED,   /* the peer went away */
    ERR_PROTOCOL, /* the peer broke the protocol */
    ERR_LIMIT,    /* one of our own limits was reached */
    ERR_CONFIG,   /* the operator must change something */
    ERR_TLS,      /* no trusted channel: handshake or certificate failed */
    ERR_DAMAGED,  /* stored bytes are not what was written */
};

typedef const struct err_info *err;

struct err_info {
    enum err_kind kind;
    int number; /* errno, for ERR_SYSTEM */
    const char *file;
    int line;
    err cause; /* what we were told, one layer down */
    str text;  /* what we were doing, in this layer's words */
};

#define err_new(kind, ...) err_sure(err_make(kind, NULL, __FILE__, __LINE__, __VA_ARGS__))
#define err_wrap(cause, ...) \
    err_sure(err_make((cause)->kind, cause, __FILE__, __LINE__, __VA_ARGS__))

/* The one macro that returns from its caller. There is no second one. */
#define TRY(call)           \
    do {                    \
        err try_e = (call); \
        if (try_e)          \
            return try_e;   \
    } while (0)

/* Take the text in; errno is kept as number when kind is ERR_SYSTEM. Never fails: a full ring
 * yields a static err. A wrapped cause keeps its number. */
must_use err err_make(enum err_kind, err cause, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Tells the static analyzer, which sees one file at a time, that an err that was made is not NULL.
 */
must_use static inline err err_sure(err e)
{
    if (e == NULL)
        __builtin_unreachable();
    return e;
}

/* Every err of this fiber made so far is void from here on. */
void err_forget(void);

/* "connect to mx1.example.net: no answer in 30 s [net.c:214]" into the caller's array. */
void err_describe(err, char *ret_text, size_t size);

/* The same without the place in the code: for a person. */
void err_reason(err, char *ret_text, size_t size);

/* The words alone, without the system's reason and the place in the code: for an err that is told
 * to another thread or process together with its kind and number, and made anew there. */
void err_words(err, char *ret_text, size_t size);

int err_number(err); /* the errno at the root of the chain, 0 when there is none */

/* For the runtime only: each fiber has a ring of its own, made at its first err. Returns the one
 * that was current; NULL stands for "none yet". */
struct err_ring *err_ring_swap(struct err_ring *);
void err_ring_release(struct err_ring *);
