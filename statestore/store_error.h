// StoreError: a store that cannot go on with this record.
#pragma once
#include <stdexcept>

namespace millrace {

class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace millrace
