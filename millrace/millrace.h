// Millrace: everything a program that describes and runs a topology needs. `#include <millrace/millrace.h>`
//
// JSON and Protobuf are headers of their own, millrace/json.h and millrace/protobuf.h: who uses them pays for them.
#pragma once
#include "millrace/dsl/streams_builder.h"
#include "millrace/run.h"
