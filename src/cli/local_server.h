/* cli/local_server.h -- the running server for programs of personality/: its queue and secrets */
#pragma once
#include "personality/server.h"

extern const struct personality_server cli_local_server;
