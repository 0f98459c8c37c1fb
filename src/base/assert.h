/* base/assert.h -- a failed ASSERT is a bug of ours: say where, and stop
 *
 * ASSERT is never compiled out. Bytes from a peer, the disk, DNS or a configuration are never
 * asserted: those become an err. The spool is safe against a stop at any moment.
 */
#pragma once

/* Prints the place, what runs there (see assert_describe) and the stack; then aborts. */
_Noreturn void assert_failed(const char *what, const char *file, int line);

/* Lets the runtime name what was running (a fiber) when an ASSERT fails. Async-signal-safe. */
extern const char *(*assert_describe)(void);

#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

/* ASSERT_SLOW walks a structure: it runs in the test build only. */
#ifdef SMTPTOOL_SLOW_ASSERTS
#define ASSERT_SLOW(x) ASSERT(x)
#else
#define ASSERT_SLOW(x) ((void)0)
#endif

#define must_use __attribute__((warn_unused_result))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
