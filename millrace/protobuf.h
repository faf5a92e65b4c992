// Protobuf serdes. `#include <millrace/protobuf.h>` beside millrace.h; see dsl/serdes/protobuf.h.
#pragma once
#include "millrace/dsl/serdes/protobuf.h"
