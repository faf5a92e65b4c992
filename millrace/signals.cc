#include "millrace/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>

#include "millrace/base/env_real.h"

namespace millrace {

namespace {
std::atomic<bool> requested{false};
int wake_pipe[2] = {-1, -1};

void on_signal(int signal) {
  if (requested.exchange(true)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  const char byte = 1;
  (void)!::write(wake_pipe[1], &byte, 1);
}
}  // namespace

void catch_stop_signals() {
  if (wake_pipe[0] < 0 && ::pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // `ulimit -f` is then an error of the file, which is told
}

bool stop_was_requested() { return requested.load(); }

// One blocking job on an I/O executor of its own: waits on the pipe that the handler writes to.
struct SignalWatch::Content {
  std::atomic<bool> done{false};
  std::function<void()> on_stop;
  std::unique_ptr<Executor> executor;
};

SignalWatch::SignalWatch(std::function<void()> on_stop) : content_(new Content) {
  content_->on_stop = std::move(on_stop);
  content_->executor = real_env().make_io_executor(1, "signals");
  content_->executor->post([c = content_] {
    while (!c->done.load()) {
      pollfd wait{wake_pipe[0], POLLIN, 0};
      ::poll(&wait, 1, 50);
      if (requested.load()) return c->on_stop();
    }
  });
}

SignalWatch::~SignalWatch() {
  content_->done.store(true);
  content_->executor->drain();
  delete content_;
}

}  // namespace millrace
