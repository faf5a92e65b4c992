// A noun.
#pragma once
inline auto noun() { return std::chrono::steady_clock::now(); }
inline void other() { std::cout << 1; }
