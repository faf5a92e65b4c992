// SerializationError: a serde could not write what an operator keeps, or a size could not be had. It fails the record
// before anything has changed, so the processing exception handler may skip it, as in Kafka.
#pragma once
#include <stdexcept>

namespace millrace {

class SerializationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace millrace
