#include "runtime/address.h"
#include "tests/fuzz.h"

/* What is read can be written, and is then read as the same. */
static void check_address(str text, int default_port)
{
    struct address a, again;
    char chars[ADDRESS_CHARS];
    if (address_parse(text, default_port, &a))
        return;
    ASSERT(a.family == ADDRESS_IP4 || a.family == ADDRESS_IP6 || a.family == ADDRESS_UNIX);
    address_format(&a, chars);
    err e = address_parse(str_of(chars), 0, &again);
    ASSERT(e == NULL);
    ASSERT(address_eq(&a, &again));
    struct sockaddr_storage kernel;
    socklen_t len = address_to_kernel(&a, &kernel);
    again = address_from_kernel(&kernel, len);
    ASSERT(a.family == ADDRESS_UNIX ? again.family == ADDRESS_UNIX : address_eq(&a, &again));
}

static void check_ip(str text)
{
    struct address a, again;
    char chars[ADDRESS_CHARS];
    if (address_parse_ip(text, &a))
        return;
    ASSERT(a.family == ADDRESS_IP4 || a.family == ADDRESS_IP6);
    address_format_ip(&a, chars);
    err e = address_parse_ip(str_of(chars), &again);
    ASSERT(e == NULL);
    ASSERT(address_eq_ip(&a, &again));
}

FUZZ(input, arena)
{
    (void)arena;
    struct network n;
    check_address(input, 0);
    check_address(input, 25);
    check_ip(input);
    if (network_parse(input, &n))
        return;
    ASSERT(n.bits >= 0 && n.bits <= (n.base.family == ADDRESS_IP4 ? 32 : 128));
    ASSERT(network_holds(&n, &n.base));
}
