#include "cli/interchange.h"
#include "cli/profiles.h"

enum { RUN_ARENA_BYTES_MAX = 80 << 20 };

bool cli_interchange_open(struct cli_interchange_run *run)
{
    struct config_errors errors;
    run->arena = arena_open(RUN_ARENA_BYTES_MAX);
    run->config = cli_config(run->cli);
    if (run->config == NULL || cli_profiles_read(run->config, &run->own) != NULL)
        return false;
    config_errors_init(&errors);
    bool good = config_presets_read(run->config->share, run->arena, &errors, &run->presets);
    config_errors_release(&errors);
    if (!good)
        cli_fail("your presets.yaml in %.*s has mistakes: `smtptool preset ls` tells them",
                 STR_ARG(run->config->share));
    err_forget();
    return good;
}

void cli_interchange_close(struct cli_interchange_run *run)
{
    config_close(run->own);
    config_close(run->config);
    arena_close(run->arena);
}
