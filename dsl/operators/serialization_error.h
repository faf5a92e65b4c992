// SerializationError: a serde could not write what an operator keeps, or read it back. It stops the task, as in Kafka.
#pragma once
#include <stdexcept>

namespace millrace {

class SerializationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace millrace
