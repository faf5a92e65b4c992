// TopologyFunction: a topology as a function of its builder, so that program, test driver and --describe share it.
#pragma once
#include <concepts>
#include <memory>
#include <utility>

#include "millrace/dsl/streams_builder.h"

namespace millrace {

// Any callable of the shape (StreamsBuilder&).
class TopologyFunction {
 public:
  template <std::invocable<StreamsBuilder&> F>
  TopologyFunction(F f)
      : closure_(std::make_shared<F>(std::move(f))),
        call_([](const void* c, StreamsBuilder& b) { (*static_cast<const F*>(c))(b); }) {}
  void operator()(StreamsBuilder& builder) const { call_(closure_.get(), builder); }

 private:
  std::shared_ptr<const void> closure_;
  void (*call_)(const void*, StreamsBuilder&);
};

}  // namespace millrace
