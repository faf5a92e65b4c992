// Streams with typed stores, for programs that start and stop a topology themselves or ask it for values.
//
//   Streams app("users", topology, {.state_dir = dir + "/state"}, real_env(), *log);
//   std::optional<User> ann = app.store<std::string, User>("users").get("ann");
#pragma once
#include "millrace/base/env_real.h"
#include "millrace/client_factory.h"
#include "millrace/millrace.h"
#include "millrace/runtime/read_only_store.h"
#include "millrace/runtime/streams.h"
