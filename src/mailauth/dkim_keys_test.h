/* mailauth/dkim_keys_test.h -- keys and a signed message that the RFCs give, for tests */
#pragma once

extern const char dkim_keys_rsa_pem[]; /* 1024 bits */
extern const char dkim_keys_ed25519_pem[];
extern const char dkim_keys_rsa_record[]; /* what is published of them */
extern const char dkim_keys_ed25519_record[];
extern const char dkim_keys_rfc8463_signatures[]; /* by brisbane and test at football.example.com */
extern const char dkim_keys_rfc8463_message[];    /* which they sign */
