// A folder of its own for as long as it lives, in MILLRACE_BENCH_DIR or where temporary files go.
#pragma once
#include <cstdlib>
#include <string>

#include "millrace/base/env_real.h"

namespace millrace::bench {

class Folder {
 public:
  Folder() {
    const char* under = std::getenv("MILLRACE_BENCH_DIR");
    path_ = std::string(under ? under : "/tmp") + "/millrace-micro-" + std::to_string(real_env().random().next());
  }
  Folder(const Folder&) = delete;
  ~Folder() { (void)real_env().files().remove_all(path_, "bench.clean"); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace millrace::bench
