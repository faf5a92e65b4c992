// A noun.
#pragma once
class NounImpl {};
