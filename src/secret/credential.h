/* secret/credential.h -- "credential:NAME": what systemd hands a service
 *
 * LoadCredential=, SetCredentialEncrypted= and their like make files in $CREDENTIALS_DIRECTORY,
 * which nobody else sees and which are gone with the service (systemd.exec(5)).
 */
#pragma once
#include "secret/secret.h"

/* ERR_CONFIG: no service of systemd's, no such credential, or a name with a "/". */
must_use err secret_credential_read(str name, struct buf *ret_secret);
bool secret_credential_there(str name);
