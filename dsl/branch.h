// Branches of split(): a predicate each, named or not, and `otherwise` for what none took.
#pragma once
#include <string>
#include <utility>

#include "millrace/dsl/callable.h"

namespace millrace {

// Any callable of the shape (value) or (key, value) that returns bool.
template <class K, class V>
class Predicate {
 public:
  Predicate() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Predicate>)
  Predicate(F f) {
    static_assert(shape<F, K, V>() != 0, "millrace: a predicate takes (value) or (key, value) and returns bool");
    thunk = make_thunk(std::move(f), [](const void* c, const RecordRef& r, const Out& out) {
      if constexpr (shape<F, K, V>() != 0) {
        if (invoke<K, V>(*static_cast<const F*>(c), r)) out(r);
      }
    });
  }
  Thunk thunk;
};

// One branch of a split whose branches are made at run time. Without a name it is numbered; without a predicate it
// takes the rest.
template <class K, class V>
struct Branch {
  std::string name;
  Predicate<K, V> predicate;
};

template <class F>
struct NamedBranch {
  std::string name;
  F predicate;
};
// split(branch("large", is_large), …)
template <class F>
NamedBranch<F> branch(std::string name, F predicate) {
  return {std::move(name), std::move(predicate)};
}

struct OtherwiseBranch {
  std::string name = {};
  OtherwiseBranch operator()(std::string n) const { return {std::move(n)}; }
};
// The last branch of a split, `otherwise` or `otherwise("name")`: what no predicate took. Without it the rest is
// dropped, as in Java.
inline const OtherwiseBranch otherwise{};

}  // namespace millrace
