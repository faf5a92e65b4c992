// A noun.
#pragma once
