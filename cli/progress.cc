#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace millrace::cli {

std::string progress_line(std::uint64_t count, std::uint64_t total, const std::string& unit, int width) {
  if (total == 0) return std::to_string(count) + " " + unit;
  double done = std::min(1.0, static_cast<double>(count) / static_cast<double>(total));
  auto filled = static_cast<std::size_t>(done * width);
  std::string percent = std::to_string(static_cast<int>(done * 100));
  return "[" + std::string(filled, '#') + std::string(static_cast<std::size_t>(width) - filled, ' ') + "] " +
         std::string(3 - percent.size(), ' ') + percent + " % " + std::to_string(count) + "/" + std::to_string(total) +
         " " + unit;
}

Progress::Progress(std::uint64_t total, std::string unit)
    : total_(total), unit_(std::move(unit)), shown_(::isatty(STDERR_FILENO) && !::isatty(STDOUT_FILENO)) {}

Progress::~Progress() {
  if (drawn_) std::fprintf(stderr, "\r\x1b[K");
}

void Progress::at(std::uint64_t count) {
  if (!shown_ || count < next_) return;
  next_ = count + std::max<std::uint64_t>(total_ / 200, 1000);
  std::fprintf(stderr, "\r%s\x1b[K", progress_line(count, total_, unit_, 40).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace millrace::cli
