#include "inbound/proxy.h"
#include <string.h>

static const char signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* "PROXY TCP4 192.0.2.7 198.51.100.1 40000 25", cut at each blank; 0: not six words. */
static size_t split_words(str line, str words[6])
{
    size_t count = 0;
    bool more = true;
    for (str rest = line; more; count++) {
        if (count == 6)
            return 0;
        more = str_find(rest, ' ') != STR_NONE;
        str_split(rest, ' ', &words[count], &rest);
    }
    return count == 6 ? 6 : 0;
}

static err parse_v1_client(str line, bool *ret_known, struct address *ret_client)
{
    str words[6] = {0};
    if (str_eq(line, S("PROXY UNKNOWN")) || str_starts(line, S("PROXY UNKNOWN "))) {
        *ret_known = false;
        return NULL;
    }
    uint64_t port, other_port;
    struct address client, server;
    size_t count = split_words(line, words);
    bool six = str_eq(words[1], S("TCP6"));
    if (count != 6 || (!six && !str_eq(words[1], S("TCP4"))))
        return err_new(ERR_PROTOCOL, "PROXY: not TCP4, TCP6 or UNKNOWN");
    if (address_parse_ip(words[2], &client) || address_parse_ip(words[3], &server))
        return err_new(ERR_PROTOCOL, "PROXY: not an IP address");
    bool right_family = six == (str_find(words[2], ':') != STR_NONE) &&
                        six == (str_find(words[3], ':') != STR_NONE);
    if (!right_family || !str_to_u64(words[4], 65535, &port) ||
        !str_to_u64(words[5], 65535, &other_port))
        return err_new(ERR_PROTOCOL, "PROXY: address or port is wrong");
    client.port = (uint16_t)port;
    *ret_known = true;
    *ret_client = client;
    return NULL;
}

static err parse_v1(str *input, bool *ret_complete, bool *ret_known, struct address *ret_client)
{
    size_t end = str_find(*input, '\n');
    *ret_complete = false;
    if (end == STR_NONE && input->len < INBOUND_PROXY_V1_BYTES_MAX)
        return NULL;
    if (end == STR_NONE || end >= INBOUND_PROXY_V1_BYTES_MAX || end == 0 ||
        input->ptr[end - 1] != '\r')
        return err_new(ERR_PROTOCOL, "PROXY: no line of at most %d bytes",
                       INBOUND_PROXY_V1_BYTES_MAX);
    TRY(parse_v1_client(str_slice(*input, 0, end - 1), ret_known, ret_client));
    *input = str_from(*input, end + 1);
    *ret_complete = true;
    return NULL;
}

static uint16_t number16(str s, size_t at)
{
    return (uint16_t)((unsigned char)s.ptr[at] << 8 | (unsigned char)s.ptr[at + 1]);
}

/* The address block of version 2; TLVs behind it are passed over, but must fit. */
static err parse_v2_client(str head, str block, bool *ret_known, struct address *ret_client)
{
    unsigned char command = (unsigned char)head.ptr[12], family = (unsigned char)head.ptr[13];
    if (command >> 4 != 2 || (command & 15) > 1)
        return err_new(ERR_PROTOCOL, "PROXY: version or command is wrong");
    *ret_known = false;
    if ((command & 15) == 0 || family >> 4 == 0)
        return NULL;
    size_t size = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;
    if (size == 0 || block.len < 2 * size + 4)
        return err_new(ERR_PROTOCOL, "PROXY: neither TCP over IPv4 nor over IPv6");
    struct address a = {.family = size == 4 ? ADDRESS_IP4 : ADDRESS_IP6};
    memcpy(a.ip, block.ptr, size);
    a.port = number16(block, 2 * size);
    for (str rest = str_from(block, 2 * size + 4); rest.len > 0;) {
        if (rest.len < 3 || rest.len < 3u + number16(rest, 1))
            return err_new(ERR_PROTOCOL, "PROXY: a TLV reaches beyond the header");
        rest = str_from(rest, 3u + number16(rest, 1));
    }
    char text[ADDRESS_CHARS]; /* through the text, so that mapped IPv4 is folded */
    address_format_ip(&a, text);
    struct address folded;
    TRY(address_parse_ip(str_of(text), &folded));
    folded.port = a.port;
    *ret_known = true;
    *ret_client = folded;
    return NULL;
}

static err parse_v2(str *input, bool *ret_complete, bool *ret_known, struct address *ret_client)
{
    *ret_complete = false;
    if (input->len < 16)
        return NULL;
    size_t size = number16(*input, 14);
    if (16 + size > INBOUND_PROXY_V2_BYTES_MAX)
        return err_new(ERR_PROTOCOL, "PROXY: header of %zu bytes", 16 + size);
    if (input->len < 16 + size)
        return NULL;
    TRY(parse_v2_client(*input, str_slice(*input, 16, size), ret_known, ret_client));
    *input = str_from(*input, 16 + size);
    *ret_complete = true;
    return NULL;
}

err inbound_proxy_parse(str *input, bool *ret_complete, bool *ret_known, struct address *ret_client)
{
    str v2 = {signature, sizeof signature};
    if (str_starts(*input, S("PROXY ")))
        return parse_v1(input, ret_complete, ret_known, ret_client);
    if (str_starts(*input, v2))
        return parse_v2(input, ret_complete, ret_known, ret_client);
    *ret_complete = false;
    if (str_starts(S("PROXY "), *input) || str_starts(v2, *input))
        return NULL; /* too little to tell */
    return err_new(ERR_PROTOCOL, "PROXY: no header");
}

err inbound_proxy_accept(struct net_conn *c, const struct network *trusted, size_t count,
                         deadline until)
{
    struct address peer = net_peer(c), client = {0};
    bool allowed = peer.family == ADDRESS_UNIX, complete = false, known = false;
    for (size_t i = 0; i < count; i++)
        allowed = allowed || network_holds(&trusted[i], &peer);
    if (!allowed)
        return err_new(ERR_PROTOCOL, "PROXY: not from a trusted network");
    while (!complete) {
        str input = net_input(c);
        size_t before = input.len;
        if (before > 0)
            TRY(inbound_proxy_parse(&input, &complete, &known, &client));
        net_consume(c, before - input.len);
        if (!complete)
            TRY(net_fill(c, until));
    }
    if (known)
        net_set_peer(c, &client);
    return NULL;
}
