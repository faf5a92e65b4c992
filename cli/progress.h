// A progress bar on stderr, if that is a terminal and stdout is not the same one.
#pragma once
#include <cstdint>
#include <string>

namespace millrace::cli {

// One thread.
class Progress {
 public:
  // `total`: what at() counts up to; 0: unknown, only the count is shown. `unit`: "records".
  Progress(std::uint64_t total, std::string unit);
  // Takes the bar away.
  ~Progress();
  void at(std::uint64_t count);
  bool is_shown() const { return shown_; }

 private:
  std::uint64_t total_;
  std::string unit_;
  bool shown_;
  std::uint64_t next_ = 0;  // the count at which to draw again: no clock per record
  bool drawn_ = false;
};

// "[#####     ]  50 % 5/10 records", `width` columns between the brackets.
std::string progress_line(std::uint64_t count, std::uint64_t total, const std::string& unit, int width);

}  // namespace millrace::cli
