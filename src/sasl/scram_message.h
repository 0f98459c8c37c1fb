/* sasl/scram_message.h -- the four messages of SCRAM, taken apart (RFC 5802 section 7)
 *
 * The parts borrow from the message. Values stay encoded where they came encoded (names with =2C
 * and =3D, base64). Unknown extensions behind the known parts are passed over, as section 5.1
 * wants; a mandatory one ("m=") is refused.
 */
#pragma once
#include "base/buf.h"

enum {
    SASL_SCRAM_MESSAGE_BYTES_MAX = 4096,
    SASL_SCRAM_NONCE_BYTES_MAX = 256, /* of one side */
};

struct sasl_scram_client_first {
    char flag;        /* 'n', 'y' or 'p' */
    str binding_name; /* with 'p': "tls-exporter" */
    str authzid;      /* encoded; empty: not given */
    str gs2;          /* the header, both commas included */
    str bare;         /* the rest */
    str user;         /* encoded */
    str nonce;
};

struct sasl_scram_client_final {
    str binding; /* base64 */
    str nonce;
    str proof; /* base64 */
    str without_proof;
};

struct sasl_scram_server_first {
    str nonce;
    str salt; /* base64 */
    uint64_t iterations;
};

/* ERR_PROTOCOL says what is wrong; ERR_LIMIT: longer than the maxima above. */
must_use err sasl_scram_message_client_first(str, struct sasl_scram_client_first *ret_parts);
must_use err sasl_scram_message_client_final(str, struct sasl_scram_client_final *ret_parts);
must_use err sasl_scram_message_server_first(str, struct sasl_scram_server_first *ret_parts);
must_use err sasl_scram_message_server_final(str, str *ret_signature); /* base64 */

/* ',' and '=' in names: "=2C" and "=3D"; any other '=' is ERR_PROTOCOL. */
must_use err sasl_scram_message_name_decode(str encoded, struct buf *out);
must_use err sasl_scram_message_name_encode(str name, struct buf *out);
