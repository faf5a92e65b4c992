// JSON serdes. `#include <millrace/json.h>` beside millrace.h; see dsl/serdes/json.h.
#pragma once
#include "millrace/dsl/serdes/json.h"
