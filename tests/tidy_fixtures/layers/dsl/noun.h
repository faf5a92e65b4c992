// A noun.
#pragma once
#include "millrace/runtime/task.h"
