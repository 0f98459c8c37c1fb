#include "dns/mx.h"
#include "tests/test.h"

static void check_sorted(const struct dns_mx *mx, const char *label)
{
    static const struct dns_mx_host sorted[] = {
        {5,  {"z.example.net", 13}},
        {10, {"a.example.net", 13}},
        {10, {"b.example.net", 13}},
        {20, {"a.example.net", 13}},
    };
    struct dns_mx_host hosts[DNS_MX_HOSTS_MAX];
    dns_mx_sort(mx, hosts);
    for (size_t i = 0; i < mx->count; i++) {
        CHECK(hosts[i].preference == sorted[i].preference, label);
        CHECK(str_eq(hosts[i].name, sorted[i].name), label);
    }
}

TEST(dns_mx_has_one_order_however_it_came)
{
    struct dns_mx mx = {.count = 4};
    mx.hosts[0] = (struct dns_mx_host){10, S("b.example.net")};
    mx.hosts[1] = (struct dns_mx_host){20, S("a.example.net")};
    mx.hosts[2] = (struct dns_mx_host){10, S("a.example.net")};
    mx.hosts[3] = (struct dns_mx_host){5, S("z.example.net")};
    for (size_t turn = 0; turn < mx.count; turn++) {
        struct dns_mx_host first = mx.hosts[0];
        check_sorted(&mx, "turned round");
        for (size_t i = 1; i < mx.count; i++)
            mx.hosts[i - 1] = mx.hosts[i];
        mx.hosts[mx.count - 1] = first;
    }
    struct dns_mx_host none[DNS_MX_HOSTS_MAX] = {
        {7, S("untouched")}
    };
    mx.count = 0;
    dns_mx_sort(&mx, none);
    CHECK(none[0].preference == 7, "no hosts");
}
