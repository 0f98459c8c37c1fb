#include "config/schema_row.h"

static const struct config_schema_choice vault_auths[] = {
    {"token",             VAULT_AUTH_TOKEN},
    {"approle",                   VAULT_AUTH_APPROLE},
    {"kubernetes",VAULT_AUTH_KUBERNETES},
    {0       }
};

static const struct config_schema_key vault_keys[] = {
    VALUE(config, secrets.vault.address, text, "address", .most = 1000,
          .normal_told = "$VAULT_ADDR",
          .doc = "Its URL: https://vault.example.com:8200. http:// only to this machine."),
    VALUE(config, secrets.vault.namespace, text, "namespace", .most = 200,
          .normal_told = "$VAULT_NAMESPACE", .doc = "The namespace that all paths are in."),
    VALUE(config, secrets.vault.ca_file, path, "ca_file",
          .normal_told = "$VAULT_CACERT, else the system's roots",
          .doc = "PEM file: the only roots that its certificate may come from."),
    VALUE(config, secrets.vault.mount, text, "mount", .most = 200,
          .normal_told = "the first part of a path",
          .doc = "The mount of the KV engine (version 2), where it has a \"/\" itself."),
    VALUE(config, secrets.vault.auth, choice, "auth", .choices = vault_auths, .normal = "token",
          .doc = "How we log in. A token is read again for each question, so that an agent may "
                 "renew it in its file."),
    VALUE(config, secrets.vault.auth_mount, text, "auth_mount", .most = 200,
          .normal_told = "the method's name", .doc = "Where the login method is mounted."),
    VALUE(config, secrets.vault.token, secret, "token", .normal_told = "env:VAULT_TOKEN",
          .doc = "token: where it is found."),
    VALUE(config, secrets.vault.role_id, secret, "role_id", .doc = "approle: where it is found."),
    VALUE(config, secrets.vault.secret_id, secret, "secret_id",
          .doc = "approle: where it is found; a role may do without."),
    VALUE(config, secrets.vault.role, text, "role", .most = 200,
          .doc = "kubernetes: the role's name in Vault."),
    VALUE(config, secrets.vault.jwt_file, path, "jwt_file",
          .normal = "/var/run/secrets/kubernetes.io/serviceaccount/token",
          .doc = "kubernetes: the token of the pod's service account."),
};
static const struct config_schema_group vault = {
    .name = "secrets.vault",
    .keys = vault_keys,
    .count = ARRAY_LEN(vault_keys),
    .doc = "HashiCorp Vault or OpenBao, for secrets named vault:PATH#FIELD."};

static const struct config_schema_key aws_keys[] = {
    VALUE(config, secrets.aws.region, name, "region", .normal_told = "$AWS_REGION",
          .doc = "Where the secrets are; an ARN says it itself."),
    VALUE(config, secrets.aws.endpoint, text, "endpoint", .most = 1000,
          .normal_told = "the region's own", .doc = "Another URL, such as a VPC endpoint's."),
    VALUE(config, secrets.aws.profile, name, "profile",
          .normal_told = "the environment, then $AWS_PROFILE or \"default\"",
          .doc = "The profile in the shared credentials file to use, before all else."),
    VALUE(config, secrets.aws.ca_file, path, "ca_file", .normal_told = "the system's roots",
          .doc = "PEM file: the only roots that its certificate may come from."),
};
static const struct config_schema_group aws = {
    .name = "secrets.aws",
    .keys = aws_keys,
    .count = ARRAY_LEN(aws_keys),
    .doc = "AWS Secrets Manager, for secrets named aws-sm:NAME#FIELD. Credentials are found as by "
           "AWS's own tools: environment, shared file, container, instance."};

static const struct config_schema_key secrets_keys[] = {
    GROUP("vault", vault),
    GROUP("aws", aws),
};
const struct config_schema_group config_schema_secrets = {
    .name = "secrets",
    .keys = secrets_keys,
    .count = ARRAY_LEN(secrets_keys),
    .doc = "The stores that secrets come from (docs/secrets.md)."};
