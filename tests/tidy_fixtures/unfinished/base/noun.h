// A noun.
#pragma once
// TODO: all of it.
