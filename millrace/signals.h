// Ctrl-C and SIGTERM as a request to finish. Not for users.
#pragma once
#include <functional>

namespace millrace {

// From now on both signals only note the request (a second Ctrl-C ends the process at once).
void catch_stop_signals();
bool stop_was_requested();

// Calls `on_stop` once, from a thread of its own, when a stop is requested while it lives.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void()> on_stop);
  ~SignalWatch();

 private:
  struct Content;
  Content* content_;
};

}  // namespace millrace
