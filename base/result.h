// Result<T>: a value, or an Error with Kafka's code and a message that says what, where and what to do.
//
// For failures of the world (disk, network, peer, bytes). Names are those of std::expected, so that it becomes an alias
// when the compiler has it. Not Abseil's StatusOr: it costs half a second per translation unit, and Debian's Abseil has
// string types of its own. Success costs nothing; an Error is one allocation.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "millrace/base/assert.h"
#include "millrace/base/error_code.h"

namespace millrace {

// What went wrong: a Kafka error code and a sentence for people. Cheap to move; copying shares nothing.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : content_(std::make_unique<Content>(Content{code, std::move(message)})) {}
  // An error without a code of its own (UNKNOWN_SERVER_ERROR): what a user's serde returns.
  explicit Error(std::string message) : Error(ErrorCode::unknown_server_error, std::move(message)) {}
  Error(const Error& other) : content_(std::make_unique<Content>(*other.content_)) {}
  Error& operator=(const Error& other) {
    content_ = std::make_unique<Content>(*other.content_);
    return *this;
  }
  Error(Error&&) noexcept = default;
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  ErrorCode code() const { return content_->code; }
  const std::string& message() const { return content_->message; }
  // "CORRUPT_MESSAGE: partition orders-3, segment 00042.log, byte 8192: …"
  std::string text() const { return std::string(name_of(code())) + ": " + message(); }
  // The same error with `where` and ": " before its message: one layer adds one piece of context.
  Error in(std::string_view where) && {
    content_->message = std::string(where) + ": " + content_->message;
    return std::move(*this);
  }

 private:
  struct Content {
    ErrorCode code;
    std::string message;
  };
  std::unique_ptr<Content> content_;
};

template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  // Precondition of both: has_value().
  T& value() & {
    MR_ASSERT(value_.has_value(), "value() of a Result that holds an error");
    return *value_;
  }
  const T& value() const& {
    MR_ASSERT(value_.has_value(), "value() of a Result that holds an error");
    return *value_;
  }
  T&& value() && {
    MR_ASSERT(value_.has_value(), "value() of a Result that holds an error");
    return std::move(*value_);
  }
  // NOLINTBEGIN(bugprone-unchecked-optional-access): the same precondition, not looked at: for who has just asked
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  // NOLINTEND(bugprone-unchecked-optional-access)
  // Precondition: !has_value().
  const Error& error() const& {
    MR_ASSERT(error_.has_value(), "error() of a Result that holds a value");
    return *error_;
  }
  Error&& error() && {
    MR_ASSERT(error_.has_value(), "error() of a Result that holds a value");
    return std::move(*error_);
  }

 private:
  std::optional<T> value_;
  std::optional<Error> error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}
  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& {
    MR_ASSERT(error_.has_value(), "error() of a Result that holds none");
    return *error_;
  }
  Error&& error() && {
    MR_ASSERT(error_.has_value(), "error() of a Result that holds none");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace millrace

#define MR_CONCAT_(a, b) a##b
#define MR_CONCAT(a, b) MR_CONCAT_(a, b)
// Returns the error of `expression` from the enclosing function; its value, if any, is dropped.
#define MR_TRY(expression)                                                              \
  do {                                                                                  \
    if (auto mr_result = (expression); !mr_result) return std::move(mr_result).error(); \
  } while (false)
// MR_ASSIGN(auto file, open(path)): declares or assigns the value, or returns the error.
#define MR_ASSIGN(target, expression) MR_ASSIGN_(MR_CONCAT(mr_result_, __LINE__), target, expression)
#define MR_ASSIGN_(result, target, expression)   \
  auto result = (expression);                    \
  if (!result) return std::move(result).error(); \
  target = *std::move(result)
